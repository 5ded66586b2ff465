//! Stage 1 at work: walks, lets in what there is memory for, reads it in groups, and passes on what the store does not hold
//! just so.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use ingest_core::DocumentState;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::find::find;
use super::jsonl::LineReader;
use super::read::{FileReader, Loaded, Outcome};
use super::walk::Found;
use super::{Item, Revision};
use crate::Failure;
use crate::budget::Permit;
use crate::context::Context;
use crate::tally::Fate;

/// Groups of names waiting to be read.
const NAME_GROUPS: usize = 2;
/// Documents and bytes read at a time.
const GROUP_DOCUMENTS: usize = 512;
const GROUP_BYTES: u64 = 1 << 20;

/// What was read, with its share of the memory.
pub(crate) type Group = Vec<(Loaded, Permit)>;

/// A file to be read.
struct File {
    item: Item,
    path: PathBuf,
    len: u64,
    /// What the store holds of it.
    before: Option<DocumentState>,
    /// Bytes that it may come to hold.
    estimate: usize,
}

/// Walks and reads everything, in order. Ends early, without an error, where nobody takes its groups any more.
pub(crate) async fn gather(context: Arc<Context>, groups: mpsc::Sender<Group>) {
    let (names, found) = mpsc::channel(NAME_GROUPS);
    // In one task: what takes time in either is done by a blocking thread.
    tokio::join!(find(&context, names), read(&context, found, groups));
    context.tally.progress(|progress| progress.found_all = true);
}

async fn read(context: &Context, mut found: mpsc::Receiver<Vec<Found>>, groups: mpsc::Sender<Group>) {
    let mut reader = Reader {
        context,
        groups,
        files: Vec::new(),
        bytes: 0,
        estimate: 0,
        reading: None,
    };
    while let Some(names) = found.recv().await {
        if reader.take_all(names).await.is_none() {
            return;
        }
        // Whatever the walk has found so far may go on: it may be waiting for us.
        if found.is_empty() && reader.finish().await.is_none() {
            return;
        }
    }
    let _ = reader.finish().await;
}

/// Reads in groups. `None` means that the run is ending.
struct Reader<'a> {
    context: &'a Context,
    groups: mpsc::Sender<Group>,
    files: Vec<File>,
    bytes: u64,
    estimate: usize,
    /// The group before, which is read while the next one is gathered and, where there is memory for both, read.
    reading: Option<Reading>,
}

/// A group that is being read.
struct Reading {
    /// Each with the length that it was thought to have, and what it was reckoned to hold.
    files: JoinHandle<Vec<(Loaded, u64, usize)>>,
    permit: Permit,
}

/// A group takes this share of the memory at most, so that several can be on their way.
const GROUP_SHARE: usize = 4;

