//! `cargo xtask integration`: builds the matrix and the program that it drives, and hands over.
//!
//! The matrix is a program of its own, so that tasks which need no provider, store or runtime are compiled without.

use std::process::Command;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use crate::flags;

impl flags::Integration {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let mut command = matrix(sh)?;
        command.args(self.arguments());
        hand_over(command)
    }

    /// The same flags again.
    fn arguments(&self) -> Vec<String> {
        let switches = [
            ("--provision", self.provision),
            ("--full", self.full),
            ("--list", self.list),
            ("--check", self.check),
        ];
        let mut arguments: Vec<String> = switches
            .iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let values = [("--ollama", &self.ollama), ("--model", &self.model)];
        let only = self.only.iter().map(|text| ("--only", text));
        for (name, value) in values
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            .chain(only)
        {
            arguments.extend([name.to_owned(), value.clone()]);
        }
        arguments
    }
}

/// Whether docs/integration.md shows what the code would run.
pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let status = matrix(sh)?
        .arg("--check")
        .status()
        .context("cannot start the matrix")?;
    if !status.success() {
        bail!("docs/integration.md is not up to date");
    }
    Ok(())
}

/// The program, freshly built.
fn matrix(sh: &Shell) -> anyhow::Result<Command> {
    // Both at once, so that they share one build of what they have in common.
    let build = cmd!(
        sh,
        "cargo build --quiet -p ingest-cli -p ingest-tests --bin ingest --bin integration"
    );
    build.quiet().run()?;
    // Cargo puts all programs of a profile beside this one.
    let program =
        std::env::current_exe()?.with_file_name(format!("integration{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(program);
    command.current_dir(sh.current_dir());
    Ok(command)
}

/// Becomes the program, so that whoever stops this stops that.
#[cfg(unix)]
fn hand_over(mut command: Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;

    Err(command.exec()).context("cannot start the matrix")
}

#[cfg(not(unix))]
fn hand_over(mut command: Command) -> anyhow::Result<()> {
    let status = command.status().context("cannot start the matrix")?;
    if !status.success() {
        bail!("the matrix failed");
    }
    Ok(())
}
