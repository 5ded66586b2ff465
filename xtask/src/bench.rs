//! `cargo xtask bench`: builds the tool, the peers and the program that measures them, and hands over.

use std::process::Command;

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::{drive, flags, services};

/// The workspace of the benches.
const MANIFEST: &str = "benches/Cargo.toml";

/// What is built there, one at a time, so that the features that one asks for reach no other.
const PROGRAMS: [&str; 4] = ["stub", "ours", "peers", "driver"];

/// Benches that are not built by anything else would rot.
pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    cmd!(sh, "cargo fmt --manifest-path {MANIFEST} --all --check").run()?;
    for package in PROGRAMS {
        cmd!(
            sh,
            "cargo clippy --quiet --locked --manifest-path {MANIFEST} --target-dir target/benches -p {package} -- -D warnings"
        )
        .run()?;
    }
    Ok(())
}

impl flags::Bench {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        cmd!(sh, "cargo build --release -p ingest-cli").run()?;
        for package in PROGRAMS {
            let manifest = MANIFEST;
            cmd!(
                sh,
                "cargo build --release --locked --manifest-path {manifest} --target-dir target/benches -p {package}"
            )
            .run()?;
        }
        sh.create_dir("target/bench")?;
        let mut command = Command::new(sh.current_dir().join("target/benches/release/driver"));
        command.arg(sh.current_dir());
        let measures =
            |rows: &[&str]| self.only.is_empty() || self.only.iter().any(|row| rows.contains(&row.as_str()));
        if measures(&["8", "14"]) {
            command.env("DATABASE_URL", services::up(sh)?);
        }
        if measures(&["8"]) {
            install_reference(sh)?;
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

/// What the sketch of the reference's loop needs, in versions that are fixed.
fn install_reference(sh: &Shell) -> anyhow::Result<()> {
    let (target, wanted) = ("target/bench/python", "benches/reference/requirements.txt");
    let installed = format!("{target}/installed.txt");
    let versions = sh.read_file(wanted)?;
    if sh.path_exists(&installed) && sh.read_file(&installed)? == versions {
        return Ok(());
    }
    sh.remove_path(target)?;
    cmd!(
        sh,
        "python3 -m pip install --quiet --root-user-action ignore --target {target} -r {wanted}"
    )
    .run()
    .context("Python with pip is needed for the sketch of the reference; `--only` leaves row 8 out")?;
    Ok(sh.write_file(installed, versions)?)
}
