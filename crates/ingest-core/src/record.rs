//! What goes into a store and comes out of it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{Chunk, ContentHash, Document};

/// The model a store's vectors come from. Vectors of two models must never meet in one store.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelIdentity {
    /// Who answers, such as `ollama`.
    pub provider: String,
    /// The model's name.
    pub model: String,
    /// The weights' digest, where the server tells it.
    pub digest: Option<String>,
    /// Values per vector.
    pub dimensions: usize,
    /// What is put before a document's text.
    pub document_prefix: String,
    /// What is put before a question.
    pub query_prefix: String,
    /// The weight of the vectors' ranks in hybrid search, the words' being 1.
    pub vector_weight: f32,
    /// What the model made of [`CANARY`](crate::CANARY) first; `None` where that was not asked yet.
    pub canary: Option<Vec<f32>>,
}

/// What a store knows of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentState {
    /// The document.
    pub source: String,
    /// Which walk, file or named source brought it: the unit of removal.
    pub origin: String,
    /// Hash of its content and fields.
    pub revision: ContentHash,
    /// Hash of the settings it was cut with.
    pub recipe: ContentHash,
    /// Chunks stored.
    pub chunks: u32,
    /// Chunks set aside as failed; such a document is incomplete.
    pub failed: u32,
}

/// Where the vector of a new chunk comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// It was embedded just now.
    New(Arc<[f32]>),
    /// The store holds one for the same content hash ([`Store::known`](crate::Store::known) said so).
    Stored,
    /// The text has no embedding (a model that knows none of its words): stored for text search alone.
    TextOnly,
    /// Embedding it failed for good: kept aside, with its text, for another try; not found by any search.
    Failed(ChunkFailure),
}

/// Why a chunk was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkFailure {
    /// A stable name of the kind of failure.
    pub kind: String,
    /// What the server or the program said, free of secrets.
    pub message: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// How often it was tried.
    pub attempts: u32,
}

/// A chunk and its vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The chunk.
    pub chunk: Chunk,
    /// Its vector, or why there is none.
    pub vector: Vector,
}

/// A document with all its chunks, to take the place of what the store holds for the same source.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentRecord {
    /// The document. Stores keep its fields; of its text only what the chunks hold (`text` may be empty here).
    pub document: Document,
    /// Which walk, file or named source brought it.
    pub origin: String,
    /// Hash of its content and fields.
    pub revision: ContentHash,
    /// Hash of the settings it was cut with.
    pub recipe: ContentHash,
    /// Its chunks, by ordinal.
    pub records: Vec<Record>,
}

/// A chunk as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChunk {
    /// The document it belongs to.
    pub source: String,
    /// The document's title.
    pub title: String,
    /// The chunk.
    pub chunk: Chunk,
    /// Its vector; `None` for a text without an embedding.
    pub vector: Option<Vec<f32>>,
}

/// A chunk as found by its content hash.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundChunk {
    /// The document it belongs to.
    pub source: String,
    /// The chunk.
    pub chunk: Chunk,
    /// Whether it has a vector; one without is found by its words alone.
    pub has_vector: bool,
    /// When its document was stored as it is; `None` where that was not noted yet.
    pub stored_at: Option<SystemTime>,
}

/// A chunk that was set aside.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedChunk {
    /// The document it belongs to.
    pub source: String,
    /// The document's title.
    pub title: String,
    /// The document's display address, or empty.
    pub display_url: String,
    /// The chunk, its text included.
    pub chunk: Chunk,
    /// Why it failed last.
    pub failure: ChunkFailure,
}

/// How a search looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchMode {
    /// Words and vectors, their ranks fused.
    #[default]
    Hybrid,
    /// Vectors alone.
    Vector,
    /// Words alone.
    Text,
}

/// A search.
#[derive(Clone, Debug)]
pub struct Query {
    /// The question's words.
    pub text: String,
    /// The question's vector; without one a hybrid search looks for words alone.
    pub vector: Option<Vec<f32>>,
    /// How to look.
    pub mode: SearchMode,
    /// How many hits.
    pub top_k: usize,
    /// Only documents whose source matches this glob (`*` any run of characters, `?` one character, `[…]` a set).
    pub source: Option<String>,
    /// Overrides the weight of the vectors' ranks that the store keeps.
    pub vector_weight: Option<f32>,
}

/// A search result, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Larger is nearer: cosine similarity in vector mode, the fused or word score otherwise.
    pub score: f64,
    /// The document.
    pub source: String,
    /// The document's title.
    pub title: String,
    /// The chunk, its text included.
    pub chunk: Chunk,
}

/// What a run says of itself when it begins and ends; the store keeps the last ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInfo {
    /// When it began.
    pub started: Option<SystemTime>,
    /// When it ended; `None` while it runs or after it was killed.
    pub finished: Option<SystemTime>,
    /// How it ended, such as `ok`, `partial`, `interrupted`; free text for people.
    pub outcome: String,
    /// What it was asked to do, for people: the paths and the like.
    pub description: String,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreStatus {
    /// The model, once anything was stored.
    pub identity: Option<ModelIdentity>,
    /// Documents.
    pub documents: u64,
    /// Documents with a chunk set aside.
    pub incomplete: u64,
    /// Chunks that can be found.
    pub chunks: u64,
    /// Of these, chunks without a vector.
    pub text_only: u64,
    /// Chunks set aside.
    pub failed: u64,
    /// Distinct vectors.
    pub vectors: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The last run.
    pub last_run: Option<RunInfo>,
}

/// What a removal took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Documents.
    pub documents: u64,
    /// Their chunks that could be found.
    pub chunks: u64,
}
