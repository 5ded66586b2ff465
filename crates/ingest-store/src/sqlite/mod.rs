//! A store in one SQLite file.
//!
//! One thread owns the connection that writes, a few own one each that read; the log of SQLite's WAL mode lets them
//! work side by side, so that a search sees the store as of the last commit and never waits for a writer.

mod fault;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod lifecycle;
mod read;
mod row;
mod run;
mod scan;
mod schema;
mod search;
mod worker;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use ingest_core::{
    ChunkFailure, ContentHash, DocumentRecord, DocumentState, FailedChunk, FoundChunk, Hit, ModelIdentity,
    Query, Removed, Result, RunGuard, RunInfo, Store, StoreStatus, StoredChunk, Vector,
};
use rusqlite::{Connection, Transaction};

use crate::check;
use crate::trace::timed;
use fault::Work;
use schema::Database;
use worker::Worker;

/// The version of the tables that this program makes and reads.
pub(crate) const SCHEMA: usize = schema::MIGRATIONS.len();

/// Most threads that read; more would only wait for the same memory.
const MAX_READERS: usize = 4;

/// A store in one SQLite file. While it is open, SQLite keeps a `-wal` and a `-shm` file beside it.
///
/// Dropping the last handle waits for what is under way and closes the file, which moves the log into it.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    // In this order: the writer closes last, and with it the file.
    readers: Worker,
    writer: Arc<Worker>,
}

