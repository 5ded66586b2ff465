//! Every crate that is published must build from its package alone.

use anyhow::bail;
use xshell::{Shell, cmd};

/// The largest package a registry takes, in bytes.
const LARGEST: u64 = 10 * 1024 * 1024;

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    cmd!(sh, "cargo package --workspace --exclude xtask --exclude ingest-tests --all-features --allow-dirty --quiet")
        .run()?;
    for name in published(sh)? {
        let package = sh
            .current_dir()
            .join(format!("target/package/{name}-{version}.crate"));
        let bytes = std::fs::metadata(&package)?.len();
        println!("{name:16} {:6} KiB", bytes.div_ceil(1024));
        if bytes > LARGEST {
            bail!("the package of {name} has {bytes} bytes, at most {LARGEST} can be published");
        }
    }
    Ok(())
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
