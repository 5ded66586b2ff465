//! The same contract without `async`.

use std::fmt;
use std::sync::Arc;

use crate::{Embeddings, InputKind, ModelInfo, Result, Usage};

/// Turns text into vectors on the calling thread. The blocking twin of [`Embedder`](crate::Embedder).
pub trait BlockingEmbedder: fmt::Debug + Send + Sync + 'static {
    /// Which model this is: what is known without asking anyone.
    fn model(&self) -> &ModelInfo;

    /// Returns one row per input, in input order; the batch succeeds or fails as a whole, an empty one asks nobody.
    fn embed_batch(&self, inputs: &[&str], kind: InputKind) -> Result<Embeddings>;

    /// Asks the server, if there is one, what it knows of the model.
    fn describe(&self) -> Result<ModelInfo> {
        Ok(self.model().clone())
    }

    /// How many tokens the model makes of a text, where that can be told without asking anyone.
    fn count_tokens(&self, input: &str) -> Option<usize> {
        let _ = input;
        None
    }

    /// What has been done so far.
    fn usage(&self) -> Usage {
        Usage::default()
    }
}

macro_rules! forward {
    ($pointer:ident) => {
        impl<E: BlockingEmbedder + ?Sized> BlockingEmbedder for $pointer<E> {
            fn model(&self) -> &ModelInfo {
                (**self).model()
            }

            fn embed_batch(&self, inputs: &[&str], kind: InputKind) -> Result<Embeddings> {
                (**self).embed_batch(inputs, kind)
            }

            fn describe(&self) -> Result<ModelInfo> {
                (**self).describe()
            }

            fn count_tokens(&self, input: &str) -> Option<usize> {
                (**self).count_tokens(input)
            }

            fn usage(&self) -> Usage {
                (**self).usage()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
