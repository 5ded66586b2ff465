//! What changes a store. Everything here runs inside one transaction.
//!
//! Rows are sent as arrays, so that a statement stores many. Locks are taken in one order everywhere, the gate, then
//! documents by name, then kept vectors by hash, so that writers wait for each other and never in a circle.

use std::collections::HashMap;
use std::sync::Arc;

use ingest_core::{ChunkFailure, ContentHash, DocumentRecord, DocumentState, ModelIdentity, Removed, Vector};

use super::fault::{Fault, Work};
use super::pool::Session;
use super::row::{self, clean, get, whole};
use super::schema::GATE_LOCK;
use super::{chunks, read};
use crate::check::{self, invalid};
use chunks::{NewChunk, Origin};

/// Keeps out what must be alone, and tells the model.
async fn enter(session: &Session) -> Work<Option<ModelIdentity>> {
    let rows = session
        .query(
            &format!(
                "SELECT {} FROM (SELECT pg_advisory_xact_lock_shared($1, hashtext(current_schema()))) AS gate
                 LEFT JOIN ingest_model ON true",
                read::MODEL
            ),
            &[&GATE_LOCK],
        )
        .await?;
    let row = rows
        .first()
        .filter(|row| !matches!(row.try_get::<_, Option<&str>>(0), Ok(None)));
    row.map(|row| read::model(row, 0)).transpose()
}

/// Waits until nobody else changes anything, and keeps it so until the transaction ends.
pub(super) async fn enter_alone(session: &Session) -> Work<()> {
    session
        .execute(
            "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))",
            &[&GATE_LOCK],
        )
        .await?;
    Ok(())
}

/// Replaces documents whose sources differ from each other and whose records stand in order.
pub(super) async fn replace(session: Arc<Session>, documents: &[DocumentRecord]) -> Work<()> {
    if documents.is_empty() {
        return Ok(());
    }
    let identity = enter(&session).await?;
    let mut new: HashMap<ContentHash, &[f32]> = HashMap::new();
    for record in documents.iter().flat_map(|document| &document.records) {
        if let Vector::New(values) = &record.vector {
            check::vector(values, identity.as_ref())?;
            new.entry(record.chunk.content_hash).or_insert(values);
        }
    }
    let ids = put_documents(&session, documents).await?;
    let existing: Vec<i64> = ids
        .values()
        .filter(|(_, existed)| *existed)
        .map(|(id, _)| *id)
        .collect();
    if !existing.is_empty() {
        chunks::delete(&session, &existing).await?;
        session
            .execute(
                "DELETE FROM ingest_failures WHERE document_id = ANY($1)",
                &[&existing],
            )
            .await?;
    }
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for document in documents {
        let source = clean(&document.document.source);
        let (id, _) = ids
            .get(&*source)
            .ok_or_else(|| Fault::Damaged(format!("document {source} was not stored")))?;
        for record in &document.records {
            let chunk = &record.chunk;
            let vector = match &record.vector {
                Vector::Failed(failure) => {
                    failed.push((*id, chunk, failure));
                    continue;
                }
                Vector::TextOnly => Origin::Nowhere,
                Vector::New(values) => Origin::New(values),
                Vector::Stored => new
                    .get(&chunk.content_hash)
                    .map_or(Origin::Stored, |values| Origin::New(values)),
            };
            found.push(NewChunk {
                document: *id,
                chunk,
                vector,
            });
        }
    }
    chunks::insert(&session, &found).await?;
    chunks::set_aside(&session, &failed).await?;
    let sources: Vec<_> = documents
        .iter()
        .map(|document| clean(&document.document.source))
        .collect();
    session
        .execute("DELETE FROM ingest_claims WHERE source = ANY($1)", &[&sources])
        .await?;
    Ok(())
}

