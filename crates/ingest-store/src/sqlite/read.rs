//! What is asked of a store, searching aside.

use std::path::Path;

use ingest_core::{
    ChunkFailure, ContentHash, DocumentState, FailedChunk, FoundChunk, ModelIdentity, RunInfo, StoreStatus,
    StoredChunk,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::fault::Work;
use super::row::{self, CHUNK};

const STATE: &str = "source, origin, revision, recipe, chunks, failed";

pub(super) fn identity(tx: &Transaction<'_>) -> Work<Option<ModelIdentity>> {
    let mut statement = tx.prepare_cached(
        "SELECT provider, model, digest, dimensions, document_prefix, query_prefix, vector_weight, canary FROM model",
    )?;
    let mut rows = statement.query(())?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(ModelIdentity {
        provider: row.get(0)?,
        model: row.get(1)?,
        digest: row.get(2)?,
        dimensions: row::whole(row, 3)?,
        document_prefix: row.get(4)?,
        query_prefix: row.get(5)?,
        vector_weight: row.get(6)?,
        canary: row.get::<_, Option<Vec<u8>>>(7)?.map(|bytes| row::values(&bytes)),
    }))
}

pub(super) fn states(tx: &Transaction<'_>, sources: Vec<String>) -> Work<Vec<Option<DocumentState>>> {
    let sql = format!("SELECT {STATE} FROM documents WHERE source >= ?1 ORDER BY source");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut states = Vec::with_capacity(sources.len());
    let mut left = sources.into_iter().peekable();
    while let Some(first) = left.peek() {
        let mut rows = statement.query([first])?;
        let before = states.len();
        // A run asks in about the order of the index: a step to the next row costs a fraction of looking one up.
        while let Some(row) = rows.next()? {
            let found = row.get_ref(0)?.as_str().ok();
            let Some(source) = left.next_if(|source| found == Some(source)) else {
                break;
            };
            states.push(Some(state(source, row)?));
        }
        if states.len() == before {
            left.next();
            states.push(None);
        }
    }
    Ok(states)
}

fn state(source: String, row: &Row<'_>) -> Work<DocumentState> {
    Ok(DocumentState {
        source,
        origin: row.get(1)?,
        revision: row::hash(row, 2)?,
        recipe: row::hash(row, 3)?,
        chunks: row.get(4)?,
        failed: row.get(5)?,
    })
}

pub(super) fn known(tx: &Transaction<'_>, hashes: &[ContentHash]) -> Work<Vec<bool>> {
    let mut statement = tx.prepare_cached("SELECT 1 FROM vectors WHERE content_hash = ?1")?;
    // In the order of the index, so that each of its pages is read once, however few of them the cache holds.
    let mut order: Vec<usize> = (0..hashes.len()).collect();
    order.sort_unstable_by_key(|&at| hashes[at]);
    let mut known = vec![false; hashes.len()];
    for at in order {
        known[at] = statement.exists([hashes[at].as_bytes()])?;
    }
    Ok(known)
}

pub(super) fn documents(
    tx: &Transaction<'_>,
    origin: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Work<Vec<DocumentState>> {
    // A statement for each case: one for all of them would go through all documents before those that it wants.
    let of_origin = if origin.is_some() {
        "origin = ?1"
    } else {
        "?1 IS NULL"
    };
    let behind = if after.is_some() {
        "source > ?2"
    } else {
        "?2 IS NULL"
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {STATE} FROM documents WHERE {of_origin} AND {behind} ORDER BY source LIMIT ?3"
    ))?;
    let mut rows = statement.query(params![origin, after, at_most(limit)])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(state(row.get(0)?, row)?);
    }
    Ok(page)
}

pub(super) fn origins(tx: &Transaction<'_>) -> Work<Vec<(String, u64)>> {
    let mut statement =
        tx.prepare_cached("SELECT origin, count(*) FROM documents GROUP BY origin ORDER BY origin")?;
    let mut rows = statement.query(())?;
    let mut origins = Vec::new();
    while let Some(row) = rows.next()? {
        origins.push((row.get(0)?, row::whole(row, 1)? as u64));
    }
    Ok(origins)
}

pub(super) fn chunks(
    tx: &Transaction<'_>,
    after: Option<&(String, u32)>,
    limit: usize,
) -> Work<Vec<StoredChunk>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT c.id, {CHUNK}, (SELECT value FROM vectors WHERE id = c.vector) FROM chunks AS c
         WHERE c.id >= ?1 AND c.id < ?2 ORDER BY c.id LIMIT ?3"
    ))?;
    let mut page = Vec::new();
    each_document(tx, "chunks", after, limit, |document, first, left| {
        let mut rows = statement.query(params![first, document.behind, left])?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            let vector = row.get_ref(9)?.as_blob_or_null();
            let vector = vector.map_err(rusqlite::Error::from)?;
            page.push(StoredChunk {
                source: document.source.clone(),
                title: document.title.clone(),
                chunk: row::chunk(row, 1, row::ordinal(row.get(0)?, document.id)?)?,
                vector: vector.map(row::values),
            });
            found += 1;
        }
        Ok(found)
    })?;
    Ok(page)
}

