//! What every store refuses, in the same words.

use std::collections::HashMap;

use ingest_core::{
    CANARY, DocumentRecord, Error, ErrorKind, ModelIdentity, Query, Result, SearchMode, same_model,
};

/// Refuses a vector that could not be searched: of another width, or without a direction.
pub(crate) fn vector(values: &[f32], identity: Option<&ModelIdentity>) -> Result<()> {
    let Some(identity) = identity else {
        return Err(invalid(
            "the store has no model yet: bind one before storing vectors",
        ));
    };
    width(values, identity)?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(invalid("a vector holds a value that is not a finite number"));
    }
    if values.iter().all(|&value| value == 0.0) {
        return Err(invalid("a vector of zeros has no direction to search by"));
    }
    Ok(())
}

fn width(values: &[f32], identity: &ModelIdentity) -> Result<()> {
    if values.len() == identity.dimensions {
        return Ok(());
    }
    Err(invalid(format!(
        "a vector has {} dimensions where the store's model {} has {}",
        values.len(),
        identity.model,
        identity.dimensions
    )))
}

/// Brings documents into a form that can be written one after the other: of two versions of one document the later
/// stays, records stand in order.
pub(crate) fn documents(mut documents: Vec<DocumentRecord>) -> Result<Vec<DocumentRecord>> {
    let mut last = HashMap::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        last.insert(document.document.source.clone(), index);
    }
    if last.len() < documents.len() {
        let mut index = 0;
        documents.retain(|document| {
            index += 1;
            last[&document.document.source] == index - 1
        });
    }
    for document in &mut documents {
        let records = &mut document.records;
        records.sort_by_key(|record| record.chunk.ordinal);
        if let Some(pair) = records
            .windows(2)
            .find(|pair| pair[0].chunk.ordinal == pair[1].chunk.ordinal)
        {
            return Err(invalid(format!(
                "document {} has two chunks at position {}",
                document.document.source, pair[0].chunk.ordinal
            )));
        }
    }
    Ok(documents)
}

/// The identity a store has after binding `offered`.
pub(crate) fn rebind(
    location: &str,
    stored: Option<ModelIdentity>,
    offered: &ModelIdentity,
) -> Result<ModelIdentity> {
    if offered.dimensions == 0 {
        return Err(invalid("a model has at least one dimension"));
    }
    weight(offered.vector_weight)?;
    let Some(stored) = stored else {
        return Ok(offered.clone());
    };
    let digests_differ =
        matches!((&stored.digest, &offered.digest), (Some(stored), Some(offered)) if stored != offered);
    let other_canary = match (&stored.canary, &offered.canary) {
        (Some(stored), Some(offered)) => same_model(stored, offered).err(),
        _ => None,
    };
    if stored.provider != offered.provider
        || stored.model != offered.model
        || stored.dimensions != offered.dimensions
        || stored.document_prefix != offered.document_prefix
        || stored.query_prefix != offered.query_prefix
        || digests_differ
        || other_canary.is_some()
    {
        let canary = other_canary
            .map(|cosine| format!(" that embeds otherwise (cosine {cosine:.4} for the text {CANARY:?})"))
            .unwrap_or_default();
        return Err(Error::new(
            ErrorKind::ModelMismatch,
            format!(
                "store {location} was built with {}, not with {}{canary}: use another store, or start this one over with \
                 --clean",
                describe(&stored, offered),
                describe(offered, &stored)
            ),
        ));
    }
    Ok(ModelIdentity {
        digest: offered.digest.clone().or(stored.digest),
        canary: stored.canary.or_else(|| offered.canary.clone()),
        ..offered.clone()
    })
}

/// Names a model, with what else tells it from `other`.
fn describe(model: &ModelIdentity, other: &ModelIdentity) -> String {
    let mut text = format!(
        "{} model {} of {} dimensions",
        model.provider, model.model, model.dimensions
    );
    if let (Some(digest), Some(others)) = (&model.digest, &other.digest)
        && digest != others
    {
        text.push_str(&format!(", digest {digest}"));
    }
    if model.document_prefix != other.document_prefix {
        text.push_str(&format!(", document prefix {:?}", model.document_prefix));
    }
    if model.query_prefix != other.query_prefix {
        text.push_str(&format!(", query prefix {:?}", model.query_prefix));
    }
    text
}

/// Refuses a question that no store could answer.
pub(crate) fn query(query: &Query, identity: &ModelIdentity) -> Result<()> {
    if let Some(offered) = query.vector_weight {
        weight(offered)?;
    }
    match (&query.vector, query.mode) {
        (_, SearchMode::Text) | (None, SearchMode::Hybrid) => Ok(()),
        (None, SearchMode::Vector) => Err(invalid("a search by vectors needs the question's vector")),
        (Some(values), _) => vector(values, Some(identity)),
    }
}

fn weight(weight: f32) -> Result<()> {
    if weight.is_finite() && weight >= 0.0 {
        return Ok(());
    }
    Err(invalid(format!(
        "the weight of vectors is {weight}: it must be a number from 0 up"
    )))
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
