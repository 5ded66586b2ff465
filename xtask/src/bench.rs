//! `cargo xtask bench`: builds the tool, the peers and the program that measures them, and hands over.

use std::process::Command;

use xshell::{Shell, cmd};

use crate::{drive, flags, services};

impl flags::Bench {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        cmd!(sh, "cargo build --release -p ingest-cli").run()?;
        // One at a time, so that the features that one asks for reach no other.
        for package in ["stub", "ours", "peers", "driver"] {
            let manifest = "benches/Cargo.toml";
            cmd!(
                sh,
                "cargo build --release --locked --manifest-path {manifest} --target-dir target/benches -p {package}"
            )
            .run()?;
        }
        sh.create_dir("target/bench")?;
        let mut command = Command::new(sh.current_dir().join("target/benches/release/driver"));
        command.arg(sh.current_dir());
        if self.only.is_empty() || self.only.iter().any(|row| row == "14") {
            command.env("DATABASE_URL", services::up(sh)?);
        }
        if let Some(pairs) = self.pairs {
            command.args(["--pairs", &pairs.to_string()]);
        }
        for row in &self.only {
            command.args(["--only", row]);
        }
        if self.write {
            command.arg("--write");
        }
        if let Some(file) = &self.json {
            command.arg("--json").arg(file);
        }
        drive::hand_over(command)
    }
}
