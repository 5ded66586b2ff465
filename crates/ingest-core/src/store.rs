//! What the pipeline needs of a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ChunkFailure, ContentHash, DocumentRecord, DocumentState, FailedChunk, FoundChunk, Hit, ModelIdentity,
    Query, Removed, Result, RunInfo, StoreStatus, StoredChunk, Vector,
};

/// Keeps documents, their chunks and vectors. Every method either does all it says or nothing.
///
/// Writers are one at a time ([`begin_run`](Self::begin_run)); readers are never blocked and see only whole documents.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Where it is, fit to be shown: no password.
    fn location(&self) -> String;

    /// The model its vectors come from; `None` while it holds nothing.
    async fn identity(&self) -> Result<Option<ModelIdentity>>;

    /// Makes this the store's model, if it has none; if it has the same one, takes over what was unknown before (a
    /// digest, the canary's vector) and the weight. The first vector of the canary stays.
    ///
    /// # Errors
    /// `ModelMismatch` naming both, where provider, model, digest (both known), dimensions or a prefix differ, or the
    /// canary's vectors (both known) by more than [`SAME_MODEL`](crate::SAME_MODEL) allows.
    async fn bind(&self, identity: &ModelIdentity) -> Result<()>;

    /// Claims the store for one writing run until the guard is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// `Locked`, naming the holder, when another run still has it after `wait`.
    async fn begin_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>>;

    /// Claims the store for one of several writing runs at once, where it can keep them apart
    /// ([`RunGuard::claims`]); else as [`begin_run`](Self::begin_run), which is what it does by default.
    ///
    /// # Errors
    /// As [`begin_run`](Self::begin_run), whose runs and these exclude each other.
    async fn join_run(&self, info: &RunInfo, wait: Duration) -> Result<Box<dyn RunGuard>> {
        self.begin_run(info, wait).await
    }

    /// What is known of these documents, in the order asked.
    async fn states<'a>(&self, sources: &[&'a str]) -> Result<Vec<Option<DocumentState>>>;

    /// For each hash, whether a vector for it is stored.
    async fn known(&self, hashes: &[ContentHash]) -> Result<Vec<bool>>;

    /// Puts documents in the place of their earlier versions. Each is replaced as a whole, all in one transaction;
    /// when this returns, they are safe on disk. Of a document that comes twice the later one stays; a vector that is
    /// stored for the same text stays too.
    ///
    /// # Errors
    /// `InvalidInput` for a vector of the wrong width or without a direction (zeros, not a number), for one before a model
    /// is bound, for a [`Vector::Stored`] that neither the store nor this call has, and for two chunks at one position.
    async fn replace(&self, documents: Vec<DocumentRecord>) -> Result<()>;

    /// Keeps vectors that no stored chunk needs yet, so that they are not embedded again if the run ends early. What is
    /// not [`Vector::New`] is passed over.
    async fn keep_vectors(&self, vectors: Vec<(ContentHash, Vector)>) -> Result<()>;

    /// Does both, [`keep_vectors`](Self::keep_vectors) first: a chunk's [`Vector::Stored`] may be one of those kept. A store
    /// that can do so makes it one transaction, which costs less than two.
    ///
    /// # Errors
    /// As [`replace`](Self::replace); no document is replaced then.
    async fn replace_and_keep(
        &self,
        documents: Vec<DocumentRecord>,
        vectors: Vec<(ContentHash, Vector)>,
    ) -> Result<()> {
        self.keep_vectors(vectors).await?;
        self.replace(documents).await
    }

    /// How many calls of [`replace_and_keep`](Self::replace_and_keep), about different documents, are worth having under
    /// way at once. By default one: where all that is written goes through one hand, more would only wait for it.
    fn concurrent_writes(&self) -> usize {
        1
    }

    /// Notes that these documents are the same as before although they now come from another origin or with another
    /// revision of their fields; chunks stay, and so do the counts. Unknown ones are passed over.
    async fn touch(&self, states: Vec<DocumentState>) -> Result<()>;

    /// The documents of an origin (of all, with `None`) in order of source, after `after`, at most `limit`.
    async fn documents<'a>(
        &self,
        origin: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Result<Vec<DocumentState>>;

    /// The origins that documents have, in order, each with the number of its documents.
    async fn origins(&self) -> Result<Vec<(String, u64)>>;

    /// Removes documents with their chunks, in one transaction. Unknown ones are passed over.
    async fn remove(&self, sources: &[String]) -> Result<Removed>;

    /// Forgets everything, the model too.
    async fn clear(&self) -> Result<Removed>;

    /// Drops vectors that no chunk refers to; returns how many. Called at the end of a run that was not cut short.
    async fn sweep(&self) -> Result<u64>;

    /// Builds what searches need and what is cheaper to build once than to keep up to date; called near the end of a run
    /// that was not cut short. `progress` hears the share that is done, from 0 to 1. Returns what people should know of
    /// it. By default there is nothing to build.
    async fn finish_load(&self, progress: Arc<dyn Progress>) -> Result<Vec<String>> {
        let _ = progress;
        Ok(Vec::new())
    }

    /// Chunks set aside, in order of source and ordinal, after the given one, at most `limit`.
    async fn failed<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<FailedChunk>>;

    /// Settles chunks that were set aside, in one transaction: one that now has a vector becomes findable and, with
    /// the last one, its document complete; one that failed again keeps the newer cause. Unknown ones are passed over.
    async fn settle(
        &self,
        outcomes: Vec<(String, u32, std::result::Result<Vector, ChunkFailure>)>,
    ) -> Result<()>;

    /// The best chunks for a question, best first; equal scores in order of source and ordinal.
    async fn search(&self, query: &Query) -> Result<Vec<Hit>>;

    /// Findable chunks in order of source and ordinal, after the given one, at most `limit`, vectors included.
    async fn chunks<'a>(&self, after: Option<(&'a str, u32)>, limit: usize) -> Result<Vec<StoredChunk>>;

    /// Findable chunks whose content hash lies between two, both included, in order of source and ordinal. The store is not
    /// gone through for them.
    async fn with_hash(&self, first: ContentHash, last: ContentHash) -> Result<Vec<FoundChunk>>;

    /// What the store holds, counted: in a large store that takes its time.
    async fn status(&self) -> Result<StoreStatus>;

    /// Whether it holds no document and no vector: its model binds nobody then. By default told by
    /// [`status`](Self::status); a store that need not count for it does without.
    async fn is_empty(&self) -> Result<bool> {
        let status = self.status().await?;
        Ok(status.documents == 0 && status.vectors == 0)
    }

    /// The run that began last, as it ended or while it goes on. By default told by [`status`](Self::status), too.
    async fn last_run(&self) -> Result<Option<RunInfo>> {
        Ok(self.status().await?.last_run)
    }
}

