//! The program as its users run it, over a folder, against the live server; disturbed half-way, and gone on with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use embed_core::cosine;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::cells::Disturbance;
use crate::documents;
use crate::run::Verdict;
use crate::target::{SAME, Target};

/// The store, as `ingest export` tells it: a JSON object a chunk.
pub(crate) type Exported = Vec<Value>;

/// Chunks that are stored before a run is disturbed.
const HALF_WAY: u64 = 20;

pub(crate) async fn run(target: &mut Target, disturbance: Disturbance) -> anyhow::Result<Verdict> {
    if disturbance == Disturbance::ServerRestarted && target.server.is_none() {
        return Ok(Verdict::Skipped("the server is not ours to stop".to_owned()));
    }
    if target.undisturbed.is_none() {
        let work = Work::new(target, "undisturbed")?;
        documents::collect(&work.folder.join("documents"))?;
        work.report(work.run(&["--sequential"])?).await?;
        target.undisturbed = Some(work.export().await?);
    }
    let undisturbed = target.undisturbed.as_ref().context("it was just made")?;
    let all = undisturbed.len() as u64;
    let (work, note) = match disturbance {
        Disturbance::Killed => killed(target, all).await?,
        Disturbance::ServerRestarted => server_restarted(target, all).await?,
    };
    let undisturbed = target.undisturbed.as_ref().context("it was just made")?;
    let lowest = compare(&work.export().await?, undisturbed)?;
    Ok(Verdict::Passed(format!(
        "{note}; {all} chunks as in the undisturbed run, lowest cosine {lowest:.6}"
    )))
}

async fn killed(target: &Target, all: u64) -> anyhow::Result<(Work, String)> {
    let work = Work::new(target, "killed")?;
    let mut run = work.run(&["--workers", "4"])?;
    work.half_way(&mut run).await?;
    run.kill().await?;
    let stored = work.stored().await?;
    ensure!(
        stored < all,
        "the run was killed after its end: {stored} of {all} chunks were stored"
    );
    let report = work.report(work.run(&["--workers", "4"])?).await?;
    let embedded = report["chunks"]["embedded"]
        .as_u64()
        .context("no count of chunks")?;
    ensure!(
        embedded < all,
        "the second run embedded everything again: {embedded} of {all} chunks"
    );
    Ok((
        work,
        format!("killed at {stored} chunks, {embedded} embedded after that"),
    ))
}

async fn server_restarted(target: &mut Target, all: u64) -> anyhow::Result<(Work, String)> {
    let work = Work::new(target, "server-restarted")?;
    let mut run = work.run(&["--workers", "4"])?;
    work.half_way(&mut run).await?;
    let server = target.server.as_mut().context("no server of ours")?;
    server.stop();
    let stored = work.stored().await?;
    ensure!(stored < all, "the server was stopped after the run's end");
    server.start_again().await?;
    let report = work.report(run).await?;
    let retries = report["retries"].as_u64().context("no count of retries")?;
    ensure!(retries > 0, "the run did not notice that the server was away");
    Ok((
        work,
        format!("server away at {stored} chunks, {retries} batches tried again"),
    ))
}

/// A store of its own, and the program that fills it.
struct Work {
    folder: PathBuf,
    store: PathBuf,
    program: PathBuf,
    model: String,
    host: String,
}

impl Work {
    fn new(target: &Target, name: &str) -> anyhow::Result<Self> {
        // Built beside this program by `cargo xtask integration`.
        let program =
            std::env::current_exe()?.with_file_name(format!("ingest{}", std::env::consts::EXE_SUFFIX));
        ensure!(
            program.exists(),
            "{} is not there: start with `cargo xtask integration`",
            program.display()
        );
        let folder = target.folder.join("end-to-end");
        let store = folder.join(name);
        if store.exists() {
            fs::remove_dir_all(&store)?;
        }
        fs::create_dir_all(&store)?;
        Ok(Self {
            folder,
            store,
            program,
            model: target.model.clone(),
            host: target.url.clone(),
        })
    }

