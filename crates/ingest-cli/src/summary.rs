//! What a run says at its end.

use ingest_pipeline::{Failure, Forecast, RunReport, SourceReport};
use serde_json::{Value, json};

use crate::args::Format;
use crate::failure::Result;
use crate::output::{Output, bytes, counted, grouped, lasted};
use crate::price::Price;
use crate::style::one_line;

/// Writes the table and the sentence, or the one object. `price` is what a dry run reckons the cost by.
pub(crate) fn write(report: &RunReport, price: Option<&Price>, output: &mut Output) -> Result<()> {
    match output.format {
        Format::Json => output.json(&as_json(report, price))?,
        Format::Text => {
            if report.sources.is_empty() {
                return nothing_walked(report, output);
            }
            table(report, output)?;
            output.line("")?;
            output.line(&sentence(report))?;
            if let Some(forecast) = &report.forecast {
                foretell(report, forecast, price, output)?;
            }
        }
    }
    Ok(output.finish()?)
}

/// Writes what a further round of a call did: the sentence alone, or the object.
pub(crate) fn write_round(report: &RunReport, output: &mut Output) -> Result<()> {
    match output.format {
        Format::Json => output.json(&as_json(report, None))?,
        Format::Text => output.line(&sentence(report))?,
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
pub(crate) fn sentence(report: &RunReport) -> String {
    let dry_run = report.forecast.is_some();
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

/// What a run would do: to the documents, and at what expense.
fn foretell(
    report: &RunReport,
    forecast: &Forecast,
    price: Option<&Price>,
    output: &mut Output,
) -> Result<()> {
    let documents = &report.documents;
    for (verb, documents, chunks) in [
        ("add", documents.added, forecast.chunks_added),
        ("change", documents.updated, forecast.chunks_updated),
        ("remove", documents.removed, forecast.chunks_removed),
    ] {
        let (documents, chunks) = (counted(documents, "document"), counted(chunks, "chunk"));
        output.line(&format!("To {verb}: {documents}, {chunks}."))?;
    }
    let about = if forecast.is_exact { "" } else { "about " };
    let texts = counted(report.chunks.embedded, "text");
    let tokens = counted(forecast.tokens, "token");
    let time = match forecast.time {
        Some(time) => format!("about {} at the pace of earlier runs", lasted(time)),
        None => "how long it takes is not known before a run with this model".to_owned(),
    };
    output.line(&format!("To embed: {texts}, {about}{tokens}; {time}."))?;
    let Some(price) = price else {
        return Ok(());
    };
    let line = format!(
        "To pay: about {} US dollars, at {} for a million tokens ({}).",
        dollars(price.cost(forecast.tokens)),
        price.per_million_tokens,
        price.from
    );
    Ok(output.line(&one_line(&line))?)
}

/// An amount to the cent, or to two digits where it is less.
fn dollars(amount: f64) -> String {
    if amount >= 0.1 || amount == 0.0 {
        return format!("{amount:.2}");
    }
    let digits = (1.0 - amount.log10().floor()).clamp(2.0, 12.0) as usize;
    format!("{amount:.digits$}")
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

fn as_json(report: &RunReport, price: Option<&Price>) -> Value {
    let (documents, chunks) = (&report.documents, &report.chunks);
    json!({
        "mode": report.mode,
        "workers": report.workers,
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
        "forecast": report.forecast.as_ref().map(|forecast| foretold(forecast, price)),
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

fn foretold(forecast: &Forecast, price: Option<&Price>) -> Value {
    json!({
        "chunks": {
            "added": forecast.chunks_added,
            "updated": forecast.chunks_updated,
            "removed": forecast.chunks_removed,
        },
        "tokens": forecast.tokens,
        "tokens_exact": forecast.is_exact,
        "seconds": forecast.time.map(|time| time.as_secs_f64()),
        "usd": price.map(|price| price.cost(forecast.tokens)),
        "price": price,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_keep_two_digits() {
        for (amount, text) in [
            (0.0, "0.00"),
            (12.345, "12.35"),
            (0.1, "0.10"),
            (0.0123, "0.012"),
            (0.000_002_6, "0.0000026"),
        ] {
            assert_eq!(dollars(amount), text);
        }
    }
}
