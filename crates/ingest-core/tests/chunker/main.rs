//! The chunker by its promises: on examples, and on random text in every markup.

mod examples;
mod promises;

use ingest_core::{Chunk, ChunkOptions, Chunker, ContentHash, Document, Markup, TokenCount};

pub(crate) fn chunker(max_tokens: usize, overlap_tokens: usize) -> Chunker {
    Chunker::new(ChunkOptions {
        max_tokens,
        overlap_tokens,
    })
    .expect("options that fit")
}

pub(crate) fn document(markup: Markup, text: &str) -> Document {
    Document {
        text: text.to_owned(),
        markup,
        ..Document::default()
    }
}

pub(crate) fn cut(max_tokens: usize, overlap_tokens: usize, document: &Document) -> Vec<Chunk> {
    chunker(max_tokens, overlap_tokens)
        .chunks(document, TokenCount::Estimate)
        .collect()
}

/// The line of a byte, counted from the start of the text.
pub(crate) fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// What every cutting keeps, whatever the text, the options and the way of counting.
pub(crate) fn check(document: &Document, chunks: &[Chunk], max_tokens: usize, count: impl Fn(&str) -> usize) {
    let text = &document.text;
    let mut covered = 0;
    for (ordinal, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk.ordinal as usize, ordinal);
        let body = &text[chunk.span.bytes()];
        assert_eq!(chunk.body(), body);
        assert_eq!(body, body.trim());
        assert!(!body.is_empty());
        let header_first = if chunk.context_header.is_empty() {
            body.to_owned()
        } else {
            format!("{}\n\n{body}", chunk.context_header)
        };
        assert_eq!(chunk.text, header_first);
        assert_eq!(chunk.content_hash, ContentHash::of_text(&chunk.text));
        let single = body.chars().nth(1).is_none();
        assert!(
            single || count(&chunk.text) <= max_tokens,
            "{} > {max_tokens}: {chunk:?}",
            count(&chunk.text)
        );
        assert_eq!(chunk.span.line_start, line_at(text, chunk.span.start));
        assert_eq!(chunk.span.line_end, line_at(text, chunk.span.end));
        // What is between two chunks is blank; and each brings something new.
        assert!(chunk.span.end > covered, "nothing new in {chunk:?}");
        if chunk.span.start > covered {
            assert!(
                text[covered..chunk.span.start].trim().is_empty(),
                "lost {:?}",
                &text[covered..chunk.span.start]
            );
        }
        covered = chunk.span.end;
    }
    assert!(
        text[covered..].trim().is_empty(),
        "lost the end: {:?}",
        &text[covered..]
    );
}
