//! What is known of a model.

use std::num::NonZeroUsize;

/// Which model answers and what it can take. What is not known is `None`, never a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Who answers: `ollama`, `openai`, `static`, or a name of your own.
    pub provider: String,
    /// The name it is asked for, such as `nomic-embed-text`.
    pub model: String,
    /// What the server says identifies these very weights, such as Ollama's SHA-256 digest.
    pub digest: Option<String>,
    /// Values per embedding.
    pub dimensions: Option<usize>,
    /// Tokens the model reads of one input; what is beyond is cut or refused.
    pub context_length: Option<usize>,
    /// Most texts in one request.
    pub max_batch: Option<NonZeroUsize>,
    /// Most bytes of text (UTF-8, prefixes included) in one request.
    pub max_batch_bytes: Option<NonZeroUsize>,
}

impl ModelInfo {
    /// A model of which only the name is known.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            digest: None,
            dimensions: None,
            context_length: None,
            max_batch: None,
            max_batch_bytes: None,
        }
    }

    /// Sets the width of an embedding.
    #[must_use]
    pub fn with_dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Sets the identity of the weights.
    #[must_use]
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = Some(digest.into());
        self
    }

    /// Sets the number of tokens the model reads of one input.
    #[must_use]
    pub fn with_context_length(mut self, tokens: usize) -> Self {
        self.context_length = Some(tokens);
        self
    }

    /// Sets the most texts in one request.
    #[must_use]
    pub fn with_max_batch(mut self, texts: NonZeroUsize) -> Self {
        self.max_batch = Some(texts);
        self
    }

    /// Sets the most bytes of text in one request.
    #[must_use]
    pub fn with_max_batch_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.max_batch_bytes = Some(bytes);
        self
    }
}
