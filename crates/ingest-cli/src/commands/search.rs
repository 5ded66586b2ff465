//! `ingest search`: the best chunks for a question.

use std::sync::Arc;

use ingest_core::{Hit, SearchMode};
use ingest_pipeline::SearchOptions;
use serde::Serialize;

use crate::args::{Format, Global, Mode, Search};
use crate::console::{Console, Level};
use crate::embedder;
use crate::failure::{Result, Status};
use crate::layers::{Layers, warn_of_slips};
use crate::output::Output;
use crate::store;
use crate::style::{many_lines, one_line};

/// Characters of a chunk that are shown without `--full`.
const EXCERPT: usize = 240;

#[derive(Serialize)]
struct Row<'a> {
    rank: usize,
    score: f64,
    source: &'a str,
    title: &'a str,
    heading_path: &'a [String],
    text: &'a str,
    chunk: u32,
    line_start: usize,
    line_end: usize,
}

pub(crate) async fn search(
    args: &Search,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
) -> Result<Status> {
    let mut layers = Layers::new(global);
    layers.embedding(&args.embedding);
    let settings = layers.load()?;
    warn_of_slips(&settings, console);
    let store = store::existing(&settings).await?;
    let mode = match args.mode {
        Mode::Hybrid => SearchMode::Hybrid,
        Mode::Vector => SearchMode::Vector,
        Mode::Text => SearchMode::Text,
    };
    let identity = store.identity().await?;
    // A search by words asks no embedder, and a store without a model has nothing to be compared with.
    let chosen = match (mode, &identity) {
        (SearchMode::Text, _) | (_, None) => None,
        (_, Some(identity)) => {
            Some(embedder::choose(layers, &args.embedding.host, Some(identity), console).await?)
        }
    };
    let options = SearchOptions {
        top_k: args.top_k as usize,
        mode,
        source: args.source.clone(),
        vector_weight: settings.search.vector_weight,
    };
    let embedder = chosen.as_ref().map(|chosen| &*chosen.embedder);
    let hits = ingest_pipeline::search(&*store, embedder, &args.query.join(" "), &options).await?;
    match output.format {
        Format::Json => output.json(&rows(&hits))?,
        Format::Text => as_text(&hits, args.full, output)?,
    }
    output.finish()?;
    if hits.is_empty() {
        console.tell(Level::Normal, "nothing was found");
    }
    Ok(Status::Done)
}

fn rows(hits: &[Hit]) -> Vec<Row<'_>> {
    hits.iter()
        .zip(1..)
        .map(|(hit, rank)| Row {
            rank,
            score: hit.score,
            source: &hit.source,
            title: &hit.title,
            heading_path: &hit.chunk.heading_path,
            text: &hit.chunk.text,
            chunk: hit.chunk.ordinal,
            line_start: hit.chunk.span.line_start,
            line_end: hit.chunk.span.line_end,
        })
        .collect()
}

fn as_text(hits: &[Hit], full: bool, output: &mut Output) -> Result<()> {
    let style = output.style;
    for (hit, rank) in hits.iter().zip(1..) {
        let chunk = &hit.chunk;
        let place = format!("{}:{}", one_line(&hit.source), chunk.span.line_start);
        let score = format!("{:.3}", hit.score);
        output.line(&format!(
            "{rank:>2}. {}  {}",
            style.bold(&style.accent(&place)),
            style.dim(&score)
        ))?;
        if !chunk.context_header.is_empty() {
            output.line(&format!("    {}", style.dim(&one_line(&chunk.context_header))))?;
        }
        // The header has a line of its own already.
        let body = chunk
            .text
            .strip_prefix(chunk.context_header.as_str())
            .unwrap_or(&chunk.text)
            .trim();
        if full {
            for line in many_lines(body).lines() {
                output.line(&format!("    {line}"))?;
            }
        } else {
            output.line(&format!("    {}", one_line(&excerpt(body))))?;
        }
        output.line("")?;
    }
    Ok(())
}

/// The beginning of a text on one line, cut after a word.
fn excerpt(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word_length = word.chars().count();
        if length > 0 && length + word_length > EXCERPT {
            line.push('…');
            return line;
        }
        if length > 0 {
            line.push(' ');
        }
        line.extend(word.chars().take(EXCERPT));
        length += word_length + 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line_and_ends_with_a_word() {
        assert_eq!(excerpt("two\n\n  lines"), "two lines");
        let long = excerpt(&"word ".repeat(100));
        assert!(
            long.ends_with("word…") && long.chars().count() <= EXCERPT + 1,
            "{long}"
        );
        assert_eq!(excerpt(&"x".repeat(1_000)).chars().count(), EXCERPT);
    }
}