/// Stores what is known of documents, and locks them; returns their ids, and whether they were there before.
async fn put_documents(
    session: &Session,
    documents: &[DocumentRecord],
) -> Work<HashMap<String, (i64, bool)>> {
    macro_rules! column {
        (|$record:ident| $value:expr) => {
            documents.iter().map(|$record| $value).collect::<Vec<_>>()
        };
    }
    let failed = |record: &DocumentRecord| {
        record
            .records
            .iter()
            .filter(|record| matches!(record.vector, Vector::Failed(_)))
            .count() as i64
    };
    let generations = column!(|record| row::json(serde_json::to_string(&record.document.generations)));
    let metadata = column!(|record| row::json(serde_json::to_string(&record.document.metadata)));
    let rows = session
        .query(
            "INSERT INTO ingest_documents (source, origin, revision, recipe, chunks, failed, title, doc_type,
                 context_header, generations, deprecated, display_url, metadata, source_type)
             SELECT source, origin, revision, recipe, chunks, failed, title, doc_type, context_header,
                 ARRAY(SELECT jsonb_array_elements_text(generations::jsonb)), deprecated, display_url, metadata::jsonb,
                 coalesce(metadata::jsonb ->> 'source_type', '')
             FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::text[],
                 $8::text[], $9::text[], $10::text[], $11::boolean[], $12::text[], $13::text[])
                 AS r (source, origin, revision, recipe, chunks, failed, title, doc_type, context_header, generations,
                     deprecated, display_url, metadata)
             ORDER BY source COLLATE \"C\"
             ON CONFLICT (source) DO UPDATE SET origin = excluded.origin, revision = excluded.revision,
                 recipe = excluded.recipe, chunks = excluded.chunks, failed = excluded.failed, title = excluded.title,
                 doc_type = excluded.doc_type, context_header = excluded.context_header,
                 generations = excluded.generations, deprecated = excluded.deprecated,
                 display_url = excluded.display_url, metadata = excluded.metadata, source_type = excluded.source_type
             RETURNING source, id, xmax <> 0",
            &[
                &column!(|record| clean(&record.document.source)),
                &column!(|record| clean(&record.origin)),
                &column!(|record| record.revision.as_bytes().as_slice()),
                &column!(|record| record.recipe.as_bytes().as_slice()),
                &column!(|record| record.records.len() as i64 - failed(record)),
                &column!(|record| failed(record)),
                &column!(|record| clean(&record.document.title)),
                &column!(|record| clean(&record.document.doc_type)),
                &column!(|record| clean(&record.document.context_header)),
                &generations.into_iter().collect::<Work<Vec<_>>>()?,
                &column!(|record| record.document.deprecated),
                &column!(|record| clean(&record.document.display_url)),
                &metadata.into_iter().collect::<Work<Vec<_>>>()?,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((get(row, 0)?, (get(row, 1)?, get(row, 2)?))))
        .collect()
}

pub(super) async fn remove(session: Arc<Session>, sources: &[String]) -> Work<Removed> {
    enter(&session).await?;
    let sources: Vec<_> = sources.iter().map(|source| clean(source)).collect();
    let rows = session
        .query(
            "SELECT id FROM ingest_documents WHERE source = ANY($1) ORDER BY source FOR UPDATE",
            &[&sources],
        )
        .await?;
    let ids: Vec<i64> = rows.iter().map(|row| get(row, 0)).collect::<Work<_>>()?;
    if ids.is_empty() {
        return Ok(Removed::default());
    }
    let chunks = chunks::delete(&session, &ids).await?;
    let documents = session
        .execute("DELETE FROM ingest_documents WHERE id = ANY($1)", &[&ids])
        .await?;
    Ok(Removed { documents, chunks })
}

pub(super) async fn keep(session: Arc<Session>, kept: &[(ContentHash, Vector)]) -> Work<()> {
    let identity = enter(&session).await?;
    let mut new = Vec::new();
    for (hash, vector) in kept {
        if let Vector::New(values) = vector {
            check::vector(values, identity.as_ref())?;
            new.push((hash, &**values));
        }
    }
    chunks::keep(&session, &new).await
}

