//! What changes a store. Everything here runs inside one transaction of the one writing connection.

use std::collections::HashMap;
use std::time::SystemTime;

use ingest_core::{
    Chunk, ChunkFailure, ContentHash, DocumentRecord, DocumentState, ModelIdentity, Removed, Vector,
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::fault::Work;
use super::read;
use super::row::{self, CHUNK};
use crate::check::{self, invalid};
use crate::rank;
use crate::sketch::sketch;
use crate::words::Fields;

/// Does `work` as a whole or not at all.
pub(super) fn transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Work<T>,
) -> Work<T> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&tx)?;
    // Lets two readers find out whether they see the same state of the store.
    tx.prepare_cached("UPDATE store SET changes = changes + 1")?
        .execute(())?;
    tx.commit()?;
    Ok(done)
}

pub(super) fn identity(tx: &Transaction<'_>, identity: &ModelIdentity) -> Work<()> {
    tx.execute(
        "INSERT OR REPLACE INTO model VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            identity.provider,
            identity.model,
            identity.digest,
            identity.dimensions as i64,
            identity.document_prefix,
            identity.query_prefix,
            identity.vector_weight,
            identity.canary.as_deref().map(rank::to_bytes),
        ],
    )?;
    Ok(())
}

/// Replaces documents whose sources differ from each other and whose records stand in order.
///
/// In three passes, so that each works on few tables at a time and the word index sees its entries in rising order.
pub(super) fn replace(tx: &Transaction<'_>, documents: &[DocumentRecord]) -> Work<()> {
    let mut vectors = Vectors::new(tx)?;
    for record in documents.iter().flat_map(|document| &document.records) {
        if let Vector::New(values) = &record.vector {
            vectors.add(record.chunk.content_hash, values)?;
        }
    }
    forget(
        tx,
        documents.iter().map(|document| document.document.source.as_str()),
    )?;

    let mut next: i64 = tx
        .prepare_cached("SELECT next_chunk FROM store")?
        .query_row((), |row| row.get(0))?;
    let mut chunks = Chunks::new(tx)?;
    for document in documents {
        let id = next;
        let slots = document
            .records
            .last()
            .map_or(1, |record| i64::from(record.chunk.ordinal) + 1);
        next += slots;
        let mut failed = 0i64;
        for record in &document.records {
            let chunk = id + i64::from(record.chunk.ordinal);
            if let Vector::Failed(failure) = &record.vector {
                set_aside(tx, chunk, &record.chunk, failure)?;
                failed += 1;
            } else {
                let vector = vectors.of(record.chunk.content_hash, &record.vector)?;
                chunks.add(chunk, &document.document.title, &record.chunk, vector)?;
            }
        }
        let stored = document.records.len() as i64 - failed;
        insert_document(tx, id, slots, document, stored, failed)?;
    }
    tx.prepare_cached("UPDATE store SET next_chunk = ?1")?
        .execute([next])?;
    Ok(())
}

fn insert_document(
    tx: &Transaction<'_>,
    id: i64,
    slots: i64,
    record: &DocumentRecord,
    chunks: i64,
    failed: i64,
) -> Work<()> {
    let document = &record.document;
    tx.prepare_cached(
        "INSERT INTO documents (id, slots, source, origin, revision, recipe, chunks, failed, title, doc_type,
             context_header, generations, deprecated, display_url, metadata, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        id,
        slots,
        document.source,
        record.origin,
        record.revision.as_bytes(),
        record.recipe.as_bytes(),
        chunks,
        failed,
        document.title,
        document.doc_type,
        document.context_header,
        row::json(serde_json::to_string(&document.generations))?,
        document.deprecated,
        document.display_url,
        row::json(serde_json::to_string(&document.metadata))?,
        row::nanoseconds(Some(SystemTime::now())),
    ])?;
    Ok(())
}

/// The vectors of one operation.
struct Vectors<'tx> {
    tx: &'tx Transaction<'tx>,
    identity: Option<ModelIdentity>,
    /// Those this operation met, so that it needn't look for them again.
    met: HashMap<ContentHash, i64>,
}

impl<'tx> Vectors<'tx> {
    fn new(tx: &'tx Transaction<'_>) -> Work<Self> {
        Ok(Self {
            tx,
            identity: read::identity(tx)?,
            met: HashMap::new(),
        })
    }

