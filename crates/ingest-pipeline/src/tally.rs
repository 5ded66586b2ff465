//! Counts what a run does, and tells the observer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::source::{Item, Plan, is_file_origin};
use crate::{
    ChunkCounts, DocumentCounts, DocumentOutcome, Event, Failure, Forecast, Observer, Progress, RunReport,
    SourceReport, SourceStatus, trace,
};

/// The counters of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    observer: Arc<dyn Observer>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) documents: DocumentCounts,
    pub(crate) chunks: ChunkCounts,
    pub(crate) retries: u64,
    /// What a dry run foretells, as far as it is counted document by document.
    pub(crate) forecast: Forecast,
    /// Chunks of earlier versions of changed documents, as a dry run counts them.
    pub(crate) replaced: u64,
    pub(crate) progress: Progress,
    pub(crate) failures: Vec<Failure>,
    /// Failures in all.
    pub(crate) failed: u64,
    pub(crate) sources: Vec<SourceCount>,
    /// Files and their bytes; two walks may count them.
    files: (u64, u64),
    /// Lines and theirs.
    lines: (u64, u64),
}

#[derive(Debug, Default)]
pub(crate) struct SourceCount {
    label: String,
    files: u64,
    done: u64,
    chunks: u64,
    failed: u64,
    /// Documents of files that the store has now, each counted once.
    pub(crate) held: u64,
    /// Why its walk is not the whole truth, so that nothing of it may be removed.
    pub(crate) error: Option<String>,
    /// Whether it could not be walked or read at all, or not to its end.
    pub(crate) broken: bool,
    span: Option<(Instant, Instant)>,
}

/// What became of a document that was read.
pub(crate) enum Fate<'a> {
    Stored { added: bool, chunks: &'a Stored },
    Unchanged,
    Skipped(&'a str),
    Failed(Failure),
}

/// A document that was written.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Chunks that can be found now.
    pub(crate) findable: u64,
    /// Of these, without a vector.
    pub(crate) text_only: u64,
    /// Chunks of the version before.
    pub(crate) replaced: u64,
    /// Chunks set aside.
    pub(crate) failures: Vec<Failure>,
}

