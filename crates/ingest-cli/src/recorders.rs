//! The files that a run keeps of itself while it goes on: metrics, and a page for people.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use embed_core::Embedder;
use ingest_core::Store;
use ingest_pipeline::{Observer, RunOptions, RunReport};

use crate::args::Work;
use crate::console::Console;
use crate::failure::{Failure, Result, Status};
use crate::metrics::{Both, Metrics};
use crate::page::Page;

/// Those that were asked for.
#[derive(Debug)]
pub(crate) struct Recorders {
    metrics: Option<Arc<Metrics>>,
    page: Option<Arc<Page>>,
}

impl Recorders {
    /// Writes the files for the first time.
    ///
    /// # Errors
    /// Wrong usage: one cannot be written.
    pub(crate) fn begin(work: &Work, console: &Arc<Console>) -> Result<Self> {
        let (metrics, page) = (work.metrics_file.as_deref(), work.report.as_deref());
        Ok(Self {
            metrics: metrics.map(|file| Metrics::begin(file, console)).transpose()?,
            page: page.map(|file| Page::begin(file, console)).transpose()?,
        })
    }

    /// Takes note of what the run works with; returns who hears the run beside `reporter`.
    pub(crate) fn follow(
        &self,
        store: &Arc<dyn Store>,
        embedder: &Arc<dyn Embedder>,
        options: &RunOptions,
        reporter: Arc<dyn Observer>,
    ) -> Arc<dyn Observer> {
        let mut observer = reporter;
        if let Some(metrics) = &self.metrics {
            metrics.meter(embedder);
            observer = Arc::new(Both(observer, Arc::clone(metrics) as _));
        }
        if let Some(page) = &self.page {
            page.follow(store, embedder, options.workers, options.chunk_size);
            observer = Arc::new(Both(observer, Arc::clone(page) as _));
        }
        observer
    }

    /// Takes over what the run says at its end.
    pub(crate) fn report(&self, report: &RunReport) {
        if let Some(metrics) = &self.metrics {
            metrics.report(report);
        }
        if let Some(page) = &self.page {
            page.report(report);
        }
    }

    /// Writes the files for the last time. `updates` is whether the store is in step behind a run that succeeds.
    pub(crate) async fn end(&self, result: Result<Status, &Failure>, updates: bool) {
        let status = result.unwrap_or_else(|failure| failure.status);
        if let Some(metrics) = &self.metrics {
            metrics.end(status, status == Status::Done && updates);
        }
        if let Some(page) = &self.page {
            page.end(result).await;
        }
    }
}

/// Where the files are, for a run that must not take them for documents.
pub(crate) fn files(work: &Work) -> impl Iterator<Item = PathBuf> {
    [&work.metrics_file, &work.report]
        .into_iter()
        .flatten()
        .map(absolute)
}

fn absolute(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
