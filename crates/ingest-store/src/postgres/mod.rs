//! A store in a PostgreSQL database with pgvector, laid out so that the reference's readers find what they know.

mod address;
mod adopt;
mod bind;
mod chunks;
mod fault;
mod index;
mod inspect;
mod pattern;
mod pool;
mod read;
mod relevance;
mod row;
mod run;
mod schema;
mod search;
mod tls;
mod vector;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ingest_core::{
    ChunkFailure, ContentHash, DocumentRecord, DocumentState, FailedChunk, FoundChunk, Hit, ModelIdentity,
    Progress, Query, Removed, Result, RunGuard, RunInfo, Store, StoreStatus, StoredChunk, Vector,
};

use crate::trace::timed;
use crate::{ServerInspection, check};
use address::Address;
use fault::Work;
use pool::{Mode, Pool, Session};
use run::Company;

/// The version of the tables that this program makes and reads.
pub(crate) const SCHEMA: usize = schema::MIGRATIONS.len();

/// A store in a PostgreSQL database with pgvector. Several processes may use it at once.
///
/// It needs a tokio runtime with its timer and network switched on: connections are tasks of the runtime they were made
/// in, and are made anew where that has ended.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
}

impl PostgresStore {
    /// Opens the store at `postgres://user:password@host:port/database`; its tables are made where they are missing.
    /// With `adopt`, a `chunks` table of the reference's pipeline is taken over.
    ///
    /// # Errors
    /// `InvalidInput` for an address that is none; `Unavailable` where the server can't be reached, lets nobody in or has
    /// no pgvector; `Foreign` for a `chunks` table that this program did not make; `NewerSchema`; `ReadOnly`.
    pub async fn open(url: &str, adopt: bool) -> Result<Self> {
        let store = Self::new(url)?;
        let location = store.location();
        store
            .pool
            .transaction(Mode::Write, "open", |session| {
                schema::create(session, &location, adopt)
            })
            .await?;
        Ok(store)
    }

    /// Opens a store that is there already; nothing is made or changed by opening it. `None` where there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn find(url: &str) -> Result<Option<Self>> {
        let store = Self::new(url)?;
        let location = store.location();
        let exists = store
            .pool
            .transaction(Mode::Read, "open", |session| schema::exists(session, &location))
            .await?;
        Ok(exists.then_some(store))
    }

    /// Looks at the server, whether there is a store or not. Nothing is made or changed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn inspect(url: &str) -> Result<ServerInspection> {
        Self::new(url)?.read(inspect::inspect).await
    }

    fn new(url: &str) -> Result<Self> {
        Ok(Self {
            pool: Arc::new(Pool::new(Address::parse(url)?)?),
        })
    }

    async fn read<T: Send, F: Future<Output = Work<T>> + Send>(
        &self,
        work: impl Fn(Arc<Session>) -> F + Send + Sync,
    ) -> Result<T> {
        self.pool.transaction(Mode::Read, "read", work).await
    }

    async fn write<T: Send, F: Future<Output = Work<T>> + Send>(
        &self,
        work: impl Fn(Arc<Session>) -> F + Send + Sync,
    ) -> Result<T> {
        self.pool.transaction(Mode::Write, "write to", work).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn location(&self) -> String {
        self.pool.address.to_string()
    }

    async fn identity(&self) -> Result<Option<ModelIdentity>> {
        self.read(|session| async move { read::identity(&session).await })
            .await
    }

    async fn bind(&self, identity: &ModelIdentity) -> Result<()> {
        let location = self.location();
        self.write(|session| bind::bind(session, &location, identity))
            .await
    }

    async fn begin_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        run::begin(&self.pool, Company::Alone, info, wait).await
    }

    async fn join_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        run::begin(&self.pool, Company::Shared, info, wait).await
    }

    async fn states<'a>(&self, sources: &[&'a str]) -> Result<Vec<Option<DocumentState>>> {
        self.read(|session| read::states(session, sources)).await
    }

    async fn known(&self, hashes: &[ContentHash]) -> Result<Vec<bool>> {
        self.read(|session| async move { read::known(&session, hashes).await })
            .await
    }

    async fn replace(&self, documents: Vec<DocumentRecord>) -> Result<()> {
        let documents = check::documents(documents)?;
        let written = self.write(|session| write::replace(session, &documents));
        timed("documents replaced", written).await
    }

    async fn keep_vectors(&self, vectors: Vec<(ContentHash, Vector)>) -> Result<()> {
        let kept = self.write(|session| write::keep(session, &vectors));
        timed("vectors kept", kept).await
    }

    async fn replace_and_keep(
        &self,
        documents: Vec<DocumentRecord>,
        vectors: Vec<(ContentHash, Vector)>,
    ) -> Result<()> {
        let documents = check::documents(documents)?;
        let (documents, vectors) = (&documents, &vectors);
        let written = self.write(|session| async move {
            if !vectors.is_empty() {
                write::keep(Arc::clone(&session), vectors).await?;
            }
            write::replace(session, documents).await
        });
        timed("documents replaced", written).await
    }

    /// Each connection has a process of the server, and so a core, to itself. Half of them are left to the questions that
    /// a run asks meanwhile.
    fn concurrent_writes(&self) -> usize {
        (self.pool.address.connections / 2).max(1)
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<()> {
        self.write(|session| write::touch(session, &states)).await
    }

    async fn documents<'a>(
        &self,
        origin: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Result<Vec<DocumentState>> {
        self.read(|session| read::documents(session, origin, after, limit))
            .await
    }

    async fn origins(&self) -> Result<Vec<(String, u64)>> {
        self.read(read::origins).await
    }

    async fn remove(&self, sources: &[String]) -> Result<Removed> {
        self.write(|session| write::remove(session, sources)).await
    }

    async fn clear(&self) -> Result<Removed> {
        self.write(write::clear).await
    }

    async fn sweep(&self) -> Result<u64> {
        self.write(write::sweep).await
    }

    async fn finish_load(&self, progress: Arc<dyn Progress>) -> Result<Vec<String>> {
        index::build(&self.pool, progress).await
    }

    async fn failed<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<FailedChunk>> {
        self.read(|session| read::failed(session, after, limit)).await
    }

    async fn settle(
        &self,
        outcomes: Vec<(String, u32, std::result::Result<Vector, ChunkFailure>)>,
    ) -> Result<()> {
        self.write(|session| write::settle(session, &outcomes)).await
    }

    async fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        let found = self.read(|session| search::search(session, query));
        timed("searched", found).await
    }

    async fn chunks<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<StoredChunk>> {
        self.read(|session| read::chunks(session, after, limit)).await
    }

    async fn with_hash(&self, first: ContentHash, last: ContentHash) -> Result<Vec<FoundChunk>> {
        self.read(|session| read::with_hash(session, first, last)).await
    }

    async fn status(&self) -> Result<StoreStatus> {
        self.read(read::status).await
    }

    async fn is_empty(&self) -> Result<bool> {
        self.read(read::is_empty).await
    }

    async fn last_run(&self) -> Result<Option<RunInfo>> {
        self.read(|session| async move { read::last_run(&session).await })
            .await
    }
}