impl Reader<'_> {
    async fn take_all(&mut self, names: Vec<Found>) -> Option<()> {
        let files = names.iter().filter_map(|found| match found {
            Found::File { item, .. } => Some(item.name.as_str()),
            _ => None,
        });
        let files: Vec<_> = files.collect();
        let mut states = self.context.states(&files).await?.into_iter();
        for found in names {
            let before = match found {
                Found::File { .. } => states.next().flatten(),
                _ => None,
            };
            self.take(found, before).await?;
        }
        Some(())
    }

    /// Takes what was found, with what the store holds of it.
    async fn take(&mut self, found: Found, before: Option<DocumentState>) -> Option<()> {
        match found {
            Found::File { item, path, len } => {
                // What is too large is not read, so it holds nothing.
                let held = if len > self.context.options.max_file_bytes {
                    0
                } else {
                    len
                };
                let context = self.context;
                let estimate = match &before {
                    Some(before) => context.estimate_again(held, before),
                    None => context.estimate(held),
                };
                let full = self.files.len() >= GROUP_DOCUMENTS
                    || self.bytes + held > GROUP_BYTES
                    || self.estimate.saturating_add(estimate) > context.options.memory / GROUP_SHARE;
                if full {
                    self.flush().await?;
                }
                self.bytes += held;
                self.estimate = self.estimate.saturating_add(estimate);
                self.files.push(File {
                    item,
                    path,
                    len: held,
                    before,
                    estimate,
                });
            }
            Found::Skipped { item, reason } => {
                self.context.tally.seen(item.index, 0);
                self.context.tally.settle(&item, Fate::Skipped(reason));
            }
            Found::Failed { item, reason } => {
                // A folder that can't be read hides documents of any name.
                self.context
                    .tally
                    .source_failed(item.index, format!("{}: {reason}", item.name), false);
                self.context.seen.insert(&item.name);
                self.context.tally.seen(item.index, 0);
                let failure = Failure::of_document(&item.name, &item.origin, "unreadable", &reason);
                self.context.fail_document(&item, failure).await;
            }
            Found::SourceFailed { index, reason } => {
                self.context.tally.warn(&reason);
                self.context.tally.source_failed(index, reason, true);
            }
            Found::Lines { index, input } => {
                self.finish().await?;
                self.lines(index, input).await?;
            }
        }
        Some(())
    }

    /// Begins to read what was gathered, and hands on the group before.
    async fn flush(&mut self) -> Option<()> {
        let files = mem::take(&mut self.files);
        let total = mem::take(&mut self.estimate);
        self.bytes = 0;
        if files.is_empty() {
            return Some(());
        }
        let context = self.context;
        let permit = match context.budget.try_acquire(total, files.len()) {
            Some(permit) => permit,
            None => {
                // What is read already must not be kept while memory is waited for.
                self.hand_on().await?;
                tokio::select! {
                    permit = context.budget.acquire(total, files.len()) => permit,
                    () = context.halt.halted() => return None,
                }
            }
        };
        let max = context.options.max_file_bytes;
        let done: Vec<_> = files
            .iter()
            .map(|file| context.done(file.before.as_ref()))
            .collect();
        let files = spawn_blocking(move || {
            let mut reader = FileReader::default();
            let read = |(file, done): (File, _)| {
                let loaded = Loaded {
                    before: file.before,
                    ..reader.read(file.item, file.path, max, done)
                };
                (loaded, file.len, file.estimate)
            };
            files.into_iter().zip(done).map(read).collect()
        });
        self.hand_on().await?;
        self.reading = Some(Reading { files, permit });
        Some(())
    }

    /// Reads what was gathered, and hands on everything.
    async fn finish(&mut self) -> Option<()> {
        self.flush().await?;
        self.hand_on().await
    }

    /// Waits until the group before is read, and hands it on.
    async fn hand_on(&mut self) -> Option<()> {
        let Some(reading) = self.reading.take() else {
            return Some(());
        };
        let Reading { files, mut permit } = reading;
        let context = self.context;
        let Ok(loaded) = files.await else {
            context
                .halt
                .stop("internal", "reading files failed in an unforeseen way".to_owned());
            return None;
        };
        let group = loaded
            .into_iter()
            .filter_map(|(loaded, len, estimate)| {
                let loaded = self.sift(loaded)?;
                let mut permit = permit.split(estimate);
                if loaded.bytes > len {
                    // It has grown since it was found.
                    permit.resize(estimate.max(context.estimate(loaded.bytes)));
                }
                Some((loaded, permit))
            })
            .collect();
        drop(permit);
        self.send(group).await
    }

    /// Counts what was read. What is unchanged goes no further, unless the store has it from another source.
    fn sift(&self, mut loaded: Loaded) -> Option<Loaded> {
        let tally = &self.context.tally;
        tally.seen(loaded.item.index, loaded.bytes);
        let origin = loaded.before.as_ref().map(|state| state.origin.as_str());
        if matches!(loaded.outcome, Outcome::Unchanged { .. }) && origin == Some(&*loaded.item.origin) {
            tally.settle(&loaded.item, Fate::Unchanged);
            return None;
        }
        loaded.item.read = Some(Instant::now());
        Some(loaded)
    }

    async fn send(&self, group: Group) -> Option<()> {
        self.context.tally.progress(|_| {});
        if group.is_empty() {
            return (!self.context.halt.is_halted()).then_some(());
        }
        tokio::select! {
            sent = self.groups.send(group) => sent.ok(),
            () = self.context.halt.halted() => None,
        }
    }

    async fn lines(&self, index: usize, input: usize) -> Option<()> {
        let context = self.context;
        let Some(input) = context.plan.take_input(input) else {
            return Some(());
        };
        let origin = Arc::clone(&context.plan.sources[index].line_origin);
        let max = context.options.max_file_bytes;
        let mut reader = match LineReader::open(input, index, origin, max) {
            Ok(reader) => reader,
            Err(error) => {
                context
                    .tally
                    .source_failed(index, format!("cannot open the lines: {error}"), true);
                return Some(());
            }
        };
        loop {
            let read = spawn_blocking(move || {
                let group = reader.next_group(GROUP_DOCUMENTS, GROUP_BYTES / 4);
                (reader, group)
            });
            let (back, group) = tokio::select! {
                read = read => match read {
                    Ok(read) => read,
                    Err(_) => {
                        context.halt.stop("internal", "reading lines failed in an unforeseen way".to_owned());
                        return None;
                    }
                },
                // Standard input may never say anything again; its thread is left to the runtime.
                () = context.halt.halted() => return None,
            };
            reader = back;
            self.send_lines(group.loaded).await?;
            match group.end {
                Some(Ok(())) => return Some(()),
                Some(Err(error)) => {
                    let reason = format!("the lines broke off: {error}");
                    context.tally.warn(&reason);
                    context.tally.source_failed(index, reason, true);
                    return Some(());
                }
                None => {}
            }
        }
    }

    /// Lines are read before there is room for them, since nobody knows their length: one small group at a time.
    async fn send_lines(&self, mut loaded: Vec<Loaded>) -> Option<()> {
        let context = self.context;
        for loaded in &mut loaded {
            match &loaded.outcome {
                Outcome::Failed { .. } => {
                    let line = &loaded.item.name;
                    let reason =
                        format!("nothing of it is removed, since {line} may have been any of its documents");
                    context.tally.source_failed(loaded.item.index, reason, false);
                }
                _ if !context.seen.insert(&loaded.item.name) => {
                    loaded.outcome = Outcome::Failed {
                        kind: "duplicate_source",
                        reason: "another line or file of this run has the same source; the first one counts"
                            .to_owned(),
                    };
                }
                _ => {}
            }
        }
        let bytes = loaded.iter().map(|loaded| loaded.bytes).sum();
        context.tally.found_lines(loaded.len() as u64, bytes);
        if loaded.is_empty() {
            return Some(());
        }
        let names: Vec<_> = loaded.iter().map(|loaded| loaded.item.name.as_str()).collect();
        let states = context.states(&names).await?;
        let loaded: Vec<_> = loaded
            .into_iter()
            .zip(states)
            .filter_map(|(mut loaded, state)| {
                if let Outcome::Loaded { revision, .. } = loaded.outcome
                    && context.done(state.as_ref()) == Some(revision)
                {
                    loaded.outcome = Outcome::Unchanged { revision };
                }
                loaded.before = state;
                self.sift(loaded)
            })
            .collect();
        if loaded.is_empty() {
            return self.send(Group::new()).await;
        }
        let estimates: Vec<_> = loaded
            .iter()
            .map(|loaded| context.estimate(loaded.bytes))
            .collect();
        let total = estimates
            .iter()
            .fold(0_usize, |sum, &bytes| sum.saturating_add(bytes));
        let mut permit = tokio::select! {
            permit = context.budget.acquire(total, loaded.len()) => permit,
            () = context.halt.halted() => return None,
        };
        let group = loaded
            .into_iter()
            .zip(estimates)
            .map(|(loaded, bytes)| (loaded, permit.split(bytes)))
            .collect();
        drop(permit);
        self.send(group).await
    }
}

