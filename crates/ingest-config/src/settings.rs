//! The settings as typed fields, one struct a stage.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::address::Postgres;
use crate::value::Typed;
use crate::values::Values;
use crate::{Address, KEYS, Loader, Origin, Provenance, Secret, SourceSettings};

/// Every setting, in force and checked. Made by a [`Loader`]; [`Settings::default`] is what holds when nothing is set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Where chunks are kept.
    pub store: StoreSettings,
    /// Who turns texts into vectors.
    pub embedding: EmbeddingSettings,
    /// How documents are cut.
    pub chunking: ChunkingSettings,
    /// How a run goes.
    pub run: RunSettings,
    /// How servers are spoken to.
    pub http: HttpSettings,
    /// How questions are answered.
    pub search: SearchSettings,
    /// The values behind the fields with their origins, for [`origin`](Self::origin) and [`entries`](Self::entries).
    pub(crate) values: Values,
    /// Configuration files that were read.
    pub(crate) files: Vec<PathBuf>,
    /// What looks like a slip but does no harm.
    pub(crate) warnings: Vec<String>,
}

/// Where chunks are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSettings {
    /// `store`: the address that was set, if any. See [`Settings::store_url`].
    pub url: Option<Address>,
    /// `db_host`: host of the Postgres server. Default `localhost`.
    pub db_host: String,
    /// `db_port`: its port, 1 to 65,535. Default 5432.
    pub db_port: u16,
    /// `db_user`: user of the database. Default `postgres`.
    pub db_user: String,
    /// `db_password`: the user's password, may be empty. Default `postgres`.
    pub db_password: Secret,
    /// `db_name`: name of the database. Default `bbj_rag`.
    pub db_name: String,
}

/// Who turns texts into vectors.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingSettings {
    /// `embedding_provider`. Default [`ProviderChoice::Auto`].
    pub provider: ProviderChoice,
    /// `embedding_model`. Default: the provider's own.
    pub model: Option<String>,
    /// `embedding_dimensions`: values per embedding, 1 to 65,536. Default: as many as the model gives.
    pub dimensions: Option<usize>,
    /// `embedding_batch_size`: most texts in one request, 1 to 4,096. Default 64.
    pub batch_size: usize,
    /// `ollama_host`: where Ollama listens, in any form it knows itself. Default `http://localhost:11434`.
    pub ollama_host: Address,
    /// `ollama_api_key`: bearer key of a hosted Ollama. Default: none.
    pub ollama_api_key: Option<Secret>,
    /// `keep_alive`: how long Ollama holds the model: a duration, seconds, `0` or `-1`. Default: the server's choice.
    pub keep_alive: Option<String>,
    /// `openai_base_url`. Default: OpenAI itself.
    pub openai_base_url: Option<Address>,
    /// `openai_api_key`. Default: none.
    pub openai_api_key: Option<Secret>,
    /// `openai_api_key_file`: file with the key, for when `openai_api_key` is not set. Default: none.
    pub openai_api_key_file: Option<PathBuf>,
    /// `openai_organization`. Default: none.
    pub openai_organization: Option<String>,
    /// `openai_project`. Default: none.
    pub openai_project: Option<String>,
    /// `azure_deployment`: with it, `openai_base_url` is an Azure resource. Default: none.
    pub azure_deployment: Option<String>,
    /// `azure_api_version`. Default `2024-10-21`.
    pub azure_api_version: String,
    /// `document_prefix`: put before a document's text; empty is nothing. Default: what a known model wants.
    pub document_prefix: Option<String>,
    /// `query_prefix`: put before a question; empty is nothing. Default: what a known model wants.
    pub query_prefix: Option<String>,
    /// `on_too_long`: what happens to a chunk longer than the model reads. Default [`OnTooLong::Split`].
    pub on_too_long: OnTooLong,
    /// `price_per_million_tokens`: in US dollars, 0 to 1,000,000. Default: what is known of the model.
    pub price_per_million_tokens: Option<f64>,
}

/// How documents are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkingSettings {
    /// `chunk_size`: greatest length of a chunk in tokens, 1 to 1,000,000. Default 400.
    pub size: usize,
    /// `chunk_overlap`: tokens that neighbours share at most, less than the size. Default 50.
    pub overlap: usize,
}

/// How a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunSettings {
    /// `ingest_workers`: batches embedded at the same time. Default 4.
    pub workers: Workers,
    /// `ingest_max_workers`: bound of the workers, 1 to 1,024. Default 8.
    pub max_workers: usize,
    /// `ingest_batch_retries`: tries of a batch in all, 1 to 100. Default 3.
    pub batch_retries: u32,
    /// `ingest_failure_log`. Default `.ingestion-failures.json`.
    pub failure_log: PathBuf,
    /// `max_delete`: most documents that a run may remove. Default 50 %.
    pub max_delete: MaxDelete,
    /// `max_file_size`: files larger than this are passed over, 1 to 4,096 MiB. Default 24.
    pub max_file_size: u64,
    /// `wait`: how long an unreachable server is waited for, up to 7 days. Default 60 s.
    pub wait: Duration,
    /// `data_dir`: what the paths of sources are relative to. Default: the current folder.
    pub data_dir: Option<PathBuf>,
    /// `sources`: the file's `[[sources]]`. Default: none.
    pub sources: Vec<SourceSettings>,
}

