//! Finished processes and what they cost, by the operating system's account.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use wait4::Wait4;

#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Seconds of user and system time.
    pub(crate) cpu: f64,
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Largest resident set in bytes. A process starts with that of its parent, so this one stays small.
    pub(crate) peak: f64,
    pub(crate) output: String,
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Finished> {
    let name = command.get_program().to_owned();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let started = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", name.display()))?;
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    let used = child.wait4()?;
    let wall = started.elapsed().as_secs_f64();
    if !used.status.success() {
        bail!("{} failed: {}; {output}", name.display(), used.status);
    }
    let cpu = used.rusage.utime + used.rusage.stime;
    Ok(Finished {
        cpu: cpu.as_secs_f64(),
        wall,
        peak: used.rusage.maxrss as f64,
        output,
    })
}