impl Context {
    /// A document that keeps its old version because the new one can't be had.
    pub(crate) async fn fail_document(&self, item: &Item, failure: Failure) {
        self.append_log(vec![failure.clone()]).await;
        self.tally.settle(item, Fate::Failed(failure));
        self.fail_fast();
    }

    /// Ends the run at the first failure, if that was asked for.
    pub(crate) fn fail_fast(&self) {
        if self.options.fail_fast {
            let message = "stopped at the first failure, as asked for; run again to go on".to_owned();
            self.halt.stop("fail_fast", message);
        }
    }

    /// What the store holds of documents of these names. `None` means that the run is ending.
    async fn states(&self, names: &[&str]) -> Option<Vec<Option<DocumentState>>> {
        if self.forgets() || names.is_empty() {
            return Some(vec![None; names.len()]);
        }
        let states = self.store.states(names).await;
        states.map_err(|error| self.store_failed(&error)).ok()
    }

    /// The revision with which a stored document leaves nothing to do.
    pub(crate) fn done(&self, state: Option<&DocumentState>) -> Option<Revision> {
        let whole = state.filter(|state| state.recipe == self.recipe && state.failed == 0)?;
        Some(whole.revision)
    }

    /// Adds failures to the log. A log that can't be written is told, and costs nothing else: the store knows them too.
    pub(crate) async fn append_log(&self, failures: Vec<Failure>) {
        let Some(log) = self.log.clone().filter(|_| !failures.is_empty()) else {
            return;
        };
        let path = log.path().display().to_string();
        if let Ok(Err(error)) = spawn_blocking(move || log.append(&failures)).await {
            self.tally
                .warn(&format!("cannot write the failure log {path}: {error}"));
        }
    }
}
