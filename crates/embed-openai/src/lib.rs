//! Embeddings from OpenAI, Azure OpenAI, and servers that speak like them.
//!
//! ```no_run
//! use embed_core::{Embedder, InputKind};
//! use embed_openai::OpenAiEmbedder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> embed_core::Result<()> {
//! let embedder = OpenAiEmbedder::builder("text-embedding-3-small")
//!     .api_key_file("openai.key")
//!     .dimensions(512)
//!     .build()?;
//! let rows = embedder.embed_batch(&["a text", "another"], InputKind::Document).await?;
//! println!("{} rows of {} values", rows.rows(), rows.dimensions());
//! # Ok(())
//! # }
//! ```
//!
//! A local server that speaks the same language needs its base URL, and perhaps its [`Profile`] where the URL does not
//! give it away:
//!
//! ```
//! use embed_core::Embedder;
//! use embed_openai::{OpenAiEmbedder, Profile};
//!
//! let embedder = OpenAiEmbedder::builder("BAAI/bge-m3")
//!     .base_url("http://gpu-box:8080/v1")
//!     .profile(Profile::Tei)
//!     .build()?;
//! assert_eq!(embedder.model().max_batch.map(|inputs| inputs.get()), Some(32));
//! # Ok::<(), embed_core::Error>(())
//! ```
//!
//! One [`OpenAiEmbedder`] owns one client, which every call and every clone uses. Nothing is tried again here, and no
//! batch is split: wrap it in what `embed-core` has for that, which heeds the limits that
//! [`model`](embed_core::Embedder::model) tells. A spent quota is told apart from a rate limit, since only one of them
//! goes by. Keys are never printed, and taken out of what a server says.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `tls` | yes | `https://`; without it only plain `http://` and Unix sockets |

mod auth;
mod base;
mod builder;
mod classify;
mod embedder;
mod known;
mod profile;
mod said;
mod traits;
mod wire;

pub use auth::ApiKey;
pub use builder::OpenAiBuilder;
pub use embed_http::ProxyMode;
pub use embedder::OpenAiEmbedder;
pub use profile::{Encoding, Profile};

/// Lets the examples of the README be compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
