//! Walks, on a blocking thread, a group of names at a time.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::walk::{Found, Walker};
use crate::context::Context;

/// Names found at a time.
const NAMES: usize = 256;

/// Finds everything, in order, each file once.
pub(crate) async fn find(context: &Context, names: mpsc::Sender<Vec<Found>>) {
    let mut steps = Steps::new(context);
    while let Some(mut group) = steps.next().await {
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
        tokio::select! {
            sent = names.send(group) => if sent.is_err() { return },
            () = context.halt.halted() => return,
        }
    }
}

/// Counts what there is to be found, only to know totals early. Files that two sources share count twice until the
/// real walk has come by.
pub(crate) async fn count_ahead(context: Arc<Context>) {
    let mut steps = Steps::new(&context);
    while let Some(group) = steps.next().await {
        steps.count(&group);
    }
    // How many documents stand in lines shows only when they are read.
    if !steps.lines && !context.halt.is_halted() {
        context.tally.progress(|progress| progress.found_all = true);
    }
}

struct Steps<'a> {
    context: &'a Context,
    walker: Option<Walker>,
    files: u64,
    bytes: u64,
    /// Whether a source of JSON lines was met.
    lines: bool,
}

impl<'a> Steps<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            walker: Some(Walker::new(Arc::clone(&context.plan))),
            files: 0,
            bytes: 0,
            lines: false,
        }
    }

    /// The next group; `None` at the end, and where the run is ending.
    async fn next(&mut self) -> Option<Vec<Found>> {
        let mut walker = self.walker.take()?;
        if self.context.halt.is_halted() {
            return None;
        }
        let step = spawn_blocking(move || {
            let group = walker.next_group(NAMES);
            (walker, group)
        });
        let Ok((walker, group)) = step.await else {
            let message = "walking the folders ended in an unforeseen way; this is a bug, please report it";
            self.context.halt.stop("internal", message.to_owned());
            return None;
        };
        self.walker = Some(walker);
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
