//! What is checked before anything is touched: one test embedding, and whether the store is of this model.
//!
//! Where the store knows the model already, the test embedding waits until there is something to embed: a run that finds
//! nothing new sends nothing, and needs no server.

use std::sync::Arc;

use embed_core::{Embedder, EmbedderExt, InputKind, ModelInfo, Retrier};
use ingest_core::{CANARY, ModelIdentity, Store, same_model};
use tokio::sync::OnceCell;

use crate::canary;
use crate::context::Context;
use crate::error::chain;
use crate::{Error, ErrorKind, Result, RunOptions, Stop};

/// What the model turned out to be.
#[derive(Debug)]
pub(crate) struct Model {
    /// `None` in a dry run, which asks nobody.
    pub(crate) identity: Option<ModelIdentity>,
    /// Whether the store is of another model, which can only change where `clean` or nothing stored leaves it empty.
    pub(crate) differs: bool,
    /// What is left to be checked.
    pub(crate) opening: Opening,
}

/// The test embedding that is made before the first batch, if it was not made before.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// What the answer must agree with.
    stored: Option<Box<ModelIdentity>>,
    done: OnceCell<()>,
}

impl Opening {
    /// Makes the test embedding, once for all workers, and stops the run if it fails or is another model's.
    pub(crate) async fn pass(&self, context: &Context, retrier: &Retrier) {
        let Some(stored) = &self.stored else {
            return;
        };
        let pass = || async {
            tokio::select! {
                passed = ask(context, stored, retrier) => if let Err(Stop { kind, message }) = passed {
                    context.halt.stop(&kind, message);
                },
                () = context.halt.halted() => {}
            }
        };
        self.done.get_or_init(pass).await;
    }
}

/// Makes the test embedding and compares the model with the store's.
async fn ask(context: &Context, stored: &ModelIdentity, retrier: &Retrier) -> Result<(), Stop> {
    let (store, embedder) = (context.store.as_ref(), &context.embedder);
    let stop = |kind: &str, message| Stop {
        kind: kind.to_owned(),
        message,
    };
    let answer = embed_canary(embedder, retrier).await.map_err(|error| {
        let message = format!("{}: {}", failed(embedder.model()), chain(&error));
        stop(error.kind().as_str(), message)
    })?;
    let described = describe(embedder).await;
    let difference = other_answer(stored, embedder.model(), &described, &answer, &context.options);
    if let Some(difference) = difference {
        let kind = ingest_core::ErrorKind::ModelMismatch.as_str();
        return Err(stop(kind, mismatch(store, &difference).to_string()));
    }
    if stored.digest.is_none() && described.digest.is_some() {
        let mut identity = stored.clone();
        identity.digest = described.digest;
        let bound = store.bind(&identity).await;
        return bound.map_err(|error| stop(error.kind().as_str(), chain(&error)));
    }
    Ok(())
}

/// Makes the test embedding, which is the canary's, and compares the model with the store's.
pub(crate) async fn check(
    store: &dyn Store,
    embedder: &Arc<dyn Embedder>,
    options: &RunOptions,
    retrier: &Retrier,
) -> Result<Model> {
    let stored = store.identity().await?;
    let info = embedder.model();
    // A store that holds nothing has nothing to mix up; it forgets its model.
    let may_change = options.clean || (stored.is_some() && store.is_empty().await?);
    let refuse = |difference: Option<String>| match difference {
        Some(difference) if !may_change => Err(mismatch(store, &difference)),
        difference => Ok(difference.is_some()),
    };
    let stored = stored.as_ref();
    // What is known without a request is compared first: a wrong name costs no one a wait.
    let mut differs = refuse(stored.and_then(|stored| other_model(stored, info, info.dimensions, options)))?;
    if options.dry_run {
        return Ok(Model {
            identity: None,
            differs,
            opening: Opening::default(),
        });
    }
    if let Some(stored) = stored.filter(|stored| !may_change && stored.canary.is_some()) {
        let identity = ModelIdentity {
            vector_weight: options.vector_weight,
            ..stored.clone()
        };
        return Ok(Model {
            identity: Some(identity.clone()),
            differs,
            opening: Opening {
                stored: Some(identity.into()),
                done: OnceCell::new(),
            },
        });
    }
    let answer = embed_canary(embedder, retrier).await.map_err(|error| {
        let message = format!("{}; nothing was touched", failed(info));
        Error::new(ErrorKind::Embedder, message).with_source(error)
    })?;
    let described = describe(embedder).await;
    differs |= refuse(stored.and_then(|stored| other_answer(stored, info, &described, &answer, options)))?;
    let first = stored
        .filter(|_| !differs)
        .and_then(|stored| stored.canary.clone());
    Ok(Model {
        identity: Some(ModelIdentity {
            provider: info.provider.clone(),
            model: info.model.clone(),
            digest: described.digest,
            dimensions: answer.len(),
            document_prefix: options.prefixes.document.clone(),
            query_prefix: options.prefixes.query.clone(),
            vector_weight: options.vector_weight,
            canary: Some(first.unwrap_or(answer)),
        }),
        differs,
        opening: Opening::default(),
    })
}

