//! What is checked before anything is touched: one test embedding, and whether the store is of this model.

use std::sync::Arc;

use embed_core::{Embedder, EmbedderExt, InputKind, ModelInfo, Retrier};
use ingest_core::{ModelIdentity, Store};

use crate::outage::PROBE;
use crate::{Error, ErrorKind, Result, RunOptions};

/// What the model turned out to be.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// `None` in a dry run, which asks nobody.
    pub(crate) identity: Option<ModelIdentity>,
    /// Whether the store is of another model, which can only change where `clean` or nothing stored leaves it empty.
    pub(crate) differs: bool,
}

/// Makes the test embedding and compares the model with the store's.
pub(crate) async fn check(
    store: &dyn Store,
    embedder: &Arc<dyn Embedder>,
    options: &RunOptions,
    retrier: &Retrier,
) -> Result<Model> {
    let stored = store.identity().await?;
    let info = embedder.model();
    // What is known without a request is compared first: a wrong name costs no one a wait.
    let mut differs = differs(stored.as_ref(), info, info.dimensions, options);
    // A store that holds nothing has nothing to mix up; it forgets its model.
    let may_change = options.clean || (stored.is_some() && holds_nothing(store).await?);
    if differs && !may_change {
        return Err(mismatch(store, stored.as_ref(), info, info.dimensions));
    }
    if options.dry_run {
        return Ok(Model {
            identity: None,
            differs,
        });
    }
    let row = retrier
        .run(|_| embedder.embed_one(PROBE, InputKind::Document))
        .await
        .map_err(|error| {
            let message = format!(
                "the test embedding with model `{}` of provider `{}` failed; nothing was touched",
                info.model, info.provider
            );
            Error::new(ErrorKind::Embedder, message).with_source(error)
        })?;
    let dimensions = row.len();
    // Some servers can't describe their models; the digest is then unknown, as it may be.
    let described = embedder.describe().await.unwrap_or_else(|_| info.clone());
    differs |= self::differs(stored.as_ref(), info, Some(dimensions), options);
    if differs && !may_change {
        return Err(mismatch(store, stored.as_ref(), info, Some(dimensions)));
    }
    Ok(Model {
        identity: Some(ModelIdentity {
            provider: info.provider.clone(),
            model: info.model.clone(),
            digest: described.digest,
            dimensions,
            document_prefix: options.prefixes.document.clone(),
            query_prefix: options.prefixes.query.clone(),
            vector_weight: options.vector_weight,
        }),
        differs,
    })
}

async fn holds_nothing(store: &dyn Store) -> Result<bool> {
    let status = store.status().await?;
    Ok(status.documents == 0 && status.vectors == 0)
}

fn differs(
    stored: Option<&ModelIdentity>,
    info: &ModelInfo,
    dimensions: Option<usize>,
    options: &RunOptions,
) -> bool {
    stored.is_some_and(|stored| {
        stored.provider != info.provider
            || stored.model != info.model
            || dimensions.is_some_and(|dimensions| dimensions != stored.dimensions)
            || stored.document_prefix != options.prefixes.document
            || stored.query_prefix != options.prefixes.query
    })
}

fn mismatch(
    store: &dyn Store,
    stored: Option<&ModelIdentity>,
    info: &ModelInfo,
    dimensions: Option<usize>,
) -> Error {
    let Some(stored) = stored else {
        return Error::new(ErrorKind::Store, "the store is of another model");
    };
    let wide = dimensions
        .map(|dimensions| format!(", {dimensions} dimensions"))
        .unwrap_or_default();
    let named = |provider: &str, model: &str| format!("model `{model}` of provider `{provider}`");
    let same_name = stored.provider == info.provider && stored.model == info.model;
    let what = if same_name && dimensions.is_none_or(|dimensions| dimensions == stored.dimensions) {
        format!(
            "was built with other prefixes (`{}` and `{}`)",
            stored.document_prefix, stored.query_prefix
        )
    } else {
        format!(
            "was built with {} ({} dimensions), this run has {}{wide}",
            named(&stored.provider, &stored.model),
            stored.dimensions,
            named(&info.provider, &info.model)
        )
    };
    Error::new(
        ErrorKind::Store,
        format!(
            "the store {} {what}: go on with the former, choose another store, or start over with --clean",
            store.location()
        ),
    )
}
