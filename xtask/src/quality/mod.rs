//! `cargo xtask quality`: whether hybrid search is worth its name, on documents that anyone can download.

mod corpus;
#[cfg(feature = "quality")]
mod measure;
#[cfg(feature = "quality")]
mod questions;
#[cfg(feature = "quality")]
mod score;

use xshell::Shell;

use crate::flags;

/// Hands the store's address to the command that does the work.
const STORE: &str = "XTASK_QUALITY_STORE";

impl flags::Quality {
    #[cfg(feature = "quality")]
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let files = corpus::markdown_files(sh)?;
        let limit = self.questions.unwrap_or(usize::MAX);
        let store = self.store.or_else(|| std::env::var(STORE).ok());
        measure::run(sh, &files, limit, store.as_deref())
    }

    /// Runs itself again with the store and the model compiled in, optimised: other tasks need not wait for that.
    #[cfg(not(feature = "quality"))]
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        corpus::markdown_files(sh)?;
        let questions = self
            .questions
            .map(|questions| ["--questions".to_owned(), questions.to_string()]);
        // By the environment, since an address may hold a password and a command line is shown where it fails.
        let _store = self.store.map(|store| sh.push_env(STORE, store));
        let again = xshell::cmd!(
            sh,
            "cargo run --quiet --release -p xtask --features quality -- quality"
        );
        Ok(again.args(questions.into_iter().flatten()).run()?)
    }
}
