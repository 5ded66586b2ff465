//! A store that fails on purpose, and takes its time.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ChunkFailure, Claims, ContentHash, DocumentRecord, DocumentState, Error, ErrorKind, FailedChunk,
    FoundChunk, Hit, ModelIdentity, Progress, Query, Removed, Result, RunGuard, RunInfo, Store, StoreStatus,
    StoredChunk, Vector,
};

/// Which call fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The method, such as `replace`; any with `None`.
    pub method: Option<&'static str>,
    /// The n-th call of it fails, the first being 1.
    pub call: u64,
    /// Whether later ones fail too.
    pub lasting: bool,
    /// Whether the store does what it was asked before the answer is lost.
    pub after: bool,
    /// What the error says it is.
    pub kind: ErrorKind,
}

impl Fault {
    /// The n-th call of any method fails once, without effect, as a full disk would make it.
    pub fn at(call: u64) -> Self {
        Self {
            method: None,
            call,
            lasting: false,
            after: false,
            kind: ErrorKind::Full,
        }
    }

    /// Confines the count and the failure to a method.
    #[must_use]
    pub fn of(self, method: &'static str) -> Self {
        Self {
            method: Some(method),
            ..self
        }
    }

    /// Another kind of error.
    #[must_use]
    pub fn kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Every call from the n-th on fails.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self {
            lasting: true,
            ..self
        }
    }

    /// The store does what it was asked; only the answer is lost.
    #[must_use]
    pub fn after(self) -> Self {
        Self { after: true, ..self }
    }
}

/// What is awaited before a write is passed on.
type Hook = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Wraps a store and fails its n-th call. Clones count together.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Arc<Mutex<Plan>>,
    /// How many writes are asked for at once, if not as many as the store inside asks for; and what each waits for.
    writes: Option<(usize, Arc<Hook>)>,
    /// What its runs share documents by, if not by what the store inside has.
    claims: Option<Arc<dyn Claims>>,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore")
            .field("inner", &self.inner)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    counted: u64,
    calls: Vec<&'static str>,
    failed: u64,
}

impl FaultyStore {
    /// A wrapper that fails nothing until it is told to.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
            writes: None,
            claims: None,
        }
    }

    /// Lets its runs believe that others write at the same time, and share documents with them by these claims.
    #[must_use]
    pub fn shared_by(self, claims: Arc<dyn Claims>) -> Self {
        Self {
            claims: Some(claims),
            ..self
        }
    }

    /// Asks for so many writes at once, and awaits `hook` in each before anything is done.
    #[must_use]
    pub fn before_write<F>(self, at_once: usize, hook: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hook: Arc<Hook> = Arc::new(move || Box::pin(hook()));
        Self {
            writes: Some((at_once, hook)),
            ..self
        }
    }

    /// Plans a fault, counting from here on; `None` lets everything pass.
    pub fn plan(&self, fault: Option<Fault>) {
        let mut plan = self.lock();
        plan.fault = fault;
        plan.counted = 0;
    }

    /// The methods called so far, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().calls.clone()
    }

    /// How many calls were made to fail.
    pub fn failures(&self) -> u64 {
        self.lock().failed
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass<T>(&self, method: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(fault) = self.lock().count(method) else {
            return call.await;
        };
        if fault.after {
            call.await?;
        }
        let message = format!("{method} of store {} fails as planned", self.inner.location());
        Err(Error::new(fault.kind, message))
    }
}

impl Plan {
    /// Counts a call; returns the fault it meets.
    fn count(&mut self, method: &'static str) -> Option<Fault> {
        self.calls.push(method);
        let fault = self.fault?;
        if fault.method.is_some_and(|only| only != method) {
            return None;
        }
        self.counted += 1;
        let meets = self.counted == fault.call || (fault.lasting && self.counted > fault.call);
        self.failed += u64::from(meets);
        meets.then_some(fault)
    }
}

#[derive(Debug)]
struct Guard {
    inner: Box<dyn RunGuard>,
    store: FaultyStore,
}

#[async_trait]
impl RunGuard for Guard {
    async fn finish(self: Box<Self>, info: &RunInfo) -> Result<()> {
        let Self { inner, store } = *self;
        store.pass("finish", inner.finish(info)).await
    }

