//! The index of vectors, which is cheaper to build once than to keep up to date through a first load.

use std::sync::Arc;
use std::time::Duration;

use ingest_core::{Progress, Result};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::fault::{Fault, Work};
use super::pool::{Mode, Pool, Session};
use super::read;
use super::row::get;
use super::run::LIVE;
use super::schema::INDEX_LOCK;

/// As the reference has it.
const M: u32 = 16;
const EF_CONSTRUCTION: u32 = 64;

/// The widest vectors that pgvector indexes as they are, and at half precision.
pub(super) const WIDEST: usize = 2000;
pub(super) const WIDEST_HALF: usize = 4000;

/// Which index a width can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of the vectors themselves.
    Full,
    /// Of the vectors at half precision.
    Half,
    /// None: too wide.
    None,
}

impl Kind {
    pub(super) fn of(dimensions: usize) -> Self {
        if dimensions <= WIDEST {
            Self::Full
        } else if dimensions <= WIDEST_HALF {
            Self::Half
        } else {
            Self::None
        }
    }

    /// The distance of a chunk's vector to the parameter, in the form that the index knows.
    pub(super) fn distance(self, dimensions: usize, parameter: &str) -> String {
        match self {
            Self::Half => {
                format!("embedding::halfvec({dimensions}) <=> {parameter}::vector::halfvec({dimensions})")
            }
            Self::Full | Self::None => format!("embedding <=> {parameter}"),
        }
    }

    pub(super) fn create(self, dimensions: usize) -> Option<String> {
        let column = match self {
            Self::Full => "embedding vector_cosine_ops".to_owned(),
            Self::Half => format!("(embedding::halfvec({dimensions})) halfvec_cosine_ops"),
            Self::None => return None,
        };
        Some(format!(
            "CREATE INDEX idx_chunks_embedding_hnsw ON chunks USING hnsw ({column})
             WITH (m = {M}, ef_construction = {EF_CONSTRUCTION})"
        ))
    }
}

/// Memory that building may take, in MiB: the graph of vectors is built much faster while it fits. Servers give 64 by
/// default; more than the upper bound is for who runs the server to decide.
const MEMORY: (i64, i64) = (64, 1024);

/// Time between two looks at how far the building is.
const GLANCE: Duration = Duration::from_millis(500);

/// Builds the index if there is none and nobody else is writing; the last of several runs does.
pub(super) async fn build(pool: &Pool, progress: Arc<dyn Progress>) -> Result<Vec<String>> {
    // Who may write may not always do this; then the server does it in time.
    let _ = pool.transaction(Mode::Write, "tidy up", file_words).await;
    let Some((dimensions, rows)) = pool.transaction(Mode::Read, "read", wanted).await? else {
        return Ok(Vec::new());
    };
    let Some(create) = Kind::of(dimensions).create(dimensions) else {
        return Ok(vec![format!(
            "vectors of {dimensions} dimensions are too wide for an index of pgvector (at most {WIDEST_HALF}): every \
             search compares all of them"
        )]);
    };
    let explain = |fault: Fault| fault.explain("build the index of", &pool.address);
    let session = pool.connect().await.map_err(explain)?;
    let building = Building {
        task: tokio::spawn(create_index(
            Arc::clone(&session),
            create,
            memory(dimensions, rows),
        )),
        session,
    };
    building.watch(pool, &*progress).await.map_err(explain)?;
    progress.done(1.0);
    Ok(Vec::new())
}

/// Puts the words that wait into their index.
async fn file_words(session: Arc<Session>) -> Work<()> {
    session
        .batch(
            "SELECT gin_clean_pending_list(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 JOIN pg_am a ON a.oid = c.relam WHERE i.indrelid = 'chunks'::regclass AND a.amname = 'gin'",
        )
        .await
}