pub(super) async fn touch(session: Arc<Session>, states: &[DocumentState]) -> Work<()> {
    enter(&session).await?;
    macro_rules! column {
        (|$state:ident| $value:expr) => {
            &states.iter().map(|$state| $value).collect::<Vec<_>>()
        };
    }
    let sources = column!(|state| clean(&state.source));
    session
        .execute(
            "SELECT FROM ingest_documents WHERE source = ANY($1) ORDER BY source FOR UPDATE",
            &[sources],
        )
        .await?;
    session
        .execute(
            "UPDATE ingest_documents AS d SET origin = r.origin, revision = r.revision, recipe = r.recipe
             FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) AS r (source, origin, revision, recipe)
             WHERE d.source = r.source",
            &[
                sources,
                column!(|state| clean(&state.origin)),
                column!(|state| state.revision.as_bytes().as_slice()),
                column!(|state| state.recipe.as_bytes().as_slice()),
            ],
        )
        .await?;
    Ok(())
}

/// Drops the vectors that are kept apart, unless another run may be about to use them; counts those that no chunk has.
pub(super) async fn sweep(session: Arc<Session>) -> Work<u64> {
    enter_alone(&session).await?;
    let row = session
        .first(
            &format!(
                "WITH dropped AS (DELETE FROM ingest_vectors WHERE (SELECT count(*) FROM ingest_runs WHERE {}) < 2
                     RETURNING content_hash)
                 SELECT count(*) FROM dropped WHERE NOT EXISTS (
                     SELECT FROM chunks WHERE chunks.content_hash = dropped.content_hash AND embedding IS NOT NULL
                         AND document_id IS NOT NULL)",
                super::run::LIVE
            ),
            &[],
        )
        .await?;
    whole(&row, 0)
}

pub(super) async fn settle(
    session: Arc<Session>,
    outcomes: &[(String, u32, Result<Vector, ChunkFailure>)],
) -> Work<()> {
    let identity = enter(&session).await?;
    let mut aside = chunks::aside(&session, outcomes).await?;
    let mut fresh: HashMap<ContentHash, &[f32]> = HashMap::new();
    let mut settled = Vec::new();
    let mut again = Vec::new();
    for (source, ordinal, outcome) in outcomes {
        let key = (clean(source).into_owned(), *ordinal);
        let Some((document, chunk)) = aside.remove(&key) else {
            continue;
        };
        let vector = match outcome {
            Err(failure) | Ok(Vector::Failed(failure)) => {
                again.push((document, *ordinal, failure));
                aside.insert(key, (document, chunk));
                continue;
            }
            Ok(Vector::TextOnly) => Origin::Nowhere,
            Ok(Vector::New(values)) => {
                check::vector(values, identity.as_ref())?;
                fresh.entry(chunk.content_hash).or_insert(values);
                Origin::New(values)
            }
            Ok(Vector::Stored) => match fresh.get(&chunk.content_hash) {
                Some(values) => Origin::New(values),
                None => Origin::Stored,
            },
        };
        settled.push((document, chunk, vector));
    }
    let new: Vec<_> = settled
        .iter()
        .map(|(document, chunk, vector)| NewChunk {
            document: *document,
            chunk,
            vector: *vector,
        })
        .collect();
    chunks::insert(&session, &new).await?;
    chunks::settle(&session, &new).await?;
    chunks::fail_again(&session, &again).await
}

pub(super) async fn clear(session: Arc<Session>) -> Work<Removed> {
    enter_alone(&session).await?;
    let row = session
        .first(
            "SELECT count(*), (SELECT count(*) FROM chunks) FROM ingest_documents",
            &[],
        )
        .await?;
    session
        .batch(
            "TRUNCATE chunks, ingest_documents, ingest_failures, ingest_vectors, ingest_model, ingest_claims",
        )
        .await?;
    // The next load is a first one.
    super::index::drop(&session).await?;
    Ok(Removed {
        documents: whole(&row, 0)?,
        chunks: whole(&row, 1)?,
    })
}

pub(super) fn not_stored(hash: &str) -> Fault {
    invalid(format!("no vector is stored for the text with hash {hash}")).into()
}
