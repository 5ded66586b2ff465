//! The read path: the question is embedded with the recorded model, and the store is asked.

use embed_core::{Embedder, EmbedderExt, ErrorKind as EmbedErrorKind, InputKind};
use ingest_core::{Hit, ModelIdentity, Query, SearchMode, Store};

use crate::{Error, ErrorKind, Result};

/// A search.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// How many hits. Default 10.
    pub top_k: usize,
    /// How to look. Default hybrid.
    pub mode: SearchMode,
    /// Only documents whose source matches this glob. Default none.
    pub source: Option<String>,
    /// Overrides the weight of the vectors' ranks that the store keeps. Default none.
    pub vector_weight: Option<f32>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            top_k: 10,
            mode: SearchMode::default(),
            source: None,
            vector_weight: None,
        }
    }
}

/// The best chunks for a question, best first. `embedder` is not asked in text mode.
///
/// # Errors
/// `Usage` for a blank question, `Store` for an empty store or one of another model than the embedder's, `Embedder`
/// where the question can't be embedded.
pub async fn search(
    store: &dyn Store,
    embedder: Option<&dyn Embedder>,
    question: &str,
    options: &SearchOptions,
) -> Result<Vec<Hit>> {
    if question.trim().is_empty() {
        return Err(Error::usage("the question is blank"));
    }
    let Some(identity) = store.identity().await? else {
        return Err(Error::new(
            ErrorKind::Store,
            format!(
                "nothing is stored in {} yet: fill it with `ingest run` first",
                store.location()
            ),
        ));
    };
    let vector = match (options.mode, embedder) {
        (SearchMode::Text, _) => None,
        (SearchMode::Hybrid | SearchMode::Vector, Some(embedder)) => {
            embed(embedder, &identity, question).await?
        }
        (SearchMode::Hybrid | SearchMode::Vector, None) => {
            return Err(Error::usage(
                "a search by vectors needs the model the store was built with",
            ));
        }
    };
    if vector.is_none() && options.mode == SearchMode::Vector {
        // The model knows none of its words, so nothing is near.
        return Ok(Vec::new());
    }
    let query = Query {
        text: question.to_owned(),
        vector,
        mode: options.mode,
        top_k: options.top_k,
        source: options.source.clone(),
        vector_weight: options.vector_weight,
    };
    Ok(store.search(&query).await?)
}

/// The question's vector; `None` where the model knows none of its words.
async fn embed(
    embedder: &dyn Embedder,
    identity: &ModelIdentity,
    question: &str,
) -> Result<Option<Vec<f32>>> {
    let model = embedder.model();
    if (&model.provider, &model.model) != (&identity.provider, &identity.model) {
        return Err(Error::new(
            ErrorKind::Store,
            format!(
                "the store was built with model `{}` of provider `{}`, not with `{}` of `{}`: search with the former",
                identity.model, identity.provider, model.model, model.provider
            ),
        ));
    }
    let vector = match embedder.embed_one(question, InputKind::Query).await {
        Ok(vector) => vector,
        Err(error)
            if error.kind() == EmbedErrorKind::InvalidInput && embedder.count_tokens(question) == Some(0) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    if vector.len() != identity.dimensions {
        return Err(Error::new(
            ErrorKind::Store,
            format!(
                "model `{}` answers with {} values, the store's vectors have {}: ask for as many dimensions as the \
                 store was built with",
                identity.model,
                vector.len(),
                identity.dimensions
            ),
        ));
    }
    Ok(Some(vector))
}
