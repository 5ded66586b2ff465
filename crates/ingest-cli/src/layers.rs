//! From flags to settings.

use std::path::Path;

use ingest_config::{Loader, Settings};

use crate::args::{Embedding, Global, Input, Work};
use crate::console::Console;
use crate::failure::{Failure, Result};

/// The settings of a call: its flags over the environment over the file over the defaults.
#[derive(Debug)]
pub(crate) struct Layers {
    loader: Loader,
}

impl Layers {
    pub(crate) fn new(global: &Global) -> Self {
        let mut loader = Loader::from_system();
        if let Some(file) = &global.config {
            loader = loader.file(file);
        }
        let mut layers = Self { loader };
        layers.flag("store", "--store", global.store.as_deref());
        layers
    }

    /// Adds the flags that say who embeds. The host is left for [`Layers::host`].
    pub(crate) fn embedding(&mut self, flags: &Embedding) {
        self.flag("embedding_provider", "--provider", flags.provider.as_deref());
        self.flag("embedding_model", "--model", flags.model.as_deref());
        self.flag(
            "embedding_dimensions",
            "--dimensions",
            flags.dimensions.as_deref(),
        );
    }

    /// Adds the flags of a run that have a setting behind them.
    ///
    /// # Errors
    /// A path that is not Unicode, as settings are.
    pub(crate) fn run(&mut self, input: &Input, work: &Work) -> Result<()> {
        self.path("data_dir", "--data-dir", input.data_dir.as_deref())?;
        self.path("ingest_failure_log", "--failure-log", work.failure_log.as_deref())?;
        for (key, flag, value) in [
            ("ingest_workers", "--workers", &work.workers),
            ("embedding_batch_size", "--batch-size", &work.batch_size),
            ("chunk_size", "--chunk-size", &work.chunk_size),
            ("chunk_overlap", "--chunk-overlap", &work.chunk_overlap),
            ("max_delete", "--max-delete", &work.max_delete),
            ("timeout", "--timeout", &work.timeout),
            ("load_timeout", "--load-timeout", &work.load_timeout),
            ("wait", "--wait", &work.wait),
            ("on_too_long", "--on-too-long", &work.on_too_long),
        ] {
            self.flag(key, flag, value.as_deref());
        }
        Ok(())
    }

    /// Gives the address of a server to the setting that a provider reads it from.
    pub(crate) fn host(&mut self, provider: &str, host: &str) {
        let key = if provider == "openai" {
            "openai_base_url"
        } else {
            "ollama_host"
        };
        self.flag(key, "--host", Some(host));
    }

    /// Takes any key for good where there is none: for who sends nothing to OpenAI.
    pub(crate) fn spare_key(&mut self) -> Result<()> {
        let embedding = self.load()?.embedding;
        if embedding.openai_api_key.is_none() && embedding.openai_api_key_file.is_none() {
            self.flag("openai_api_key", "--dry-run", Some("none"));
        }
        Ok(())
    }

    /// Reads all layers.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub(crate) fn load(&self) -> Result<Settings> {
        Ok(self.loader.load()?)
    }

    fn flag(&mut self, key: &str, flag: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.loader = std::mem::take(&mut self.loader).set(key, value, flag);
        }
    }

    fn path(&mut self, key: &str, flag: &str, path: Option<&Path>) -> Result<()> {
        let Some(path) = path else {
            return Ok(());
        };
        let text = path
            .to_str()
            .ok_or_else(|| Failure::usage(format!("{flag}: {} is not valid UTF-8", path.display())))?;
        self.flag(key, flag, Some(text));
        Ok(())
    }
}

/// Tells what looks like a slip in the settings.
pub(crate) fn warn_of_slips(settings: &Settings, console: &Console) {
    for warning in settings.warnings() {
        console.warn(warning);
    }
}