impl Tally {
    pub(crate) fn new(observer: Arc<dyn Observer>, plan: &Plan) -> Self {
        let sources = plan.sources.iter().map(|source| SourceCount {
            label: source.label.clone(),
            ..SourceCount::default()
        });
        Self {
            observer,
            counts: Mutex::new(Counts {
                sources: sources.collect(),
                ..Counts::default()
            }),
        }
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counters are whole whatever happened to the thread that held the lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn event(&self, event: &Event<'_>) {
        trace::event(event);
        self.observer.event(event);
    }

    pub(crate) fn warn(&self, message: &str) {
        self.event(&Event::Warning(message));
    }

    pub(crate) fn note(&self, message: &str) {
        self.event(&Event::Note(message));
    }

    /// Changes the progress and tells it.
    pub(crate) fn progress(&self, change: impl FnOnce(&mut Progress)) {
        let progress = {
            let mut counts = self.counts();
            change(&mut counts.progress);
            Progress {
                document_counts: counts.documents,
                chunk_counts: counts.chunks,
                ..counts.progress
            }
        };
        self.event(&Event::Progress(&progress));
    }

    /// So many files were found so far.
    pub(crate) fn found_files(&self, files: u64, bytes: u64) {
        self.found(|counts| counts.files = (counts.files.0.max(files), counts.files.1.max(bytes)));
    }

    /// More lines were found.
    pub(crate) fn found_lines(&self, lines: u64, bytes: u64) {
        self.found(|counts| counts.lines = (counts.lines.0 + lines, counts.lines.1 + bytes));
    }

    fn found(&self, change: impl FnOnce(&mut Counts)) {
        let (files, bytes) = {
            let mut counts = self.counts();
            change(&mut counts);
            (counts.files.0 + counts.lines.0, counts.files.1 + counts.lines.1)
        };
        self.progress(|progress| {
            progress.found = progress.found.max(files);
            progress.found_bytes = progress.found_bytes.max(bytes);
        });
    }

    /// A document of a source was read.
    pub(crate) fn seen(&self, index: usize, bytes: u64) {
        let mut counts = self.counts();
        counts.documents.seen += 1;
        counts.progress.read += 1;
        counts.progress.read_bytes += bytes;
        if let Some(source) = counts.sources.get_mut(index) {
            let now = Instant::now();
            source.files += 1;
            source.span.get_or_insert((now, now)).1 = now;
        }
    }

    /// A new or changed document was cut into chunks.
    pub(crate) fn cut(&self, index: usize, chunks: u64) {
        self.counts().progress.cut += 1;
        self.more_chunks(index, chunks);
    }

    /// There are more chunks than a document was cut into.
    pub(crate) fn more_chunks(&self, index: usize, chunks: u64) {
        let mut counts = self.counts();
        counts.progress.chunks += chunks;
        if let Some(source) = counts.sources.get_mut(index) {
            source.chunks += chunks;
        }
    }

    /// A document that was seen came to its end.
    pub(crate) fn settle(&self, item: &Item, fate: Fate<'_>) {
        let mut failures = Vec::new();
        let skipped = match &fate {
            Fate::Skipped(reason) => Some(*reason),
            _ => None,
        };
        let is_held = matches!(fate, Fate::Stored { .. } | Fate::Unchanged);
        let outcome = {
            let mut counts = self.counts();
            counts.progress.done += 1;
            let outcome = match fate {
                Fate::Stored { added, chunks } => {
                    counts.chunks.stored += chunks.findable;
                    counts.chunks.text_only += chunks.text_only;
                    counts.chunks.removed += chunks.replaced;
                    counts.chunks.failed += chunks.failures.len() as u64;
                    counts.progress.chunks_stored += chunks.findable;
                    failures.clone_from(&chunks.failures);
                    if !failures.is_empty() {
                        counts.documents.failed += 1;
                        Some(DocumentOutcome::Failed)
                    } else if added {
                        counts.documents.added += 1;
                        Some(DocumentOutcome::Added)
                    } else {
                        counts.documents.updated += 1;
                        Some(DocumentOutcome::Updated)
                    }
                }
                Fate::Unchanged => {
                    counts.documents.unchanged += 1;
                    Some(DocumentOutcome::Unchanged)
                }
                Fate::Skipped(_) => {
                    counts.documents.skipped += 1;
                    None
                }
                Fate::Failed(failure) => {
                    counts.documents.failed += 1;
                    failures.push(failure);
                    Some(DocumentOutcome::Failed)
                }
            };
            counts.fail(item.index, &failures);
            if let Some(source) = counts.sources.get_mut(item.index) {
                source.done += 1;
                source.held += u64::from(is_held && is_file_origin(&item.origin));
                if let Some(span) = &mut source.span {
                    span.1 = Instant::now();
                }
            }
            outcome
        };
        if let Some(reason) = skipped {
            self.event(&Event::Skipped {
                source: &item.name,
                reason,
            });
        }
        for failure in &failures {
            self.event(&Event::Failed(failure));
        }
        if let Some(outcome) = outcome {
            self.event(&Event::Document {
                source: &item.name,
                outcome,
            });
        }
    }

    /// A source could not be walked or read to its end; `broken` means that it is no use at all.
    pub(crate) fn source_failed(&self, index: usize, reason: String, broken: bool) {
        if let Some(source) = self.counts().sources.get_mut(index) {
            source.broken |= broken;
            source.error.get_or_insert(reason);
        }
    }

    /// Fills a report with what was counted.
    pub(crate) fn fill(&self, report: &mut RunReport, halted: bool) {
        let mut counts = self.counts();
        report.documents = counts.documents;
        report.chunks = counts.chunks;
        report.retries = counts.retries;
        report.failures = std::mem::take(&mut counts.failures);
        report.sources = counts
            .sources
            .iter()
            .map(|source| source.report(halted))
            .collect();
    }
}

impl Counts {
    /// Books failures of a source's documents.
    pub(crate) fn fail(&mut self, index: usize, failures: &[Failure]) {
        self.failed += failures.len() as u64;
        let room = RunReport::MAX_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(failures.iter().take(room).cloned());
        if let Some(source) = self.sources.get_mut(index) {
            source.failed += failures.len() as u64;
        }
    }

    /// Whether anything failed, documents, chunks or sources.
    pub(crate) fn any_failed(&self) -> bool {
        self.failed > 0 || self.sources.iter().any(|source| source.error.is_some())
    }
}

impl SourceCount {
    fn report(&self, halted: bool) -> SourceReport {
        let status = if self.broken {
            SourceStatus::Failed
        } else if self.failed > 0
            || self.error.is_some()
            || self.done < self.files
            || (halted && self.files == 0)
        {
            SourceStatus::Partial
        } else {
            SourceStatus::Ok
        };
        SourceReport {
            name: self.label.clone(),
            files: self.files,
            chunks: self.chunks,
            duration: self
                .span
                .map(|(from, to)| to.duration_since(from))
                .unwrap_or_default(),
            status,
            error: self.error.clone(),
        }
    }
}
