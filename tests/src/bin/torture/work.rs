//! The folder in which the program runs, and the stores in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::server::UNCOUNTED;

/// The documents' folder.
const DOCUMENTS: &str = "docs";

/// A stored chunk, as `ingest export` tells it.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Chunk {
    pub(crate) source: String,
    pub(crate) ordinal: u32,
    pub(crate) text: String,
    pub(crate) vector: Vec<f32>,
    content_hash: String,
}

/// A folder with documents, and a store of them.
#[derive(Debug)]
pub(crate) struct Work {
    folder: Rc<TempDir>,
    /// Where the store is, and the failure log.
    store: PathBuf,
    log: PathBuf,
    program: PathBuf,
    /// What every run is given.
    arguments: Vec<String>,
    /// Where the server is.
    url: String,
}

impl Work {
    pub(crate) fn new(url: &str, workers: usize, batch: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder to work in")?;
        fs::create_dir(folder.path().join(DOCUMENTS))?;
        let program =
            std::env::current_exe()?.with_file_name(format!("ingest{}", std::env::consts::EXE_SUFFIX));
        ensure!(
            program.exists(),
            "{} is missing: `cargo xtask torture` builds it",
            program.display()
        );
        let (workers, batch) = (workers.to_string(), batch.to_string());
        let arguments = [
            ["--workers", &workers],
            ["--batch-size", &batch],
            ["--provider", "ollama"],
            ["--model", "m"],
        ];
        Ok(Self {
            store: folder.path().join("disturbed.db"),
            log: folder.path().join("disturbed.json"),
            program,
            arguments: arguments
                .as_flattened()
                .iter()
                .map(|&text| text.to_owned())
                .collect(),
            folder: Rc::new(folder),
            url: url.to_owned(),
        })
    }

    /// A new store for the same documents.
    pub(crate) fn beside(&self) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(self.folder.path())?.keep();
        Ok(Self {
            folder: Rc::clone(&self.folder),
            store: folder.join("undisturbed.db"),
            log: folder.join("undisturbed.json"),
            program: self.program.clone(),
            url: format!("{}{UNCOUNTED}", self.url),
            arguments: self.arguments.clone(),
        })
    }

    pub(crate) fn documents(&self) -> PathBuf {
        self.folder.path().join(DOCUMENTS)
    }

    /// A run to its end, which must have this exit status.
    pub(crate) fn run(&self, more: &[&str], status: i32) -> anyhow::Result<()> {
        let output = self.command("run").args(more).output()?;
        if output.status.code() != Some(status) {
            bail!(
                "a run ended with {}, not {status}:\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// Kills a run after a while. Returns how long it took, should it end before that.
    pub(crate) fn run_and_kill(&self, moment: Duration) -> anyhow::Result<Option<Duration>> {
        let started = Instant::now();
        let mut child = self
            .command("run")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // No condition is waited for: that the moment is any is the point.
        while started.elapsed() < moment {
            if child.try_wait()?.is_some() {
                return Ok(Some(started.elapsed()));
            }
            std::thread::sleep(Duration::from_millis(1).min(moment - started.elapsed().min(moment)));
        }
        child.kill()?;
        let was_killed = child.wait()?.code().is_none();
        Ok((!was_killed).then(|| started.elapsed()))
    }

    /// What is stored; `None` where there is no store yet.
    pub(crate) fn exported(&self) -> anyhow::Result<Option<Vec<Chunk>>> {
        if !self.store.exists() {
            return Ok(None);
        }
        let output = self.command("export").output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            // Killed before the tables were made, which is as good as no store.
            if error.contains("`ingest run") {
                return Ok(None);
            }
            bail!("the store can't be read: {error}");
        }
        let lines = output.stdout.split(|&byte| byte == b'\n');
        let chunks = lines.filter(|line| !line.is_empty()).map(serde_json::from_slice);
        Ok(Some(chunks.collect::<Result<_, _>>()?))
    }

    /// SQLite's own look at its file.
    pub(crate) fn check_integrity(&self) -> anyhow::Result<()> {
        let store = Connection::open_with_flags(&self.store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let verdict: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(verdict == "ok", "the store is damaged: {verdict}");
        Ok(())
    }

    /// The hashes in the failure log, in order.
    pub(crate) fn logged(&self) -> anyhow::Result<Vec<String>> {
        if !self.log.exists() {
            return Ok(Vec::new());
        }
        let mut hashes = Vec::new();
        for line in fs::read_to_string(&self.log)?.lines() {
            let line: Value = serde_json::from_str(line).context("a line of the failure log")?;
            hashes.push(line["content_hash"].as_str().unwrap_or_default().to_owned());
        }
        hashes.sort();
        hashes.dedup();
        Ok(hashes)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(name)
            .arg("--store")
            .arg(format!("sqlite:{}", self.store.display()))
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null());
        if name == "run" {
            command
                .arg(DOCUMENTS)
                .args(&self.arguments)
                .args(["--host", &self.url])
                .arg("--failure-log")
                .arg(&self.log);
        }
        command
    }
}