    /// Keeps a vector. One that is stored stays: it belongs to the same text and model.
    fn add(&mut self, hash: ContentHash, values: &[f32]) -> Work<i64> {
        check::vector(values, self.identity.as_ref())?;
        if let Some(&id) = self.met.get(&hash) {
            return Ok(id);
        }
        let inserted = self
            .tx
            .prepare_cached(
                "INSERT INTO vectors (content_hash, scale, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                hash.as_bytes(),
                rank::inverse_length(values),
                rank::to_bytes(values)
            ])?;
        if inserted == 0 {
            return self.find(hash);
        }
        let id = self.tx.last_insert_rowid();
        self.tx
            .prepare_cached("INSERT INTO sketches (id, sketch) VALUES (?1, ?2)")?
            .execute(params![id, sketch(values)])?;
        self.met.insert(hash, id);
        Ok(id)
    }

    fn find(&mut self, hash: ContentHash) -> Work<i64> {
        if let Some(&id) = self.met.get(&hash) {
            return Ok(id);
        }
        let mut statement = self
            .tx
            .prepare_cached("SELECT id FROM vectors WHERE content_hash = ?1")?;
        let found = statement
            .query_row([hash.as_bytes()], |row| row.get(0))
            .optional()?;
        let id =
            found.ok_or_else(|| invalid(format!("no vector is stored for the text with hash {hash}")))?;
        self.met.insert(hash, id);
        Ok(id)
    }

    /// The vector a findable chunk refers to, kept now if it is new.
    fn of(&mut self, hash: ContentHash, vector: &Vector) -> Work<Option<i64>> {
        match vector {
            Vector::New(values) => self.add(hash, values).map(Some),
            Vector::Stored => self.find(hash).map(Some),
            Vector::TextOnly | Vector::Failed(_) => Ok(None),
        }
    }
}

/// Writes findable chunks, and their words.
struct Chunks<'tx> {
    chunk: rusqlite::CachedStatement<'tx>,
    words: rusqlite::CachedStatement<'tx>,
}

impl<'tx> Chunks<'tx> {
    fn new(tx: &'tx Transaction<'_>) -> Work<Self> {
        Ok(Self {
            chunk: tx.prepare_cached(&format!(
                "INSERT INTO chunks (id, vector, {CHUNK}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
            ))?,
            words: tx
                .prepare_cached("INSERT INTO words (rowid, title, header, body) VALUES (?1, ?2, ?3, ?4)")?,
        })
    }

    fn add(&mut self, id: i64, title: &str, chunk: &Chunk, vector: Option<i64>) -> Work<()> {
        self.chunk.execute(params![
            id,
            vector,
            chunk.content_hash.as_bytes(),
            chunk.span.start as i64,
            chunk.span.end as i64,
            chunk.span.line_start as i64,
            chunk.span.line_end as i64,
            row::json(serde_json::to_string(&chunk.heading_path))?,
            chunk.context_header,
            chunk.text,
        ])?;
        let fields = Fields::new(title, chunk);
        self.words
            .execute(params![id, fields.title, fields.header, fields.body])?;
        Ok(())
    }
}

