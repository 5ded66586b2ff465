//! What a run does, for programs that listen to `tracing`: a span for the run, one for each attempt of a batch and for
//! each commit, and every event that an observer hears. All but the run itself is told at `debug` or below, since the
//! observer is who tells people. Names of documents are told, their texts never.

use std::time::Duration;

use tracing::{Span, debug, debug_span, info_span, trace};

use crate::{Event, RunOptions};

/// The run as a whole.
pub(crate) fn run(options: &RunOptions) -> Span {
    info_span!(
        "run",
        workers = options.workers,
        dry_run = options.dry_run,
        retry_failed = options.retry_failed,
    )
}

/// One attempt of a worker to embed texts.
pub(crate) fn batch(worker: usize, texts: usize, attempt: u32) -> Span {
    debug_span!("batch", worker, texts, attempt)
}

/// One transaction.
pub(crate) fn commit(documents: usize, vectors: usize) -> Span {
    debug_span!("commit", documents, vectors)
}

/// Something that an observer hears. How far a run is comes too often to be of use here.
pub(crate) fn event(event: &Event<'_>) {
    match *event {
        Event::Ready {
            provider,
            model,
            dimensions,
        } => debug!(provider, model, dimensions, "ready"),
        Event::Document { source, outcome } => debug!(source, ?outcome, "document"),
        Event::Skipped { source, reason } => debug!(source, reason, "skipped"),
        Event::Failed(failure) => debug!(
            source = failure.source,
            chunk = failure.chunk,
            kind = failure.kind,
            attempts = failure.attempts,
            error = failure.error,
            "failed"
        ),
        Event::Answered { took, error, .. } => debug!(ms = ms(took), error, "embedded"),
        Event::Committed {
            documents,
            vectors,
            took,
        } => debug!(documents, vectors, ms = ms(took), "committed"),
        Event::Stored { source, chunks, took } => trace!(source, chunks, ms = ms(took), "stored"),
        Event::Retry {
            worker,
            attempt,
            of,
            wait,
            kind,
            error,
        } => debug!(worker, attempt, of, wait_ms = ms(wait), kind, error, "retry"),
        Event::OutageBegan { error, wait } => debug!(error, wait_ms = ms(wait), "outage began"),
        Event::OutageEnded { after } => debug!(after_ms = ms(after), "outage ended"),
        Event::Workers { workers, rate } => debug!(workers, rate, "workers"),
        Event::Waiting { documents } => debug!(documents, "waiting for other runs"),
        Event::Indexing { share } => trace!(share, "indexing"),
        Event::Warning(warning) => debug!(warning, "warning"),
        Event::Note(note) => debug!(note, "note"),
        Event::Progress(_) => {}
    }
}

/// Milliseconds, to a tenth.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
