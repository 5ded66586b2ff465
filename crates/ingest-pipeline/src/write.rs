//! Stage 5: the one writer. Whole documents are put in the place of their earlier versions, several in a transaction, and
//! several transactions at once where the store gains from that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest_core::{ContentHash, DocumentRecord, DocumentState, Error, Record, Result, Vector};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, Span};

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

/// Something to be written. Jobs are begun in the order given, but for documents that have to wait for a vector.
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
    jobs: mpsc::Receiver<Job>,
    committed: mpsc::UnboundedSender<Committed>,
) {
    let writer = Writer {
        most: context.store.concurrent_writes().max(1),
        context,
        committed,
        group: Group::default(),
        waiting: Vec::new(),
        under_way: JoinSet::new(),
        not_safe: HashMap::new(),
    };
    writer.run(jobs).await;
}

/// Puts jobs into transactions, and as many of these under way at once as the store gains from.
#[derive(Debug)]
struct Writer {
    context: Arc<Context>,
    committed: mpsc::UnboundedSender<Committed>,
    /// Most transactions at once.
    most: usize,
    /// What goes into the next one.
    group: Group,
    /// Documents with a text whose vector comes to the store by a transaction under way.
    waiting: Vec<Finished>,
    /// Transactions, each with what is told of it once it has ended.
    under_way: JoinSet<(Option<Written>, Result<()>)>,
    /// Texts whose vectors come to the store by transactions under way; the number of these.
    not_safe: HashMap<ContentHash, usize>,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut more = true;
        while more || !self.group.is_empty() || !self.under_way.is_empty() {
            let may_begin = self.under_way.len() < self.most;
            tokio::select! {
                biased;
                Some(ended) = self.under_way.join_next() => {
                    let ended = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
                    if !self.end(ended).await {
                        return self.give_up().await;
                    }
                }
                job = jobs.recv(), if may_begin && more && self.group.bytes < GROUP_BYTES => match job {
                    Some(job) => self.take(job),
                    None => more = false,
                },
                () = self.context.is_due(&self.group, more), if may_begin && !self.group.is_empty() => self.begin(),
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Document(document) if self.must_wait(&document) => self.waiting.push(*document),
            Job::Document(document) => self.group.add(*document),
            Job::Keep(vectors) => self.group.keep(vectors),
            // What becomes of other documents does not matter to these.
            Job::Touch(states) => {
                let context = Arc::clone(&self.context);
                let touch = async move { (None, context.touch(states).await) };
                self.under_way.spawn(touch.in_current_span());
            }
        }
    }

    /// Whether a document has a vector that another transaction has not brought to the store yet.
    fn must_wait(&self, document: &Finished) -> bool {
        let stored = |part: &&Record| matches!(part.vector, Vector::Stored);
        let mut stored = document.record.records.iter().filter(stored);
        !self.not_safe.is_empty() && stored.any(|part| self.not_safe.contains_key(&part.chunk.content_hash))
    }

    /// Begins the transaction.
    fn begin(&mut self) {
        let group = std::mem::take(&mut self.group);
        if self.context.canary.has_changed() {
            // These vectors may be of another model. The documents keep their earlier versions, and are pending.
            self.tell(group.jobs, Vec::new());
            return;
        }
        let (written, transaction) = self.context.prepare(group);
        for hash in &written.hashes {
            *self.not_safe.entry(*hash).or_default() += 1;
        }
        let context = Arc::clone(&self.context);
        let span = written.span.clone();
        let commit = async move { (Some(written), context.commit(transaction).await) };
        self.under_way.spawn(commit.instrument(span));
    }

    /// Takes note of a transaction that ended; `false` where the store failed.
    async fn end(&mut self, (written, outcome): (Option<Written>, Result<()>)) -> bool {
        for hash in written.iter().flat_map(|written| &written.hashes) {
            if let Entry::Occupied(mut number) = self.not_safe.entry(*hash) {
                *number.get_mut() -= 1;
                if *number.get() == 0 {
                    number.remove();
                }
            }
        }
        if let Err(error) = outcome {
            self.context.store_failed(&error);
            return false;
        }
        if let Some(written) = written {
            self.context.settle(&written).await;
            self.tell(written.jobs, written.hashes);
        }
        for document in std::mem::take(&mut self.waiting) {
            self.take(Job::Document(Box::new(document)));
        }
        true
    }

    /// Tells the batcher of jobs that are done.
    fn tell(&self, jobs: usize, hashes: Vec<ContentHash>) {
        let commit = self.context.commits.fetch_add(1, Ordering::AcqRel) + 1;
        // The batcher ends before the writer only when the run is over.
        let _ = self.committed.send(Committed { jobs, hashes, commit });
    }

