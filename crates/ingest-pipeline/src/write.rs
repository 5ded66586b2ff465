//! Stage 5: the one writer. Whole documents are put in the place of their earlier versions, several in a transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest_core::{ContentHash, DocumentRecord, DocumentState, Error, Result, Vector};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument;

use crate::budget::Permit;
use crate::context::Context;
use crate::risk::pressing;
use crate::source::Item;
use crate::tally::{Fate, Stored};
use crate::{Event, Failure, trace};

/// A transaction is closed at so many bytes, or so long after its first document came.
const GROUP_BYTES: usize = 4 << 20;
const GROUP_TIME: Duration = Duration::from_millis(50);
/// Transactions up to this size are kept until they succeeded, so that they can be tried again.
const REPEATABLE_BYTES: usize = 2 * GROUP_BYTES;
/// How often a transaction is tried that meets a short-lived conflict.
const TRIES: u32 = 5;

/// Something to be written. Jobs are done in the order given.
#[derive(Debug)]
pub(crate) enum Job {
    /// A document whose chunks are all settled.
    Document(Box<Finished>),
    /// Vectors that are to outlive this run, whatever happens to their documents.
    Keep(Vec<(ContentHash, Vector)>),
    /// Documents that are as they were, but come from elsewhere.
    Touch(Vec<DocumentState>),
}

/// A document ready to be stored.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) item: Item,
    pub(crate) record: DocumentRecord,
    pub(crate) before: Option<DocumentState>,
    pub(crate) bytes: usize,
    pub(crate) permit: Permit,
}

/// What the batcher learns of a commit.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Jobs that were done.
    pub(crate) jobs: usize,
    /// Texts whose vectors the store has now.
    pub(crate) hashes: Vec<ContentHash>,
    /// Questions asked from this commit on know of them.
    pub(crate) commit: u64,
}

/// Writes until there are no more jobs, or the store fails.
pub(crate) async fn write(
    context: Arc<Context>,
    mut jobs: mpsc::Receiver<Job>,
    committed: mpsc::UnboundedSender<Committed>,
) {
    let mut next = jobs.recv().await;
    while let Some(job) = next.take() {
        let (done, following) = match job {
            Job::Touch(states) => (context.touch(states).await, None),
            first => {
                let (group, following) = gather(&context, first, &mut jobs).await;
                (context.store(group).await, following)
            }
        };
        match done {
            Ok(done) => {
                let commit = context.commits.fetch_add(1, Ordering::AcqRel) + 1;
                // The batcher ends before the writer only when the run is over.
                let _ = committed.send(Committed { commit, ..done });
            }
            Err(error) => {
                context.store_failed(&error);
                return;
            }
        }
        next = match following {
            Some(job) => Some(job),
            None => jobs.recv().await,
        };
    }
}

/// What goes into one transaction.
#[derive(Default)]
struct Group {
    jobs: usize,
    bytes: usize,
    documents: Vec<Finished>,
    kept: Vec<(ContentHash, Vector)>,
}

impl Group {
    /// Adds a job; returns it if it belongs elsewhere.
    fn add(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Document(document) => {
                self.bytes += document.bytes;
                self.documents.push(*document);
            }
            Job::Keep(vectors) => {
                let values = vectors.iter().map(|(_, vector)| match vector {
                    Vector::New(values) => values.len(),
                    _ => 0,
                });
                self.bytes += values.sum::<usize>() * size_of::<f32>();
                self.kept.extend(vectors);
            }
            job @ Job::Touch(_) => return Some(job),
        }
        self.jobs += 1;
        None
    }
}

/// Adds what comes soon to a job; also returns the job that did not fit in.
async fn gather(context: &Context, first: Job, jobs: &mut mpsc::Receiver<Job>) -> (Group, Option<Job>) {
    let until = Instant::now() + GROUP_TIME;
    let mut group = Group::default();
    if let Some(other) = group.add(first) {
        return (group, Some(other));
    }
    while group.bytes < GROUP_BYTES {
        let job = tokio::select! {
            biased;
            job = jobs.recv() => job,
            () = sleep_until(until) => None,
            // The next documents wait for the memory of these.
            () = context.budget.starved() => None,
            // The next texts wait for these to be safe.
            () = pressing(&context.pressing) => None,
        };
        let Some(job) = job else {
            break;
        };
        if let Some(other) = group.add(job) {
            return (group, Some(other));
        }
    }
    (group, None)
}

