//! Stage 2: documents that are new or changed become chunks; the store is asked which texts it knows.

mod elsewhere;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ingest_core::{Chunk, ContentHash, Document, DocumentState};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::budget::Permit;
use crate::context::Context;
use crate::source::gather::Group;
use crate::source::packed::Extract;
use crate::source::read::{Body, Outcome};
use crate::source::{Item, Rejected, Revision, parse};
use crate::tally::Fate;
use crate::write::Job;
use crate::{Event, Failure};
use elsewhere::Elsewhere;

/// Hashes asked for at a time.
const HASHES: usize = 1000;

/// A document cut into chunks.
#[derive(Debug)]
pub(crate) struct SplitDocument {
    pub(crate) item: Item,
    /// Its fields; the text is in the chunks.
    pub(crate) document: Document,
    pub(crate) revision: Revision,
    pub(crate) chunks: Vec<Chunk>,
    /// For each chunk, whether the store has its vector.
    pub(crate) known: Vec<bool>,
    /// How many commits had been made when that was asked.
    pub(crate) asked: u64,
    /// What the store holds of it.
    pub(crate) before: Option<DocumentState>,
    pub(crate) permit: Permit,
}

/// A document to be cut.
struct Changed {
    item: Item,
    /// Where it can be read again, if it can.
    path: Option<PathBuf>,
    revision: Revision,
    body: Body,
    before: Option<DocumentState>,
    permit: Permit,
}

/// Cuts what the groups bring, in order, then what other runs were at and left. Ends early where the run is ending.
pub(crate) async fn split(
    context: Arc<Context>,
    mut groups: mpsc::Receiver<Group>,
    documents: mpsc::Sender<SplitDocument>,
    writer: Option<mpsc::Sender<Job>>,
) {
    let mut splitter = Splitter {
        elsewhere: Elsewhere::new(),
        context: Arc::clone(&context),
        documents,
        writer,
    };
    let mut all_read = false;
    while !all_read || splitter.elsewhere.len() > 0 {
        // With nothing more to read, what is here must not wait for more to fill its batch: others may wait for it.
        let _hunger = all_read.then(|| context.budget.hunger());
        let looks = all_read || splitter.elsewhere.at_once() > 0;
        let going_on = tokio::select! {
            group = groups.recv(), if !all_read => match group {
                Some(group) => splitter.pass(group).await,
                None => {
                    all_read = true;
                    splitter.tell_of_others();
                    Some(())
                }
            },
            () = sleep(splitter.elsewhere.pause()), if looks => splitter.look(all_read).await,
            () = context.halt.halted() => None,
        };
        if going_on.is_none() || context.halt.is_halted() {
            return;
        }
    }
}

/// The stage at work. `None` means that the run is ending.
struct Splitter {
    context: Arc<Context>,
    documents: mpsc::Sender<SplitDocument>,
    writer: Option<mpsc::Sender<Job>>,
    elsewhere: Elsewhere,
}

impl Splitter {
    async fn pass(&mut self, group: Group) -> Option<()> {
        let context = Arc::clone(&self.context);
        let mut changed = sort_out(&context, group, self.writer.as_ref()).await?;
        if let (Some(claims), false) = (&context.claims, changed.is_empty()) {
            changed = self.elsewhere.claim(&context, &**claims, changed).await?;
            self.tell_progress();
        }
        for document in cut(&context, changed).await? {
            tokio::select! {
                sent = self.documents.send(document) => sent.ok()?,
                () = context.halt.halted() => return None,
            }
        }
        Some(())
    }

    async fn look(&mut self, everything: bool) -> Option<()> {
        let context = Arc::clone(&self.context);
        let Some(claims) = &context.claims else {
            return Some(());
        };
        let group = self.elsewhere.look(&context, &**claims, everything).await?;
        self.tell_progress();
        self.pass(group).await
    }

    fn tell_progress(&self) {
        let waiting = self.elsewhere.len() as u64;
        self.context.tally.progress(|progress| progress.waiting = waiting);
    }

    fn tell_of_others(&self) {
        let documents = self.elsewhere.len();
        if documents > 0 {
            self.context.tally.event(&Event::Waiting { documents });
        }
    }
}

/// Deals with what needs no cutting; returns the rest.
async fn sort_out(
    context: &Context,
    group: Group,
    writer: Option<&mpsc::Sender<Job>>,
) -> Option<Vec<Changed>> {
    let mut changed = Vec::new();
    let mut moved = Vec::new();
    for (loaded, permit) in group {
        let item = loaded.item;
        match loaded.outcome {
            Outcome::Loaded { revision, body } => changed.push(Changed {
                item,
                path: loaded.path,
                revision,
                body,
                before: loaded.before,
                permit,
            }),
            Outcome::Unchanged { .. } => {
                moved.extend(loaded.before.map(|state| DocumentState {
                    origin: item.origin.to_string(),
                    ..state
                }));
                context.tally.settle(&item, Fate::Unchanged);
            }
            Outcome::Skipped { reason, gone } => {
                if gone {
                    context.seen.forget(&item.name);
                }
                context.tally.settle(&item, Fate::Skipped(&reason));
            }
            Outcome::Failed { kind, reason } => {
                let failure = Failure::of_document(&item.name, &item.origin, kind, &reason);
                context.fail_document(&item, failure).await;
            }
        }
    }
    if let (Some(writer), false) = (writer, moved.is_empty()) {
        writer.send(Job::Touch(moved)).await.ok()?;
    }
    context.tally.progress(|_| {});
    Some(changed)
}