fn set_aside(tx: &Transaction<'_>, id: i64, chunk: &Chunk, failure: &ChunkFailure) -> Work<()> {
    tx.prepare_cached(&format!(
        "INSERT INTO failures (id, {CHUNK}, kind, message, status, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    ))?
    .execute(params![
        id,
        chunk.content_hash.as_bytes(),
        chunk.span.start as i64,
        chunk.span.end as i64,
        chunk.span.line_start as i64,
        chunk.span.line_end as i64,
        row::json(serde_json::to_string(&chunk.heading_path))?,
        chunk.context_header,
        chunk.text,
        failure.kind,
        failure.message,
        failure.status,
        failure.attempts,
    ])?;
    Ok(())
}

/// Takes documents out with their chunks; their vectors stay until the next sweep.
fn forget<'a>(tx: &Transaction<'_>, sources: impl Iterator<Item = &'a str>) -> Work<Removed> {
    let mut find = tx.prepare_cached("SELECT id, id + slots, chunks FROM documents WHERE source = ?1")?;
    let mut found: Vec<(i64, i64, u32)> = Vec::new();
    for source in sources {
        let row = find.query_row([source], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        found.extend(row.optional()?);
    }
    found.sort_unstable();
    found.dedup();
    let mut removed = Removed::default();
    for (id, behind, chunks) in found {
        let range = [id, behind];
        tx.prepare_cached(
            "DELETE FROM words WHERE rowid IN (SELECT id FROM chunks WHERE id >= ?1 AND id < ?2)",
        )?
        .execute(range)?;
        tx.prepare_cached("DELETE FROM chunks WHERE id >= ?1 AND id < ?2")?
            .execute(range)?;
        tx.prepare_cached("DELETE FROM failures WHERE id >= ?1 AND id < ?2")?
            .execute(range)?;
        tx.prepare_cached("DELETE FROM documents WHERE id = ?1")?
            .execute([id])?;
        removed.documents += 1;
        removed.chunks += u64::from(chunks);
    }
    Ok(removed)
}

pub(super) fn remove(tx: &Transaction<'_>, sources: &[String]) -> Work<Removed> {
    forget(tx, sources.iter().map(String::as_str))
}

pub(super) fn keep(tx: &Transaction<'_>, kept: &[(ContentHash, Vector)]) -> Work<()> {
    let mut vectors = Vectors::new(tx)?;
    for (hash, vector) in kept {
        if let Vector::New(values) = vector {
            vectors.add(*hash, values)?;
        }
    }
    Ok(())
}

pub(super) fn touch(tx: &Transaction<'_>, states: &[DocumentState]) -> Work<()> {
    let mut statement =
        tx.prepare_cached("UPDATE documents SET origin = ?2, revision = ?3, recipe = ?4 WHERE source = ?1")?;
    for state in states {
        statement.execute(params![
            state.source,
            state.origin,
            state.revision.as_bytes(),
            state.recipe.as_bytes()
        ])?;
    }
    Ok(())
}

pub(super) fn clear(tx: &Transaction<'_>) -> Work<Removed> {
    let counts = tx.query_row("SELECT count(*), total(chunks) FROM documents", (), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))
    })?;
    tx.execute_batch(
        "DELETE FROM documents; DELETE FROM chunks; DELETE FROM failures; DELETE FROM vectors;
         DELETE FROM sketches; DELETE FROM model;
         INSERT INTO words (words) VALUES ('delete-all');",
    )?;
    Ok(Removed {
        documents: counts.0 as u64,
        chunks: counts.1 as u64,
    })
}

pub(super) fn sweep(tx: &Transaction<'_>) -> Work<u64> {
    // Most runs leave none over, which two counts tell in a fraction of the time that looking each of them up takes.
    let nothing_left: bool = tx.query_row(
        "SELECT (SELECT count(*) FROM vectors) = (SELECT count(DISTINCT vector) FROM chunks)",
        (),
        |row| row.get(0),
    )?;
    if nothing_left {
        return Ok(0);
    }
    // Their ids come from the index of hashes, a small part of what the tables hold.
    let mut unused = tx.prepare_cached(
        "SELECT id FROM vectors WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.vector = vectors.id)",
    )?;
    let ids: Vec<i64> = unused
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for table in ["sketches", "vectors"] {
        let mut delete = tx.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
        for id in &ids {
            delete.execute([id])?;
        }
    }
    Ok(ids.len() as u64)
}

pub(super) fn settle(
    tx: &Transaction<'_>,
    outcomes: &[(String, u32, Result<Vector, ChunkFailure>)],
) -> Work<()> {
    let mut vectors = Vectors::new(tx)?;
    let mut chunks = Chunks::new(tx)?;
    for (source, ordinal, outcome) in outcomes {
        let Some((document, title, chunk)) = failed_chunk(tx, source, *ordinal)? else {
            continue;
        };
        let id = document + i64::from(*ordinal);
        match outcome {
            Err(failure) | Ok(Vector::Failed(failure)) => {
                tx.prepare_cached(
                    "UPDATE failures SET kind = ?2, message = ?3, status = ?4, attempts = ?5 WHERE id = ?1",
                )?
                .execute(params![
                    id,
                    failure.kind,
                    failure.message,
                    failure.status,
                    failure.attempts
                ])?;
            }
            Ok(vector) => {
                let vector = vectors.of(chunk.content_hash, vector)?;
                tx.prepare_cached("DELETE FROM failures WHERE id = ?1")?
                    .execute([id])?;
                chunks.add(id, &title, &chunk, vector)?;
                tx.prepare_cached(
                    "UPDATE documents SET chunks = chunks + 1, failed = failed - 1 WHERE id = ?1",
                )?
                .execute([document])?;
            }
        }
    }
    Ok(())
}

/// A chunk that was set aside, with the id and title of its document.
fn failed_chunk(tx: &Transaction<'_>, source: &str, ordinal: u32) -> Work<Option<(i64, String, Chunk)>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT d.id, d.title, f.* FROM documents AS d, (SELECT id, {CHUNK} FROM failures) AS f
         WHERE d.source = ?1 AND f.id = d.id + ?2 AND ?2 < d.slots"
    ))?;
    let mut rows = statement.query(params![source, ordinal])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((row.get(0)?, row.get(1)?, row::chunk(row, 3, ordinal)?)))
}
