//! The settings of document ingestion, in layers, each value with its origin.
//!
//! A setting is looked for on the command line (or in code), then in the environment, then in `config.toml`, and has
//! its default otherwise. Every value remembers which of these it came from, so that a wrong one can be named with
//! the variable, the line of the file or the flag to change. All settings stand in one table, [`KEYS`], of which the
//! reference page ([`reference_markdown`]) and a file to begin with ([`sample_toml`]) are made; [`Settings`] gives them as plain typed fields, one struct a stage.
//!
//! This crate knows nothing of providers and stores: it is plain data for whoever builds them.
//!
//! ```
//! use ingest_config::{Loader, Origin, Workers};
//!
//! # fn main() -> Result<(), ingest_config::Error> {
//! let settings = Loader::new()
//!     .environment([("BBJ_RAG_INGEST_WORKERS", "6"), ("OLLAMA_HOST", "gpu-box:11434")])
//!     .set("chunk_size", "256", "--chunk-size")
//!     .load()?;
//! assert_eq!(settings.run.workers, Workers::Count(6));
//! assert_eq!(settings.embedding.ollama_host.as_str(), "gpu-box:11434");
//! assert_eq!(settings.chunking.size, 256);
//! assert_eq!(settings.origin("chunk_overlap").origin, Origin::Default);
//! # Ok(())
//! # }
//! ```
//!
//! There are no features.

mod address;
mod error;
mod keys;
mod layer;
mod load;
mod origin;
mod reference;
mod sample;
mod secret;
mod settings;
mod source;
mod validate;
mod value;
mod values;

pub use address::{Address, masked};
pub use error::{Error, ErrorKind, Result};
pub use keys::{KEYS, Key, Kind, PREFIX, Stage, key};
pub use load::{CONFIG_FILE, Loader};
pub use origin::{Origin, Provenance};
pub use reference::reference_markdown;
pub use sample::sample_toml;
pub use secret::Secret;
pub use settings::{
    ChunkingSettings, EmbeddingSettings, Entry, HttpSettings, MaxDelete, OnTooLong, ProviderChoice,
    RunSettings, SearchSettings, Settings, StoreSettings, Workers,
};
pub use source::SourceSettings;
pub use value::{format_duration, parse_duration};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
