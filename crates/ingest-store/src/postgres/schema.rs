//! The tables, and how they come to be.

use std::sync::Arc;

use ingest_core::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

use super::adopt;
use super::fault::{Fault, Work};
use super::pool::Session;

/// Advisory locks, told apart by their first number; the second is the schema's, so that stores don't meet.
pub(super) const MIGRATION_LOCK: i32 = 0x696e_6701;
/// Held shared by every change, and alone by what must not meet one: `clear`, `sweep`.
pub(super) const GATE_LOCK: i32 = 0x696e_6702;
/// Held while the index of vectors is built.
pub(super) const INDEX_LOCK: i32 = 0x696e_6704;
/// Held by runs: alone, or shared.
pub(super) const RUN_LOCK: i32 = 0x696e_6703;

/// The first pgvector with HNSW.
pub(super) const OLDEST_PGVECTOR: (u32, u32) = (0, 5);

/// Brings the tables from one version to the next. Never changed, only added to.
pub(super) const MIGRATIONS: [&str; 2] = [VERSION_1, VERSION_2];

/// The table that the reference's readers know, in their words. `left` keeps a chunk below the megabyte that a
/// `tsvector` holds; no reader's ranking looks that far.
///
/// `content_hash` is not unique: one text may stand in several documents, and is found under each. The embedding has no
/// width before there is a model.
const CHUNKS: &str = "
CREATE TABLE chunks (
    id bigserial PRIMARY KEY,
    source_url text NOT NULL,
    title text NOT NULL,
    doc_type text NOT NULL,
    content text NOT NULL,
    content_hash varchar(64) NOT NULL,
    context_header text NOT NULL DEFAULT '',
    generations text[] NOT NULL,
    deprecated boolean NOT NULL DEFAULT false,
    source_type text NOT NULL DEFAULT '',
    display_url text NOT NULL DEFAULT '',
    embedding vector,
    search_vector tsvector GENERATED ALWAYS AS (
        to_tsvector('english', left(context_header || ' ' || title || ' ' || content, 200000))
    ) STORED,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
";

/// What we need beyond it. `bare_header` is a header that the text does not begin with, which readers must not find
/// words in; a document's chunks are those with its id.
const VERSION_1: &str = "
ALTER TABLE chunks
    ADD COLUMN document_id bigint,
    ADD COLUMN ordinal bigint,
    ADD COLUMN span_start bigint,
    ADD COLUMN span_end bigint,
    ADD COLUMN line_start bigint,
    ADD COLUMN line_end bigint,
    ADD COLUMN heading_path jsonb,
    ADD COLUMN bare_header text;
CREATE INDEX ingest_chunks_document ON chunks (document_id);
CREATE INDEX ingest_chunks_content_hash ON chunks (content_hash);
CREATE INDEX IF NOT EXISTS idx_chunks_search_vector ON chunks USING gin (search_vector);
CREATE INDEX IF NOT EXISTS idx_chunks_generations ON chunks USING gin (generations);
CREATE INDEX IF NOT EXISTS idx_chunks_source_type ON chunks (source_type);

CREATE TABLE ingest_model (
    id int PRIMARY KEY CHECK (id = 1),
    provider text NOT NULL,
    model text NOT NULL,
    digest text,
    dimensions bigint NOT NULL,
    document_prefix text NOT NULL,
    query_prefix text NOT NULL,
    vector_weight real NOT NULL
);

CREATE TABLE ingest_documents (
    id bigserial PRIMARY KEY,
    source text COLLATE \"C\" NOT NULL UNIQUE,
    origin text COLLATE \"C\" NOT NULL,
    revision bytea NOT NULL,
    recipe bytea NOT NULL,
    chunks bigint NOT NULL,
    failed bigint NOT NULL,
    title text NOT NULL,
    doc_type text NOT NULL,
    context_header text NOT NULL,
    generations text[] NOT NULL,
    deprecated boolean NOT NULL,
    source_type text NOT NULL,
    display_url text NOT NULL,
    metadata jsonb NOT NULL
);
CREATE INDEX ingest_documents_origin ON ingest_documents (origin, source);

CREATE TABLE ingest_vectors (
    content_hash varchar(64) PRIMARY KEY,
    embedding vector NOT NULL
);

CREATE TABLE ingest_failures (
    document_id bigint NOT NULL REFERENCES ingest_documents ON DELETE CASCADE,
    ordinal bigint NOT NULL,
    content_hash varchar(64) NOT NULL,
    span_start bigint NOT NULL,
    span_end bigint NOT NULL,
    line_start bigint NOT NULL,
    line_end bigint NOT NULL,
    heading_path jsonb NOT NULL,
    context_header text NOT NULL,
    content text NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    status int,
    attempts bigint NOT NULL,
    PRIMARY KEY (document_id, ordinal)
);

CREATE TABLE ingest_runs (
    id bigserial PRIMARY KEY,
    started timestamptz,
    finished timestamptz,
    outcome text NOT NULL,
    description text NOT NULL,
    host text NOT NULL,
    process bigint NOT NULL,
    backend int NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    is_live boolean NOT NULL DEFAULT true
);

CREATE TABLE ingest_claims (
    source text COLLATE \"C\" PRIMARY KEY,
    run bigint NOT NULL
);

CREATE TABLE ingest_schema (version int NOT NULL);
INSERT INTO ingest_schema VALUES (1);
";

/// What the model makes of the canary; none in a store of the first version until the next run. No reader of `chunks`
/// meets it.
const VERSION_2: &str = "ALTER TABLE ingest_model ADD COLUMN canary real[];";

/// What readers call; one that is there already stays as it is.
const FUNCTION: &str = "
CREATE FUNCTION rrf_score(rank bigint, k int DEFAULT 50) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 1.0 / (rank + k)::double precision';
";

/// What is there before anything is done.
#[derive(Debug)]
struct Found {
    version: Option<usize>,
    has_chunks: bool,
    has_function: bool,
    pgvector: Option<String>,
    schema: Option<String>,
}

async fn look(session: &Session) -> Work<Found> {
    let row = session
        .first(
            // Names are looked up in the catalogue, since what a connection remembers of a name that was not there may be
            // out of date after waiting for whoever made it.
            "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'ingest_schema' AND pg_table_is_visible(oid)),
                 EXISTS (SELECT FROM pg_class WHERE relname = 'chunks' AND pg_table_is_visible(oid)),
                 (SELECT extversion FROM pg_extension WHERE extname = 'vector'), current_schema()::text,
                 EXISTS (SELECT FROM pg_proc WHERE proname = 'rrf_score' AND pg_function_is_visible(oid))",
            &[],
        )
        .await?;
    let is_ours: bool = row.try_get(0)?;
    let version = if is_ours {
        let version: i32 = session
            .first("SELECT max(version) FROM ingest_schema", &[])
            .await?
            .try_get(0)?;
        Some(usize::try_from(version).map_err(|_| Fault::Damaged(format!("schema version {version}")))?)
    } else {
        None
    };
    Ok(Found {
        version,
        has_chunks: row.try_get(1)?,
        pgvector: row.try_get(2)?,
        schema: row.try_get(3)?,
        has_function: row.try_get(4)?,
    })
}

/// Makes the tables where they are missing, and brings older ones up to date.
pub(super) async fn create(session: Arc<Session>, store: &str, adopt: bool) -> Work<()> {
    if is_current(&look(&session).await?, store)? {
        return Ok(());
    }
    session
        .execute(
            "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))",
            &[&MIGRATION_LOCK],
        )
        .await?;
    // Asked again, now that nobody else can be doing the same.
    let found = look(&session).await?;
    if is_current(&found, store)? {
        return Ok(());
    }
    if found.schema.is_none() {
        let message = format!(
            "store {store}: the search_path names no schema that is there: check the user's or `?options=`"
        );
        return Err(Error::new(ErrorKind::Unavailable, message).into());
    }
    extension(&session, found.pgvector.as_deref(), store).await?;
    let before = found.version.unwrap_or(0);
    if before == 0 {
        match (found.has_chunks, adopt) {
            (false, _) => session.batch(CHUNKS).await?,
            (true, true) => adopt::prepare(&session, store).await?,
            (true, false) => return Err(foreign(store).into()),
        }
        if !found.has_function {
            session.batch(FUNCTION).await?;
        }
    }
    for migration in &MIGRATIONS[before..] {
        session.batch(migration).await?;
    }
    if before == 0 && found.has_chunks {
        adopt::take_over(&session).await?;
    }
    let version = MIGRATIONS.len() as i32;
    session
        .execute("UPDATE ingest_schema SET version = $1", &[&version])
        .await?;
    Ok(())
}

/// Checks that a store of ours, in a form this program reads, is there; `false` for none.
pub(super) async fn exists(session: Arc<Session>, store: &str) -> Work<bool> {
    let found = look(&session).await?;
    if is_current(&found, store)? {
        return Ok(true);
    }
    match found.version {
        Some(version) => {
            let message = format!(
                "store {store} has the older schema version {version}: one `ingest run` brings it to version {}",
                MIGRATIONS.len()
            );
            Err(Error::new(ErrorKind::OlderSchema, message).into())
        }
        None if found.has_chunks => Err(foreign(store).into()),
        None => Ok(false),
    }
}

fn is_current(found: &Found, store: &str) -> Work<bool> {
    match found.version {
        Some(version) if version > MIGRATIONS.len() => {
            let message = format!(
                "store {store} has schema version {version}, this program knows up to {}: use the newer version of the \
                 program that made it, or another --store",
                MIGRATIONS.len()
            );
            Err(Error::new(ErrorKind::NewerSchema, message).into())
        }
        version => Ok(version == Some(MIGRATIONS.len())),
    }
}

fn foreign(store: &str) -> Error {
    Error::new(
        ErrorKind::Foreign,
        format!(
            "store {store} has a table `chunks` that this program did not make: `--adopt` takes it over with its rows and \
             vectors, or name another database"
        ),
    )
}

/// Makes sure that pgvector is there.
async fn extension(session: &Session, installed: Option<&str>, store: &str) -> Work<()> {
    let Some(version) = installed else {
        let made = session.batch("CREATE EXTENSION vector").await;
        return made.map_err(|fault| without_extension(fault, store));
    };
    if parse_version(version) < OLDEST_PGVECTOR {
        let message = format!(
            "store {store}: pgvector {version} is too old, {}.{} or newer is needed: update it, then \
             `ALTER EXTENSION vector UPDATE`",
            OLDEST_PGVECTOR.0, OLDEST_PGVECTOR.1
        );
        return Err(Error::new(ErrorKind::Unavailable, message).into());
    }
    Ok(())
}

/// Why pgvector could not be switched on.
fn without_extension(fault: Fault, store: &str) -> Fault {
    let message = match fault.code() {
        Some(code) if *code == SqlState::FEATURE_NOT_SUPPORTED || *code == SqlState::UNDEFINED_FILE => {
            format!(
                "store {store}: the server has no pgvector: install it there (package postgresql-NN-pgvector, or the image \
             pgvector/pgvector)"
            )
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => format!(
            "store {store}: pgvector is not switched on in this database, and the user may not do it: let an administrator \
             run `CREATE EXTENSION vector` there"
        ),
        _ => return fault,
    };
    match fault {
        Fault::Postgres(error) => Error::new(ErrorKind::Unavailable, message)
            .with_source(error)
            .into(),
        fault => fault,
    }
}

/// The first two numbers of a version.
pub(super) fn parse_version(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
