//! What a run did.

use std::time::Duration;

use crate::{Failure, Forecast};

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// All done.
    #[default]
    Ok,
    /// It went to its end, but something failed, or a removal was refused.
    Partial,
    /// It could not go on: see [`RunReport::stopped`]. What was finished is stored.
    Stopped,
    /// It was cancelled. What was finished is stored.
    Interrupted,
}

impl Outcome {
    /// A stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Documents, counted by what became of them; in a dry run, what would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentCounts {
    /// Files and JSON lines looked at; the sum of all below but `removed`, unless the run was cut short.
    pub seen: u64,
    /// New ones stored.
    pub added: u64,
    /// Changed ones stored.
    pub updated: u64,
    /// Vanished ones removed, and those that `clean` forgot.
    pub removed: u64,
    /// The same as before.
    pub unchanged: u64,
    /// Not stored, or stored without some chunks.
    pub failed: u64,
    /// No documents: binary files, files too large, sockets and the like.
    pub skipped: u64,
}

/// Chunks, counted by what became of them; in a dry run, what would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Texts embedded in this run.
    pub embedded: u64,
    /// Chunks whose vector was there already: stored before, or of the same text in this run.
    pub reused: u64,
    /// Chunks written, those of earlier versions put aside.
    pub stored: u64,
    /// Chunks of removed documents and of earlier versions of changed ones.
    pub removed: u64,
    /// Chunks set aside.
    pub failed: u64,
    /// Chunks cut because the model reads no more.
    pub truncated: u64,
    /// Chunks stored for text search alone, since the model knows none of their words.
    pub text_only: u64,
}

/// How a source fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SourceStatus {
    /// All its documents are in the store.
    #[default]
    Ok,
    /// Some documents or chunks failed, or the run ended before it was through.
    Partial,
    /// It could not be walked or read.
    Failed,
}

impl SourceStatus {
    /// `OK`, `PARTIAL` or `FAILED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Files or JSON lines seen.
    pub files: u64,
    /// Chunks made of new and changed documents.
    pub chunks: u64,
    /// From its first document found to its last one dealt with.
    pub duration: Duration,
    /// How it fared.
    pub status: SourceStatus,
    /// Why, where it could not be walked to its end.
    pub error: Option<String>,
}

/// What stopped a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stop {
    /// A stable name: of an embedder's or a store's error kind, or `fail_fast`.
    pub kind: String,
    /// What happened and what to do next, in one line.
    pub message: String,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// What stopped it, with [`Outcome::Stopped`].
    pub stopped: Option<Stop>,
    /// Why a removal was refused, with its counts.
    pub refused: Option<String>,
    /// `parallel (4w)`, `parallel (auto)`, `sequential`, or one of them with `dry run` or `retry`.
    pub mode: String,
    /// Workers: all, or as many as were found to help.
    pub workers: usize,
    /// Who embedded.
    pub provider: String,
    /// With which model.
    pub model: String,
    /// Values per vector; `None` in a dry run of an empty store.
    pub dimensions: Option<usize>,
    /// Where the store is.
    pub store: String,
    /// Documents.
    pub documents: DocumentCounts,
    /// Chunks.
    pub chunks: ChunkCounts,
    /// What a run would do; in the report of a dry run alone.
    pub forecast: Option<Forecast>,
    /// Requests sent, the test embedding included.
    pub requests: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Connections opened.
    pub connections: u64,
    /// Bytes sent to the server.
    pub bytes_sent: u64,
    /// Bytes received from it.
    pub bytes_received: u64,
    /// From start to end.
    pub duration: Duration,
    /// The sources in the order given.
    pub sources: Vec<SourceReport>,
    /// The first [`RunReport::MAX_FAILURES`] failures.
    pub failures: Vec<Failure>,
    /// Most bytes of documents, chunks and vectors held at once, as the run's budget counts them.
    pub peak_bytes: usize,
}

impl RunReport {
    /// How many failures a report lists; the log has all.
    pub const MAX_FAILURES: usize = 20;

    /// Whether the run was cancelled.
    pub fn interrupted(&self) -> bool {
        self.outcome == Outcome::Interrupted
    }
}
