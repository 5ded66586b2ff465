//! The runs of one call: one, or with `--watch` as many as there are changes.

use std::sync::Arc;

use ingest_pipeline::{Cancel, RunReport};

use crate::console::Console;
use crate::failure::Status;
use crate::interrupt::Interrupt;

/// What the runs of a call share.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    cancel: Cancel,
    interrupt: Option<Interrupt>,
    /// Whether there are more than one.
    is_watching: bool,
    /// Failures at the end of the last run; `None` before the first one ended.
    failed: Option<u64>,
}

impl Rounds {
    /// For runs that go on until a signal comes, which is heard from now on.
    pub(crate) fn watching(console: &Arc<Console>) -> Self {
        let mut rounds = Self {
            is_watching: true,
            ..Self::default()
        };
        rounds.listen(console);
        rounds
    }

    /// Begins to listen for signals.
    pub(crate) fn listen(&mut self, console: &Arc<Console>) {
        if self.interrupt.is_none() {
            self.interrupt = Interrupt::listen(self.cancel.clone(), Arc::clone(console)).ok();
        }
    }

    /// What a signal pulls.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Waits for a signal.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + use<> {
        let cancel = self.cancel.clone();
        async move { cancel.cancelled().await }
    }

    /// The exit status of a call that was interrupted.
    pub(crate) fn interrupted(&self) -> Status {
        let interrupt = self.interrupt.as_ref();
        interrupt.map_or(Status::Signal(2), Interrupt::status)
    }

    /// Whether no run has come to its end yet.
    pub(crate) fn is_first(&self) -> bool {
        self.failed.is_none()
    }

    pub(crate) fn is_watching(&self) -> bool {
        self.is_watching
    }

    /// A run came to its end; returns whether it differs from the one before in more than its time.
    pub(crate) fn end(&mut self, report: &RunReport) -> bool {
        let (documents, chunks) = (&report.documents, &report.chunks);
        let failed = documents.failed.max(chunks.failed);
        let before = self.failed.replace(failed);
        let changes = documents.added + documents.updated + documents.removed;
        changes > 0 || before != Some(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_changed_nothing_is_told_only_when_it_is_the_first() {
        let mut rounds = Rounds::default();
        let mut report = RunReport::default();
        let mut told = |removed, failed| {
            report.documents.removed = removed;
            report.documents.failed = failed;
            rounds.end(&report)
        };
        let told = [
            told(0, 0),
            told(0, 0),
            told(1, 0),
            told(0, 1),
            told(0, 1),
            told(0, 0),
        ];
        assert_eq!(told, [true, false, true, true, false, true]);
    }
}
