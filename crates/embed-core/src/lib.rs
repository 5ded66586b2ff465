//! What every embedding provider promises. Depend on this and one provider crate; nothing here opens a socket.
//!
//! An [`Embedder`] takes a batch of borrowed texts and returns one row per text, in order: the whole batch or an error.
//! Batches are the unit because servers price a round trip, not a text. Inputs are borrowed so that a retry copies
//! nothing, and rows come in one flat buffer, [`Embeddings`], because that is what stores and models work with.
//!
//! ```
//! use embed_core::{Embedder, Embeddings, InputKind, ModelInfo, Result, async_trait, cosine};
//!
//! /// A provider needs two methods.
//! #[derive(Debug)]
//! struct Lengths(ModelInfo);
//!
//! #[async_trait]
//! impl Embedder for Lengths {
//!     fn model(&self) -> &ModelInfo {
//!         &self.0
//!     }
//!
//!     async fn embed_batch<'a>(&self, inputs: &[&'a str], _kind: InputKind) -> Result<Embeddings> {
//!         let values = inputs.iter().flat_map(|input| [input.len() as f32, 1.0]).collect();
//!         let rows = Embeddings::from_flat(values, inputs.len())?;
//!         rows.check(inputs.len(), self.0.dimensions)?;
//!         Ok(rows)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let provider = Lengths(ModelInfo::new("lengths", "v1").with_dimensions(2));
//! let rows = provider.embed_batch(&["moon", "noon", "a longer text"], InputKind::Document).await?;
//! assert_eq!(cosine(rows.row(0), rows.row(1)), 1.0);
//! # Ok(())
//! # }
//! ```
//!
//! What is the same for all providers is a wrapper here, once: [`Prefixed`] tells the model what a text is for,
//! [`Batched`] takes any number of texts, [`Retry`] tries again what can help, [`Blocking`] and [`Unblock`] lead from
//! async code to sync and back. They nest in this order: `Blocking<Prefixed<Batched<Retry<provider>>>>`.
//!
//! An [`Error`] answers "what now?" by its [`ErrorKind`]: wait, cut the input, or ask a person.
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `tokio` | yes | [`Retry`], [`Batched`], [`Blocking`], [`Unblock`] |
//! | `serde` | no | `Serialize` and `Deserialize` for [`Embeddings`] |
//! | `testing` | no | `testing`: a fake and a mock embedder, and the conformance suite for providers |

#[cfg(feature = "tokio")]
mod adapters;
#[cfg(feature = "tokio")]
mod batched;
mod blocking;
mod embedder;
mod embeddings;
mod error;
mod gate;
mod model;
mod prefix;
mod prefixed;
#[cfg(feature = "tokio")]
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
mod usage;

#[cfg(feature = "tokio")]
pub use adapters::{Blocking, Unblock, may_block};
/// The attribute that an `impl Embedder` needs, so that a provider has no other version of it.
pub use async_trait::async_trait;
#[cfg(feature = "tokio")]
pub use batched::{Batched, split_batch};
pub use blocking::BlockingEmbedder;
pub use embedder::{Embedder, EmbedderExt, InputKind};
pub use embeddings::{Embeddings, cosine, normalize};
pub use error::{Error, ErrorKind, Result, TimeoutPhase};
pub use gate::AnswerFault;
pub use model::ModelInfo;
pub use prefix::Prefixes;
pub use prefixed::Prefixed;
#[cfg(feature = "tokio")]
pub use retry::{Attempts, Jitter, Retrier, Retry, RetryBudget, RetryPolicy};
pub use usage::Usage;

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "testing", feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
