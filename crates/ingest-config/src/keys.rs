//! The one table of all settings.

use std::time::Duration;

/// What the names of environment variables begin with, unless another prefix is chosen.
pub const PREFIX: &str = "BBJ_RAG_";

/// The part of the work a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Where chunks are kept.
    Store,
    /// Who turns texts into vectors.
    Embedding,
    /// How documents are cut.
    Chunking,
    /// How a run goes.
    Run,
    /// How servers are spoken to.
    Http,
    /// How questions are answered.
    Search,
}

impl Stage {
    /// All stages, in the order of the reference page.
    pub const ALL: [Self; 6] = [
        Self::Store,
        Self::Embedding,
        Self::Chunking,
        Self::Run,
        Self::Http,
        Self::Search,
    ];

    /// A heading for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Store => "Store",
            Self::Embedding => "Embedding",
            Self::Chunking => "Chunking",
            Self::Run => "Run",
            Self::Http => "HTTP",
            Self::Search => "Search",
        }
    }
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text. `blank` tells whether an empty one is a value or counts as not set.
    Text {
        /// Whether an empty text is a value.
        blank: bool,
    },
    /// A text that is never shown. `blank` as for `Text`.
    Secret {
        /// Whether an empty text is a value.
        blank: bool,
    },
    /// An address, shown without its password.
    Address,
    /// A file or folder.
    Path,
    /// A whole number.
    Integer {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// A word, or a whole number.
    WordOrInteger {
        /// The word.
        word: &'static str,
        /// Least number.
        min: u64,
        /// Greatest number.
        max: u64,
    },
    /// A number.
    Number {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
    },
    /// A length of time: `300s`, `5m`, `250ms`; a plain number is seconds.
    Duration {
        /// Least value.
        min: Duration,
        /// Greatest value.
        max: Duration,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number of documents, or a share of them as a percentage.
    MaxDelete,
    /// A duration as Ollama takes it: `5m`, seconds, `0` for not at all, `-1` for ever.
    KeepAlive,
    /// The `[[sources]]` tables; in the environment, JSON.
    Sources,
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file; upper-case and behind the prefix, in the environment.
    pub name: &'static str,
    /// Where it belongs.
    pub stage: Stage,
    /// Environment variables that are looked at, without a prefix, when the prefixed one is not set.
    pub also: &'static [&'static str],
    /// What it takes.
    pub kind: Kind,
    /// Its default, as it would be written in the file; `None` is not set.
    pub default: Option<&'static str>,
    /// A value to show where there is no default, as it would be written in the file. Secrets have none.
    pub example: Option<&'static str>,
    /// The unit of a plain number.
    pub unit: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
}

impl Key {
    /// The name of its environment variable.
    pub fn variable(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.name.to_ascii_uppercase())
    }

    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret { .. })
    }

    const fn new(name: &'static str, stage: Stage, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            stage,
            also: &[],
            kind,
            default: None,
            example: None,
            unit: None,
            doc,
        }
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn such_as(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    const fn also(mut self, variables: &'static [&'static str]) -> Self {
        self.also = variables;
        self
    }
}

const TEXT: Kind = Kind::Text { blank: false };
const SECRET: Kind = Kind::Secret { blank: false };

const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

/// From the least time to a day.
const fn up_to_a_day(min: Duration) -> Kind {
    Kind::Duration {
        min,
        max: Duration::from_secs(24 * 60 * 60),
    }
}

const SHORTEST: Duration = Duration::from_millis(1);

