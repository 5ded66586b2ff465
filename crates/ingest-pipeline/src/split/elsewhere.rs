//! Documents that another run is at, where several share a store: looked at again until they are done or given up.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use ingest_core::{Claims, DocumentState};
use tokio::task::spawn_blocking;

use super::Changed;
use crate::budget::Permit;
use crate::context::Context;
use crate::source::gather::Group;
use crate::source::read::{Body, FileReader, Loaded, Outcome};
use crate::source::{Item, Revision};
use crate::tally::Fate;

/// Documents looked at again at a time.
const GROUP: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What waits for other runs.
#[derive(Debug)]
pub(super) struct Elsewhere {
    files: VecDeque<Waiting<PathBuf>>,
    /// Lines can't be read again, so they are held, with their share of the memory.
    lines: VecDeque<Waiting<(Body, Permit)>>,
    pause: Duration,
}

#[derive(Debug)]
struct Waiting<T> {
    item: Item,
    revision: Revision,
    content: T,
}

impl Elsewhere {
    pub(super) fn new() -> Self {
        Self {
            files: VecDeque::new(),
            lines: VecDeque::new(),
            pause: FIRST_PAUSE,
        }
    }

    /// How many documents wait.
    pub(super) fn len(&self) -> usize {
        self.files.len() + self.lines.len()
    }

    /// How many can be looked at while others are still being read: a file needs memory to be read, and what waits for
    /// memory must not stand in the way of what gives it back.
    pub(super) fn at_once(&self) -> usize {
        self.lines.len()
    }

    /// How long to wait before looking again.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// Claims documents; returns those that are this run's to do. `None` means that the run is ending.
    pub(super) async fn claim(
        &mut self,
        context: &Context,
        claims: &dyn Claims,
        changed: Vec<Changed>,
    ) -> Option<Vec<Changed>> {
        let items = changed.iter().map(|document| (&document.item, document.revision));
        let verdicts = judge(context, claims, items.collect()).await?;
        let mut mine = Vec::new();
        for (mut document, verdict) in changed.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Mine(state) => {
                    document.before = state;
                    mine.push(document);
                }
                Verdict::Done => context.tally.settle(&document.item, Fate::Unchanged),
                Verdict::Theirs => self.wait_for(document),
            }
        }
        Some(mine)
    }

    fn wait_for(&mut self, document: Changed) {
        let Changed {
            item,
            path,
            revision,
            body,
            mut permit,
            ..
        } = document;
        if let Some(content) = path {
            self.files.push_back(Waiting {
                item,
                revision,
                content,
            });
            return;
        }
        permit.arrived();
        self.lines.push_back(Waiting {
            item,
            revision,
            content: (body, permit),
        });
    }

    /// Looks at some of them again; returns those that may be done now, read anew. `None` means that the run is ending.
    pub(super) async fn look(
        &mut self,
        context: &Context,
        claims: &dyn Claims,
        everything: bool,
    ) -> Option<Group> {
        let before = self.len();
        let mut group = Group::new();
        for (waiting, mine) in again(context, claims, &mut self.lines).await? {
            let Waiting {
                item,
                revision,
                content: (body, permit),
            } = waiting;
            if mine {
                let outcome = Outcome::Loaded { revision, body };
                group.push((
                    Loaded {
                        item,
                        path: None,
                        bytes: 0,
                        before: None,
                        outcome,
                    },
                    permit,
                ));
            } else {
                let content = (body, permit);
                self.lines.push_back(Waiting {
                    item,
                    revision,
                    content,
                });
            }
        }
        if everything {
            let mut mine = Vec::new();
            for (waiting, is_mine) in again(context, claims, &mut self.files).await? {
                if is_mine {
                    mine.push((waiting.item, waiting.content));
                } else {
                    self.files.push_back(waiting);
                }
            }
            group.extend(read(context, mine).await?);
        }
        self.pause = if self.len() < before {
            FIRST_PAUSE
        } else {
            (self.pause * 2).min(LONGEST_PAUSE)
        };
        Some(group)
    }
}

/// What is to be done with a document.
enum Verdict {
    /// It is this run's, and this is what the store holds of it.
    Mine(Option<DocumentState>),
    /// Another run did it.
    Done,
    /// Another run is at it.
    Theirs,
}

/// Claims documents, then asks what became of them meanwhile: only in this order nothing is done twice.
async fn judge(
    context: &Context,
    claims: &dyn Claims,
    documents: Vec<(&Item, Revision)>,
) -> Option<Vec<Verdict>> {
    let names: Vec<_> = documents.iter().map(|(item, _)| item.name.as_str()).collect();
    let outcome = async {
        let claimed = claims.claim(&names).await?;
        let states = context.store.states(&names).await?;
        let mut verdicts = Vec::with_capacity(documents.len());
        let mut needless = Vec::new();
        for (((item, revision), mine), state) in documents.into_iter().zip(claimed).zip(states) {
            let done = context.done(state.as_ref()) == Some(revision);
            if done && mine {
                needless.push(item.name.as_str());
            }
            verdicts.push(match (done, mine) {
                (true, _) => Verdict::Done,
                (false, true) => Verdict::Mine(state),
                (false, false) => Verdict::Theirs,
            });
        }
        if !needless.is_empty() {
            claims.release(&needless).await?;
        }
        Ok(verdicts)
    };
    outcome.await.map_err(|error| context.store_failed(&error)).ok()
}

/// Takes some documents from a queue and says of each whether it is this run's now; those that are done are settled.
async fn again<T>(
    context: &Context,
    claims: &dyn Claims,
    queue: &mut VecDeque<Waiting<T>>,
) -> Option<Vec<(Waiting<T>, bool)>> {
    let some: Vec<_> = queue.drain(..queue.len().min(GROUP)).collect();
    if some.is_empty() {
        return Some(Vec::new());
    }
    let items = some.iter().map(|waiting| (&waiting.item, waiting.revision));
    let verdicts = judge(context, claims, items.collect()).await?;
    let mut left = Vec::new();
    for (waiting, verdict) in some.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Mine(_) => left.push((waiting, true)),
            Verdict::Theirs => left.push((waiting, false)),
            Verdict::Done => context.tally.settle(&waiting.item, Fate::Unchanged),
        }
    }
    Some(left)
}

/// Reads files again. `None` means that the run is ending.
async fn read(context: &Context, files: Vec<(Item, PathBuf)>) -> Option<Group> {
    let mut group = Group::new();
    let max = context.options.max_file_bytes;
    for (item, path) in files {
        let len = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let estimate = context.estimate(if len > max { 0 } else { len });
        let mut permit = tokio::select! {
            permit = context.budget.acquire(estimate, 1) => permit,
            () = context.halt.halted() => return None,
        };
        let reading = spawn_blocking(move || FileReader::default().read(item, path, max, None));
        let Ok(loaded) = reading.await else {
            let message = "reading files failed in an unforeseen way".to_owned();
            context.halt.stop("internal", message);
            return None;
        };
        permit.resize(estimate.max(context.estimate(loaded.bytes)));
        group.push((loaded, permit));
    }
    Some(group)
}
