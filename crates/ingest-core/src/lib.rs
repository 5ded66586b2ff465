#![doc = include_str!("../README.md")]

mod canary;
mod chunk;
mod chunker;
mod document;
mod error;
mod hash;
mod record;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use canary::{CANARY, SAME_MODEL, same_model};
pub use chunk::{Chunk, Span};
pub use chunker::{ChunkOptions, Chunker, Chunks, TokenCount, estimate_tokens};
pub use document::{Document, Markup};
pub use error::{Error, ErrorKind, Result};
pub use hash::{ContentHash, ParseHashError};
pub use record::{
    ChunkFailure, DocumentRecord, DocumentState, FailedChunk, FoundChunk, Hit, ModelIdentity, Query, Record,
    Removed, RunInfo, SearchMode, StoreStatus, StoredChunk, Vector,
};
#[cfg(feature = "testing")]
pub use store::MockStore;
pub use store::{Claims, Progress, RunGuard, Store};
