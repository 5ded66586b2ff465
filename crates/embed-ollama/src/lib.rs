//! Embeddings from an [Ollama](https://ollama.com) server, over a bounded pool of kept-alive connections.
//!
//! ```no_run
//! use embed_core::{Embedder, InputKind};
//! use embed_ollama::OllamaEmbedder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> embed_core::Result<()> {
//! let embedder = OllamaEmbedder::builder("nomic-embed-text")
//!     .host("gpu-box:11434")
//!     .keep_alive("30m")
//!     .build()?;
//! let rows = embedder.embed_batch(&["a text", "another"], InputKind::Document).await?;
//! println!("{} rows of {} values", rows.rows(), rows.dimensions());
//! # Ok(())
//! # }
//! ```
//!
//! One [`OllamaEmbedder`] owns one client, which every call and every clone uses: there is nothing to open or close.
//! Making it asks nobody; the first call connects. A failure comes with a [kind](embed_core::ErrorKind) that says what
//! can be done; nothing is tried again here, except that a kept-alive connection found dead is replaced once. For
//! retries, batches of any size, prefixes and blocking callers wrap it in what `embed-core` has for that.
//!
//! Long inputs are refused unless [`truncate`](OllamaBuilder::truncate) is set, blank ones always. What is asked of the
//! server besides embeddings (its models, getting one, warming one up) is in [`OllamaClient`].
//!
//! # Servers
//!
//! Any from the first with an API: where `/api/embed` is missing, texts go one by one to `/api/embeddings`, and their
//! rows are scaled to unit length as newer servers do. Such servers cut long inputs whatever they are asked.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `tls` | no | `https://`, for cloud and proxied hosts |

mod builder;
mod classify;
mod embedder;
mod host;
mod keep_alive;
mod models;
mod ndjson;
mod wire;

pub use builder::OllamaBuilder;
pub use embed_http::{HttpClient, ProxyMode};
pub use embedder::OllamaEmbedder;
pub use host::Host;
pub use keep_alive::KeepAlive;
pub use models::{InstalledModel, LoadedModel, ModelCard, OllamaClient, Progress};

/// Lets the examples of the README be compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
