//! A store that is made when a run claims it, and not before: a run that cannot start leaves no trace.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ingest_config::Address;
use ingest_core::{
    ChunkFailure, ContentHash, DocumentRecord, DocumentState, FailedChunk, FoundChunk, Hit, ModelIdentity,
    Progress, Query, Removed, Result, RunGuard, RunInfo, Store, StoreStatus, StoredChunk, Vector,
};
use ingest_store::MemoryStore;
use tokio::sync::OnceCell;

/// Empty until a run begins, the store at an address from then on.
#[derive(Debug)]
pub(crate) struct LazyStore {
    address: Address,
    nothing: MemoryStore,
    made: OnceCell<Arc<dyn Store>>,
}

impl LazyStore {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            nothing: MemoryStore::new(),
            made: OnceCell::new(),
        }
    }

    async fn make(&self) -> Result<&Arc<dyn Store>> {
        self.made
            .get_or_try_init(|| ingest_store::open(self.address.as_str()))
            .await
    }

    fn now(&self) -> &dyn Store {
        match self.made.get() {
            Some(store) => &**store,
            None => &self.nothing,
        }
    }
}

#[async_trait]
impl Store for LazyStore {
    fn location(&self) -> String {
        self.made
            .get()
            .map_or_else(|| self.address.to_string(), |store| store.location())
    }

    async fn begin_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        self.make().await?.begin_run(info, wait).await
    }

    async fn join_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        self.make().await?.join_run(info, wait).await
    }

    async fn finish_load(&self, progress: Arc<dyn Progress>) -> Result<Vec<String>> {
        self.now().finish_load(progress).await
    }

    async fn identity(&self) -> Result<Option<ModelIdentity>> {
        self.now().identity().await
    }

    async fn bind(&self, identity: &ModelIdentity) -> Result<()> {
        self.now().bind(identity).await
    }

    async fn states<'a>(&self, sources: &[&'a str]) -> Result<Vec<Option<DocumentState>>> {
        self.now().states(sources).await
    }

    async fn known(&self, hashes: &[ContentHash]) -> Result<Vec<bool>> {
        self.now().known(hashes).await
    }

    async fn replace(&self, documents: Vec<DocumentRecord>) -> Result<()> {
        self.now().replace(documents).await
    }

    async fn keep_vectors(&self, vectors: Vec<(ContentHash, Vector)>) -> Result<()> {
        self.now().keep_vectors(vectors).await
    }

    async fn replace_and_keep(
        &self,
        documents: Vec<DocumentRecord>,
        vectors: Vec<(ContentHash, Vector)>,
    ) -> Result<()> {
        self.now().replace_and_keep(documents, vectors).await
    }

    fn concurrent_writes(&self) -> usize {
        self.now().concurrent_writes()
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<()> {
        self.now().touch(states).await
    }

    async fn documents<'a>(
        &self,
        origin: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Result<Vec<DocumentState>> {
        self.now().documents(origin, after, limit).await
    }

    async fn origins(&self) -> Result<Vec<(String, u64)>> {
        self.now().origins().await
    }

    async fn remove(&self, sources: &[String]) -> Result<Removed> {
        self.now().remove(sources).await
    }

    async fn clear(&self) -> Result<Removed> {
        self.now().clear().await
    }

    async fn sweep(&self) -> Result<u64> {
        self.now().sweep().await
    }

    async fn failed<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<FailedChunk>> {
        self.now().failed(after, limit).await
    }

    async fn settle(&self, outcomes: Vec<(String, u32, Result<Vector, ChunkFailure>)>) -> Result<()> {
        self.now().settle(outcomes).await
    }

    async fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        self.now().search(query).await
    }

    async fn chunks<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<StoredChunk>> {
        self.now().chunks(after, limit).await
    }

    async fn with_hash(&self, first: ContentHash, last: ContentHash) -> Result<Vec<FoundChunk>> {
        self.now().with_hash(first, last).await
    }

    async fn status(&self) -> Result<StoreStatus> {
        self.now().status().await
    }

    async fn is_empty(&self) -> Result<bool> {
        self.now().is_empty().await
    }

    async fn last_run(&self) -> Result<Option<RunInfo>> {
        self.now().last_run().await
    }
}
