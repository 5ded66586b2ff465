//! A chunk, by its hash.

use ingest_pipeline::{ChunkPlace, Failure, HashPrefix, places};
use serde_json::json;

use super::{Asked, cause, entry, entry_as_json, moment, place_as_json};
use crate::args::Format;
use crate::failure::{self, Result};
use crate::output::Output;
use crate::style::one_line;

/// Hashes shown where several begin with the digits.
const SHOWN: usize = 5;

/// Tells where a chunk stands; returns whether anything is known of it.
///
/// # Errors
/// Wrong usage: several chunks have hashes that begin so.
pub(super) async fn explain(asked: &Asked, prefix: &HashPrefix, output: &mut Output) -> Result<bool> {
    let places = match &asked.store {
        Some(store) => places(store.as_ref(), prefix).await?,
        None => Vec::new(),
    };
    let named = |entry: &&Failure| entry.content_hash.is_some_and(|hash| prefix.matches(&hash));
    let entries: Vec<_> = asked.log.entries.iter().filter(named).collect();
    let hashes = places.iter().map(|place| place.chunk.content_hash);
    let mut hashes: Vec<_> = hashes
        .chain(entries.iter().filter_map(|entry| entry.content_hash))
        .map(|hash| hash.to_string())
        .collect();
    hashes.sort();
    hashes.dedup();
    let hash = match hashes.as_slice() {
        [] => return Ok(false),
        [hash] => hash,
        several => return Err(ambiguous(several)),
    };
    match output.format {
        Format::Json => output.json(&json!({
            "content_hash": hash,
            "text": places.first().map(|place| &place.chunk.text),
            "places": places.iter().map(place_as_json).collect::<Vec<_>>(),
            "failures": entries.iter().map(|entry| entry_as_json(entry)).collect::<Vec<_>>(),
        }))?,
        Format::Text => as_text(hash, &places, &entries, output)?,
    }
    Ok(true)
}

fn ambiguous(hashes: &[String]) -> failure::Failure {
    let mut shown: Vec<_> = hashes.iter().take(SHOWN).map(String::as_str).collect();
    if hashes.len() > SHOWN {
        shown.push("…");
    }
    failure::Failure::usage(format!(
        "the hashes of {} chunks begin with these digits",
        hashes.len()
    ))
    .hint(format!("give more digits: {}", shown.join(", ")))
}

fn as_text(hash: &str, places: &[ChunkPlace], entries: &[&Failure], output: &mut Output) -> Result<()> {
    let style = output.style;
    output.line(&format!("{} {hash}", style.bold("chunk")))?;
    for place in places {
        let (source, chunk) = (one_line(&place.source), &place.chunk);
        let place_name = format!("{source}:{}", chunk.span.line_start);
        let at = place.stored_at.and_then(moment).map(|at| format!(" {at}"));
        let stored = format!("stored{}", at.unwrap_or_default());
        let state = match cause(place) {
            Some(cause) => format!("set aside, {cause}"),
            None if place.state == ingest_pipeline::ChunkState::TextOnly => {
                format!("{stored}, found by words alone")
            }
            None => stored,
        };
        output.line(&format!(
            "{}  chunk {}, {}",
            style.accent(&place_name),
            chunk.ordinal,
            one_line(&state)
        ))?;
    }
    for failure in entries {
        let source = one_line(&failure.source).into_owned();
        let entry = entry(failure);
        output.line(&format!(
            "{}  in the failure log: {}",
            style.accent(&source),
            one_line(&entry)
        ))?;
    }
    Ok(())
}
