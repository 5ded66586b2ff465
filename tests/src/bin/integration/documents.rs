//! A folder of real Markdown that every machine has: the READMEs of the crates that this workspace depends on.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// Bytes of Markdown in all: some two hundred chunks, which a small machine embeds in some seconds.
const ENOUGH: usize = 60_000;
/// Longer ones would make few, large documents, and a run that is stopped could not be half-way.
const LONGEST: usize = 6_000;
/// Shorter ones are badges and a link.
const SHORTEST: usize = 600;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `None` for a crate of the workspace.
    source: Option<String>,
    manifest_path: PathBuf,
}

/// Copies them into a folder; says how many there are.
pub(crate) fn collect(folder: &Path) -> anyhow::Result<usize> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    let mut packages = dependencies()?;
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let (mut bytes, mut count) = (0, 0);
    for package in packages {
        let readme = package.manifest_path.with_file_name("README.md");
        let Ok(text) = std::fs::read_to_string(readme) else {
            continue;
        };
        if bytes < ENOUGH && (SHORTEST..=LONGEST).contains(&text.len()) {
            bytes += text.len();
            count += 1;
            std::fs::write(
                folder.join(format!("{}-{}.md", package.name, package.version)),
                text,
            )?;
        }
    }
    ensure!(
        bytes >= ENOUGH,
        "only {bytes} bytes of Markdown beside the dependencies"
    );
    Ok(count)
}

fn dependencies() -> anyhow::Result<Vec<Package>> {
    let version = said(Command::new("rustc").args(["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = said(
        Command::new("cargo")
            // Crates of other platforms are not on this machine.
            .args([
                "metadata",
                "--format-version",
                "1",
                "--offline",
                "--filter-platform",
            ])
            .arg(host.context("rustc does not say what it builds for")?)
            .arg("--manifest-path")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")),
    )?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    Ok(metadata
        .packages
        .into_iter()
        .filter(|package| package.source.is_some())
        .collect())
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let said = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !said.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&said.stderr));
    }
    Ok(String::from_utf8(said.stdout)?)
}