/// How servers are spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpSettings {
    /// `max_connections`: most connections to a server, 1 to 1,024. Default 10.
    pub max_connections: usize,
    /// `max_idle_connections`: of these, most that stay open while idle. Default 5.
    pub max_idle_connections: usize,
    /// `connect_timeout`: time to make a connection, 1 ms to a day. Default 10 s.
    pub connect_timeout: Duration,
    /// `load_timeout`: time to the first byte of an answer, 1 ms to a day. Default 300 s.
    pub load_timeout: Duration,
    /// `timeout`: time for a whole answer, 1 ms to a day. Default 300 s.
    pub timeout: Duration,
    /// `ca_file`: further certificates to trust. Default: none.
    pub ca_file: Option<PathBuf>,
    /// `proxy`: proxy for servers elsewhere. Default: what `HTTP_PROXY` and its like say.
    pub proxy: Option<Address>,
}

/// How questions are answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SearchSettings {
    /// `vector_weight`: weight of the vectors' ranks, the words' being 1; 0 to 100. Default: what suits the model.
    pub vector_weight: Option<f32>,
}

/// Which provider is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProviderChoice {
    /// Whichever fits: the store's, else Ollama's if there is one, else the built-in model.
    #[default]
    Auto,
    /// An Ollama server.
    Ollama,
    /// OpenAI, or a server that speaks like it.
    OpenAi,
    /// The model built into the program.
    Static,
}

impl ProviderChoice {
    /// `auto`, `ollama`, `openai` or `static`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
            Self::Static => "static",
        }
    }
}

impl fmt::Display for ProviderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many batches are embedded at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workers {
    /// As many as are found to help.
    Auto,
    /// So many, 1 to 1,024.
    Count(usize),
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// What happens to a chunk that is longer than the model can read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnTooLong {
    /// It is cut into pieces, each stored.
    #[default]
    Split,
    /// Its end is cut off for the model, and told.
    Truncate,
    /// It is set aside as failed.
    Fail,
}

/// Most documents that a run may remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaxDelete {
    /// So many.
    Documents(u64),
    /// This share of those stored from the same sources, 0 to 100.
    Percent(u8),
}

impl MaxDelete {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent = percent.trim().parse().ok()?;
                (percent <= 100).then_some(Self::Percent(percent))
            }
            None => text.parse().ok().map(Self::Documents),
        }
    }
}

impl fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Documents(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// A setting as it may be shown: secrets are masked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub key: &'static str,
    /// Its value; `null` when it is not set.
    pub value: serde_json::Value,
    /// Where it came from.
    pub provenance: Provenance,
}

impl Default for Settings {
    fn default() -> Self {
        // What is built in does not depend on anything outside; a test loads it.
        Loader::new().load().expect("the defaults are valid")
    }
}

impl Settings {
    /// Where a value came from; the default layer for a name that is none.
    pub fn origin(&self, key: &str) -> Provenance {
        self.values.provenance(key)
    }

    /// Whether a value was given in any layer, even if it equals the default.
    pub fn is_set(&self, key: &str) -> bool {
        self.origin(key).origin != Origin::Default
    }

    /// Every setting in the order of the reference page, as loaded.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        KEYS.iter().map(|key| Entry {
            key: key.name,
            value: self
                .values
                .get(key.name)
                .map_or(serde_json::Value::Null, Typed::to_json),
            provenance: self.origin(key.name),
        })
    }

    /// The configuration files that were read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What looks like a slip but does no harm, such as an environment variable whose name is nearly a setting's.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The store's address: `store` if set, else Postgres if any `db_*` setting is, else `sqlite:.ingest/index.db`.
    pub fn store_url(&self) -> Address {
        const DB: [&str; 5] = ["db_host", "db_port", "db_user", "db_password", "db_name"];
        match &self.store.url {
            Some(url) => url.clone(),
            None if DB.iter().any(|key| self.is_set(key)) => self.database_url(),
            None => "sqlite:.ingest/index.db".into(),
        }
    }

    /// The address that the `db_*` settings make, each part percent-encoded.
    pub fn database_url(&self) -> Address {
        let store = &self.store;
        Postgres {
            host: &store.db_host,
            port: store.db_port,
            user: &store.db_user,
            password: store.db_password.expose(),
            name: &store.db_name,
        }
        .to_url()
        .into()
    }
}
