//! What a run says while it goes on.

use std::fmt;
use std::time::Duration;

use crate::{ChunkCounts, DocumentCounts, Failure};

/// Hears what a run does. Calls come from several tasks and should return soon.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// Hears nothing.
impl Observer for () {
    fn event(&self, _: &Event<'_>) {}
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Everything was checked and work begins.
    Ready {
        /// Who embeds.
        provider: &'a str,
        /// With which model.
        model: &'a str,
        /// Values per vector; 0 in a dry run, which asks nobody.
        dimensions: usize,
    },
    /// How far the run is.
    Progress(&'a Progress),
    /// A document was dealt with.
    Document {
        /// Which one.
        source: &'a str,
        /// What became of it.
        outcome: DocumentOutcome,
    },
    /// A file is no document and was passed over.
    Skipped {
        /// Which one.
        source: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A document or a chunk failed for good in this run.
    Failed(&'a Failure),
    /// The embedder answered a request, or failed to.
    Answered {
        /// Which worker asked, from 1.
        worker: usize,
        /// Texts in the request.
        texts: usize,
        /// From the question to the answer.
        took: Duration,
        /// A stable name of the kind of error; `None` for a good answer.
        error: Option<&'static str>,
    },
    /// A transaction was committed.
    Committed {
        /// Documents in it.
        documents: usize,
        /// Vectors in it.
        vectors: usize,
        /// How long the store took.
        took: Duration,
    },
    /// A document that was read is stored.
    Stored {
        /// Which one.
        source: &'a str,
        /// Its chunks, those without a vector included.
        chunks: u64,
        /// From being read to being stored, all waiting included.
        took: Duration,
    },
    /// A batch failed and will be tried again.
    Retry {
        /// Which worker, from 1.
        worker: usize,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Attempts in all.
        of: u32,
        /// The wait before the next one.
        wait: Duration,
        /// A stable name of the kind of error.
        kind: &'static str,
        /// Why, in one line.
        error: &'a str,
    },
    /// The server answers nobody: all workers pause.
    OutageBegan {
        /// Why, in one line.
        error: &'a str,
        /// How long it is waited out.
        wait: Duration,
    },
    /// The server is back: work goes on.
    OutageEnded {
        /// How long it was away.
        after: Duration,
    },
    /// How many workers help was found out, or the run ended before it was.
    Workers {
        /// The number.
        workers: usize,
        /// Texts a second that it reached; `None` where the run was too short to settle on a number.
        rate: Option<f64>,
    },
    /// All is read, and what is left other runs of the same store are at: it is waited for.
    Waiting {
        /// How many documents.
        documents: usize,
    },
    /// The store builds an index behind the last document.
    Indexing {
        /// How much of it is done, from 0 to 1.
        share: f64,
    },
    /// Something a person should know.
    Warning(&'a str),
    /// A detail for those who asked for more.
    Note(&'a str),
}

/// What became of a document. In a dry run: what would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentOutcome {
    /// New, and stored.
    Added,
    /// Changed, and stored.
    Updated,
    /// As it was.
    Unchanged,
    /// Vanished, and removed.
    Removed,
    /// Stored without some chunks, or not at all.
    Failed,
}

/// How far a run is. Counts only grow, but for `waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Files and lines found, whatever becomes of them.
    pub found: u64,
    /// Bytes of the files found; lines of a stream count once they are read.
    pub found_bytes: u64,
    /// Whether nothing more will be found, so that the two above are true totals.
    pub found_all: bool,
    /// Files and lines dealt with: stored, unchanged, skipped or failed.
    pub done: u64,
    /// Bytes of the files read.
    pub read_bytes: u64,
    /// Files and lines read.
    pub read: u64,
    /// New and changed documents cut into chunks.
    pub cut: u64,
    /// Documents that other runs of the same store are at.
    pub waiting: u64,
    /// Chunks made of new and changed documents.
    pub chunks: u64,
    /// Of these, chunks that have a vector or will do without: embedded, reused, failed.
    pub chunks_embedded: u64,
    /// Of these, chunks committed to the store.
    pub chunks_stored: u64,
    /// Documents by what became of them so far.
    pub document_counts: DocumentCounts,
    /// Chunks by what became of them so far.
    pub chunk_counts: ChunkCounts,
}
