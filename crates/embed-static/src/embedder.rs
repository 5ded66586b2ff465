//! The provider.

use embed_core::{BlockingEmbedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result};

use crate::tokens::Tokenizer;
use crate::vectors::{self, DIGEST, DIMENSIONS};

/// The name of the model.
const MODEL: &str = "minilm-static-256";

/// Tokens that make an embedding; those beyond are not looked at.
const CONTEXT: usize = 512;

/// The built-in model: no server, no file, no setting. Cheap to make and to clone; any number of threads may use one.
#[derive(Clone, Debug)]
pub struct StaticEmbedder {
    model: ModelInfo,
}

impl StaticEmbedder {
    /// An embedder. The first use of any of them takes a millisecond more, to index the vocabulary.
    pub fn new() -> Self {
        let model = ModelInfo::new("static", MODEL)
            .with_dimensions(DIMENSIONS)
            .with_digest(DIGEST)
            .with_context_length(CONTEXT);
        Self { model }
    }

    /// The ids of the tokens that make a text's embedding: at most 512. Words that the vocabulary cannot spell have
    /// none; a text without any id has no embedding.
    pub fn token_ids(&self, text: &str) -> Vec<u32> {
        Tokenizer::new(CONTEXT).ids(text).to_vec()
    }
}

impl Default for StaticEmbedder {
    fn default() -> Self {
        Self::new()
    }
}

impl BlockingEmbedder for StaticEmbedder {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    /// The rows have length 1. Documents and queries are embedded alike.
    ///
    /// # Errors
    /// `InvalidInput`, with its index in [`Error::input`], for the first input without any known token.
    fn embed_batch(&self, inputs: &[&str], _kind: InputKind) -> Result<Embeddings> {
        let mut values = Vec::with_capacity(inputs.len() * DIMENSIONS);
        let mut tokenizer = Tokenizer::new(CONTEXT);
        for (index, input) in inputs.iter().enumerate() {
            if !vectors::push_direction(tokenizer.ids(input), &mut values) {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("input {index} has no word that model `{MODEL}` knows, so it has no embedding"),
                )
                .with_input(index));
            }
        }
        Embeddings::from_flat(values, inputs.len())
    }

    /// All tokens of the text, also those beyond the 512 that make its embedding.
    fn count_tokens(&self, input: &str) -> Option<usize> {
        Some(Tokenizer::new(usize::MAX).ids(input).len())
    }
}
