//! Cuts a Markdown file into chunks and shows where each stands:
//! `cargo run -p ingest-core --example cut -- README.md`

use std::error::Error;

use ingest_core::{ChunkOptions, Chunker, Document, Markup, TokenCount};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: cut FILE")?;
    let document = Document {
        text: std::fs::read_to_string(&path)?,
        source: path,
        markup: Markup::Markdown,
        ..Document::default()
    };
    let chunker = Chunker::new(ChunkOptions {
        max_tokens: 200,
        overlap_tokens: 20,
    })?;
    for chunk in chunker.chunks(&document, TokenCount::Estimate) {
        println!(
            "{}:{}-{}  {} bytes  {}",
            document.source,
            chunk.span.line_start,
            chunk.span.line_end,
            chunk.text.len(),
            chunk.context_header
        );
    }
    Ok(())
}
