//! Searches as whole processes: rows 16 and 18.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::Bench;
use crate::corpus::Corpus;
use crate::process;
use crate::report::{Limit, Row, short};
use crate::runs;
use crate::server::Server;
use crate::statistics::{in_turn, median};

use Limit::AtMost;

const MANY: Corpus = Corpus {
    documents: 34_000,
    sections: 3,
    words: 50,
};
const WIDTH: usize = 1024;

fn search(bench: &Bench, server: Option<&Server>, store: &Path, mode: &str) -> Command {
    let mut command = Command::new(bench.ingest());
    command
        .current_dir(bench.scratch())
        .env_remove("OLLAMA_HOST")
        .args(["-q", "--store", &format!("sqlite:{}", store.display())])
        .args(["--format", "json", "search", "a section of some document"])
        .args(["--mode", mode]);
    if let Some(server) = server {
        command.args(["--host", &server.url]);
    }
    command
}

pub(crate) fn exact(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(bench, WIDTH)?;
    let store = bench.scratch().join("many.db");
    if !store.exists() {
        runs::first(bench, &server, &store, MANY)?;
    }
    let bytes = MANY.chunks() * WIDTH * 4;
    let pairs = in_turn(
        bench.pairs,
        || {
            let finished = process::run(&mut search(bench, Some(&server), &store, "vector"))?;
            let hits: Vec<serde_json::Value> = serde_json::from_str(&finished.output)?;
            ensure!(hits.len() == 10, "{} hits", hits.len());
            Ok(finished.wall)
        },
        || {
            let mut command = Command::new(std::env::current_exe()?);
            command
                .arg(&bench.root)
                .args(["--read-memory", &bytes.to_string()]);
            let seconds = process::run(&mut command)?.output;
            seconds.trim().parse().context("seconds")
        },
    )?;
    Ok(vec![Row {
        row: "16",
        what: format!(
            "exact top 10 of {} × {WIDTH} in one process of `ingest search`",
            MANY.chunks()
        ),
        ours: format!("{} ms", short(median(&pairs.ours) * 1e3)),
        against: format!(
            "reading {} MB once from memory: {} ms",
            bytes / 1_000_000,
            short(median(&pairs.theirs) * 1e3)
        ),
        values: pairs.ratios(),
        unit: "×",
        must: AtMost(3.0),
        aim: AtMost(1.5),
    }])
}

/// Reads so many bytes once, and says how many seconds that took.
pub(crate) fn read_memory(bytes: usize) -> anyhow::Result<()> {
    let numbers: Vec<u64> = (0..bytes as u64 / 8).collect();
    let started = Instant::now();
    let sum = numbers.iter().fold(0_u64, |sum, number| sum ^ number);
    let seconds = started.elapsed().as_secs_f64();
    ensure!(std::hint::black_box(sum) < u64::MAX);
    println!("{seconds}");
    Ok(())
}

pub(crate) fn start(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let store = small(bench)?;
    let mut help = Command::new(bench.ingest());
    help.arg("--help");
    let mut search = search(bench, None, &store, "hybrid");
    [
        ("`ingest --help`", &mut help),
        ("`ingest search` on a small store", &mut search),
    ]
    .into_iter()
    .map(|(what, command)| {
        let mut nothing = Command::new("true");
        let pairs = in_turn(
            bench.pairs * 4,
            || Ok(process::run(command)?.wall * 1e3),
            || Ok(process::run(&mut nothing)?.wall * 1e3),
        )?;
        Ok(Row {
            row: "18",
            what: format!("{what}: whole process"),
            ours: format!("{} ms", short(median(&pairs.ours))),
            against: format!("`true`: {} ms", short(median(&pairs.theirs))),
            values: pairs.ours,
            unit: " ms",
            must: AtMost(15.0),
            aim: AtMost(6.0),
        })
    })
    .collect()
}

/// A store with the built-in model, as after a first run over some notes.
fn small(bench: &Bench) -> anyhow::Result<PathBuf> {
    let store = bench.scratch().join("small.db");
    let folder = Corpus {
        documents: 100,
        sections: 3,
        words: 150,
    }
    .folder(bench)?;
    let mut command = Command::new(bench.ingest());
    command
        .current_dir(bench.scratch())
        .args(["-q", "--store", &format!("sqlite:{}", store.display())])
        .args(["run", "--provider", "static"])
        .arg(folder);
    process::run(&mut command)?;
    Ok(store)
}
