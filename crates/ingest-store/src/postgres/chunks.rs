//! The rows of chunks: findable ones, those set aside, and vectors that no chunk has.

use std::borrow::Cow;
use std::collections::HashMap;

use ingest_core::{Chunk, ChunkFailure, ContentHash, Vector};

use super::fault::Work;
use super::pool::Session;
use super::row::{self, FAILED_CHUNK, clean, get};
use super::vector::Sent;
use super::{read, write};

/// Most rows of one statement, and most bytes: beyond, larger ones gain nothing and cost memory.
const MAX_ROWS: usize = 512;
const MAX_BYTES: usize = 4 << 20;

/// Where a findable chunk's vector is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// There is none.
    Nowhere,
    /// Here.
    New(&'a [f32]),
    /// In the store.
    Stored,
}

/// A findable chunk to be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewChunk<'a> {
    pub(super) document: i64,
    pub(super) chunk: &'a Chunk,
    pub(super) vector: Origin<'a>,
}

impl NewChunk<'_> {
    fn bytes(&self) -> usize {
        let vector = match self.vector {
            Origin::New(values) => size_of_val(values),
            Origin::Nowhere | Origin::Stored => 0,
        };
        self.chunk.text.len() + vector
    }
}

/// Stores findable chunks.
///
/// # Errors
///
/// `InvalidInput` for a vector that should be stored and is not.
pub(super) async fn insert(session: &Session, chunks: &[NewChunk<'_>]) -> Work<()> {
    let stored = chunks.iter().filter(|new| matches!(new.vector, Origin::Stored));
    let stored: Vec<ContentHash> = stored.map(|new| new.chunk.content_hash).collect();
    if !stored.is_empty() {
        let known = read::known(session, &stored).await?;
        if let Some(at) = known.iter().position(|known| !known) {
            return Err(write::not_stored(&stored[at].to_string()));
        }
    }
    let mut rest = chunks;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(MAX_ROWS).take_while(|new| {
            bytes += new.bytes();
            bytes <= MAX_BYTES
        });
        let (part, behind) = rest.split_at(fits.count().max(1));
        insert_part(session, part).await?;
        rest = behind;
    }
    Ok(())
}

async fn insert_part(session: &Session, chunks: &[NewChunk<'_>]) -> Work<()> {
    let texts = Texts::of(chunks.iter().map(|new| new.chunk))?;
    let (headers, bare_headers) = texts.headers();
    let vectors = chunks.iter().map(|new| match new.vector {
        Origin::New(values) => Some(Sent(values)),
        Origin::Nowhere | Origin::Stored => None,
    });
    session
        .execute(
            "INSERT INTO chunks (source_url, title, doc_type, content, content_hash, context_header, generations,
                 deprecated, source_type, display_url, embedding, metadata, document_id, ordinal, span_start, span_end,
                 line_start, line_end, heading_path, bare_header)
             SELECT d.source, d.title, d.doc_type, r.content, r.content_hash, r.context_header, d.generations,
                 d.deprecated, d.source_type, d.display_url,
                 CASE WHEN r.is_stored THEN coalesce(
                     (SELECT c.embedding FROM chunks AS c WHERE c.content_hash = r.content_hash
                         AND c.embedding IS NOT NULL AND c.document_id IS NOT NULL LIMIT 1),
                     (SELECT v.embedding FROM ingest_vectors AS v WHERE v.content_hash = r.content_hash)
                 ) ELSE r.embedding END,
                 d.metadata, r.document_id, r.ordinal, r.span_start, r.span_end, r.line_start, r.line_end,
                 r.heading_path::jsonb, r.bare_header
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::boolean[], $13::vector[])
                 AS r (document_id, ordinal, content_hash, span_start, span_end, line_start, line_end, heading_path,
                     context_header, bare_header, content, is_stored, embedding)
                 JOIN ingest_documents AS d ON d.id = r.document_id
             ORDER BY r.document_id, r.ordinal",
            &[
                &chunks.iter().map(|new| new.document).collect::<Vec<_>>(),
                &texts.ordinals,
                &texts.hashes,
                &texts.spans[0],
                &texts.spans[1],
                &texts.spans[2],
                &texts.spans[3],
                &texts.heading_paths,
                &headers,
                &bare_headers,
                &texts.contents,
                &chunks.iter().map(|new| matches!(new.vector, Origin::Stored)).collect::<Vec<_>>(),
                &vectors.collect::<Vec<_>>(),
            ],
        )
        .await?;
    Ok(())
}

