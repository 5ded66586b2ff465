//! The tasks of this workspace: `cargo xtask --help`.

mod bench;
mod ci;
mod clippy;
mod deb;
mod deny;
mod deps;
mod docs;
mod drive;
mod flags;
mod fuzz;
mod integration;
mod package;
mod quality;
mod services;
mod test;
mod tidy;
mod torture;

use std::path::Path;
use std::process::ExitCode;

use xshell::Shell;

use flags::XtaskCmd;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let flags = flags::Xtask::from_env_or_exit();
    let sh = &Shell::new()?;
    sh.change_dir(root());
    match flags.subcommand {
        XtaskCmd::Test(cmd) => cmd.run(sh),
        XtaskCmd::Bench(cmd) => cmd.run(sh),
        XtaskCmd::Ci(cmd) => cmd.run(sh),
        XtaskCmd::Deb(cmd) => cmd.run(sh),
        XtaskCmd::Deps(cmd) => cmd.run(sh),
        XtaskCmd::Docs(cmd) => cmd.run(sh),
        XtaskCmd::Integration(cmd) => cmd.run(sh),
        XtaskCmd::Quality(cmd) => cmd.run(sh),
        XtaskCmd::Services(cmd) => cmd.run(sh),
        XtaskCmd::Torture(cmd) => cmd.run(sh),
    }
}

/// The workspace's root, wherever the command was called from.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