/// Every setting there is, in the order of the reference page.
pub const KEYS: &[Key] = &[
    Key::new("store", Stage::Store, Kind::Address, "Where chunks are kept: `sqlite:FILE` or `postgres://user:password@host:port/database`. When it is not set and any `db_*` setting is, the store is that Postgres; otherwise `sqlite:.ingest/index.db`.").such_as("sqlite:.ingest/index.db"),
    Key::new("db_host", Stage::Store, TEXT, "Host of the Postgres server.").or("localhost"),
    Key::new("db_port", Stage::Store, integer(1, 65_535), "Port of the Postgres server.").or("5432"),
    Key::new("db_user", Stage::Store, TEXT, "User of the Postgres database.").or("postgres"),
    Key::new("db_password", Stage::Store, Kind::Secret { blank: true }, "Password of that user. May be empty.").or("postgres"),
    Key::new("db_name", Stage::Store, TEXT, "Name of the Postgres database.").or("bbj_rag"),
    Key::new("embedding_provider", Stage::Embedding, Kind::Choice(&["auto", "ollama", "openai", "static"]), "Who turns texts into vectors. `auto` takes what the store was built with, else Ollama when anything of embedding was set or a server answers at `ollama_host` and has the model, else the built-in `static` model.").or("auto"),
    Key::new("embedding_model", Stage::Embedding, TEXT, "The model's name. Not set: `qwen3-embedding:0.6b` with Ollama, `text-embedding-3-small` with OpenAI; `static` has but one.").such_as("nomic-embed-text"),
    Key::new("embedding_dimensions", Stage::Embedding, integer(1, 65_536), "Values per embedding. Not set: as many as the model gives. Set: asked of the server, and checked in its answers.").such_as("256").unit("values"),
    Key::new("embedding_batch_size", Stage::Embedding, integer(1, 4_096), "Most texts in one request.").or("64").unit("texts"),
    Key::new("ollama_host", Stage::Embedding, Kind::Address, "Where Ollama listens. A value that is set wins even when it equals the default; an empty one counts as not set.").or("http://localhost:11434").also(&["OLLAMA_HOST"]),
    Key::new("ollama_api_key", Stage::Embedding, SECRET, "Bearer key for a hosted or proxied Ollama.").also(&["OLLAMA_API_KEY"]),
    Key::new("keep_alive", Stage::Embedding, Kind::KeepAlive, "How long Ollama holds the model after a request: `5m`, seconds, `0` for not at all, `-1` for ever. Not set: the server's own choice.").such_as("10m"),
    Key::new("openai_base_url", Stage::Embedding, Kind::Address, "Base address of OpenAI or of a server that speaks like it. Not set: OpenAI itself.").such_as("http://localhost:8000/v1").also(&["OPENAI_BASE_URL"]),
    Key::new("openai_api_key", Stage::Embedding, SECRET, "Key for OpenAI.").also(&["OPENAI_API_KEY"]),
    Key::new("openai_api_key_file", Stage::Embedding, Kind::Path, "File that holds the key for OpenAI, read when `openai_api_key` is not set.").such_as("openai.key"),
    Key::new("openai_organization", Stage::Embedding, TEXT, "Organization that OpenAI bills.").such_as("org-example").also(&["OPENAI_ORG_ID"]),
    Key::new("openai_project", Stage::Embedding, TEXT, "Project that OpenAI bills.").such_as("proj-example").also(&["OPENAI_PROJECT_ID"]),
    Key::new("azure_deployment", Stage::Embedding, TEXT, "Deployment of Azure OpenAI; with it, `openai_base_url` is the resource's address and the key goes into the header `api-key`.").such_as("my-deployment"),
    Key::new("azure_api_version", Stage::Embedding, TEXT, "Version of the Azure OpenAI interface.").or("2024-10-21"),
    Key::new("document_prefix", Stage::Embedding, Kind::Text { blank: true }, "Put before a document's text for the model. Not set: what the makers of a known model advise. Empty: nothing.").such_as("search_document: "),
    Key::new("query_prefix", Stage::Embedding, Kind::Text { blank: true }, "Put before a question for the model. Not set: what the makers of a known model advise. Empty: nothing.").such_as("search_query: "),
    Key::new("on_too_long", Stage::Embedding, Kind::Choice(&["split", "truncate", "fail"]), "What happens to a chunk that is longer than the model can read: cut into pieces, cut off, or set aside as failed.").or("split"),
    Key::new("price_per_million_tokens", Stage::Embedding, Kind::Number { min: 0.0, max: 1_000_000.0 }, "Price of a million tokens in US dollars, by which a dry run tells what a run would cost. Not set: what the makers of a known model published.").such_as("0.02"),
    Key::new("chunk_size", Stage::Chunking, integer(1, 1_000_000), "Greatest length of a chunk.").or("400").unit("tokens"),
    Key::new("chunk_overlap", Stage::Chunking, integer(0, 999_999), "Text that neighbouring chunks share at most; less than `chunk_size`.").or("50").unit("tokens"),
    Key::new("ingest_workers", Stage::Run, Kind::WordOrInteger { word: "auto", min: 1, max: 1_024 }, "Batches embedded at the same time; at most `ingest_max_workers`. `auto` begins with one for each server and finds out how many help: more while that gains something, fewer when the server is too busy.").or("4").unit("workers"),
    Key::new("ingest_max_workers", Stage::Run, integer(1, 1_024), "Bound of `ingest_workers`.").or("8").unit("workers"),
    Key::new("ingest_batch_retries", Stage::Run, integer(1, 100), "How often a batch is tried in all, the first time included.").or("3").unit("attempts"),
    Key::new("ingest_failure_log", Stage::Run, Kind::Path, "File that failures are noted in, one JSON object a line.").or(".ingestion-failures.json"),
    Key::new("max_delete", Stage::Run, Kind::MaxDelete, "A run that would remove more documents than this is refused: a number, or a share of those stored from the same sources.").or("50%"),
    Key::new("max_file_size", Stage::Run, integer(1, 4_096), "Larger files are passed over and named. A file is held in memory whole, a table with up to ten times its size.").or("24").unit("MiB"),
    Key::new("wait", Stage::Run, Kind::Duration { min: Duration::ZERO, max: Duration::from_secs(7 * 24 * 60 * 60) }, "How long an unreachable server is waited for; `0` is not at all.").or("60s").unit("seconds"),
    Key::new("data_dir", Stage::Run, Kind::Path, "Folder that the paths of `[[sources]]` are relative to. Not set: the current folder.").such_as("documents").also(&["DATA_DIR"]),
    Key::new("sources", Stage::Run, Kind::Sources, "Named sources, as `[[sources]]` tables with `name`, `paths`, `include`, `exclude` and `enabled`; in the environment, a JSON array of such objects."),
    Key::new("max_connections", Stage::Http, integer(1, 1_024), "Most connections to a server.").or("10").unit("connections"),
    Key::new("max_idle_connections", Stage::Http, integer(0, 1_024), "Of these, most that are kept open while idle.").or("5").unit("connections"),
    Key::new("connect_timeout", Stage::Http, up_to_a_day(SHORTEST), "Time to make a connection.").or("10s").unit("seconds"),
    Key::new("load_timeout", Stage::Http, up_to_a_day(SHORTEST), "Time to the first byte of an answer; a cold model is loaded in it.").or("300s").unit("seconds"),
    Key::new("timeout", Stage::Http, up_to_a_day(SHORTEST), "Time for a whole answer.").or("300s").unit("seconds"),
    Key::new("ca_file", Stage::Http, Kind::Path, "File of further certificates (PEM) to trust, besides the system's.").such_as("ca.pem"),
    Key::new("proxy", Stage::Http, Kind::Address, "Proxy for all servers but those on this machine. Not set: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` as everywhere.").such_as("http://proxy.example:3128"),
    Key::new("vector_weight", Stage::Search, Kind::Number { min: 0.0, max: 100.0 }, "Weight of the vectors' ranks in hybrid search, the words' being 1. Not set: what suits the model, as the store keeps it.").such_as("0.5"),
];