async fn embed_canary(embedder: &Arc<dyn Embedder>, retrier: &Retrier) -> embed_core::Result<Vec<f32>> {
    retrier
        .run(|_| embedder.embed_one(CANARY, InputKind::Document))
        .await
}

/// Says that the test embedding failed.
fn failed(info: &ModelInfo) -> String {
    let named = canary::named(&info.provider, &info.model, None);
    format!("the test embedding with {named} failed")
}

/// What the server says of the model. Some can't; the digest is then unknown, as it may be.
async fn describe(embedder: &Arc<dyn Embedder>) -> ModelInfo {
    let described = embedder.describe().await;
    described.unwrap_or_else(|_| embedder.model().clone())
}

/// How the model that answered is another than the store's, if it is.
fn other_answer(
    stored: &ModelIdentity,
    info: &ModelInfo,
    described: &ModelInfo,
    answer: &[f32],
    options: &RunOptions,
) -> Option<String> {
    other_model(stored, info, Some(answer.len()), options)
        .or_else(|| other_weights(stored, described, answer, options))
}

/// How a run's model is another than the store's by name, width or prefixes, if it is.
fn other_model(
    stored: &ModelIdentity,
    info: &ModelInfo,
    dimensions: Option<usize>,
    options: &RunOptions,
) -> Option<String> {
    let same_name = stored.provider == info.provider && stored.model == info.model;
    if !same_name || dimensions.is_some_and(|dimensions| dimensions != stored.dimensions) {
        let wide = dimensions
            .map(|dimensions| format!(", {dimensions} dimensions"))
            .unwrap_or_default();
        return Some(format!(
            "was built with {} ({} dimensions), this run has {}{wide}: go on with the former",
            canary::named(&stored.provider, &stored.model, None),
            stored.dimensions,
            canary::named(&info.provider, &info.model, None)
        ));
    }
    let same_prefixes =
        stored.document_prefix == options.prefixes.document && stored.query_prefix == options.prefixes.query;
    (!same_prefixes).then(|| {
        format!(
            "was built with other prefixes (`{}` and `{}`): go on with the former",
            stored.document_prefix, stored.query_prefix
        )
    })
}

/// How a model of the store's name has other weights, by what the server says of them or by what they make of the canary.
fn other_weights(
    stored: &ModelIdentity,
    described: &ModelInfo,
    answer: &[f32],
    options: &RunOptions,
) -> Option<String> {
    let canary = stored.canary.as_deref();
    let canary = canary.and_then(|first| same_model(first, answer).err().map(canary::unlike));
    let digest = match (&stored.digest, &described.digest) {
        (Some(then), Some(now)) if then != now => Some(format!("its digest was {then}, and is {now}")),
        _ => None,
    };
    let signs: Vec<_> = canary.into_iter().chain(digest).collect();
    (!signs.is_empty()).then(|| {
        format!(
            "was built with another version of {}: {}. Pull the former version again",
            canary::named(&described.provider, &described.model, options.server.as_deref()),
            signs.join(", and ")
        )
    })
}

fn mismatch(store: &dyn Store, difference: &str) -> Error {
    Error::new(
        ErrorKind::Store,
        format!(
            "the store {} {difference}, choose another store, or start over with --clean",
            store.location()
        ),
    )
}
