//! The model of a store, and the width of its vectors.

use std::sync::Arc;

use ingest_core::{Error, ErrorKind, ModelIdentity};

use super::fault::Work;
use super::pool::Session;
use super::row::{clean, get};
use super::{index, read, write};
use crate::check;

/// The widest vector that pgvector stores.
const WIDEST: usize = 16_000;

/// Binds a model, or checks that the bound one is the same.
pub(super) async fn bind(session: Arc<Session>, store: &str, offered: &ModelIdentity) -> Work<()> {
    let stored = read::identity(&session).await?;
    let bound = check::rebind(store, stored.clone(), offered)?;
    if stored.as_ref() == Some(&bound) {
        return Ok(());
    }
    write::enter_alone(&session).await?;
    // Asked again, now that nobody else can be doing the same.
    let bound = check::rebind(store, read::identity(&session).await?, offered)?;
    set_width(&session, store, &bound).await?;
    session
        .execute(
            "INSERT INTO ingest_model (id, provider, model, digest, dimensions, document_prefix, query_prefix,
                 vector_weight, canary)
             VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, model = excluded.model,
                 digest = excluded.digest, dimensions = excluded.dimensions,
                 document_prefix = excluded.document_prefix, query_prefix = excluded.query_prefix,
                 vector_weight = excluded.vector_weight, canary = excluded.canary",
            &[
                &clean(&bound.provider),
                &clean(&bound.model),
                &bound.digest.as_deref().map(clean),
                &(bound.dimensions as i64),
                &clean(&bound.document_prefix),
                &clean(&bound.query_prefix),
                &bound.vector_weight,
                &bound.canary,
            ],
        )
        .await?;
    Ok(())
}

/// Gives the column of vectors the model's width. Vectors that are there, of an adopted table, must have it already.
async fn set_width(session: &Session, store: &str, model: &ModelIdentity) -> Work<()> {
    let dimensions = model.dimensions;
    if dimensions > WIDEST {
        let message = format!(
            "the model {} has {dimensions} dimensions, pgvector stores no more than {WIDEST}",
            model.model
        );
        return Err(check::invalid(message).into());
    }
    let row = session
        .first(
            "SELECT atttypmod FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attname = 'embedding'",
            &[],
        )
        .await?;
    let width: i32 = get(&row, 0)?;
    if usize::try_from(width).ok() == Some(dimensions) {
        return Ok(());
    }
    let rows = session
        .query(
            "SELECT vector_dims(embedding) FROM chunks WHERE embedding IS NOT NULL LIMIT 1",
            &[],
        )
        .await?;
    if let Some(row) = rows.first() {
        let found: i32 = get(row, 0)?;
        if usize::try_from(found).ok() != Some(dimensions) {
            let message = format!(
                "store {store} holds vectors of {found} dimensions, the model {} has {dimensions}: use the model they were \
                 made with, another database, or start this one over with --clean",
                model.model
            );
            return Err(Error::new(ErrorKind::ModelMismatch, message).into());
        }
    }
    index::drop(session).await?;
    session
        .batch(&format!(
            "ALTER TABLE chunks ALTER COLUMN embedding TYPE vector({dimensions})"
        ))
        .await
}