/// Sets failed chunks aside.
pub(super) async fn set_aside(session: &Session, failed: &[(i64, &Chunk, &ChunkFailure)]) -> Work<()> {
    for part in failed.chunks(MAX_ROWS) {
        let texts = Texts::of(part.iter().map(|(_, chunk, _)| *chunk))?;
        session
            .execute(
                "INSERT INTO ingest_failures (document_id, ordinal, content_hash, span_start, span_end, line_start,
                     line_end, heading_path, context_header, content, kind, message, status, attempts)
                 SELECT document_id, ordinal, content_hash, span_start, span_end, line_start, line_end,
                     heading_path::jsonb, context_header, content, kind, message, status, attempts
                 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],
                     $14::bigint[])
                     AS r (document_id, ordinal, content_hash, span_start, span_end, line_start, line_end,
                         heading_path, context_header, content, kind, message, status, attempts)",
                &[
                    &part.iter().map(|(document, ..)| *document).collect::<Vec<_>>(),
                    &texts.ordinals,
                    &texts.hashes,
                    &texts.spans[0],
                    &texts.spans[1],
                    &texts.spans[2],
                    &texts.spans[3],
                    &texts.heading_paths,
                    &texts.headers,
                    &texts.contents,
                    &part.iter().map(|(.., failure)| clean(&failure.kind)).collect::<Vec<_>>(),
                    &part.iter().map(|(.., failure)| clean(&failure.message)).collect::<Vec<_>>(),
                    &part.iter().map(|(.., failure)| failure.status.map(i32::from)).collect::<Vec<_>>(),
                    &part.iter().map(|(.., failure)| i64::from(failure.attempts)).collect::<Vec<_>>(),
                ],
            )
            .await?;
    }
    Ok(())
}

/// The columns that all chunks have, a row each.
struct Texts<'a> {
    ordinals: Vec<i64>,
    hashes: Vec<String>,
    spans: [Vec<i64>; 4],
    heading_paths: Vec<String>,
    headers: Vec<Cow<'a, str>>,
    contents: Vec<Cow<'a, str>>,
}

impl<'a> Texts<'a> {
    fn of(chunks: impl Iterator<Item = &'a Chunk>) -> Work<Self> {
        let mut texts = Self {
            ordinals: Vec::new(),
            hashes: Vec::new(),
            spans: Default::default(),
            heading_paths: Vec::new(),
            headers: Vec::new(),
            contents: Vec::new(),
        };
        for chunk in chunks {
            let span = &chunk.span;
            texts.ordinals.push(chunk.ordinal.into());
            texts.hashes.push(chunk.content_hash.to_string());
            let places = [span.start, span.end, span.line_start, span.line_end];
            for (column, place) in texts.spans.iter_mut().zip(places) {
                column.push(place as i64);
            }
            texts
                .heading_paths
                .push(row::json(serde_json::to_string(&chunk.heading_path))?);
            texts.headers.push(clean(&chunk.context_header));
            texts.contents.push(clean(&chunk.text));
        }
        Ok(texts)
    }

    /// Headers that the texts begin with, as readers expect them, and the others.
    fn headers(&self) -> (Vec<&str>, Vec<Option<&str>>) {
        let pairs = self.headers.iter().zip(&self.contents).map(|(header, content)| {
            let rest = content.strip_prefix(&**header);
            let leads = header.is_empty() || rest.is_some_and(|rest| rest.starts_with("\n\n"));
            if leads {
                (&**header, None)
            } else {
                ("", Some(&**header))
            }
        });
        pairs.unzip()
    }
}

/// Deletes the findable chunks of documents; their vectors stay until the next sweep. Returns how many there were.
pub(super) async fn delete(session: &Session, documents: &[i64]) -> Work<u64> {
    let row = session
        .first(
            "WITH gone AS (DELETE FROM chunks WHERE document_id = ANY($1) RETURNING content_hash, embedding),
                 kept AS (INSERT INTO ingest_vectors (content_hash, embedding)
                     SELECT DISTINCT ON (content_hash) content_hash, embedding FROM gone WHERE embedding IS NOT NULL
                     ORDER BY content_hash ON CONFLICT DO NOTHING)
             SELECT count(*) FROM gone",
            &[&documents],
        )
        .await?;
    row::whole(&row, 0)
}

