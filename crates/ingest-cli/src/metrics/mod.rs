//! `--metrics-file`: what a run does, for Prometheus. The file is written when the run begins, now and then while it
//! goes on, and at its end, however it ends.

mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use embed_core::{Embedder, Usage};
use ingest_pipeline::{ChunkCounts, DocumentCounts, Event, Observer, Progress, RunReport};

use crate::console::Console;
use crate::failure::{Failure, Result, Status};
use crate::whole_file;

/// How often the file is written while the run goes on.
const INTERVAL: Duration = Duration::from_secs(10);

/// Kinds of errors that are tried again, so that each is there from the start; others come when they do.
const RETRIED: [&str; 9] = [
    "busy",
    "connect",
    "invalid_response",
    "rate_limited",
    "server",
    "timeout_body",
    "timeout_connect",
    "timeout_first_byte",
    "timeout_total",
];

/// What stands in the file.
#[derive(Clone, Debug, Default)]
struct Figures {
    documents: DocumentCounts,
    chunks: ChunkCounts,
    /// How far the run was when these were counted.
    steps: u64,
    usage: Usage,
    retries: BTreeMap<&'static str, u64>,
    outages: u64,
    outage: Duration,
    /// Seconds since 1970.
    started: f64,
    duration: Duration,
    /// Seconds since 1970; 0 where no run that wrote the file succeeded.
    last_success: f64,
    /// The exit status, once the run is over.
    exit: Option<u8>,
}

/// Whose requests are counted, and what it had counted before the run.
type Meter = (Arc<dyn Embedder>, Usage);

/// The file and what goes into it.
#[derive(Debug)]
pub(crate) struct Metrics {
    file: PathBuf,
    console: Arc<Console>,
    clock: Instant,
    figures: Mutex<Figures>,
    meter: Mutex<Option<Meter>>,
    /// Held while the file is written; tells whether it is complete, or could not be written.
    closed: Mutex<bool>,
}

impl Metrics {
    /// Takes over from the file when a run last succeeded, writes it for the first time, and from then on now and then.
    ///
    /// # Errors
    /// Wrong usage: the file cannot be written.
    pub(crate) fn begin(file: &Path, console: &Arc<Console>) -> Result<Arc<Self>> {
        let old = std::fs::read_to_string(file).unwrap_or_default();
        let figures = Figures {
            retries: RETRIED.map(|kind| (kind, 0)).into(),
            started: now(),
            last_success: text::last_success(&old).unwrap_or_default(),
            ..Figures::default()
        };
        let metrics = Self {
            file: file.to_owned(),
            console: Arc::clone(console),
            clock: Instant::now(),
            figures: Mutex::new(figures),
            meter: Mutex::new(None),
            closed: Mutex::new(false),
        };
        metrics.save().map_err(|error| {
            Failure::usage(format!("cannot write the metrics to {}: {error}", file.display()))
                .hint("`--metrics-file` names a file in a folder that is there")
        })?;
        let metrics = Arc::new(metrics);
        metrics.keep_writing();
        Ok(metrics)
    }

    /// Counts the requests of this embedder from now on.
    pub(crate) fn meter(&self, embedder: &Arc<dyn Embedder>) {
        *locked(&self.meter) = Some((Arc::clone(embedder), embedder.usage()));
    }

    /// Writes the file now and then until it is complete.
    fn keep_writing(self: &Arc<Self>) {
        let metrics = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let metrics = Arc::clone(&metrics);
                let goes_on = tokio::task::spawn_blocking(move || metrics.write(false));
                if !goes_on.await.unwrap_or(false) {
                    return;
                }
            }
        });
    }

    /// Takes the counts of a run that is over.
    pub(crate) fn report(&self, report: &RunReport) {
        let mut figures = locked(&self.figures);
        (figures.documents, figures.chunks) = (report.documents, report.chunks);
    }

    /// Writes the file for the last time. `success` is one that the store is in step by.
    pub(crate) fn end(&self, status: Status, success: bool) {
        let mut figures = locked(&self.figures);
        figures.exit = Some(status.code());
        if success {
            figures.last_success = now();
        }
        drop(figures);
        self.write(true);
    }

    /// Writes the file unless it is complete; returns whether it is to be written again. Where that fails, it is told
    /// once, and the run goes on.
    fn write(&self, last: bool) -> bool {
        let mut closed = locked(&self.closed);
        if *closed {
            return false;
        }
        *closed = last;
        if let Err(error) = self.save() {
            *closed = true;
            let file = self.file.display();
            self.console
                .warn(&format!("the metrics are no longer written to {file}: {error}"));
        }
        !*closed
    }

    fn save(&self) -> std::io::Result<()> {
        let usage = locked(&self.meter)
            .as_ref()
            .map(|(embedder, before)| embedder.usage() - *before);
        let mut figures = locked(&self.figures).clone();
        figures.usage = usage.unwrap_or_default();
        figures.duration = self.clock.elapsed();
        whole_file::replace(&self.file, &text::render(&figures))
    }
}