async fn cut(context: &Arc<Context>, changed: Vec<Changed>) -> Option<Vec<SplitDocument>> {
    if changed.is_empty() {
        return Some(Vec::new());
    }
    let worker = Arc::clone(context);
    let cutting = spawn_blocking(move || {
        let changed = changed.into_iter().take_while(|_| !worker.halt.is_halted());
        changed
            .map(|document| cut_one(&worker, document))
            .collect::<Vec<_>>()
    });
    let outcomes = tokio::select! {
        outcomes = cutting => outcomes,
        // A document may take a minute; its thread is left to the runtime.
        () = context.halt.halted() => return None,
    };
    let Ok(outcomes) = outcomes else {
        context.halt.stop(
            "internal",
            "cutting documents failed in an unforeseen way".to_owned(),
        );
        return None;
    };
    let mut documents = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match outcome {
            Ok((document, notes)) => {
                notes.iter().for_each(|note| context.tally.note(note));
                context
                    .tally
                    .cut(document.item.index, document.chunks.len() as u64);
                documents.push(document);
            }
            Err((item, rejected)) => reject(context, item, rejected).await,
        }
    }
    ask(context, &mut documents).await?;
    Some(documents)
}

/// A file of which no document came.
async fn reject(context: &Context, item: Item, rejected: Rejected) {
    if let Some(claims) = &context.claims {
        // Should that fail, it is given up with the run.
        let _ = claims.release(&[&item.name]).await;
    }
    match rejected {
        Rejected::Broken(reason) => {
            let failure = Failure::of_document(&item.name, &item.origin, "invalid_document", &reason);
            context.fail_document(&item, failure).await;
        }
        Rejected::NoText(reason) => {
            // What is stored of an earlier version is not there any more.
            context.seen.forget(&item.name);
            context.tally.settle(&item, Fate::Skipped(&reason));
        }
    }
}

type Cut = Result<(SplitDocument, Vec<String>), (Item, Rejected)>;

fn cut_one(context: &Context, changed: Changed) -> Cut {
    let Changed {
        item,
        revision,
        body,
        before,
        mut permit,
        ..
    } = changed;
    let extract = Extract {
        max: context.options.max_file_bytes,
        pdf: &context.options.pdf_reader,
    };
    let parsed = match parse(&item.name, body, extract) {
        Ok(parsed) => parsed,
        Err(rejected) => return Err((item, rejected)),
    };
    let mut document = parsed.document;
    let chunks: Vec<Chunk> = context.tokens.with(|count| {
        let chunks = context.chunker.chunks(&document, count);
        // A model has nothing to say about blanks.
        chunks.filter(|chunk| !chunk.text.trim().is_empty()).collect()
    });
    context.learn(document.text.len(), chunks.len());
    document.text = String::new();
    let held = chunks
        .iter()
        .map(|chunk| chunk.text.len() + context.chunk_cost())
        .sum();
    permit.resize(held);
    let split = SplitDocument {
        item,
        document,
        revision,
        known: Vec::new(),
        asked: 0,
        chunks,
        before,
        permit,
    };
    Ok((split, parsed.notes))
}

/// Asks the store which texts it knows.
async fn ask(context: &Context, documents: &mut [SplitDocument]) -> Option<()> {
    if context.forgets() {
        for document in documents {
            document.known = vec![false; document.chunks.len()];
        }
        return Some(());
    }
    // Before the question: what is committed while it is answered may or may not be in the answer.
    let asked = context.commits.load(Ordering::Acquire);
    let hashes: Vec<ContentHash> = documents
        .iter()
        .flat_map(|document| document.chunks.iter().map(|chunk| chunk.content_hash))
        .collect();
    let mut known = Vec::with_capacity(hashes.len());
    for part in hashes.chunks(HASHES) {
        match context.store.known(part).await {
            Ok(answers) => known.extend(answers),
            Err(error) => {
                context.store_failed(&error);
                return None;
            }
        }
    }
    let mut known = known.into_iter();
    for document in documents {
        document.asked = asked;
        document.known.extend(known.by_ref().take(document.chunks.len()));
        // A store that answers too little knows nothing.
        document.known.resize(document.chunks.len(), false);
    }
    Some(())
}

impl Context {
    /// In a dry run of `clean`, documents count as forgotten though they are still there.
    pub(crate) fn forgets(&self) -> bool {
        self.options.clean && self.options.dry_run
    }

    /// Ends the run because the store does.
    pub(crate) fn store_failed(&self, error: &ingest_core::Error) {
        let message = format!(
            "the store failed: {}; what was committed before is safe",
            crate::error::chain(error)
        );
        self.halt.stop(error.kind().as_str(), message);
    }
}