/// Chunks share the vectors of their texts, which have an index by hash; the few without a vector are looked through.
pub(super) fn with_hash(
    tx: &Transaction<'_>,
    first: &ContentHash,
    last: &ContentHash,
) -> Work<Vec<FoundChunk>> {
    // Documents have a `context_header`, too.
    let columns = CHUNK.replace("context_header", "c.context_header");
    let mut statement = tx.prepare_cached(&format!(
        "SELECT c.id, {columns}, c.vector IS NOT NULL, d.id, d.source, d.stored_at
         FROM (SELECT * FROM chunks
               WHERE vector IN (SELECT id FROM vectors WHERE content_hash BETWEEN ?1 AND ?2)
               UNION ALL SELECT * FROM chunks WHERE vector IS NULL AND content_hash BETWEEN ?1 AND ?2) AS c
         JOIN documents AS d ON d.id = (SELECT max(id) FROM documents WHERE id <= c.id)
         ORDER BY d.source, c.id"
    ))?;
    let mut rows = statement.query(params![first.as_bytes(), last.as_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(FoundChunk {
            chunk: row::chunk(row, 1, row::ordinal(row.get(0)?, row.get(10)?)?)?,
            has_vector: row.get(9)?,
            source: row.get(11)?,
            stored_at: row::time(row.get(12)?),
        });
    }
    Ok(found)
}

pub(super) fn failed(
    tx: &Transaction<'_>,
    after: Option<&(String, u32)>,
    limit: usize,
) -> Work<Vec<FailedChunk>> {
    // Every run asks, few have any, and finding none among the documents means going through all of them.
    let any: bool = tx.query_row("SELECT EXISTS (SELECT 1 FROM failures)", (), |row| row.get(0))?;
    if !any {
        return Ok(Vec::new());
    }
    let mut statement = tx.prepare_cached(&format!(
        "SELECT id, {CHUNK}, kind, message, status, attempts FROM failures
         WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3"
    ))?;
    let mut page = Vec::new();
    each_document(tx, "failed", after, limit, |document, first, left| {
        let mut rows = statement.query(params![first, document.behind, left])?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            page.push(FailedChunk {
                source: document.source.clone(),
                title: document.title.clone(),
                display_url: document.display_url.clone(),
                chunk: row::chunk(row, 1, row::ordinal(row.get(0)?, document.id)?)?,
                failure: ChunkFailure {
                    kind: row.get(9)?,
                    message: row.get(10)?,
                    status: row.get(11)?,
                    attempts: row.get(12)?,
                },
            });
            found += 1;
        }
        Ok(found)
    })?;
    Ok(page)
}

struct Owner {
    id: i64,
    /// The chunk id behind its last one.
    behind: i64,
    source: String,
    title: String,
    display_url: String,
}

/// Goes through the documents that have some of what `count` counts, in order of source from `after` on. `visit` gets
/// the first chunk id to look at and how many rows are left to find, and says how many it found.
fn each_document(
    tx: &Transaction<'_>,
    count: &str,
    after: Option<&(String, u32)>,
    limit: usize,
    mut visit: impl FnMut(&Owner, i64, i64) -> Work<i64>,
) -> Work<()> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT id, id + slots, source, title, display_url FROM documents
         WHERE (?1 IS NULL OR source >= ?1) AND {count} > 0 ORDER BY source"
    ))?;
    let mut rows = statement.query([after.map(|(source, _)| source)])?;
    let mut left = at_most(limit);
    while left > 0
        && let Some(row) = rows.next()?
    {
        let owner = Owner {
            id: row.get(0)?,
            behind: row.get(1)?,
            source: row.get(2)?,
            title: row.get(3)?,
            display_url: row.get(4)?,
        };
        let first = match after {
            Some((source, ordinal)) if *source == owner.source => owner.id + i64::from(*ordinal) + 1,
            _ => owner.id,
        };
        left -= visit(&owner, first, left)?;
    }
    Ok(())
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn status(tx: &Transaction<'_>, path: &Path) -> Work<StoreStatus> {
    let sums = tx.query_row(
        "SELECT count(*), count(*) FILTER (WHERE failed > 0), total(chunks), total(failed) FROM documents",
        (),
        |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, f64>(2)?,
                row.get::<_, f64>(3)?,
            ))
        },
    );
    let (documents, incomplete, chunks, failed): (i64, i64, f64, f64) = sums?;
    let count = |sql: &str| tx.query_row(sql, (), |row| row.get::<_, i64>(0));
    let text_only = count("SELECT count(*) FROM chunks WHERE vector IS NULL")?;
    let vectors = count("SELECT count(*) FROM vectors")?;
    Ok(StoreStatus {
        identity: identity(tx)?,
        documents: documents as u64,
        incomplete: incomplete as u64,
        chunks: chunks as u64,
        text_only: text_only as u64,
        failed: failed as u64,
        vectors: vectors as u64,
        bytes: bytes(path),
        last_run: last_run(tx)?,
    })
}

pub(super) fn is_empty(tx: &Transaction<'_>) -> Work<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM documents) AND NOT EXISTS (SELECT 1 FROM vectors)";
    Ok(tx.prepare_cached(sql)?.query_row((), |row| row.get(0))?)
}

pub(super) fn last_run(tx: &Transaction<'_>) -> Work<Option<RunInfo>> {
    tx.prepare_cached("SELECT started, finished, outcome, description FROM runs ORDER BY id DESC LIMIT 1")?
        .query_row((), |row| Ok(row::run(row)))
        .optional()?
        .transpose()
}

/// The file with its log.
fn bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    length(path) + length(Path::new(&log))
}