impl SqliteStore {
    /// Opens the store in a file. It is made, with its folder, when it is not there.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be made; `NewerSchema`, `Foreign`, `ReadOnly` and `Corrupt` for what is found there.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::start(Database::new(path.as_ref())?, |database| {
            database.create().map(Some)
        })
        .await
    }

    /// Opens a store that is there already; nothing is made or changed by opening it.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Unavailable` where there is no store yet.
    pub async fn open_existing(path: impl AsRef<Path>) -> Result<Self> {
        Self::start(Database::new(path.as_ref())?, |database| {
            database.check().map(|()| None)
        })
        .await
    }

    async fn start(database: Database, prepare: fn(&Database) -> Work<Option<Connection>>) -> Result<Self> {
        let readers = thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MAX_READERS));
        let (reading, writing) = (database.clone(), database.clone());
        let store = Self {
            readers: Worker::start("store-reader", readers, move || reading.reader())?,
            writer: Arc::new(Worker::start("store-writer", 1, move || writing.writer())?),
            database: database.clone(),
        };
        let prepared = store.writer.prepare(move || prepare(&database)).await;
        prepared.map_err(|fault| fault.explain("open", &store.database.path))?;
        Ok(store)
    }

    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Work<T> + Send + 'static,
    ) -> Result<T> {
        // One snapshot for all that an operation asks.
        let work = move |connection: &mut Connection| work(&connection.transaction()?);
        let outcome = self.readers.run(work).await;
        outcome.map_err(|fault| fault.explain(doing, &self.database.path))
    }

    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Work<T> + Send + 'static,
    ) -> Result<T> {
        let outcome = self
            .writer
            .run(move |connection| write::transaction(connection, work))
            .await;
        outcome.map_err(|fault| fault.explain(doing, &self.database.path))
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn location(&self) -> String {
        format!("sqlite:{}", self.database.path.display())
    }

    async fn identity(&self) -> Result<Option<ModelIdentity>> {
        self.read("read", read::identity).await
    }

    async fn bind(&self, identity: &ModelIdentity) -> Result<()> {
        let (location, identity) = (self.location(), identity.clone());
        self.write("write to", move |tx| {
            let bound = check::rebind(&location, read::identity(tx)?, &identity)?;
            write::identity(tx, &bound)
        })
        .await
    }

    async fn begin_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        run::begin(&self.database, &self.writer, info, wait).await
    }

    async fn states<'a>(&self, sources: &[&'a str]) -> Result<Vec<Option<DocumentState>>> {
        let sources: Vec<String> = sources.iter().map(|&source| source.to_owned()).collect();
        self.read("read", move |tx| read::states(tx, sources)).await
    }

    async fn known(&self, hashes: &[ContentHash]) -> Result<Vec<bool>> {
        let hashes = hashes.to_vec();
        self.read("read", move |tx| read::known(tx, &hashes)).await
    }

    async fn replace(&self, documents: Vec<DocumentRecord>) -> Result<()> {
        let documents = check::documents(documents)?;
        let written = self.write("write to", move |tx| write::replace(tx, &documents));
        timed("documents replaced", written).await
    }

    async fn keep_vectors(&self, vectors: Vec<(ContentHash, Vector)>) -> Result<()> {
        let kept = self.write("write to", move |tx| write::keep(tx, &vectors));
        timed("vectors kept", kept).await
    }

    async fn replace_and_keep(
        &self,
        documents: Vec<DocumentRecord>,
        vectors: Vec<(ContentHash, Vector)>,
    ) -> Result<()> {
        let documents = check::documents(documents)?;
        let written = self.write("write to", move |tx| {
            write::keep(tx, &vectors)?;
            write::replace(tx, &documents)
        });
        timed("documents replaced", written).await
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<()> {
        self.write("write to", move |tx| write::touch(tx, &states)).await
    }

    async fn documents<'a>(
        &self,
        origin: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Result<Vec<DocumentState>> {
        let (origin, after) = (origin.map(str::to_owned), after.map(str::to_owned));
        let page =
            move |tx: &Transaction<'_>| read::documents(tx, origin.as_deref(), after.as_deref(), limit);
        self.read("read", page).await
    }

    async fn origins(&self) -> Result<Vec<(String, u64)>> {
        self.read("read", read::origins).await
    }

    async fn remove(&self, sources: &[String]) -> Result<Removed> {
        let sources = sources.to_vec();
        self.write("write to", move |tx| write::remove(tx, &sources))
            .await
    }

    async fn clear(&self) -> Result<Removed> {
        let removed = self.write("write to", write::clear).await?;
        // The space goes back to the system where nobody reads just now; else the store keeps it for what comes.
        let _ = self
            .writer
            .run(|connection| Ok(connection.execute_batch("VACUUM")?))
            .await;
        Ok(removed)
    }

    async fn sweep(&self) -> Result<u64> {
        self.write("write to", write::sweep).await
    }

    async fn failed<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<FailedChunk>> {
        let after = after.map(|(source, ordinal)| (source.to_owned(), ordinal));
        self.read("read", move |tx| read::failed(tx, after.as_ref(), limit))
            .await
    }

    async fn settle(
        &self,
        outcomes: Vec<(String, u32, std::result::Result<Vector, ChunkFailure>)>,
    ) -> Result<()> {
        self.write("write to", move |tx| write::settle(tx, &outcomes))
            .await
    }

    async fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        let (database, query) = (self.database.clone(), query.clone());
        let found = self.read("search", move |tx| search::search(tx, &database, &query));
        timed("searched", found).await
    }

    async fn chunks<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<StoredChunk>> {
        let after = after.map(|(source, ordinal)| (source.to_owned(), ordinal));
        self.read("read", move |tx| read::chunks(tx, after.as_ref(), limit))
            .await
    }

    async fn with_hash(&self, first: ContentHash, last: ContentHash) -> Result<Vec<FoundChunk>> {
        self.read("read", move |tx| read::with_hash(tx, &first, &last))
            .await
    }

    async fn status(&self) -> Result<StoreStatus> {
        let path = self.database.path.clone();
        self.read("read", move |tx| read::status(tx, &path)).await
    }

    async fn is_empty(&self) -> Result<bool> {
        self.read("read", read::is_empty).await
    }

    async fn last_run(&self) -> Result<Option<RunInfo>> {
        self.read("read", read::last_run).await
    }
}