impl Observer for Metrics {
    fn event(&self, event: &Event<'_>) {
        let mut figures = locked(&self.figures);
        match event {
            // Tasks tell of it in any order, and a counter that goes back looks like one that began anew.
            Event::Progress(progress) if steps(progress) >= figures.steps => {
                figures.steps = steps(progress);
                (figures.documents, figures.chunks) = (progress.document_counts, progress.chunk_counts);
            }
            Event::Retry { kind, .. } => *figures.retries.entry(kind).or_default() += 1,
            Event::OutageBegan { .. } => figures.outages += 1,
            Event::OutageEnded { after } => figures.outage += *after,
            _ => {}
        }
    }
}

/// A number that grows with the run.
fn steps(progress: &Progress) -> u64 {
    progress.read + progress.done + progress.chunks + progress.chunks_embedded + progress.chunks_stored
}

/// Tells two observers.
#[derive(Debug)]
pub(crate) struct Both(pub(crate) Arc<dyn Observer>, pub(crate) Arc<dyn Observer>);

impl Observer for Both {
    fn event(&self, event: &Event<'_>) {
        self.0.event(event);
        self.1.event(event);
    }
}

/// Numbers are whole whatever happened to the thread that held the lock.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970, to the millisecond.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    fn begun(file: &Path) -> Arc<Metrics> {
        let cli = Cli::try_parse_from(["ingest", "-q", "status"]).expect("valid");
        Metrics::begin(file, &Arc::new(Console::new(&cli.global))).expect("written")
    }

    fn holds(file: &Path, line: &str) -> bool {
        let text = std::fs::read_to_string(file).expect("a file");
        text.lines().any(|found| found == line)
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_is_written_now_and_then_until_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m");
        let metrics = begun(&file);
        let mut progress = Progress::default();
        progress.chunk_counts.embedded = 7;
        metrics.event(&Event::Progress(&progress));
        let embedded = |count: u64| format!("ingest_chunks_total{{fate=\"embedded\"}} {count}");
        assert!(holds(&file, &embedded(0)));
        // The clock stands still while the file is written, so that this ends behind it.
        tokio::time::sleep(INTERVAL * 3 / 2).await;
        assert!(holds(&file, &embedded(7)));
        assert!(holds(&file, "ingest_run_in_progress 1"));
        metrics.end(Status::Done, true);
        assert!(holds(&file, "ingest_run_in_progress 0"));
        progress.chunk_counts.embedded = 8;
        metrics.event(&Event::Progress(&progress));
        tokio::time::sleep(INTERVAL * 3).await;
        assert!(holds(&file, &embedded(7)), "nothing is written behind the end");
    }

    #[tokio::test]
    async fn progress_that_is_told_late_does_not_set_counters_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m");
        let metrics = begun(&file);
        for (done, unchanged) in [(1, 1), (3, 3), (2, 2)] {
            let mut progress = Progress::default();
            (progress.done, progress.document_counts.unchanged) = (done, unchanged);
            metrics.event(&Event::Progress(&progress));
        }
        metrics.end(Status::Done, true);
        assert!(holds(&file, "ingest_documents_total{fate=\"unchanged\"} 3"));
    }

    #[tokio::test]
    async fn outages_and_retries_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m");
        let metrics = begun(&file);
        metrics.event(&Event::OutageBegan {
            error: "gone",
            wait: INTERVAL,
        });
        metrics.event(&Event::OutageEnded {
            after: Duration::from_millis(1_500),
        });
        metrics.event(&Event::Retry {
            worker: 1,
            attempt: 1,
            of: 3,
            wait: INTERVAL,
            kind: "busy",
            error: "busy",
        });
        metrics.end(Status::Signal(2), false);
        for line in [
            "ingest_outages_total 1",
            "ingest_outage_seconds_total 1.5",
            "ingest_retries_total{kind=\"busy\"} 1",
            "ingest_retries_total{kind=\"connect\"} 0",
            "ingest_run_exit_status 130",
            "ingest_last_success_timestamp_seconds 0",
        ] {
            assert!(holds(&file, line), "{line}");
        }
    }
}
