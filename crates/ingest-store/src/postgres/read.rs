//! What is asked of a store, searching aside.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ingest_core::{
    ContentHash, DocumentState, FailedChunk, FoundChunk, ModelIdentity, RunInfo, StoreStatus, StoredChunk,
};

use super::fault::Work;
use super::pool::{Param, Session};
use super::row::{self, CHUNK, CHUNK_COLUMNS, FAILED_CHUNK, FAILURE, STATE, get, whole};
use super::vector::Received;

/// The columns of the model, in the order [`model`] reads them.
pub(super) const MODEL: &str =
    "provider, model, digest, dimensions, document_prefix, query_prefix, vector_weight, canary";

pub(super) async fn identity(session: &Session) -> Work<Option<ModelIdentity>> {
    let rows = session
        .query(&format!("SELECT {MODEL} FROM ingest_model"), &[])
        .await?;
    rows.first().map(|row| model(row, 0)).transpose()
}

pub(super) fn model(row: &tokio_postgres::Row, first: usize) -> Work<ModelIdentity> {
    Ok(ModelIdentity {
        provider: get(row, first)?,
        model: get(row, first + 1)?,
        digest: get(row, first + 2)?,
        dimensions: whole(row, first + 3)?,
        document_prefix: get(row, first + 4)?,
        query_prefix: get(row, first + 5)?,
        vector_weight: get(row, first + 6)?,
        canary: get(row, first + 7)?,
    })
}

pub(super) async fn states(session: Arc<Session>, sources: &[&str]) -> Work<Vec<Option<DocumentState>>> {
    let cleaned: Vec<_> = sources.iter().map(|source| row::clean(source)).collect();
    let rows = session
        .query(
            &format!("SELECT {STATE} FROM ingest_documents WHERE source = ANY($1)"),
            &[&cleaned],
        )
        .await?;
    let mut states = HashMap::with_capacity(rows.len());
    for row in &rows {
        let state = row::state(row)?;
        states.insert(state.source.clone(), state);
    }
    Ok(cleaned
        .iter()
        .map(|source| states.get(&**source).cloned())
        .collect())
}

pub(super) async fn known(session: &Session, hashes: &[ContentHash]) -> Work<Vec<bool>> {
    let digits: Vec<String> = hashes.iter().map(ContentHash::to_string).collect();
    let rows = session
        .query(
            "SELECT hash FROM unnest($1::text[]) AS hash
             WHERE EXISTS (SELECT FROM chunks WHERE content_hash = hash AND embedding IS NOT NULL
                     AND document_id IS NOT NULL)
                 OR EXISTS (SELECT FROM ingest_vectors WHERE content_hash = hash)",
            &[&digits],
        )
        .await?;
    let found: HashSet<&str> = rows.iter().map(|row| get(row, 0)).collect::<Work<_>>()?;
    Ok(digits
        .iter()
        .map(|digits| found.contains(digits.as_str()))
        .collect())
}

