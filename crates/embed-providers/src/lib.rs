//! Settings to an embedder: the one place that knows every provider.
//!
//! Depend on this when the provider is chosen by a setting; depend on one provider crate when it is not.
//!
//! ```no_run
//! use embed_core::{Embedder, InputKind};
//! use embed_providers::create_async_embedder;
//! use ingest_config::Settings;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::load()?;
//! let embedder = create_async_embedder(&settings)?;
//! let rows = embedder.embed_batch(&["any number", "of texts"], InputKind::Document).await?;
//! println!("{} rows of {} values from {}", rows.rows(), rows.dimensions(), embedder.model().model);
//! # Ok(())
//! # }
//! ```
//!
//! [`create_embedder`] is the same for code without `async`. [`create_provider`] leaves batching and retries to the
//! caller. [`choose_provider`] settles what the provider `auto` means, by asking whether a server is there; its
//! [`Choice`] says why. [`inspect`] asks a server what it says of itself, for a person who looks for a fault.
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `ollama` | yes | an Ollama server |
//! | `openai` | yes | OpenAI, Azure OpenAI and servers that speak like them |
//! | `static` | yes | the model that is built in |
//! | `tls` | yes | `https://` for both of the servers |
//!
//! A provider that is left out gives an error that names its feature.

mod choose;
mod create;
mod inspect;
mod provider;

pub use choose::{Choice, choose_provider};
pub use create::{create_async_embedder, create_embedder, create_provider, prefixes, retry_policy, warnings};
pub use inspect::{Inspection, inspect, server_address};
pub use provider::Provider;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
