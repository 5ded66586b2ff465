//! Tells the model what a text is for, in the words it was trained with.

use async_trait::async_trait;

use crate::{Embedder, Embeddings, InputKind, ModelInfo, Prefixes, Result, Usage};

/// Puts the prefix of its kind before every input; without one, inputs pass uncopied.
#[derive(Clone, Debug)]
pub struct Prefixed<E> {
    inner: E,
    prefixes: Prefixes,
}

impl<E: Embedder> Prefixed<E> {
    /// Wraps `inner` with given prefixes; [`Prefixes::for_model`] knows those of common models.
    pub fn new(inner: E, prefixes: Prefixes) -> Self {
        Self { inner, prefixes }
    }

    /// What is put before inputs.
    pub fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    /// The embedder within.
    pub fn inner(&self) -> &E {
        &self.inner
    }
}

#[async_trait]
impl<E: Embedder> Embedder for Prefixed<E> {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        let prefix = self.prefixes.of(kind);
        if prefix.is_empty() {
            return self.inner.embed_batch(inputs, kind).await;
        }
        // One allocation for all texts of the batch.
        let bytes = inputs.iter().map(|input| prefix.len() + input.len()).sum();
        let mut joined = String::with_capacity(bytes);
        for input in inputs {
            joined.push_str(prefix);
            joined.push_str(input);
        }
        let mut rest = joined.as_str();
        let mut prefixed = Vec::with_capacity(inputs.len());
        for input in inputs {
            let (text, after) = rest.split_at(prefix.len() + input.len());
            prefixed.push(text);
            rest = after;
        }
        self.inner.embed_batch(&prefixed, kind).await
    }

    async fn describe(&self) -> Result<ModelInfo> {
        self.inner.describe().await
    }

    /// The tokens of the input alone, so that sums over parts of a text hold.
    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.inner.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}