/// Holds a store for one writing run.
#[async_trait]
pub trait RunGuard: fmt::Debug + Send + Sync {
    /// Records how the run ended and gives the store up. Dropping the guard gives it up without a record.
    async fn finish(self: Box<Self>, info: &RunInfo) -> Result<()>;

    /// What keeps this run's documents and those of others apart; `None`, the default, where no other can be writing.
    fn claims(&self) -> Option<Arc<dyn Claims>> {
        None
    }
}

/// Hears how far something is. Every closure that takes the share done, from 0 to 1, does.
pub trait Progress: Send + Sync {
    /// Called now and then with the share that is done.
    fn done(&self, share: f64);
}

impl<F: Fn(f64) + Send + Sync> Progress for F {
    fn done(&self, share: f64) {
        self(share);
    }
}

/// Leases on documents, so that of several runs one does each.
#[async_trait]
pub trait Claims: fmt::Debug + Send + Sync {
    /// For each document, whether it is this run's to do now: until it is replaced or released, or the run ends. One that
    /// a run which is still alive has claimed is not; of a run that died it is, after a short while.
    ///
    /// A document may have been done by another since it was last looked at: its state is to be asked again after this.
    async fn claim<'a>(&self, sources: &[&'a str]) -> Result<Vec<bool>>;

    /// Gives documents up that were claimed and are not replaced after all.
    async fn release<'a>(&self, sources: &[&'a str]) -> Result<()>;
}