/// Settings of the program whose files and variables are read here too, but which mean nothing to this one.
pub(crate) const FOREIGN: &[&str] = &[
    "advantage_index_url",
    "api_url",
    "bbj_source_dirs",
    "chat_confidence_min_results",
    "chat_confidence_min_score",
    "chat_max_history",
    "chat_max_tokens",
    "chat_model",
    "compiler_path",
    "compiler_timeout",
    "crawl_source_urls",
    "database_url",
    "flare_source_path",
    "kb_index_url",
    "mdx_source_path",
    "pdf_source_path",
];

/// The setting of a name, if there is one.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The name nearest to one that is none, if any is near.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    names
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, known), known))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_none_is_foreign() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(
                KEYS[..at].iter().all(|other| other.name != key.name),
                "{}",
                key.name
            );
            assert!(!FOREIGN.contains(&key.name), "{}", key.name);
            assert!(key.doc.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn a_setting_has_a_default_or_an_example_and_a_secret_no_example() {
        for key in KEYS {
            let needs_none = key.is_secret() || key.kind == Kind::Sources;
            let one_at_most = key.default.is_none() || key.example.is_none();
            assert!(one_at_most, "{}", key.name);
            let any = key.default.or(key.example).is_some();
            assert!(any || needs_none, "{}", key.name);
            assert!(key.example.is_none() || !needs_none, "{}", key.name);
        }
    }

    #[test]
    fn a_slip_finds_its_name_and_nonsense_does_not() {
        let names = || KEYS.iter().map(|key| key.name);
        assert_eq!(nearest("ingest_worker", names()), Some("ingest_workers"));
        assert_eq!(nearest("CHUNKSIZE", names()), Some("chunk_size"));
        assert_eq!(nearest("ollama-host", names()), Some("ollama_host"));
        assert_eq!(nearest("zzz", names()), None);
    }
}