    fn claims(&self) -> Option<Arc<dyn Claims>> {
        self.store.claims.clone().or_else(|| self.inner.claims())
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn identity(&self) -> Result<Option<ModelIdentity>> {
        self.pass("identity", self.inner.identity()).await
    }

    async fn bind(&self, identity: &ModelIdentity) -> Result<()> {
        self.pass("bind", self.inner.bind(identity)).await
    }

    async fn begin_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        let inner = self.pass("begin_run", self.inner.begin_run(info, wait)).await?;
        Ok(Box::new(Guard {
            inner,
            store: self.clone(),
        }))
    }

    async fn join_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        let inner = self.pass("join_run", self.inner.join_run(info, wait)).await?;
        Ok(Box::new(Guard {
            inner,
            store: self.clone(),
        }))
    }

    async fn states<'a>(&self, sources: &[&'a str]) -> Result<Vec<Option<DocumentState>>> {
        self.pass("states", self.inner.states(sources)).await
    }

    async fn known(&self, hashes: &[ContentHash]) -> Result<Vec<bool>> {
        self.pass("known", self.inner.known(hashes)).await
    }

    async fn replace(&self, documents: Vec<DocumentRecord>) -> Result<()> {
        self.pass("replace", self.inner.replace(documents)).await
    }

    async fn keep_vectors(&self, vectors: Vec<(ContentHash, Vector)>) -> Result<()> {
        self.pass("keep_vectors", self.inner.keep_vectors(vectors)).await
    }

    async fn replace_and_keep(
        &self,
        documents: Vec<DocumentRecord>,
        vectors: Vec<(ContentHash, Vector)>,
    ) -> Result<()> {
        let write = async {
            if let Some((_, hook)) = &self.writes {
                hook().await;
            }
            self.inner.replace_and_keep(documents, vectors).await
        };
        self.pass("replace_and_keep", write).await
    }

    fn concurrent_writes(&self) -> usize {
        match &self.writes {
            Some((at_once, _)) => *at_once,
            None => self.inner.concurrent_writes(),
        }
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<()> {
        self.pass("touch", self.inner.touch(states)).await
    }

    async fn documents<'a>(
        &self,
        origin: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Result<Vec<DocumentState>> {
        self.pass("documents", self.inner.documents(origin, after, limit))
            .await
    }

    async fn origins(&self) -> Result<Vec<(String, u64)>> {
        self.pass("origins", self.inner.origins()).await
    }

    async fn remove(&self, sources: &[String]) -> Result<Removed> {
        self.pass("remove", self.inner.remove(sources)).await
    }

    async fn clear(&self) -> Result<Removed> {
        self.pass("clear", self.inner.clear()).await
    }

    async fn sweep(&self) -> Result<u64> {
        self.pass("sweep", self.inner.sweep()).await
    }

    async fn finish_load(&self, progress: Arc<dyn Progress>) -> Result<Vec<String>> {
        self.pass("finish_load", self.inner.finish_load(progress)).await
    }

    async fn failed<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<FailedChunk>> {
        self.pass("failed", self.inner.failed(after, limit)).await
    }

    async fn settle(
        &self,
        outcomes: Vec<(String, u32, std::result::Result<Vector, ChunkFailure>)>,
    ) -> Result<()> {
        self.pass("settle", self.inner.settle(outcomes)).await
    }

    async fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        self.pass("search", self.inner.search(query)).await
    }

    async fn chunks<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<StoredChunk>> {
        self.pass("chunks", self.inner.chunks(after, limit)).await
    }

    async fn with_hash(&self, first: ContentHash, last: ContentHash) -> Result<Vec<FoundChunk>> {
        self.pass("with_hash", self.inner.with_hash(first, last)).await
    }

    async fn status(&self) -> Result<StoreStatus> {
        self.pass("status", self.inner.status()).await
    }

    async fn is_empty(&self) -> Result<bool> {
        self.pass("is_empty", self.inner.is_empty()).await
    }

    async fn last_run(&self) -> Result<Option<RunInfo>> {
        self.pass("last_run", self.inner.last_run()).await
    }
}
