//! `cargo xtask deb`: a Debian package of the tool with its manual and completions.

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::{deny, flags};

/// Where the package and what goes into it are put.
const FOLDER: &str = "target/deb";
const VERSION: &str = "3.8.0";

/// Shells that Debian's packages bring completions for, and how they name the files.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "ingest"), ("zsh", "_ingest"), ("fish", "ingest.fish")];

impl flags::Deb {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        cmd!(sh, "cargo build --release --locked -p ingest-cli").run()?;
        sh.remove_path(FOLDER)?;
        let (man, completions) = (format!("{FOLDER}/man"), format!("{FOLDER}/completions"));
        sh.create_dir(&completions)?;
        let ingest = "target/release/ingest";
        cmd!(sh, "{ingest} man {man}").run()?;
        for (shell, file) in COMPLETIONS {
            let script = cmd!(sh, "{ingest} completions {shell}").read()?;
            sh.write_file(format!("{completions}/{file}"), script + "\n")?;
        }
        let tool = deny::find_or_install(sh, "cargo-deb", VERSION)?;
        cmd!(sh, "{tool} --no-build --package ingest-cli --output {FOLDER}")
            .run()
            .context("cargo-deb could not make the package")?;
        Ok(())
    }
}