    /// Lets the other transactions come to their ends, since they may succeed, and are told of if they do.
    async fn give_up(mut self) {
        while let Some(Ok(ended)) = self.under_way.join_next().await {
            self.end(ended).await;
        }
    }
}

/// What goes into one transaction.
#[derive(Debug, Default)]
struct Group {
    jobs: usize,
    bytes: usize,
    /// When the first of it came.
    since: Option<Instant>,
    documents: Vec<Finished>,
    kept: Vec<(ContentHash, Vector)>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    fn add(&mut self, document: Finished) {
        self.grow(document.bytes);
        self.documents.push(document);
    }

    fn keep(&mut self, vectors: Vec<(ContentHash, Vector)>) {
        let values = vectors.iter().map(|(_, vector)| match vector {
            Vector::New(values) => values.len(),
            _ => 0,
        });
        self.grow(values.sum::<usize>() * size_of::<f32>());
        self.kept.extend(vectors);
    }

    fn grow(&mut self, bytes: usize) {
        self.jobs += 1;
        self.bytes += bytes;
        self.since.get_or_insert_with(Instant::now);
    }
}

/// What a transaction hands to the store.
#[derive(Debug)]
struct Transaction {
    bytes: usize,
    documents: Vec<DocumentRecord>,
    kept: Vec<(ContentHash, Vector)>,
}

/// What a transaction stores, which is told once it has.
#[derive(Debug)]
struct Written {
    jobs: usize,
    began: Instant,
    span: Span,
    documents: Vec<WrittenDocument>,
    /// The texts whose vectors it brings to the store.
    hashes: Vec<ContentHash>,
}

/// A document on its way through a commit; its share of the memory is given back behind it.
#[derive(Debug)]
struct WrittenDocument {
    item: Item,
    added: bool,
    stored: Stored,
    _permit: Permit,
}

impl Context {
    /// Waits until a group is to be written.
    async fn is_due(&self, group: &Group, more: bool) {
        let Some(since) = group.since.filter(|_| more && group.bytes < GROUP_BYTES) else {
            return;
        };
        tokio::select! {
            () = sleep_until(since + GROUP_TIME) => {}
            // The next documents wait for the memory of these.
            () = self.budget.starved() => {}
            // The next texts wait for these to be safe.
            () = pressing(&self.pressing) => {}
        }
    }

    fn prepare(&self, group: Group) -> (Written, Transaction) {
        let mut documents = Vec::with_capacity(group.documents.len());
        let mut records = Vec::with_capacity(group.documents.len());
        let mut hashes: Vec<_> = group.kept.iter().map(|(hash, _)| *hash).collect();
        for document in group.documents {
            hashes.extend(new_vectors(&document.record));
            documents.push(WrittenDocument {
                stored: self.stored(&document.record, document.before.as_ref()),
                added: document.before.is_none(),
                item: document.item,
                _permit: document.permit,
            });
            records.push(document.record);
        }
        let written = Written {
            jobs: group.jobs,
            began: Instant::now(),
            span: trace::commit(documents.len(), hashes.len()),
            documents,
            hashes,
        };
        let transaction = Transaction {
            bytes: group.bytes,
            documents: records,
            kept: group.kept,
        };
        (written, transaction)
    }

    /// Counts and tells what was written.
    async fn settle(&self, written: &Written) {
        let committed = Event::Committed {
            documents: written.documents.len(),
            vectors: written.hashes.len(),
            took: written.began.elapsed(),
        };
        written.span.in_scope(|| self.tally.event(&committed));
        let documents = &written.documents;
        let failures: Vec<Failure> = documents
            .iter()
            .flat_map(|document| document.stored.failures.iter().cloned())
            .collect();
        let failed = !failures.is_empty();
        self.append_log(failures).await;
        for document in documents {
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
    }

    /// Writes a group, again where it is small enough to be kept until it succeeded.
    async fn commit(&self, transaction: Transaction) -> Result<()> {
        let Transaction {
            bytes,
            documents,
            kept,
        } = transaction;
        if bytes <= REPEATABLE_BYTES {
            repeat(|| self.store.replace_and_keep(documents.clone(), kept.clone())).await
        } else {
            self.store.replace_and_keep(documents, kept).await
        }
    }

    fn tell_stored(&self, document: &WrittenDocument) {
        let stored = &document.stored;
        if let Some(read) = document.item.read {
            self.tally.event(&Event::Stored {
                source: &document.item.name,
                chunks: stored.findable + stored.failures.len() as u64,
                took: read.elapsed(),
            });
        }
    }

    async fn touch(&self, states: Vec<DocumentState>) -> Result<()> {
        repeat(|| self.store.touch(states.clone())).await
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
