//! `cargo xtask torture`: the real program is killed at random moments, again and again, while its documents change;
//! whatever happens, nothing is lost, nothing is doubled, and little is done again.
//!
//! Works on copies of `ingest` beside this program and a server of its own that answers as Ollama does. Everything is
//! decided by one seed, but for the moments at which the system lets the program run.

mod flags;
mod library;
mod server;
mod work;

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};

use flags::Torture;
use library::Library;
use server::Server;
use work::Work;

const WORKERS: usize = 4;
const BATCH: usize = 8;

/// The most that a kill may cost: what the workers had in their hands.
const MOST_REDONE: usize = WORKERS * BATCH;

/// Every so many generations of documents, one of them cannot be embedded.
const POISONED: usize = 3;

fn main() -> ExitCode {
    let flags = Torture::from_env_or_exit();
    let kills = flags.kills.unwrap_or(200);
    let seed = flags.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    match torture(kills, seed) {
        Ok(tally) => {
            println!("{tally}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}\nagain with: cargo xtask torture --kills {kills} --seed {seed}");
            ExitCode::FAILURE
        }
    }
}

/// What was done and seen.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    /// Kills that found a store with something in it.
    after_a_commit: usize,
    generations: usize,
    chunks: usize,
    /// Texts embedded more than once, over the generations in which all can be.
    redone: usize,
    /// Kills in those generations.
    counted_kills: usize,
    poisoned: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = self.redone as f64 / self.counted_kills.max(1) as f64;
        write!(
            f,
            "{} kills, {} of them after a commit, over {} generations of documents: {} chunks compared, 0 lost, 0 doubled, \
             0 mixed; {} texts embedded again in {} kills, {each:.1} a kill (at most {MOST_REDONE} are allowed); {} that \
             cannot be embedded, all in the failure log",
            self.kills,
            self.after_a_commit,
            self.generations,
            self.chunks,
            self.redone,
            self.counted_kills,
            self.poisoned,
        )
    }
}

fn torture(kills: usize, seed: u64) -> anyhow::Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let server = Server::start();
    let work = Work::new(server.url(), WORKERS, BATCH)?;
    let mut library = Library::new(&work.documents(), random.fork())?;
    let mut tally = Tally::default();

    // How long a run takes that is let be is what the moments are drawn from.
    let measured = Instant::now();
    work.run(&[], 0)?;
    let mut whole = measured.elapsed();

    while tally.kills < kills {
        let is_poisoned = tally.generations % POISONED == POISONED - 1;
        library.change(is_poisoned)?;
        let counted = server.texts();
        let mut kills_here = 0;
        let wanted = 1 + random.usize(..6);
        while kills_here < wanted.min(kills - tally.kills) {
            let moment = whole.mul_f64(random.f64());
            if let Some(took) = work.run_and_kill(moment)? {
                // It was done before.
                whole = took;
                break;
            }
            kills_here += 1;
            tally.after_a_commit += usize::from(check_store(&work)?);
        }
        tally.kills += kills_here;
        let measured = Instant::now();
        work.run(&[], if is_poisoned { 1 } else { 0 })
            .with_context(|| format!("after {} kills", tally.kills))?;
        if kills_here == 0 {
            whole = whole.max(measured.elapsed());
        }
        tally.chunks += check_generation(&work, is_poisoned)?;
        tally.generations += 1;
        tally.poisoned += usize::from(is_poisoned);
        if !is_poisoned {
            let redone = redone(&counted, &server.texts());
            ensure!(
                redone <= kills_here * MOST_REDONE,
                "{redone} texts were embedded again after {kills_here} kills"
            );
            tally.redone += redone;
            tally.counted_kills += kills_here;
        }
    }
    Ok(tally)
}

/// A killed run leaves a sound store: whole by SQLite's own account, nothing doubled, every vector that of its text.
/// Returns whether it holds anything.
fn check_store(work: &Work) -> anyhow::Result<bool> {
    let Some(chunks) = work.exported()? else {
        return Ok(false);
    };
    work.check_integrity()?;
    let mut places = HashMap::new();
    for chunk in &chunks {
        ensure!(
            chunk.vector == server::vector(&chunk.text),
            "`{}` of {} has a vector of another text",
            chunk.text,
            chunk.source
        );
        let before = places.insert((&chunk.source, chunk.ordinal), ());
        ensure!(
            before.is_none(),
            "chunk {} of {} is there twice",
            chunk.ordinal,
            chunk.source
        );
    }
    Ok(!chunks.is_empty())
}

/// A run that ended leaves what one leaves that was never disturbed. Returns the number of chunks.
fn check_generation(work: &Work, is_poisoned: bool) -> anyhow::Result<usize> {
    check_store(work)?;
    let undisturbed = work.beside()?;
    undisturbed.run(&["--sequential"], if is_poisoned { 1 } else { 0 })?;
    let expected = undisturbed
        .exported()?
        .context("the undisturbed run left no store")?;
    let found = work.exported()?.context("the run left no store")?;
    let differs = found.iter().zip(&expected).find(|(one, other)| one != other);
    ensure!(
        differs.is_none(),
        "not what an undisturbed run stores: {differs:?}"
    );
    ensure!(
        found.len() == expected.len(),
        "{} chunks are stored, {} by an undisturbed run",
        found.len(),
        expected.len()
    );
    let (logged, expected) = (work.logged()?, undisturbed.logged()?);
    ensure!(
        logged == expected,
        "the failure log holds {logged:?}, not {expected:?}"
    );
    Ok(found.len())
}

/// How many texts were asked for more than once between two looks.
fn redone(before: &HashMap<String, usize>, after: &HashMap<String, usize>) -> usize {
    let times = |text: &String, times: &usize| times - before.get(text).copied().unwrap_or(0);
    after
        .iter()
        .map(|(text, count)| times(text, count).saturating_sub(1))
        .sum()
}
