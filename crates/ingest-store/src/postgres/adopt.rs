//! Taking over a `chunks` table that the reference's pipeline filled.

use std::collections::HashMap;

use ingest_core::{Error, ErrorKind};

use super::fault::Work;
use super::index;
use super::pool::Session;

/// Without these a table is something else.
const COLUMNS: [&str; 10] = [
    "id",
    "source_url",
    "title",
    "doc_type",
    "content",
    "content_hash",
    "context_header",
    "generations",
    "deprecated",
    "embedding",
];

/// Columns that older tables lack. No row is touched by adding them.
const ADDITIONS: &str = "
ALTER TABLE chunks
    ADD COLUMN IF NOT EXISTS source_type text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS display_url text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE chunks
    ADD COLUMN IF NOT EXISTS search_vector tsvector GENERATED ALWAYS AS (
        to_tsvector('english', left(context_header || ' ' || title || ' ' || content, 200000))
    ) STORED;
";

/// Checks that the table is what it is taken for, and gives it the columns of the newest form.
pub(super) async fn prepare(session: &Session, store: &str) -> Work<()> {
    let rows = session
        .query(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 'chunks'::regclass AND attnum > 0 AND NOT attisdropped",
            &[],
        )
        .await?;
    let mut columns: HashMap<String, String> = HashMap::new();
    for row in &rows {
        columns.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let refuse = |what: String| {
        let message = format!(
            "store {store}: its table `chunks` {what}, so it is not one to take over: name another database"
        );
        Error::new(ErrorKind::Foreign, message)
    };
    if let Some(missing) = COLUMNS.iter().find(|name| !columns.contains_key(**name)) {
        return Err(refuse(format!("has no column `{missing}`")).into());
    }
    for (name, expected) in [
        ("embedding", "vector"),
        ("generations", "text[]"),
        ("deprecated", "boolean"),
    ] {
        let found = &columns[name];
        if !found.starts_with(expected) {
            return Err(refuse(format!("has `{name}` of type {found}, not {expected}")).into());
        }
    }
    session.batch(ADDITIONS).await?;
    // A text may stand in several documents; a uniqueness of hashes would keep all but the first out.
    let unique = session
        .query(
            "SELECT i.indexrelid::regclass::text, c.conname::text FROM pg_index i
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'content_hash'
                 LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
             WHERE i.indrelid = 'chunks'::regclass AND i.indisunique AND i.indnkeyatts = 1",
            &[],
        )
        .await?;
    for row in unique {
        let (index, constraint): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        session
            .batch(&match constraint {
                Some(constraint) => format!(
                    "ALTER TABLE chunks DROP CONSTRAINT \"{}\"",
                    constraint.replace('"', "\"\"")
                ),
                None => format!("DROP INDEX {index}"),
            })
            .await?;
    }
    Ok(())
}

/// Makes documents of the rows: one for each source, of no origin that a run walks, so that only meeting the source again
/// replaces them; of no revision, so that it is then looked at anew, with its vectors known.
pub(super) async fn take_over(session: &Session) -> Work<()> {
    // Each row moves; keeping the index of vectors up to date with that takes longer than building it anew, which the
    // next run does at its end.
    index::drop(session).await?;
    session
        .batch(
            "INSERT INTO ingest_documents (source, origin, revision, recipe, chunks, failed, title, doc_type,
                 context_header, generations, deprecated, source_type, display_url, metadata)
             SELECT DISTINCT ON (source_url COLLATE \"C\") source_url, 'adopted', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'),
                 count(*) OVER (PARTITION BY source_url COLLATE \"C\"), 0, title, doc_type,
                 '', generations, deprecated, source_type, display_url, metadata
             FROM chunks ORDER BY source_url COLLATE \"C\", id;

             UPDATE chunks AS c SET document_id = d.id, ordinal = numbered.ordinal, span_start = 0, span_end = 0,
                 line_start = 0, line_end = 0, heading_path = '[]'
             FROM (SELECT id, row_number() OVER (PARTITION BY source_url COLLATE \"C\" ORDER BY id) - 1 AS ordinal
                   FROM chunks) AS numbered,
                  ingest_documents AS d
             WHERE numbered.id = c.id AND d.source = c.source_url COLLATE \"C\";",
        )
        .await
}
