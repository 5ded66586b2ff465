//! From values by name to fields.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::value::Typed;
use crate::{
    Address, ChunkingSettings, EmbeddingSettings, HttpSettings, MaxDelete, OnTooLong, Provenance,
    ProviderChoice, RunSettings, SearchSettings, Secret, Settings, StoreSettings, Workers,
};

impl Settings {
    /// Fills every field. A value is missing only where the table has no default, and a test holds the two together.
    pub(crate) fn from_values(values: Values) -> Self {
        Self {
            store: StoreSettings {
                url: values.address("store"),
                db_host: values.text("db_host").unwrap_or_default(),
                db_port: values.integer("db_port").unwrap_or_default(),
                db_user: values.text("db_user").unwrap_or_default(),
                db_password: values.secret("db_password").unwrap_or_default(),
                db_name: values.text("db_name").unwrap_or_default(),
            },
            embedding: EmbeddingSettings {
                provider: match values.text("embedding_provider").as_deref() {
                    Some("ollama") => ProviderChoice::Ollama,
                    Some("openai") => ProviderChoice::OpenAi,
                    Some("static") => ProviderChoice::Static,
                    _ => ProviderChoice::Auto,
                },
                model: values.text("embedding_model"),
                dimensions: values.integer("embedding_dimensions"),
                batch_size: values.integer("embedding_batch_size").unwrap_or_default(),
                ollama_host: values.address("ollama_host").unwrap_or_default(),
                ollama_api_key: values.secret("ollama_api_key"),
                keep_alive: values.text("keep_alive"),
                openai_base_url: values.address("openai_base_url"),
                openai_api_key: values.secret("openai_api_key"),
                openai_api_key_file: values.path("openai_api_key_file"),
                openai_organization: values.text("openai_organization"),
                openai_project: values.text("openai_project"),
                azure_deployment: values.text("azure_deployment"),
                azure_api_version: values.text("azure_api_version").unwrap_or_default(),
                document_prefix: values.text("document_prefix"),
                query_prefix: values.text("query_prefix"),
                on_too_long: match values.text("on_too_long").as_deref() {
                    Some("truncate") => OnTooLong::Truncate,
                    Some("fail") => OnTooLong::Fail,
                    _ => OnTooLong::Split,
                },
                price_per_million_tokens: values.number("price_per_million_tokens"),
            },
            chunking: ChunkingSettings {
                size: values.integer("chunk_size").unwrap_or_default(),
                overlap: values.integer("chunk_overlap").unwrap_or_default(),
            },
            run: RunSettings {
                workers: values
                    .integer("ingest_workers")
                    .map_or(Workers::Auto, Workers::Count),
                max_workers: values.integer("ingest_max_workers").unwrap_or_default(),
                batch_retries: values.integer("ingest_batch_retries").unwrap_or_default(),
                failure_log: values.path("ingest_failure_log").unwrap_or_default(),
                max_delete: match values.get("max_delete") {
                    Some(Typed::MaxDelete(limit)) => *limit,
                    _ => MaxDelete::Percent(50),
                },
                max_file_size: values.integer("max_file_size").unwrap_or_default(),
                wait: values.duration("wait").unwrap_or_default(),
                data_dir: values.path("data_dir"),
                sources: match values.get("sources") {
                    Some(Typed::Sources(sources)) => sources.clone(),
                    _ => Vec::new(),
                },
            },
            http: HttpSettings {
                max_connections: values.integer("max_connections").unwrap_or_default(),
                max_idle_connections: values.integer("max_idle_connections").unwrap_or_default(),
                connect_timeout: values.duration("connect_timeout").unwrap_or_default(),
                load_timeout: values.duration("load_timeout").unwrap_or_default(),
                timeout: values.duration("timeout").unwrap_or_default(),
                ca_file: values.path("ca_file"),
                proxy: values.address("proxy"),
            },
            search: SearchSettings {
                vector_weight: values.number("vector_weight").map(|weight| weight as f32),
            },
            values,
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Values by name, with their origins.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values(BTreeMap<&'static str, (Option<Typed>, Provenance)>);

impl Values {
    pub(crate) fn insert(&mut self, key: &'static str, value: Option<Typed>, provenance: Provenance) {
        self.0.insert(key, (value, provenance));
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Typed> {
        self.0.get(key)?.0.as_ref()
    }

    pub(crate) fn provenance(&self, key: &str) -> Provenance {
        self.0
            .get(key)
            .map(|(_, provenance)| provenance.clone())
            .unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Typed::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn address(&self, key: &str) -> Option<Address> {
        match self.get(key)? {
            Typed::Address(address) => Some(address.clone()),
            _ => None,
        }
    }

    fn secret(&self, key: &str) -> Option<Secret> {
        match self.get(key)? {
            Typed::Secret(secret) => Some(secret.clone()),
            _ => None,
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        match self.get(key)? {
            Typed::Path(path) => Some(path.clone()),
            _ => None,
        }
    }

    /// The table's ranges fit the fields' types; a test holds the two together.
    fn integer<N: TryFrom<u64>>(&self, key: &str) -> Option<N> {
        match self.get(key)? {
            Typed::Integer(number) => N::try_from(*number).ok(),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Typed::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn duration(&self, key: &str) -> Option<Duration> {
        match self.get(key)? {
            Typed::Duration(duration) => Some(*duration),
            _ => None,
        }
    }
}
