//! Every crate that is published must build from its package alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

/// The largest package a registry takes, in bytes.
const LARGEST: u64 = 10 * 1024 * 1024;

/// Packages are built in a folder with a name of its own: what a crate needs of this workspace it gets from a registry in
/// that folder, which Cargo knows by its path, and a version that was once unpacked from a registry is taken as unpacked,
/// and as compiled, for good.
pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let target = sh.current_dir().join(format!("target/packages-{now}"));
    let unpacked = unpacked_sources(sh)?;
    let outcome = build(sh, &target);
    sh.remove_path(&target)?;
    for sources in unpacked_sources(sh)?.difference(&unpacked) {
        sh.remove_path(sources)?;
    }
    outcome
}

fn build(sh: &Shell, target: &Path) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    cmd!(sh, "cargo package --workspace --exclude xtask --exclude ingest-tests --all-features --allow-dirty --quiet --target-dir {target}")
        .run()?;
    for name in published(sh)? {
        let package = target.join(format!("package/{name}-{version}.crate"));
        let bytes = std::fs::metadata(&package)?.len();
        println!("{name:16} {:6} KiB", bytes.div_ceil(1024));
        if bytes > LARGEST {
            bail!("the package of {name} has {bytes} bytes, at most {LARGEST} can be published");
        }
    }
    Ok(())
}

/// Where Cargo unpacked the crates of registries that are folders: those have no host to be named after.
fn unpacked_sources(sh: &Shell) -> anyhow::Result<BTreeSet<PathBuf>> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let sources = home.join("registry/src");
    if !sh.path_exists(&sources) {
        return Ok(BTreeSet::new());
    }
    let of_folder = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"-"))
    };
    Ok(sh.read_dir(sources)?.into_iter().filter(of_folder).collect())
}

/// The crates that are published: all under crates/.
pub(crate) fn published(sh: &Shell) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<_> = sh
        .read_dir("crates")?
        .into_iter()
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
