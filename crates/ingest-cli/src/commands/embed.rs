//! `ingest embed`: texts to vectors, without a store.

use std::io::{BufRead, BufReader, stdin};
use std::sync::Arc;

use embed_core::{Embedder, ErrorKind, InputKind};
use serde::Serialize;

use crate::args::{Embed, Global};
use crate::console::{Console, Level};
use crate::embedder;
use crate::failure::{Failure, Result, Status, chain};
use crate::layers::{Layers, warn_of_slips};
use crate::output::{Output, counted};

#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    text: &'a str,
    model: &'a str,
    vector: &'a [f32],
}

/// A text and its place in the input, from 0.
type Text = (u64, String);

pub(crate) async fn embed(
    args: &Embed,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
) -> Result<Status> {
    let mut layers = Layers::new(global);
    layers.embedding(&args.embedding);
    let settings = layers.load()?;
    warn_of_slips(&settings, console);
    let chosen = embedder::choose(layers, &args.embedding.host, None, console).await?;
    let kind = if args.query {
        InputKind::Query
    } else {
        InputKind::Document
    };
    let mut job = Job {
        embedder: &*chosen.embedder,
        kind,
        console,
        output,
        failed: 0,
    };
    let size = settings.embedding.batch_size;
    let limit = chosen
        .embedder
        .model()
        .max_batch
        .map_or(size, |most| size.min(most.get()));
    let mut batch = Vec::with_capacity(limit);
    for (index, text) in (0..).zip(texts(&args.texts)) {
        let text = text?;
        if text.trim().is_empty() {
            job.fail(index, "the text is blank");
            continue;
        }
        batch.push((index, text));
        if batch.len() == limit {
            job.batch(std::mem::take(&mut batch)).await?;
        }
    }
    job.batch(batch).await?;
    let failed = job.failed;
    output.finish()?;
    if failed == 0 {
        return Ok(Status::Done);
    }
    console.tell(
        Level::Normal,
        &format!("{} could not be embedded", counted(failed, "text")),
    );
    Ok(Status::Fault)
}

/// The arguments, or the lines of standard input as they come.
fn texts(arguments: &[String]) -> Box<dyn Iterator<Item = Result<String>> + '_> {
    if !arguments.is_empty() {
        return Box::new(arguments.iter().cloned().map(Ok));
    }
    let lines = BufReader::new(stdin().lock()).split(b'\n').zip(1..);
    Box::new(lines.map(|(line, number)| {
        let mut line = line
            .map_err(|error| Failure::new(Status::Stopped, format!("cannot read standard input: {error}")))?;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line)
            .map_err(|_| Failure::usage(format!("line {number} of standard input is not valid UTF-8")))
    }))
}

struct Job<'a> {
    embedder: &'a dyn Embedder,
    kind: InputKind,
    console: &'a Console,
    output: &'a mut Output,
    failed: u64,
}

impl Job<'_> {
    /// Embeds a batch and writes its lines in order. One that is refused is halved until the culprit stands alone.
    async fn batch(&mut self, batch: Vec<Text>) -> Result<()> {
        // The first part is on top.
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let inputs: Vec<_> = part.iter().map(|(_, text)| text.as_str()).collect();
            match self.embedder.embed_batch(&inputs, self.kind).await {
                Ok(rows) => self.write(&part, &rows)?,
                Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InputTooLong) => {
                    // What is done already is worth having.
                    self.output.finish()?;
                    return Err(error.into());
                }
                Err(error) if part.len() == 1 => self.fail(part[0].0, &chain(&error)),
                Err(_) => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
            }
        }
        // A reader at the other end of a pipe should not wait for the last line to see the first.
        self.output.finish()?;
        Ok(())
    }

    fn write(&mut self, part: &[Text], rows: &embed_core::Embeddings) -> Result<()> {
        let model = &self.embedder.model().model;
        for ((index, text), vector) in part.iter().zip(rows.iter()) {
            self.output.json(&Line {
                index: *index,
                text,
                model,
                vector,
            })?;
        }
        Ok(())
    }

    fn fail(&mut self, index: u64, reason: &str) {
        self.failed += 1;
        self.console.error(&format!("text {index}: {reason}"));
    }
}
