//! Licences, sources and duplicates of all dependencies, by cargo-deny and deny.toml; advisories where their database can
//! be fetched.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

/// Where the tool is put if the machine has none.
const TOOLS: &str = "target/tools";
const VERSION: &str = "0.20.2";

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let deny = find_or_install(sh, "cargo-deny", VERSION)?;
    cmd!(
        sh,
        "{deny} --workspace --all-features --locked check licenses bans sources"
    )
    .run()?;
    if cmd!(sh, "{deny} --workspace --all-features --locked fetch db")
        .quiet()
        .ignore_stderr()
        .run()
        .is_err()
    {
        println!("advisories: not checked, their database cannot be fetched from here");
        return Ok(());
    }
    cmd!(
        sh,
        "{deny} --workspace --all-features --locked check --disable-fetch advisories"
    )
    .run()?;
    Ok(())
}

/// A program of cargo's registry: the machine's own, or one that is built once for this workspace.
pub(crate) fn find_or_install(sh: &Shell, name: &str, version: &str) -> anyhow::Result<PathBuf> {
    let own = sh.current_dir().join(TOOLS).join("bin").join(name);
    for candidate in [Path::new(name), &own] {
        if cmd!(sh, "{candidate} --version")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_ok()
        {
            return Ok(candidate.to_owned());
        }
    }
    println!("{name} is not installed: building {version} into {TOOLS}, which takes some minutes");
    cmd!(
        sh,
        "cargo install {name} --version {version} --locked --quiet --root {TOOLS}"
    )
    .run()?;
    Ok(own)
}
