//! What all stages of a run share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use embed_core::Embedder;
use ingest_core::{
    ChunkOptions, Chunker, Claims, ContentHash, DocumentState, Store, TokenCount, estimate_tokens,
};
use tokio::sync::watch;

use crate::budget::Budget;
use crate::canary::Canary;
use crate::caps::Caps;
use crate::concurrency::Concurrency;
use crate::halt::Halt;
use crate::preflight::Opening;
use crate::seen::Seen;
use crate::source::{Plan, format};
use crate::tally::Tally;
use crate::{Error, FailureLog, Result, RunOptions};

/// Bytes of a chunk that memory is reckoned with at first, and at least: short, to be on the safe side.
pub(crate) const SHORTEST_CHUNK: usize = 32;
/// Bytes of a chunk of usual options.
const USUAL_CHUNK: usize = 1024;

/// What all stages of a run share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    /// What keeps other runs' documents and these apart, where others may be writing.
    pub(crate) claims: Option<Arc<dyn Claims>>,
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) options: RunOptions,
    pub(crate) plan: Arc<Plan>,
    pub(crate) tally: Tally,
    pub(crate) halt: Halt,
    pub(crate) budget: Arc<Budget>,
    pub(crate) seen: Seen,
    pub(crate) log: Option<FailureLog>,
    pub(crate) tokens: Tokens,
    pub(crate) chunker: Chunker,
    /// Cuts chunks that the model finds too long. Without overlap: halving again and again would add it up.
    pub(crate) splitter: Chunker,
    /// Identifies how documents become chunks.
    pub(crate) recipe: ContentHash,
    /// Values per vector, as far as known: for the embedder's answers and for estimates of memory.
    pub(crate) dimensions: Option<usize>,
    /// Bytes of text of a chunk, as documents so far had it; for estimates of memory.
    pub(crate) chunk_bytes: AtomicUsize,
    /// Counts commits. A question to the store that was asked after a commit knows of it.
    pub(crate) commits: AtomicU64,
    /// What the server was found to take at once.
    pub(crate) caps: Arc<Caps>,
    /// How many batches may be under way at once.
    pub(crate) concurrency: Concurrency,
    /// Tells whether the server's model is still the same.
    pub(crate) canary: Canary,
    /// What is checked before the first batch.
    pub(crate) opening: Opening,
    /// Whether a batch waits for a commit.
    pub(crate) pressing: Arc<watch::Sender<bool>>,
}

/// Counts tokens as the model does, where it can tell.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    embedder: Option<Arc<dyn Embedder>>,
}

impl Tokens {
    pub(crate) fn new(embedder: &Arc<dyn Embedder>) -> Self {
        let counts = embedder.count_tokens("test").is_some();
        Self {
            embedder: counts.then(|| Arc::clone(embedder)),
        }
    }

    /// Calls `work` with the way to count.
    pub(crate) fn with<T>(&self, work: impl FnOnce(TokenCount<'_>) -> T) -> T {
        match &self.embedder {
            Some(embedder) => {
                let count = |text: &str| {
                    embedder
                        .count_tokens(text)
                        .unwrap_or_else(|| estimate_tokens(text))
                };
                work(TokenCount::Model(&count))
            }
            None => work(TokenCount::Estimate),
        }
    }

    /// Whether the model's own way to count is known.
    pub(crate) fn are_exact(&self) -> bool {
        self.embedder.is_some()
    }

    /// Names the way to count: another one cuts documents elsewhere.
    pub(crate) fn name(&self) -> String {
        match &self.embedder {
            Some(embedder) => format!("{}/{}", embedder.model().provider, embedder.model().model),
            None => "estimate".to_owned(),
        }
    }
}

/// Cuts documents as the options say, with so many tokens of overlap.
pub(crate) fn chunker(options: &RunOptions, overlap_tokens: usize) -> Result<Chunker> {
    let options = ChunkOptions {
        max_tokens: options.chunk_size,
        overlap_tokens,
    };
    Chunker::new(options).map_err(|error| Error::usage("the chunk size does not work").with_source(error))
}

/// Identifies how documents become chunks.
pub(crate) fn recipe(chunker: &Chunker, tokens: &Tokens) -> ContentHash {
    ContentHash::of_fields([
        chunker.recipe().as_bytes().as_slice(),
        format::VERSION,
        tokens.name().as_bytes(),
    ])
}

impl Context {
    /// Bytes that a document of so many bytes may come to hold: read, decoded, cut, and with its vectors.
    pub(crate) fn estimate(&self, bytes: u64) -> usize {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX / 64);
        self.held(bytes, bytes / self.chunk_bytes.load(Ordering::Relaxed))
    }

    /// The same of a document that the store has an earlier version of: it may come to twice as many chunks, or, if it
    /// has become much longer, to chunks of some length.
    pub(crate) fn estimate_again(&self, bytes: u64, before: &DocumentState) -> usize {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX / 64);
        let chunks = before.chunks as usize + before.failed as usize;
        self.held(bytes, chunks.saturating_mul(2).max(bytes / USUAL_CHUNK))
    }

    fn held(&self, bytes: usize, chunks: usize) -> usize {
        let chunks = chunks.saturating_add(1).saturating_mul(self.chunk_cost());
        bytes.saturating_mul(3).saturating_add(chunks)
    }

    /// Learns how short chunks are, so that the next documents are estimated better. Documents differ, so half of the
    /// average is what is reckoned with, and a short one counts at once where a long one counts little.
    pub(crate) fn learn(&self, bytes: usize, chunks: usize) {
        let seen = (bytes / chunks.max(1) / 2).max(SHORTEST_CHUNK);
        let learnt = |known: usize| {
            Some(if seen < known {
                seen
            } else {
                (known * 15 + seen) / 16
            })
        };
        let _ = self
            .chunk_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, learnt);
    }

    /// Bytes of a chunk besides its text: its vector and what it takes to keep it.
    pub(crate) fn chunk_cost(&self) -> usize {
        self.dimensions.unwrap_or(0) * size_of::<f32>() + 384
    }
}