/// The width of the vectors and how many there are, if they should have an index and have none.
async fn wanted(session: Arc<Session>) -> Work<Option<(usize, i64)>> {
    let Some(identity) = read::identity(&session).await? else {
        return Ok(None);
    };
    if exists(&session).await? {
        return Ok(None);
    }
    let sql = format!(
        "SELECT (SELECT count(*) FROM ingest_runs WHERE {LIVE}), (SELECT count(embedding) FROM chunks)"
    );
    let row = session.first(&sql, &[]).await?;
    let (runs, rows): (i64, i64) = (get(&row, 0)?, get(&row, 1)?);
    Ok((runs < 2).then_some((identity.dimensions, rows)))
}

/// What the graph takes: each vector with its edges, and some air.
fn memory(dimensions: usize, rows: i64) -> i64 {
    let row = dimensions * 4 + (M * 2 * 12) as usize + 256;
    let mebibytes = rows.saturating_mul(i64::try_from(row).unwrap_or(i64::MAX)) / (1 << 20) * 5 / 4;
    mebibytes.clamp(MEMORY.0, MEMORY.1)
}

async fn create_index(session: Arc<Session>, create: String, memory: i64) -> Work<()> {
    // A limit for questions is none for this; and it ends by itself when nobody waits for it any more.
    session
        .batch("SET statement_timeout = 0; SET client_connection_check_interval = '2s'")
        .await?;
    let configured = session
        .first(
            "SELECT setting::bigint / 1024 FROM pg_settings WHERE name = 'maintenance_work_mem'",
            &[],
        )
        .await?;
    if get::<i64>(&configured, 0)? < memory {
        session
            .batch(&format!("SET maintenance_work_mem = '{memory}MB'"))
            .await?;
    }
    session.batch("BEGIN").await?;
    let lock = "SELECT pg_try_advisory_xact_lock($1, hashtext(current_schema()))";
    let alone: bool = get(&session.first(lock, &[&INDEX_LOCK]).await?, 0)?;
    if alone && !exists(&session).await? {
        session.batch(&create).await?;
        session.batch("ANALYZE chunks").await?;
    }
    session.batch("COMMIT").await
}

/// An index being built; given up, the server is told so.
struct Building {
    session: Arc<Session>,
    task: JoinHandle<Work<()>>,
}

impl Building {
    async fn watch(mut self, pool: &Pool, progress: &dyn Progress) -> Work<()> {
        loop {
            if let Ok(ended) = timeout(GLANCE, &mut self.task).await {
                return ended
                    .unwrap_or_else(|_| Err(Fault::Damaged("building the index ended early".into())));
            }
            // How far it is, is worth no error.
            if let Ok(Some(share)) = pool.transaction(Mode::Read, "read", share).await {
                progress.done(share);
            }
        }
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if !self.task.is_finished() {
            self.session.cancel();
            self.task.abort();
        }
    }
}

/// How far the building of an index of chunks is.
async fn share(session: Arc<Session>) -> Work<Option<f64>> {
    let rows = session
        .query(
            "SELECT blocks_done::float8 / nullif(blocks_total, 0) FROM pg_stat_progress_create_index
             WHERE relid = 'chunks'::regclass",
            &[],
        )
        .await?;
    rows.first().map_or(Ok(None), |row| get(row, 0))
}

/// Whether there is one that can be used.
pub(super) async fn exists(session: &Session) -> Work<bool> {
    let row = session
        .first(
            "SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
                 WHERE i.indrelid = 'chunks'::regclass AND a.amname = 'hnsw' AND i.indisvalid)",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Drops every one there is.
pub(super) async fn drop(session: &Session) -> Work<()> {
    let rows = session
        .query(
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 JOIN pg_am a ON a.oid = c.relam
             WHERE i.indrelid = 'chunks'::regclass AND a.amname IN ('hnsw', 'ivfflat')",
            &[],
        )
        .await?;
    for row in rows {
        let name: String = row.try_get(0)?;
        session.batch(&format!("DROP INDEX {name}")).await?;
    }
    Ok(())
}
