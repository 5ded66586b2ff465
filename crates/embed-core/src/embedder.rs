//! The contract itself.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Embeddings, Error, ErrorKind, ModelInfo, Result, Usage};

/// What a text is for. Many models were trained with a different prefix for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InputKind {
    /// A text to be found.
    #[default]
    Document,
    /// A question to find it by.
    Query,
}

/// Turns text into vectors. Wrappers forward every method, so that a provider's own version is the one used.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Embedder: fmt::Debug + Send + Sync + 'static {
    /// Which model this is, how wide its rows are, how much it takes at once: what is known without asking anyone.
    fn model(&self) -> &ModelInfo;

    /// Returns one row per input, in input order, checked by [`Embeddings::check`].
    ///
    /// The batch succeeds or fails as a whole; an empty one asks nobody and gives no rows. How an input is told to
    /// the model for its `kind` is the embedder's business (see [`Prefixes`](crate::Prefixes)).
    // `'a` is written out because mockall cannot mock the elided form.
    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings>;

    /// Asks the server what it knows of the model (digest, width, context length); without a server, what
    /// [`model`](Self::model) says.
    async fn describe(&self) -> Result<ModelInfo> {
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

/// Shortcuts for callers; never implemented by hand.
pub trait EmbedderExt: Embedder {
    /// Embeds one text.
    fn embed_one(&self, input: &str, kind: InputKind) -> impl Future<Output = Result<Vec<f32>>> + Send {
        async move {
            let rows = self.embed_batch(&[input], kind).await?;
            match rows.rows() {
                1 => Ok(rows.into_flat()),
                found => Err(Error::new(
                    ErrorKind::InvalidResponse,
                    format!(
                        "{found} rows for one input from provider `{}`",
                        self.model().provider
                    ),
                )),
            }
        }
    }
}

impl<E: Embedder + ?Sized> EmbedderExt for E {}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<E: Embedder + ?Sized> Embedder for $pointer<E> {
            fn model(&self) -> &ModelInfo {
                (**self).model()
            }

            async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
                (**self).embed_batch(inputs, kind).await
            }

            async fn describe(&self) -> Result<ModelInfo> {
                (**self).describe().await
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
