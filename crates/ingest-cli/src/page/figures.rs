//! What a page says of a run, gathered while it goes on. Bounded, however long that is.

use std::time::{Duration, Instant};

use embed_core::Usage;
use ingest_pipeline::{ChunkCounts, DocumentCounts, Event, Progress, RunReport};

use super::bins::Bins;
use super::causes::Causes;
use super::histogram::Histogram;
use super::slowest::Slowest;

/// Outages told one by one, and warnings.
const MOST_OUTAGES: usize = 50;
const MOST_WARNINGS: usize = 20;

/// What is known of a run.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) clock: Instant,
    /// Provider and model, once they are known.
    pub(super) model: Option<(String, String)>,
    /// Workers that may ask at the same time.
    pub(super) workers: usize,
    pub(super) documents: DocumentCounts,
    pub(super) chunks: ChunkCounts,
    /// How far the run was when these were counted.
    steps: u64,
    pub(super) usage: Usage,
    /// Texts embedded, and documents dealt with, by seconds since the beginning.
    pub(super) embedded: Bins,
    pub(super) settled: Bins,
    /// Seconds of each request, by whether it brought vectors.
    pub(super) answered: Histogram,
    pub(super) refused: Histogram,
    /// Seconds of each commit.
    pub(super) committed: Histogram,
    /// By the kind of error.
    pub(super) retries: Causes,
    pub(super) failures: Causes,
    /// Why files were no documents.
    pub(super) skipped: Causes,
    pub(super) outages: Outages,
    pub(super) warnings: Vec<String>,
    /// Warnings beyond those.
    pub(super) more_warnings: u64,
    pub(super) slowest: Slowest,
    /// What the run itself said at its end, if it began.
    pub(super) report: Option<RunReport>,
}

/// Times that no server answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Outages {
    pub(super) count: u64,
    /// How long those lasted that ended.
    pub(super) lasted: Duration,
    /// The first few: from when to when, in seconds since the beginning. One that did not end has no end.
    pub(super) spans: Vec<(f64, Option<f64>)>,
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            clock: Instant::now(),
            model: None,
            workers: 1,
            documents: DocumentCounts::default(),
            chunks: ChunkCounts::default(),
            steps: 0,
            usage: Usage::default(),
            embedded: Bins::of_width(0.02),
            settled: Bins::of_width(0.02),
            answered: Histogram::from(1e-5),
            refused: Histogram::from(1e-5),
            committed: Histogram::from(1e-5),
            retries: Causes::default(),
            failures: Causes::default(),
            skipped: Causes::default(),
            outages: Outages::default(),
            warnings: Vec::new(),
            more_warnings: 0,
            slowest: Slowest::default(),
            report: None,
        }
    }

    /// Takes note of an event.
    pub(super) fn hear(&mut self, event: &Event<'_>) {
        let now = self.clock.elapsed().as_secs_f64();
        match event {
            Event::Ready { provider, model, .. } => {
                self.model = Some(((*provider).to_owned(), (*model).to_owned()));
            }
            Event::Progress(progress) => self.progress(progress),
            Event::Document { .. } => self.settled.add(now, 1.0),
            Event::Skipped { source, reason } => {
                self.settled.add(now, 1.0);
                self.skipped.add(reason, Duration::ZERO, || (*source).to_owned());
            }
            Event::Answered {
                texts, took, error, ..
            } => {
                let seconds = took.as_secs_f64();
                if error.is_some() {
                    self.refused.add(seconds);
                } else {
                    self.answered.add(seconds);
                    self.embedded.spread(now - seconds, now, *texts as f64);
                }
            }
            Event::Committed { took, .. } => self.committed.add(took.as_secs_f64()),
            Event::Stored { source, chunks, took } => self.slowest.add(source, *chunks, *took),
            Event::Failed(failure) => {
                let chunk = failure.chunk.map(|chunk| format!(", chunk {chunk}"));
                let place = chunk.unwrap_or_default();
                let example = || format!("{}{place}: {}", failure.source, failure.error);
                self.failures.add(&failure.kind, Duration::ZERO, example);
            }
            Event::Retry {
                wait, kind, error, ..
            } => self.retries.add(kind, *wait, || (*error).to_owned()),
            Event::OutageBegan { .. } => self.outages.begin(now),
            Event::OutageEnded { after } => self.outages.end(now, *after),
            Event::Warning(message) => self.warn(message),
            _ => {}
        }
    }

    fn progress(&mut self, progress: &Progress) {
        let steps = progress.read + progress.done + progress.chunks + progress.chunks_embedded;
        // Tasks tell of it in any order.
        if steps >= self.steps {
            self.steps = steps;
            (self.documents, self.chunks) = (progress.document_counts, progress.chunk_counts);
        }
    }

    fn warn(&mut self, message: &str) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(message.to_owned());
        } else {
            self.more_warnings += 1;
        }
    }

    /// Takes over what the run says at its end.
    pub(super) fn report(&mut self, report: &RunReport) {
        (self.documents, self.chunks) = (report.documents, report.chunks);
        // Fewer than might have worked, where the run found out that no more of them help.
        self.workers = report.workers;
        self.report = Some(report.clone());
    }

    /// The share of the workers' time until now that they waited for answers, from 0 to 1.
    pub(super) fn busy(&self, duration: Duration) -> f64 {
        let waited = self.answered.sum() + self.refused.sum();
        share(waited, duration.as_secs_f64() * self.workers.max(1) as f64)
    }
}

impl Outages {
    fn begin(&mut self, at: f64) {
        self.count += 1;
        if self.spans.len() < MOST_OUTAGES {
            self.spans.push((at, None));
        }
    }

    fn end(&mut self, at: f64, after: Duration) {
        self.lasted += after;
        if let Some((_, end @ None)) = self.spans.last_mut() {
            *end = Some(at);
        }
    }
}

/// A part of a whole, from 0 to 1; of nothing, 0.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_and_the_workers_time_is_shared() {
        let mut figures = Figures::new();
        figures.workers = 2;
        let second = Duration::from_secs(1);
        for error in [None, Some("busy"), None] {
            figures.hear(&Event::Answered {
                worker: 1,
                texts: 8,
                took: second,
                error,
            });
        }
        assert_eq!((figures.answered.count(), figures.refused.count()), (2, 1));
        assert_eq!(figures.embedded.amounts().iter().sum::<f64>(), 16.0);
        assert!((figures.busy(3 * second) - 0.5).abs() < 1e-9);
        assert_eq!(figures.busy(Duration::ZERO), 0.0);
    }

    #[test]
    fn warnings_and_outages_are_bounded() {
        let mut figures = Figures::new();
        for _ in 0..100 {
            figures.hear(&Event::Warning("odd"));
            figures.hear(&Event::OutageBegan {
                error: "gone",
                wait: Duration::ZERO,
            });
            figures.hear(&Event::OutageEnded {
                after: Duration::from_secs(2),
            });
        }
        assert_eq!(
            (figures.warnings.len(), figures.more_warnings),
            (MOST_WARNINGS, 80)
        );
        assert_eq!(figures.outages.spans.len(), MOST_OUTAGES);
        assert_eq!(
            (figures.outages.count, figures.outages.lasted.as_secs()),
            (100, 200)
        );
    }
}
