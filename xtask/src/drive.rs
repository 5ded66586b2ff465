//! Programs of the package `tests` that drive the real `ingest`.

use std::process::Command;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

/// A program, freshly built, with the `ingest` that it drives.
pub(crate) fn program(sh: &Shell, name: &str) -> anyhow::Result<Command> {
    // Both at once, so that they share one build of what they have in common.
    let build = cmd!(
        sh,
        "cargo build --quiet -p ingest-cli -p ingest-tests --bin ingest --bin {name}"
    );
    build.quiet().run()?;
    // Cargo puts all programs of a profile beside this one.
    let program = std::env::current_exe()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(program);
    command.current_dir(sh.current_dir());
    Ok(command)
}

/// Becomes the program, so that whoever stops this stops that.
#[cfg(unix)]
pub(crate) fn hand_over(mut command: Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;

    let name = command.get_program().to_owned();
    Err(command.exec()).with_context(|| format!("cannot start {}", name.display()))
}

#[cfg(not(unix))]
pub(crate) fn hand_over(command: Command) -> anyhow::Result<()> {
    run(command)
}

/// Runs the program to its end.
pub(crate) fn run(mut command: Command) -> anyhow::Result<()> {
    let status = command.status().context("cannot start the program")?;
    if !status.success() {
        bail!("it failed, as it says above");
    }
    Ok(())
}
