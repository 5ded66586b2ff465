//! `cargo xtask docs`: pages that are made from the code.

use anyhow::bail;
use xshell::Shell;

use crate::flags;

const PAGE: &str = "docs/configuration.md";

impl flags::Docs {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        let made = ingest_config::reference_markdown();
        if !self.check {
            sh.write_file(PAGE, made)?;
            println!("wrote {PAGE}");
            return Ok(());
        }
        if sh.read_file(PAGE).unwrap_or_default() != made {
            bail!("{PAGE} is not what the table of settings says: run `cargo xtask docs`");
        }
        println!("{PAGE} is up to date");
        Ok(())
    }
}