    /// A command of the program, with the settings of this machine's user left out.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.store)
            .arg("--store")
            .arg(format!("sqlite:{}", self.store.join("index.db").display()))
            .args(["--format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn run(&self, how: &[&str]) -> anyhow::Result<Child> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.store.join("run.log"))?;
        let mut command = self.command();
        command
            .args([
                "run",
                "documents",
                "--provider",
                "ollama",
                "--model",
                &self.model,
                "--host",
                &self.host,
            ])
            // Short chunks and small batches: many of both from few texts.
            .args(["--chunk-size", "60", "--chunk-overlap", "10", "--batch-size", "8"])
            .arg("--failure-log")
            .arg(self.store.join("failures.json"))
            .args(how)
            .stderr(log);
        Ok(command.spawn()?)
    }

    /// The report of a run that must end well.
    async fn report(&self, run: Child) -> anyhow::Result<Value> {
        let said = run.wait_with_output().await?;
        if !said.status.success() {
            let log = fs::read_to_string(self.store.join("run.log"))?;
            bail!("`ingest run` ended with {}\n{log}", said.status);
        }
        Ok(serde_json::from_slice(&said.stdout)?)
    }

    /// Waits until some chunks are stored, but not all: fails if the run ends before.
    async fn half_way(&self, run: &mut Child) -> anyhow::Result<()> {
        while self.stored().await? < HALF_WAY {
            if let Some(status) = run.try_wait()? {
                let log = fs::read_to_string(self.store.join("run.log"))?;
                bail!("`ingest run` ended with {status} before it was half-way\n{log}");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// How many chunks are stored; none while there is no store.
    async fn stored(&self) -> anyhow::Result<u64> {
        let said = self
            .command()
            .arg("status")
            .stderr(Stdio::null())
            .output()
            .await?;
        if !said.status.success() {
            return Ok(0);
        }
        let status: Value = serde_json::from_slice(&said.stdout)?;
        status["chunks"]
            .as_u64()
            .context("`ingest status` tells no chunks")
    }

    async fn export(&self) -> anyhow::Result<Exported> {
        let said = self
            .command()
            .arg("export")
            .stderr(Stdio::inherit())
            .output()
            .await?;
        ensure!(
            said.status.success(),
            "`ingest export` ended with {}",
            said.status
        );
        let lines = String::from_utf8(said.stdout)?;
        Ok(lines
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?)
    }
}

/// Both hold the same chunks in the same order; returns the lowest cosine of their vectors.
fn compare(found: &[Value], expected: &[Value]) -> anyhow::Result<f32> {
    ensure!(
        found.len() == expected.len(),
        "{} chunks instead of {}",
        found.len(),
        expected.len()
    );
    let mut lowest = 1.0_f32;
    for (found, expected) in found.iter().zip(expected) {
        let (found_vector, found) = parts(found)?;
        let (expected_vector, expected) = parts(expected)?;
        ensure!(
            found == expected,
            "a chunk differs: {found} instead of {expected}"
        );
        lowest = lowest.min(cosine(&found_vector, &expected_vector));
        ensure!(lowest >= SAME, "cosine {lowest} for {expected}");
    }
    Ok(lowest)
}

/// A chunk's vector, and the rest of it.
fn parts(line: &Value) -> anyhow::Result<(Vec<f32>, Value)> {
    let mut line = line.clone();
    let vector = line
        .get_mut("vector")
        .map(Value::take)
        .context("a chunk without a vector")?;
    Ok((serde_json::from_value(vector)?, line))
}

/// Where the documents of a target are, and how many.
pub(crate) fn corpus(folder: &Path) -> usize {
    fs::read_dir(folder.join("end-to-end/documents")).map_or(0, Iterator::count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stores_are_equal_only_with_the_same_chunks_and_nearly_the_same_vectors() {
        let store = |text: &str, x: f32| vec![json!({"source": "a", "text": text, "vector": [x, 1.0]})];
        assert!(compare(&store("one", 0.5), &store("one", 0.500_01)).expect("equal") > 0.999_9);
        assert!(compare(&store("one", 0.5), &store("two", 0.5)).is_err());
        assert!(compare(&store("one", 0.5), &store("one", 0.9)).is_err());
        assert!(compare(&[], &store("one", 0.5)).is_err());
    }
}
