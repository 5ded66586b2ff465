//! Trying again. Retries live here alone: transports and providers classify and never loop, so attempts cannot multiply.

mod budget;
mod policy;
mod retrier;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

pub use budget::RetryBudget;
pub use policy::{Jitter, RetryPolicy};
pub use retrier::{Attempts, Retrier};

use crate::{Embedder, Embeddings, InputKind, ModelInfo, Result, Usage};

/// Tries a batch again where that can help. Only `embed_batch` is retried; everything else is passed on.
///
/// A batch is tried as it is: one that is refused ([`InputTooLong`](crate::ErrorKind::InputTooLong) and the like) comes
/// back at once. Clones share the budget, the pause and the count of retries.
///
/// ```
/// # use std::time::Duration;
/// # use embed_core::{Embedder, Retry, RetryPolicy};
/// # fn patient(provider: impl Embedder) -> impl Embedder {
/// Retry::new(provider, RetryPolicy::default().with_attempts(5))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Retry<E> {
    inner: E,
    retrier: Retrier,
    retries: Arc<AtomicU64>,
}

impl<E: Embedder> Retry<E> {
    /// Wraps `inner`; takes a [`RetryPolicy`], or a [`Retrier`] that others share.
    pub fn new(inner: E, retrier: impl Into<Retrier>) -> Self {
        Self {
            inner,
            retrier: retrier.into(),
            retries: Arc::default(),
        }
    }

    /// The embedder within.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// Policy, budget and pause.
    pub fn retrier(&self) -> &Retrier {
        &self.retrier
    }
}

#[async_trait]
impl<E: Embedder> Embedder for Retry<E> {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        if inputs.is_empty() {
            // It asks nobody, so it waits for nobody.
            return self.inner.embed_batch(inputs, kind).await;
        }
        let attempt = |number| {
            if number > 1 {
                self.retries.fetch_add(1, Ordering::Relaxed);
            }
            self.inner.embed_batch(inputs, kind)
        };
        self.retrier.run(attempt).await
    }

    async fn describe(&self) -> Result<ModelInfo> {
        self.inner.describe().await
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.inner.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        let mut usage = self.inner.usage();
        usage.retries += self.retries.load(Ordering::Relaxed);
        usage
    }
}
