//! The flow from documents to stored embeddings: bounded, parallel, resumable.
//!
//! [`run`] brings a [`Store`](ingest_core::Store) in step with documents through an
//! [`Embedder`](embed_core::Embedder); [`search`] asks it. Neither prints: an [`Observer`] hears what happens, and a
//! [`RunReport`] says what was done.
//!
//! ```
//! use std::sync::Arc;
//!
//! use embed_core::testing::FakeEmbedder;
//! use ingest_pipeline::{Cancel, Outcome, RunOptions, SearchOptions, Source, SourceSpec, run, search};
//! use ingest_store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("tea.md"), "# Tea\n\nPour boiling water over the leaves.\n")?;
//!
//! let store = Arc::new(MemoryStore::new()); // or a file, by `ingest_store::open("sqlite:index.db")`
//! let embedder = Arc::new(FakeEmbedder::new(64)); // or a provider's
//! let options = RunOptions::new(vec![Source::new(SourceSpec::Path(".".into()))], folder.path());
//! let report = run(store.clone(), embedder.clone(), options, Arc::new(()), &Cancel::new()).await?;
//! assert_eq!((report.outcome, report.documents.added), (Outcome::Ok, 1));
//!
//! let hits = search(store.as_ref(), Some(&*embedder), "boiling water", &SearchOptions::default()).await?;
//! assert_eq!(hits[0].source, "tea.md");
//! # Ok(())
//! # }
//! ```
//!
//! # The stages
//!
//! One file each, bounded channels between; documents go down, and what became of them comes back up to stage 3.
//!
//! 1. `source/` finds files (`walk`), lets in what there is memory for (`gather`), reads and hashes them (`read`,
//!    `jsonl`), and makes text of them (`format/`).
//! 2. `split` asks the store what it has, passes over what is unchanged, and cuts the rest into chunks.
//! 3. `batch` fills batches across documents; `assemble` puts documents together from what comes back.
//! 4. `embed` tries batches, and finds the text that is to blame when one keeps failing; `outage` tells that from a
//!    server that is away; `canary` looks whether the server's model is still the same.
//! 5. `write` replaces documents, several in a transaction. There is one writer.
//!
//! # What holds
//!
//! - A document is replaced as a whole or not at all, and only a commit makes it done. A run that was cut short, however
//!   it was, leaves a store that the next run completes; vectors that were paid for are kept where there was time to.
//! - What is stored depends on the documents and the settings alone, not on the number of workers or who was first.
//! - A text is embedded once in a run however many documents have it, and not at all if the store knows it.
//! - Memory is bounded by [`RunOptions::memory`], except for a single document larger than that, and 16 bytes a document
//!   to know what vanished.
//! - Nothing is set aside as failed while the server does not embed a text that is known to be good.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `pdf` | no | PDF files as sources, and `serve_pdf` for the process that reads them |
//! | `office` | no | Word documents (DOCX) and books (EPUB) as sources |

mod assemble;
mod batch;
mod blame;
mod budget;
mod canary;
mod cancel;
mod caps;
mod climb;
mod concurrency;
mod context;
mod dry;
mod embed;
mod error;
mod explain;
mod failure;
mod failure_log;
mod forecast;
mod halt;
mod log;
mod observe;
mod options;
mod outage;
mod parse_file;
mod pieces;
mod pool;
mod preflight;
mod remove;
mod report;
mod retry;
mod risk;
mod run;
mod search;
mod seen;
mod source;
mod split;
mod suspects;
mod tally;
mod trace;
mod write;

pub use cancel::Cancel;
pub use error::{Error, ErrorKind, Result};
pub use explain::{
    ChunkPlace, ChunkState, Content, HashPrefix, Located, Place, locate, places, recipe, set_aside_of,
};
pub use failure::Failure;
pub use failure_log::{BrokenLine, FailureLog, LogContents};
pub use forecast::{Forecast, Pace};
pub use observe::{DocumentOutcome, Event, Observer, Progress};
pub use options::{JsonlInput, MaxDelete, OnTooLong, PdfReader, RunOptions, Source, SourceSpec};
pub use parse_file::parse_file;
pub use report::{ChunkCounts, DocumentCounts, Outcome, RunReport, SourceReport, SourceStatus, Stop};
pub use run::run;
pub use search::{SearchOptions, search};
#[cfg(feature = "pdf")]
pub use source::serve_pdf;
pub use source::{Scope, WatchedFolder};