/// Keeps vectors apart from chunks.
pub(super) async fn keep(session: &Session, vectors: &[(&ContentHash, &[f32])]) -> Work<()> {
    for part in vectors.chunks(MAX_ROWS) {
        session
            .execute(
                "INSERT INTO ingest_vectors (content_hash, embedding)
                 SELECT DISTINCT ON (content_hash) content_hash, embedding
                 FROM unnest($1::text[], $2::vector[]) AS r (content_hash, embedding)
                 ORDER BY content_hash ON CONFLICT DO NOTHING",
                &[
                    &part.iter().map(|(hash, _)| hash.to_string()).collect::<Vec<_>>(),
                    &part.iter().map(|(_, values)| Sent(values)).collect::<Vec<_>>(),
                ],
            )
            .await?;
    }
    Ok(())
}

/// A chunk's document and place.
pub(super) type Place = (String, u32);

/// The chunks set aside that outcomes are about, by place, with their documents' ids. The documents are locked.
pub(super) async fn aside(
    session: &Session,
    outcomes: &[(String, u32, Result<Vector, ChunkFailure>)],
) -> Work<HashMap<Place, (i64, Chunk)>> {
    let sources: Vec<_> = outcomes.iter().map(|(source, ..)| clean(source)).collect();
    let ordinals: Vec<i64> = outcomes
        .iter()
        .map(|(_, ordinal, _)| i64::from(*ordinal))
        .collect();
    session
        .execute(
            "SELECT FROM ingest_documents WHERE source = ANY($1) ORDER BY source FOR UPDATE",
            &[&sources],
        )
        .await?;
    let rows = session
        .query(
            &format!(
                "SELECT d.source, d.id, {FAILED_CHUNK} FROM ingest_documents AS d
                     JOIN ingest_failures AS c ON c.document_id = d.id
                 WHERE (d.source, c.ordinal) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))"
            ),
            &[&sources, &ordinals],
        )
        .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let chunk = row::chunk(row, 2)?;
        found.insert((get(row, 0)?, chunk.ordinal), (get(row, 1)?, chunk));
    }
    Ok(found)
}

/// Takes chunks that were stored out of those set aside.
pub(super) async fn settle(session: &Session, settled: &[NewChunk<'_>]) -> Work<()> {
    session
        .execute(
            "WITH gone AS (DELETE FROM ingest_failures WHERE (document_id, ordinal) IN
                 (SELECT * FROM unnest($1::bigint[], $2::bigint[])) RETURNING document_id)
             UPDATE ingest_documents AS d SET chunks = d.chunks + g.number, failed = d.failed - g.number
             FROM (SELECT document_id, count(*) AS number FROM gone GROUP BY document_id) AS g
             WHERE d.id = g.document_id",
            &[
                &settled.iter().map(|new| new.document).collect::<Vec<_>>(),
                &settled
                    .iter()
                    .map(|new| i64::from(new.chunk.ordinal))
                    .collect::<Vec<_>>(),
            ],
        )
        .await?;
    Ok(())
}

/// Notes newer causes of chunks set aside; of several for one chunk the last stays.
pub(super) async fn fail_again(session: &Session, failed: &[(i64, u32, &ChunkFailure)]) -> Work<()> {
    let last: HashMap<(i64, u32), &ChunkFailure> = failed
        .iter()
        .map(|(document, ordinal, failure)| ((*document, *ordinal), *failure))
        .collect();
    let last: Vec<_> = last.into_iter().collect();
    if last.is_empty() {
        return Ok(());
    }
    session
        .execute(
            "UPDATE ingest_failures AS f SET kind = r.kind, message = r.message, status = r.status, attempts = r.attempts
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::int[], $6::bigint[])
                 AS r (document_id, ordinal, kind, message, status, attempts)
             WHERE f.document_id = r.document_id AND f.ordinal = r.ordinal",
            &[
                &last.iter().map(|((document, _), _)| *document).collect::<Vec<_>>(),
                &last.iter().map(|((_, ordinal), _)| i64::from(*ordinal)).collect::<Vec<_>>(),
                &last.iter().map(|(_, failure)| clean(&failure.kind)).collect::<Vec<_>>(),
                &last.iter().map(|(_, failure)| clean(&failure.message)).collect::<Vec<_>>(),
                &last.iter().map(|(_, failure)| failure.status.map(i32::from)).collect::<Vec<_>>(),
                &last.iter().map(|(_, failure)| i64::from(failure.attempts)).collect::<Vec<_>>(),
            ],
        )
        .await?;
    Ok(())
}