pub(super) async fn documents(
    session: Arc<Session>,
    origin: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Work<Vec<DocumentState>> {
    let limit = at_most(limit);
    let mut params: Vec<Param<'_>> = vec![&limit];
    let mut filters = vec!["true".to_owned()];
    if let Some(origin) = &origin {
        params.push(origin);
        filters.push(format!("origin = ${}", params.len()));
    }
    if let Some(after) = &after {
        params.push(after);
        filters.push(format!("source > ${}", params.len()));
    }
    let filters = filters.join(" AND ");
    let sql = format!("SELECT {STATE} FROM ingest_documents WHERE {filters} ORDER BY source LIMIT $1");
    session
        .query(&sql, &params)
        .await?
        .iter()
        .map(row::state)
        .collect()
}

pub(super) async fn origins(session: Arc<Session>) -> Work<Vec<(String, u64)>> {
    let sql = "SELECT origin, count(*) FROM ingest_documents GROUP BY origin ORDER BY origin";
    let rows = session.query(sql, &[]).await?;
    let origins = rows
        .iter()
        .map(|row| Ok((get(row, 0)?, get::<i64>(row, 1)?.unsigned_abs())));
    origins.collect()
}

pub(super) async fn chunks(
    session: Arc<Session>,
    after: Option<(&str, u32)>,
    limit: usize,
) -> Work<Vec<StoredChunk>> {
    let columns = format!("d.source, d.title, {CHUNK}, c.embedding");
    let rows = page(&session, &columns, "chunks", after, limit).await?;
    let chunks = rows.iter().map(|row| {
        Ok(StoredChunk {
            source: get(row, 0)?,
            title: get(row, 1)?,
            chunk: row::chunk(row, 2)?,
            vector: get::<Option<Received>>(row, 2 + CHUNK_COLUMNS)?.map(|Received(values)| values),
        })
    });
    chunks.collect()
}

pub(super) async fn with_hash(
    session: Arc<Session>,
    first: ContentHash,
    last: ContentHash,
) -> Work<Vec<FoundChunk>> {
    let sql = format!(
        "SELECT d.source, {CHUNK}, c.embedding IS NOT NULL, c.created_at
         FROM chunks AS c JOIN ingest_documents AS d ON c.document_id = d.id
         WHERE c.content_hash BETWEEN $1 AND $2 ORDER BY d.source, c.ordinal"
    );
    let rows = session
        .query(&sql, &[&first.to_string(), &last.to_string()])
        .await?;
    let found = rows.iter().map(|row| {
        Ok(FoundChunk {
            source: get(row, 0)?,
            chunk: row::chunk(row, 1)?,
            has_vector: get(row, 1 + CHUNK_COLUMNS)?,
            stored_at: get(row, 2 + CHUNK_COLUMNS)?,
        })
    });
    found.collect()
}

pub(super) async fn failed(
    session: Arc<Session>,
    after: Option<(&str, u32)>,
    limit: usize,
) -> Work<Vec<FailedChunk>> {
    let columns = format!("d.source, d.title, d.display_url, {FAILED_CHUNK}, {FAILURE}");
    let rows = page(&session, &columns, "ingest_failures", after, limit).await?;
    let failed = rows.iter().map(|row| {
        Ok(FailedChunk {
            source: get(row, 0)?,
            title: get(row, 1)?,
            display_url: get(row, 2)?,
            chunk: row::chunk(row, 3)?,
            failure: row::failure(row, 3 + CHUNK_COLUMNS)?,
        })
    });
    failed.collect()
}

/// A page of what belongs to documents, in order of source and ordinal. The first document is asked by itself, so that
/// the others are found by the order of their names alone.
async fn page(
    session: &Session,
    columns: &str,
    table: &str,
    after: Option<(&str, u32)>,
    limit: usize,
) -> Work<Vec<tokio_postgres::Row>> {
    let select = |condition: &str, limit: &str| {
        format!(
            "SELECT {columns} FROM ingest_documents AS d JOIN {table} AS c ON c.document_id = d.id
             WHERE {condition} ORDER BY d.source, c.ordinal LIMIT {limit}"
        )
    };
    let Some((source, ordinal)) = after else {
        return session.query(&select("true", "$1"), &[&at_most(limit)]).await;
    };
    let rest_of_document = select("d.source = $1 AND c.ordinal > $2", "$3");
    let source = row::clean(source);
    let mut rows = session
        .query(
            &rest_of_document,
            &[&source, &i64::from(ordinal), &at_most(limit)],
        )
        .await?;
    if rows.len() < limit {
        let left = at_most(limit - rows.len());
        rows.extend(
            session
                .query(&select("d.source > $1", "$2"), &[&source, &left])
                .await?,
        );
    }
    Ok(rows)
}

pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) async fn status(session: Arc<Session>) -> Work<StoreStatus> {
    let row = session
        .first(
            "SELECT count(*), count(*) FILTER (WHERE failed > 0), coalesce(sum(chunks), 0)::bigint,
                 coalesce(sum(failed), 0)::bigint,
                 (SELECT count(*) FROM chunks WHERE embedding IS NULL AND document_id IS NOT NULL),
                 (SELECT count(*) FROM (
                     SELECT content_hash FROM chunks WHERE embedding IS NOT NULL AND document_id IS NOT NULL
                     UNION SELECT content_hash FROM ingest_vectors) AS distinct_vectors),
                 (SELECT sum(pg_total_relation_size(relation))::bigint FROM unnest(ARRAY['chunks', 'ingest_documents',
                     'ingest_vectors', 'ingest_failures', 'ingest_runs', 'ingest_claims', 'ingest_model']::regclass[])
                     AS relation)
             FROM ingest_documents",
            &[],
        )
        .await?;
    Ok(StoreStatus {
        identity: identity(&session).await?,
        documents: whole(&row, 0)?,
        incomplete: whole(&row, 1)?,
        chunks: whole(&row, 2)?,
        failed: whole(&row, 3)?,
        text_only: whole(&row, 4)?,
        vectors: whole(&row, 5)?,
        bytes: whole(&row, 6)?,
        last_run: last_run(&session).await?,
    })
}

pub(super) async fn is_empty(session: Arc<Session>) -> Work<bool> {
    let sql = "SELECT NOT EXISTS (SELECT FROM ingest_documents) AND NOT EXISTS (SELECT FROM ingest_vectors)";
    Ok(session.first(sql, &[]).await?.try_get(0)?)
}

pub(super) async fn last_run(session: &Session) -> Work<Option<RunInfo>> {
    let sql = "SELECT started, finished, outcome, description FROM ingest_runs ORDER BY id DESC LIMIT 1";
    session.query(sql, &[]).await?.first().map(row::run).transpose()
}
