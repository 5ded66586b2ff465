//! Stores for documents, chunks and vectors: one SQLite file, a PostgreSQL database, or memory.
//!
//! Programs take `Arc<dyn Store>` from [`open`] and never learn which one it is; what every store promises is told by
//! [`ingest_core::Store`] and held by its conformance suite.
//!
//! ```
//! # async fn example() -> ingest_core::Result<()> {
//! use ingest_core::{Query, SearchMode};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let url = format!("sqlite:{}", folder.path().join("index.db").display());
//! let store = ingest_store::open(&url).await?; // made when it is not there
//! let question = Query {
//!     text: "how are errors classified?".into(),
//!     vector: None, // the embedded question, for anything but a search for words
//!     mode: SearchMode::Text,
//!     top_k: 10,
//!     source: Some("docs/*".into()),
//!     vector_weight: None,
//! };
//! for hit in store.search(&question).await? {
//!     println!("{:.3} {}", hit.score, hit.source);
//! }
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `sqlite` | yes | [`SqliteStore`]: a file, with SQLite compiled in |
//! | `postgres` | no | `PostgresStore`: a database with pgvector, shared by any number of processes |
//!
//! SQLite needs no particular runtime: it works on threads of its own, and the futures only wait for them. PostgreSQL is
//! reached over tokio's network and timer.

mod check;
mod glob;
mod inspect;
mod lock;
mod memory;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
mod rank;
#[cfg(feature = "sqlite")]
mod sketch;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod trace;
mod words;

pub use inspect::{Inspection, ServerInspection, inspect};
pub use memory::MemoryStore;
pub use open::{adopt, find, find_to_write, open, open_existing, redact};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
