//! A store in memory: what the SQLite one does, said plainly, for tests and short-lived programs.

mod search;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ingest_core::{
    ChunkFailure, ContentHash, DocumentRecord, DocumentState, Error, ErrorKind, FailedChunk, FoundChunk, Hit,
    ModelIdentity, Query, Removed, Result, RunGuard, RunInfo, Store, StoreStatus, StoredChunk, Vector,
};

use crate::{check, lock};
use state::State;

/// A store that is gone with its last clone; clones are handles on one store, as several connections are on a file.
///
/// It searches by comparing everything, and knows of word forms only plurals.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    holder: Mutex<Option<Holder>>,
}

#[derive(Debug)]
struct Holder {
    description: String,
    since: Instant,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Operations change nothing before everything is checked, so a panic leaves a state as good as any.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn holder(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(self: &Arc<Self>, info: &RunInfo) -> Result<Box<dyn RunGuard>> {
        let mut holder = self.holder();
        if let Some(held) = &*holder {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "the store in memory is held by another run for {} ({}): wait for it to end",
                    lock::ago(held.since.elapsed()),
                    held.description
                ),
            ));
        }
        *holder = Some(Holder {
            description: info.description.clone(),
            since: Instant::now(),
        });
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let run = state.begin_run(info.clone());
        Ok(Box::new(Guard {
            shared: Arc::clone(self),
            run,
        }))
    }
}

#[derive(Debug)]
struct Guard {
    shared: Arc<Shared>,
    run: u64,
}

#[async_trait]
impl RunGuard for Guard {
    async fn finish(self: Box<Self>, info: &RunInfo) -> Result<()> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.finish_run(self.run, info.clone());
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        *self.shared.holder() = None;
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory".into()
    }

    async fn identity(&self) -> Result<Option<ModelIdentity>> {
        Ok(self.state().identity.clone())
    }

    async fn bind(&self, identity: &ModelIdentity) -> Result<()> {
        let mut state = self.state();
        state.identity = Some(check::rebind("memory", state.identity.clone(), identity)?);
        Ok(())
    }

    async fn begin_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        // Without a thread where nobody is in the way, so that a run in memory depends on nothing but its own runtime.
        match self.shared.claim(info) {
            Err(error) if error.kind() == ErrorKind::Locked => {}
            outcome => return outcome,
        }
        let (shared, info) = (Arc::clone(&self.shared), info.clone());
        lock::wait_for(wait, move || shared.claim(&info)).await
    }

    async fn states<'a>(&self, sources: &[&'a str]) -> Result<Vec<Option<DocumentState>>> {
        let state = self.state();
        Ok(sources
            .iter()
            .map(|source| state.document_state(source))
            .collect())
    }

    async fn known(&self, hashes: &[ContentHash]) -> Result<Vec<bool>> {
        let state = self.state();
        Ok(hashes
            .iter()
            .map(|hash| state.vectors.contains_key(hash))
            .collect())
    }

    async fn replace(&self, documents: Vec<DocumentRecord>) -> Result<()> {
        self.state().replace(check::documents(documents)?)
    }

    async fn keep_vectors(&self, vectors: Vec<(ContentHash, Vector)>) -> Result<()> {
        self.state()
            .keep(vectors.iter().map(|(hash, vector)| (*hash, vector)))
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<()> {
        self.state().touch(states);
        Ok(())
    }

    async fn documents<'a>(
        &self,
        origin: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Result<Vec<DocumentState>> {
        Ok(self.state().page_of_documents(origin, after, limit))
    }

    async fn origins(&self) -> Result<Vec<(String, u64)>> {
        Ok(self.state().origins())
    }

    async fn remove(&self, sources: &[String]) -> Result<Removed> {
        Ok(self.state().remove(sources))
    }

    async fn clear(&self) -> Result<Removed> {
        Ok(self.state().clear())
    }

    async fn sweep(&self) -> Result<u64> {
        Ok(self.state().sweep())
    }

    async fn failed<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<FailedChunk>> {
        Ok(self.state().page_of_failed(after, limit))
    }

    async fn settle(
        &self,
        outcomes: Vec<(String, u32, std::result::Result<Vector, ChunkFailure>)>,
    ) -> Result<()> {
        self.state().settle(outcomes)
    }

    async fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        search::search(&self.state(), query)
    }

    async fn chunks<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<StoredChunk>> {
        Ok(self.state().page_of_chunks(after, limit))
    }

    async fn with_hash(&self, first: ContentHash, last: ContentHash) -> Result<Vec<FoundChunk>> {
        Ok(self.state().with_hash(first, last))
    }

    async fn status(&self) -> Result<StoreStatus> {
        Ok(self.state().status())
    }
}
