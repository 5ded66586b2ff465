//! `cargo xtask deps`: what a program takes in that depends on the contract and one provider.

use std::collections::BTreeSet;

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::flags;

/// Most external crates that `embed-core` and `embed-ollama` may bring in with their default features.
const BUDGET: usize = 40;

impl flags::Deps {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let tree = cmd!(
            sh,
            "cargo tree -p embed-core -p embed-ollama --edges normal,build --prefix none"
        );
        let tree = tree.quiet().read()?;
        let external: BTreeSet<_> = tree.lines().filter_map(external).collect();
        println!(
            "embed-core + embed-ollama: {} external crates (budget {BUDGET})",
            external.len()
        );
        for package in &external {
            println!("  {package}");
        }
        if external.is_empty() || external.len() > BUDGET {
            bail!(
                "{} external crates, the budget is {BUDGET}: drop a dependency or a feature",
                external.len()
            );
        }
        Ok(())
    }
}

/// Name and version, unless the crate is one of ours: those stand with the folder they are in.
fn external(line: &str) -> Option<&str> {
    let package = line.trim_end_matches(" (*)").trim_end_matches(" (proc-macro)");
    (!package.is_empty() && !package.ends_with(')')).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::external;

    #[test]
    fn our_own_crates_do_not_count() {
        assert_eq!(external("embed-core v0.1.0 (/somewhere/crates/embed-core)"), None);
        assert_eq!(
            external("embed-core v0.1.0 (/somewhere/crates/embed-core) (*)"),
            None
        );
        assert_eq!(
            external("async-trait v0.1.92 (proc-macro)"),
            Some("async-trait v0.1.92")
        );
        assert_eq!(external("bytes v1.12.2 (*)"), Some("bytes v1.12.2"));
        assert_eq!(external(""), None);
    }
}
