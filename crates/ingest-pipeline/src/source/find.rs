//! Walks, on a thread of its own that may block, and passes names on in groups.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::Span;

use super::walk::{Found, Walker};
use crate::context::Context;

/// Names found at a time.
const NAMES: usize = 512;

/// Finds everything, in order, each file once.
pub(crate) async fn find(context: &Arc<Context>, names: mpsc::Sender<Vec<Found>>) {
    let walk = move |context: &Context| {
        let mut steps = Steps::new(context);
        while let Some(mut group) = steps.next() {
            group.retain(|found| match found {
                Found::File { item, .. } => {
                    let new = context.seen.insert(&item.name);
                    if !new {
                        context.tally.note(&format!("{} was found before", item.name));
                    }
                    new
                }
                _ => true,
            });
            steps.count(&group);
            // Nobody takes it where the run is ending.
            if names.blocking_send(group).is_err() {
                return;
            }
        }
    };
    blocking(context, walk).await;
}

/// Counts what there is to be found, only to know totals early. Files that two sources share count twice until the
/// real walk has come by.
pub(crate) async fn count_ahead(context: Arc<Context>) {
    let walk = |context: &Context| {
        let mut steps = Steps::new(context);
        while let Some(group) = steps.next() {
            steps.count(&group);
        }
        // How many documents stand in lines shows only when they are read.
        if !steps.lines && !context.halt.is_halted() {
            context.tally.progress(|progress| progress.found_all = true);
        }
    };
    blocking(&context, walk).await;
}

/// Does a walk where it may block.
async fn blocking(context: &Arc<Context>, walk: impl FnOnce(&Context) + Send + 'static) {
    let (worker, span) = (Arc::clone(context), Span::current());
    let walked = spawn_blocking(move || span.in_scope(|| walk(&worker)));
    if walked.await.is_err() {
        let message = "walking the folders ended in an unforeseen way; this is a bug, please report it";
        context.halt.stop("internal", message.to_owned());
    }
}

/// A walk that keeps count.
struct Steps<'a> {
    context: &'a Context,
    walker: Walker,
    files: u64,
    bytes: u64,
    /// Whether a source of JSON lines was met.
    lines: bool,
}

impl<'a> Steps<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            walker: Walker::new(Arc::clone(&context.plan)),
            files: 0,
            bytes: 0,
            lines: false,
        }
    }

    /// The next group; `None` at the end, and where the run is ending.
    fn next(&mut self) -> Option<Vec<Found>> {
        if self.context.halt.is_halted() {
            return None;
        }
        let group = self.walker.next_group(NAMES);
        (!group.is_empty()).then_some(group)
    }

    fn count(&mut self, group: &[Found]) {
        for found in group {
            match found {
                Found::File { len, .. } => {
                    self.files += 1;
                    self.bytes += len;
                }
                Found::Skipped { .. } | Found::Failed { .. } => self.files += 1,
                Found::Lines { .. } => self.lines = true,
                Found::SourceFailed { .. } => {}
            }
        }
        self.context.tally.found_files(self.files, self.bytes);
    }
}
