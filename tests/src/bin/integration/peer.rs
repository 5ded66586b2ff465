//! The same texts through a client that others wrote.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use embed_core::{InputKind, cosine};
use serde::Deserialize;
use tokio::process::Command;

use crate::axes::{Endpoint, Mode, Width};
use crate::run::Verdict;
use crate::target::Target;

const PACKAGE: &str = "ollama==0.6.1";
const SCRIPT: &str = include_str!("peer.py");

/// Both clients get the same numbers from the same server.
const EQUAL: f32 = 0.9999;

#[derive(Deserialize)]
struct Answer {
    version: String,
    rows: Vec<Vec<f32>>,
}

pub(crate) async fn run(target: &Target) -> anyhow::Result<Verdict> {
    let packages = target.folder.with_file_name("peer");
    if !packages.exists()
        && let Err(error) = install(&packages).await
    {
        return Ok(Verdict::Skipped(format!("{error:#}")));
    }
    let texts = target.folder.join("texts.json");
    fs::write(&texts, serde_json::to_vec(&target.texts)?)?;
    let said = Command::new("python3")
        .args(["-c", SCRIPT, &target.url, &target.model])
        .arg(&texts)
        .env("PYTHONPATH", &packages)
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(
        said.status.success(),
        "the peer failed: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    let theirs: Answer = serde_json::from_slice(&said.stdout)?;

    let embedder = target.embedder(Mode::of(Endpoint::Native), Width::Native)?;
    let inputs: Vec<_> = target.texts.iter().map(String::as_str).collect();
    let ours = embedder.embed_batch(&inputs, InputKind::Document).await?;
    ensure!(
        ours.rows() == theirs.rows.len(),
        "{} rows, of the peer {}",
        ours.rows(),
        theirs.rows.len()
    );
    let mut lowest = 1.0_f32;
    for (ours, theirs) in ours.iter().zip(&theirs.rows) {
        ensure!(
            ours.len() == theirs.len(),
            "{} values, of the peer {}",
            ours.len(),
            theirs.len()
        );
        lowest = lowest.min(cosine(ours, theirs));
    }
    ensure!(lowest > EQUAL, "cosine {lowest} with a row of the peer");
    Ok(Verdict::Passed(format!(
        "{} texts, Python `ollama` {}, lowest cosine {lowest:.6}",
        inputs.len(),
        theirs.version
    )))
}

async fn install(packages: &Path) -> anyhow::Result<()> {
    let partial = packages.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let said = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
        ])
        .arg(&partial)
        .arg(PACKAGE)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("Python 3 is needed (Debian: apt-get install python3 python3-pip)")?;
    ensure!(
        said.status.success(),
        "cannot install {PACKAGE}: {}",
        String::from_utf8_lossy(&said.stderr).trim()
    );
    fs::rename(partial, packages)?;
    Ok(())
}
