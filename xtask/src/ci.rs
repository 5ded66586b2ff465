//! `cargo xtask ci`: every check that is not a test. All steps run, so that one report names all that is wrong.

use std::time::Instant;

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::{bench, clippy, deny, flags, fuzz, integration, package, tidy, torture};

/// A name for the report and `--only`, and what is done.
type Step = (&'static str, fn(&Shell) -> anyhow::Result<()>);

/// Cheap ones first.
const STEPS: [Step; 12] = [
    ("format", format),
    ("tidy", tidy::check),
    ("docs", |sh| flags::Docs { check: true }.run(sh)),
    ("deps", |sh| flags::Deps {}.run(sh)),
    ("clippy", clippy::check),
    ("benches", bench::check),
    ("rustdoc", rustdoc),
    ("integration", integration::check),
    ("torture", torture::check),
    ("package", package::check),
    ("deny", deny::check),
    ("fuzz", fuzz::check),
];

impl flags::Ci {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        if self.list {
            STEPS.iter().for_each(|(name, _)| println!("{name}"));
            return Ok(());
        }
        let known: Vec<_> = STEPS.iter().map(|(name, _)| *name).collect();
        if let Some(unknown) = self.only.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("no step is named `{unknown}`; there are {}", known.join(", "));
        }
        let mut report = Vec::new();
        for (name, step) in STEPS {
            if !self.only.is_empty() && !self.only.iter().any(|only| only == name) {
                continue;
            }
            println!("\n== {name}");
            let started = Instant::now();
            let outcome = step(sh);
            if let Err(error) = &outcome {
                eprintln!("{name}: {error:#}");
            }
            report.push((name, started.elapsed(), outcome.is_ok()));
        }
        println!();
        for (name, took, passed) in &report {
            println!(
                "{:6} {name:11} {:6.1} s",
                if *passed { "ok" } else { "FAILED" },
                took.as_secs_f64()
            );
        }
        let failed: Vec<_> = report
            .iter()
            .filter(|(_, _, passed)| !passed)
            .map(|(name, _, _)| *name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

fn format(sh: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(sh, "cargo fmt --all --check").run()?)
}

fn rustdoc(sh: &Shell) -> anyhow::Result<()> {
    let _warnings_denied = sh.push_env("RUSTDOCFLAGS", "-D warnings");
    Ok(cmd!(sh, "cargo doc --workspace --no-deps --all-features --quiet").run()?)
}
