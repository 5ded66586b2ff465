//! Small documents, models and vectors to test with.

use std::sync::Arc;

use crate::{
    Chunk, ChunkFailure, ContentHash, Document, DocumentRecord, ModelIdentity, Query, Record, SearchMode,
    Span, Vector,
};

/// The width of the vectors made here.
pub const DIMENSIONS: usize = 4;

/// A model of [`DIMENSIONS`] dimensions.
pub fn identity() -> ModelIdentity {
    ModelIdentity {
        provider: "sample".into(),
        model: "sample-model".into(),
        digest: None,
        dimensions: DIMENSIONS,
        document_prefix: String::new(),
        query_prefix: String::new(),
        vector_weight: 1.0,
        canary: None,
    }
}

/// A vector that was embedded just now.
pub fn new_vector(values: [f32; DIMENSIONS]) -> Vector {
    Vector::New(Arc::new(values))
}

/// Why a chunk was set aside, told apart by its message.
pub fn failure(message: &str) -> ChunkFailure {
    ChunkFailure {
        kind: "input_too_long".into(),
        message: message.into(),
        status: Some(400),
        attempts: 3,
    }
}

/// A chunk without a header.
pub fn chunk(ordinal: u32, text: &str) -> Chunk {
    let start = ordinal as usize * 100;
    Chunk {
        ordinal,
        span: Span {
            start,
            end: start + text.len(),
            line_start: ordinal as usize + 1,
            line_end: ordinal as usize + 2,
        },
        heading_path: Vec::new(),
        context_header: String::new(),
        text: text.into(),
        content_hash: ContentHash::of_text(text),
    }
}

/// A document of chunks with their vectors, in order. Its revision is the hash of their texts.
pub fn document(source: &str, chunks: &[(&str, Vector)]) -> DocumentRecord {
    let records = chunks.iter().zip(0..).map(|((text, vector), ordinal)| Record {
        chunk: chunk(ordinal, text),
        vector: vector.clone(),
    });
    DocumentRecord {
        document: Document {
            source: source.into(),
            ..Document::default()
        },
        origin: "sample".into(),
        revision: ContentHash::of_fields(chunks.iter().map(|(text, _)| text.as_bytes())),
        recipe: ContentHash::of_bytes(b"recipe"),
        records: records.collect(),
    }
}

/// A search for words alone.
pub fn text_query(text: &str) -> Query {
    Query {
        text: text.into(),
        vector: None,
        mode: SearchMode::Text,
        top_k: 10,
        source: None,
        vector_weight: None,
    }
}

/// A search by vector alone.
pub fn vector_query(values: [f32; DIMENSIONS]) -> Query {
    Query {
        vector: Some(values.to_vec()),
        mode: SearchMode::Vector,
        ..text_query("")
    }
}
