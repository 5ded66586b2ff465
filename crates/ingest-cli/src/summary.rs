//! What a run says at its end.

use ingest_pipeline::{Failure, RunReport, SourceReport};
use serde_json::{Value, json};

use crate::args::Format;
use crate::failure::Result;
use crate::output::{Output, bytes, counted, grouped, lasted};
use crate::style::one_line;

/// Writes the table and the sentence, or the one object.
pub(crate) fn write(report: &RunReport, dry_run: bool, output: &mut Output) -> Result<()> {
    match output.format {
        Format::Json => output.json(&as_json(report))?,
        Format::Text => {
            if report.sources.is_empty() {
                return nothing_walked(report, output);
            }
            table(report, output)?;
            output.line("")?;
            output.line(&sentence(report, dry_run))?;
        }
    }
    Ok(output.finish()?)
}

/// What a run says that took up chunks alone.
fn nothing_walked(report: &RunReport, output: &mut Output) -> Result<()> {
    let chunks = &report.chunks;
    let text = if chunks.embedded + chunks.reused + chunks.text_only + chunks.failed == 0 {
        "There was nothing to try again.".to_owned()
    } else {
        let done = counted(chunks.embedded + chunks.reused + chunks.text_only, "chunk");
        let failed = grouped(chunks.failed);
        format!(
            "Tried again: {done} embedded, {failed} failed in {}.",
            lasted(report.duration)
        )
    };
    output.line(&text)?;
    Ok(output.finish()?)
}

fn table(report: &RunReport, output: &mut Output) -> Result<()> {
    let rows: Vec<_> = report
        .sources
        .iter()
        .map(|source| {
            vec![
                one_line(&source.name).into_owned(),
                grouped(source.files),
                grouped(source.chunks),
                lasted(source.duration),
                report.mode.clone(),
                source.status.as_str().to_owned(),
            ]
        })
        .collect();
    let heading = ["Source", "Files", "Chunks", "Duration", "Mode", "Status"];
    Ok(output.table(&heading, &rows, &[1, 2, 3])?)
}

/// What happened, as a person reads it at a glance.
fn sentence(report: &RunReport, dry_run: bool) -> String {
    let documents = &report.documents;
    let mut parts: Vec<_> = [
        (documents.added, "added"),
        (documents.updated, "updated"),
        (documents.removed, "removed"),
        (documents.unchanged, "unchanged"),
        (documents.failed, "failed"),
        (documents.skipped, "skipped"),
    ]
    .into_iter()
    // The first five are always told; that nothing was skipped is not worth a word.
    .filter(|(count, word)| *count > 0 || *word != "skipped")
    .map(|(count, word)| format!("{} {word}", grouped(count)))
    .collect();
    let begin = if dry_run {
        "Dry run, nothing was changed: "
    } else {
        ""
    };
    let noun = if documents.seen == 1 { "file" } else { "files" };
    let chunks = &report.chunks;
    let mut text = format!("{begin}{} {noun}: {}", grouped(documents.seen), parts.join(", "));
    parts.clear();
    let verb = if dry_run { "to embed" } else { "embedded" };
    parts.push(format!("{} {verb}", counted(chunks.embedded, "chunk")));
    for (count, words) in [
        (chunks.reused, "reused"),
        (chunks.text_only, "without a vector"),
        (chunks.truncated, "truncated"),
        (chunks.failed, "failed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {words}", grouped(count)));
        }
    }
    text.push_str(&format!("; {}", parts.join(", ")));
    text.push_str(&format!(" in {}.", lasted(report.duration)));
    text
}

/// The traffic with the server, for those who asked for more; `None` where there was none.
pub(crate) fn traffic(report: &RunReport) -> Option<String> {
    (report.requests > 0).then(|| {
        format!(
            "{}, {} over {}; {} sent, {} received",
            counted(report.requests, "request"),
            match report.retries {
                0 => "no retries".to_owned(),
                1 => "1 retry".to_owned(),
                many => format!("{} retries", grouped(many)),
            },
            counted(report.connections, "connection"),
            bytes(report.bytes_sent),
            bytes(report.bytes_received),
        )
    })
}

fn as_json(report: &RunReport) -> Value {
    let (documents, chunks) = (&report.documents, &report.chunks);
    json!({
        "mode": report.mode,
        "outcome": report.outcome.as_str(),
        "stopped": report.stopped.as_ref().map(|stop| json!({"kind": stop.kind, "message": stop.message})),
        "refused": report.refused,
        "provider": report.provider,
        "model": report.model,
        "dimensions": report.dimensions,
        "store": report.store,
        "documents": {
            "seen": documents.seen,
            "added": documents.added,
            "updated": documents.updated,
            "removed": documents.removed,
            "unchanged": documents.unchanged,
            "failed": documents.failed,
            "skipped": documents.skipped,
        },
        "chunks": {
            "embedded": chunks.embedded,
            "reused": chunks.reused,
            "stored": chunks.stored,
            "removed": chunks.removed,
            "failed": chunks.failed,
            "truncated": chunks.truncated,
            "text_only": chunks.text_only,
        },
        "requests": report.requests,
        "retries": report.retries,
        "connections": report.connections,
        "bytes_sent": report.bytes_sent,
        "bytes_received": report.bytes_received,
        "seconds": report.duration.as_secs_f64(),
        "interrupted": report.interrupted(),
        "sources": report.sources.iter().map(source).collect::<Vec<_>>(),
        "failures": report.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}

fn source(source: &SourceReport) -> Value {
    json!({
        "name": source.name,
        "files": source.files,
        "chunks": source.chunks,
        "seconds": source.duration.as_secs_f64(),
        "status": source.status.as_str(),
        "error": source.error,
    })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "source": failure.source,
        "content_hash": failure.content_hash.map(|hash| hash.to_string()),
        "chunk": failure.chunk,
        "kind": failure.kind,
        "error": failure.error,
        "status": failure.status,
        "attempts": failure.attempts,
        "model": failure.model,
    })
}
