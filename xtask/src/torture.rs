//! `cargo xtask torture`: builds the program that kills the real one, and hands over.

use xshell::Shell;

use crate::{drive, flags};

/// Kills in continuous integration.
const KILLS: &str = "20";

impl flags::Torture {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let mut command = drive::program(sh, "torture")?;
        if let Some(kills) = self.kills {
            command.args(["--kills", &kills.to_string()]);
        }
        if let Some(seed) = self.seed {
            command.args(["--seed", &seed.to_string()]);
        }
        drive::hand_over(command)
    }
}

/// A few kills, so that the program is seen to work and what is badly broken is found.
pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let mut command = drive::program(sh, "torture")?;
    command.args(["--kills", KILLS]);
    drive::run(command)
}
