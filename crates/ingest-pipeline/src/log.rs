//! The failure log at the end of a run: what still stands in it has still failed.

use std::collections::HashSet;
use std::time::SystemTime;

use ingest_core::{ContentHash, Result};
use tokio::task::spawn_blocking;

use crate::context::Context;
use crate::{Failure, FailureLog};

/// Failed chunks asked for at a time.
const PAGE: usize = 500;

/// Takes entries out of the log that are done with; a log without entries is removed. Only for runs that went to their
/// end: after others, nobody knows.
pub(crate) async fn settle_log(context: &Context, started: SystemTime) -> Result<()> {
    let Some(log) = context.log.clone() else {
        return Ok(());
    };
    let failed = failed_chunks(context).await?;
    let all_well = failed.is_empty() && !context.options.retry_failed && !context.tally.counts().any_failed();
    let outcome = if all_well {
        // Whatever it says is of the past.
        blocking(move || log.rewrite(&[])).await
    } else {
        let read = log.clone();
        let entries = match blocking(move || read.read()).await {
            Ok(contents) => contents.entries,
            Err(error) => return warn(context, &error),
        };
        let kept = still_failed(context, entries, &failed, started).await?;
        blocking(move || log.rewrite(&kept)).await
    };
    outcome.or_else(|error| warn(context, &error))
}

async fn still_failed(
    context: &Context,
    entries: Vec<Failure>,
    failed: &HashSet<(String, ContentHash)>,
    started: SystemTime,
) -> Result<Vec<Failure>> {
    let hashes: Vec<_> = entries.iter().filter_map(|entry| entry.content_hash).collect();
    let mut known = HashSet::new();
    for part in hashes.chunks(PAGE) {
        let answers = context.store.known(part).await?;
        known.extend(
            part.iter()
                .zip(answers)
                .filter(|(_, known)| *known)
                .map(|(hash, _)| *hash),
        );
    }
    let mut kept = entries;
    kept.retain(|entry| match entry.content_hash {
        Some(hash) if failed.contains(&(entry.source.clone(), hash)) => true,
        Some(hash) => !known.contains(&hash) && !context.seen.contains(&entry.source),
        // A document's failure stands unless this run met it again and it went well.
        None => entry.at.is_some_and(|at| at >= started) || !context.seen.contains(&entry.source),
    });
    Ok(kept)
}

async fn failed_chunks(context: &Context) -> Result<HashSet<(String, ContentHash)>> {
    let mut failed = HashSet::new();
    let mut after: Option<(String, u32)> = None;
    loop {
        let place = after
            .as_ref()
            .map(|(source, ordinal)| (source.as_str(), *ordinal));
        let page = context.store.failed(place, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(failed);
        };
        after = Some((last.source.clone(), last.chunk.ordinal));
        failed.extend(
            page.into_iter()
                .map(|failed| (failed.source, failed.chunk.content_hash)),
        );
    }
}

/// The log is a courtesy beside the store, so that its troubles are told and end nothing.
fn warn(context: &Context, error: &std::io::Error) -> Result<()> {
    let path = context
        .log
        .as_ref()
        .map_or("".as_ref(), FailureLog::path)
        .display();
    context.tally.warn(&format!(
        "cannot bring the failure log {path} up to date: {error}"
    ));
    Ok(())
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    spawn_blocking(work).await.map_err(std::io::Error::other)?
}