impl Context {
    async fn store(&self, group: Group) -> Result<Committed> {
        let Group {
            jobs,
            bytes,
            documents,
            kept,
        } = group;
        if self.canary.has_changed() {
            // These vectors may be of another model. The documents keep their earlier versions, and are pending.
            return Ok(Committed {
                jobs,
                hashes: Vec::new(),
                commit: 0,
            });
        }
        let mut written = Vec::with_capacity(documents.len());
        let mut records = Vec::with_capacity(documents.len());
        let mut hashes: Vec<_> = kept.iter().map(|(hash, _)| *hash).collect();
        let began = Instant::now();
        for document in documents {
            hashes.extend(new_vectors(&document.record));
            written.push(Written {
                stored: self.stored(&document.record, document.before.as_ref()),
                added: document.before.is_none(),
                item: document.item,
                _permit: document.permit,
            });
            records.push(document.record);
        }
        let span = trace::commit(written.len(), hashes.len());
        self.commit(bytes, records, kept).instrument(span.clone()).await?;
        let committed = Event::Committed {
            documents: written.len(),
            vectors: hashes.len(),
            took: began.elapsed(),
        };
        span.in_scope(|| self.tally.event(&committed));
        let failures: Vec<Failure> = written
            .iter()
            .flat_map(|document| document.stored.failures.iter().cloned())
            .collect();
        let failed = !failures.is_empty();
        self.append_log(failures).await;
        for document in &written {
            let fate = Fate::Stored {
                added: document.added,
                chunks: &document.stored,
            };
            self.tell_stored(document);
            self.tally.settle(&document.item, fate);
        }
        self.tally.progress(|_| {});
        if failed {
            self.fail_fast();
        }
        Ok(Committed {
            jobs,
            hashes,
            commit: 0,
        })
    }

    /// Writes a group, again where it is small enough to be kept until it succeeded.
    async fn commit(
        &self,
        bytes: usize,
        documents: Vec<DocumentRecord>,
        kept: Vec<(ContentHash, Vector)>,
    ) -> Result<()> {
        if bytes <= REPEATABLE_BYTES {
            repeat(|| self.store.replace_and_keep(documents.clone(), kept.clone())).await
        } else {
            self.store.replace_and_keep(documents, kept).await
        }
    }

    fn tell_stored(&self, document: &Written) {
        let stored = &document.stored;
        if let Some(read) = document.item.read {
            self.tally.event(&Event::Stored {
                source: &document.item.name,
                chunks: stored.findable + stored.failures.len() as u64,
                took: read.elapsed(),
            });
        }
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<Committed> {
        repeat(|| self.store.touch(states.clone())).await?;
        Ok(Committed {
            // These come from the splitter, and the batcher knows nothing of them.
            jobs: 0,
            hashes: Vec::new(),
            commit: 0,
        })
    }

    fn stored(&self, record: &DocumentRecord, before: Option<&DocumentState>) -> Stored {
        let mut stored = Stored {
            replaced: before.map_or(0, |state| u64::from(state.chunks)),
            ..Stored::default()
        };
        for part in &record.records {
            match &part.vector {
                Vector::New(_) | Vector::Stored => stored.findable += 1,
                Vector::TextOnly => {
                    stored.findable += 1;
                    stored.text_only += 1;
                }
                Vector::Failed(failure) => stored.failures.push(Failure::of_chunk(
                    &record.document.source,
                    Some(&record.origin),
                    (part.chunk.ordinal, part.chunk.content_hash),
                    &self.embedder.model().model,
                    failure,
                )),
            }
        }
        stored
    }
}

/// A document on its way through a commit; its share of the memory is given back behind it.
struct Written {
    item: Item,
    added: bool,
    stored: Stored,
    _permit: Permit,
}

fn new_vectors(record: &DocumentRecord) -> impl Iterator<Item = ContentHash> {
    let new = record
        .records
        .iter()
        .filter(|part| matches!(part.vector, Vector::New(_)));
    new.map(|part| part.chunk.content_hash)
}

/// Tries an operation again while it meets short-lived conflicts.
pub(crate) async fn repeat<T, F>(mut operation: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut wait = Duration::from_millis(100);
    for _ in 1..TRIES {
        match operation().await {
            Err(error) if error.is_retryable() => {
                sleep(wait).await;
                wait *= 2;
            }
            other => return other,
        }
    }
    operation().await
}
