//! `cargo xtask integration`: builds the matrix and the program that it drives, and hands over.
//!
//! The matrix is a program of its own, so that tasks which need no provider, store or runtime are compiled without.

use anyhow::Context;
use xshell::Shell;

use crate::{drive, flags};

impl flags::Integration {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let mut command = drive::program(sh, "integration")?;
        command.args(self.arguments());
        drive::hand_over(command)
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
    let mut command = drive::program(sh, "integration")?;
    command.arg("--check");
    drive::run(command).context("docs/integration.md is not up to date")
}
