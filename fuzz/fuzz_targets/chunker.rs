//! The chunker: whatever the text, its markup and the limits, no character is lost, none is out of place and no chunk is
//! longer than the limit, unless a single character is.
//!
//! The first three bytes of an input choose markup, limit and overlap, the rest is the text.
#![no_main]

use ingest_core::{ChunkOptions, Chunker, Document, Markup, TokenCount, estimate_tokens};
use libfuzzer_sys::{Corpus, fuzz_target};

const MARKUPS: [Markup; 5] = [
    Markup::Plain,
    Markup::Markdown,
    Markup::ReStructuredText,
    Markup::AsciiDoc,
    Markup::Lines,
];

fuzz_target!(|input: &[u8]| -> Corpus {
    let [markup, limit, overlap, text @ ..] = input else {
        return Corpus::Reject;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return Corpus::Reject;
    };
    let max_tokens = usize::from(*limit % 64) + 1;
    let overlap_tokens = usize::from(*overlap) % max_tokens;
    let document = Document {
        text: text.to_owned(),
        markup: MARKUPS[usize::from(*markup) % MARKUPS.len()],
        title: if *markup >= 128 {
            "A title".to_owned()
        } else {
            String::new()
        },
        ..Document::default()
    };
    let chunker = Chunker::new(ChunkOptions {
        max_tokens,
        overlap_tokens,
    })
    .expect("the overlap is below the limit");
    check(&chunker, &document, max_tokens, TokenCount::Estimate);
    // A model whose tokens are characters, and that puts two of its own around every text.
    let by_characters = |text: &str| text.chars().filter(|next| !next.is_whitespace()).count() + 2;
    check(&chunker, &document, max_tokens, TokenCount::Model(&by_characters));
    Corpus::Keep
});

fn check(chunker: &Chunker, document: &Document, max_tokens: usize, count: TokenCount<'_>) {
    let text = &document.text;
    let mut end = 0;
    for (number, chunk) in chunker.chunks(document, count).enumerate() {
        assert_eq!(chunk.ordinal as usize, number);
        let span = chunk.span.bytes();
        assert_eq!(chunk.body(), &text[span.clone()]);
        assert!(!chunk.body().trim().is_empty());
        assert!(span.end > end, "a chunk that brings nothing new");
        if span.start > end {
            assert!(
                text[end..span.start].trim().is_empty(),
                "lost {:?}",
                &text[end..span.start]
            );
        }
        end = span.end;
        let tokens = count.of(&chunk.text);
        let is_single = chunk.body().chars().count() == 1;
        assert!(
            tokens <= max_tokens || is_single,
            "{tokens} tokens in {:?}",
            chunk.text
        );
        if let TokenCount::Estimate = count {
            assert_eq!(tokens, estimate_tokens(&chunk.text));
        }
    }
    assert!(text[end..].trim().is_empty(), "lost {:?}", &text[end..]);
}
