//! `cargo xtask test`: everything that is tested, and what came of it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use xshell::Shell;

use crate::flags;

impl flags::Test {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut command = Command::new("cargo");
        command
            .args(["test", "--workspace", "--all-features", "--no-fail-fast"])
            .current_dir(sh.current_dir());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let output = child.stdout.take().context("cargo has no output to read")?;
        let mut tally = Tally::default();
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what cargo says")?;
            tally.add(&line);
            writeln!(std::io::stdout(), "{line}")?;
        }
        let status = child.wait()?;
        let Tally {
            passed,
            failed,
            ignored,
            binaries,
        } = tally;
        println!(
            "\n{binaries} test programs in {:.0} s",
            started.elapsed().as_secs_f64()
        );
        println!("{passed} passed, {failed} failed, {ignored} skipped");
        if !status.success() {
            bail!("tests failed; the lines `test … FAILED` above name them");
        }
        Ok(())
    }
}

/// The sums over the lines that end each test program.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    binaries: u64,
}

impl Tally {
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let words: Vec<_> = counts
            .split([' ', ';', '.'])
            .filter(|word| !word.is_empty())
            .collect();
        let count = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
        };
        self.passed += count("passed").unwrap_or(0);
        self.failed += count("failed").unwrap_or(0);
        self.ignored += count("ignored").unwrap_or(0);
        self.binaries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_summed() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 20 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.93s",
        ] {
            tally.add(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 23,
                failed: 4,
                ignored: 1,
                binaries: 2
            }
        );
    }
}
