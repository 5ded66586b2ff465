//! Stage 3: chunks are put into batches across documents, and documents put together again from what comes back.
//!
//! One task owns all of it and never waits for one thing alone, so that no two stages can wait for each other: it takes
//! a document, a result or a commit, and hands on a batch or a document, whichever is possible.

use std::collections::VecDeque;
use std::sync::Arc;

use ingest_core::Chunk;
use tokio::sync::mpsc;

use crate::assemble::Assembler;
use crate::caps::Caps;
use crate::context::Context;
use crate::embed::{Batch, Settled};
use crate::risk::Risk;
use crate::split::SplitDocument;
use crate::write::{Committed, Job};

/// Full batches that may wait for a worker, for each worker, before no more documents are taken.
const READY: usize = 2;

/// The channels between the batcher and its neighbours.
pub(crate) struct Channels {
    pub(crate) documents: mpsc::Receiver<SplitDocument>,
    pub(crate) batches: mpsc::Sender<Batch>,
    pub(crate) results: mpsc::Receiver<Settled>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) committed: mpsc::UnboundedReceiver<Committed>,
}

/// Fills batches by count and by bytes.
#[derive(Debug)]
pub(crate) struct Batcher {
    max_texts: usize,
    max_bytes: usize,
    /// What the embedder puts before each text.
    prefix_bytes: usize,
    /// What the server was found to take; less than the settings allow, if anything.
    caps: Arc<Caps>,
    open: Batch,
    open_bytes: usize,
    ready: VecDeque<Batch>,
}

impl Batcher {
    pub(crate) fn new(context: &Context) -> Self {
        let model = context.embedder.model();
        let options = &context.options;
        let lower = |setting: usize, limit: Option<std::num::NonZeroUsize>| {
            limit.map_or(setting, |limit| setting.min(limit.get())).max(1)
        };
        Self {
            max_texts: lower(options.batch_size, model.max_batch),
            max_bytes: lower(options.batch_bytes, model.max_batch_bytes),
            prefix_bytes: options.prefixes.document.len(),
            caps: Arc::clone(&context.caps),
            open: Batch::new(),
            open_bytes: 0,
            ready: VecDeque::new(),
        }
    }

    pub(crate) fn push(&mut self, chunk: Arc<Chunk>) {
        let bytes = chunk.text.len() + self.prefix_bytes;
        if self.open_bytes + bytes > self.max_bytes.min(self.caps.bytes()) {
            self.flush();
        }
        self.open_bytes += bytes;
        self.open.push(chunk);
        if self.open.len() >= self.max_texts.min(self.caps.texts()) {
            self.flush();
        }
    }

    /// Makes a batch of what there is.
    pub(crate) fn flush(&mut self) {
        self.open_bytes = 0;
        if !self.open.is_empty() {
            self.ready.push_back(std::mem::take(&mut self.open));
        }
    }

    pub(crate) fn next(&mut self) -> Option<Batch> {
        self.ready.pop_front()
    }

    fn clear(&mut self) {
        self.open.clear();
        self.open_bytes = 0;
        self.ready.clear();
    }
}

/// Runs until every document has been handed to the writer, or the run is over.
pub(crate) async fn batch(context: Arc<Context>, channels: Channels) {
    let Channels {
        documents,
        batches,
        mut results,
        jobs,
        mut committed,
    } = channels;
    let mut documents = Some(documents);
    let mut batcher = Batcher::new(&context);
    let mut assembler = Assembler::new(Arc::clone(&context));
    let mut writes: VecDeque<Job> = VecDeque::new();
    // Batches with the workers, and jobs with the writer.
    let (mut embedding, mut writing) = (0_usize, 0_usize);
    let mut halted = false;
    let mut risk = Risk::new(Arc::clone(&context.pressing));
    loop {
        // It changes with what workers find out, which they do before they say anything here.
        let workers = context.concurrency.workers();
        let most_ready = READY * workers;
        risk.limit_to(workers * batcher.max_texts);
        assembler.take_texts().for_each(|chunk| batcher.push(chunk));
        if halted && embedding == 0 {
            // Nothing more will come back: what was paid for is kept, though its documents are not whole.
            assembler.rescue();
        }
        writes.extend(assembler.take_jobs());
        if context.canary.has_changed() {
            // These vectors may be of another model.
            assembler.abandon();
            writes.clear();
        }
        if documents.is_none() {
            batcher.flush();
        }
        let handed_on = embedding == 0 && batcher.ready.is_empty() && writes.is_empty();
        if handed_on && documents.is_none() {
            // The writer ends by itself, with the last of its jobs.
            return;
        }
        let takes = documents.is_some() && batcher.ready.len() < most_ready && writes.len() < most_ready;
        // Only when nothing else could bring more: a full batch is worth waiting for.
        let can_flush = handed_on && writing == 0 && !batcher.open.is_empty();
        let is_safe = batcher
            .ready
            .front()
            .is_some_and(|batch| risk.allows(batch.len()));
        risk.press(!batcher.ready.is_empty() && !is_safe && writes.is_empty());
        let may_send = is_safe && context.concurrency.has_room(embedding);
        tokio::select! {
            biased;
            () = context.halt.halted(), if !halted => {
                halted = true;
                documents = None;
                batcher.clear();
            }
            settled = results.recv() => {
                let Some(settled) = settled else {
                    context.halt.stop("internal", "the workers ended in an unforeseen way".to_owned());
                    return;
                };
                embedding -= usize::from(settled.last);
                if let Err(error) = assembler.settle(settled.texts, &mut risk).await {
                    context.store_failed(&error);
                }
            }
            commit = committed.recv() => {
                // Without a writer there is nothing left to do; it said why.
                let Some(commit) = commit else {
                    return;
                };
                writing -= commit.jobs;
                commit.hashes.iter().for_each(|hash| risk.safe(hash));
                assembler.committed(commit);
            }
            permit = jobs.reserve(), if !writes.is_empty() => match (permit, writes.pop_front()) {
                (Ok(permit), Some(job)) => {
                    writing += 1;
                    permit.send(job);
                }
                _ => return,
            },
            permit = batches.reserve(), if may_send => match (permit, batcher.next()) {
                (Ok(permit), Some(batch)) => {
                    embedding += 1;
                    risk.sent(&batch);
                    permit.send(batch);
                }
                _ => return,
            },
            document = next(&mut documents), if takes => match document {
                Some(document) => {
                    if let Err(error) = assembler.open(document).await {
                        context.store_failed(&error);
                    }
                }
                None => documents = None,
            },
            () = context.budget.starved(), if can_flush => batcher.flush(),
        }
    }
}

async fn next(documents: &mut Option<mpsc::Receiver<SplitDocument>>) -> Option<SplitDocument> {
    match documents {
        Some(documents) => documents.recv().await,
        None => None,
    }
}
