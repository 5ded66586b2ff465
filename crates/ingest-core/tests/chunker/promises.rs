//! What holds for any text: nothing lost, no chunk too long, no shape that takes long.

use std::sync::atomic::{AtomicUsize, Ordering};

use ingest_core::{Document, Markup, TokenCount, estimate_tokens};
use proptest::prelude::*;

use crate::{check, chunker, cut, document, line_at};

#[test]
fn a_models_own_count_is_kept_to_even_where_parts_cost_less_than_the_whole() {
    // Blank lines cost five tokens here, but the parts are counted without them.
    let count = |text: &str| text.split_whitespace().count() + 5 * text.matches("\n\n").count();
    let document = document(Markup::Plain, &vec!["a b c"; 60].join("\n\n"));
    let chunks: Vec<_> = chunker(30, 6)
        .chunks(&document, TokenCount::Model(&count))
        .collect();
    check(&document, &chunks, 30, count);
    assert!(chunks.len() < 60, "and still merges");
}

#[test]
fn a_model_that_makes_one_token_of_anything_does_not_let_a_megabyte_through() {
    let document = document(Markup::Plain, &"x".repeat(1_000_000));
    let chunks: Vec<_> = chunker(100, 0)
        .chunks(&document, TokenCount::Model(&|_| 1))
        .collect();
    assert!(chunks.iter().all(|chunk| chunk.text.len() <= 32 * 101));
    check(&document, &chunks, 100, |_| 1);
}

#[test]
fn a_word_that_the_model_cuts_small_still_fills_its_chunks() {
    // Two tokens for each character: far more than the estimate expects.
    let count = |text: &str| text.chars().count() * 2;
    let document = document(Markup::Plain, &"0.25,".repeat(4_000));
    let chunks: Vec<_> = chunker(400, 0)
        .chunks(&document, TokenCount::Model(&count))
        .collect();
    check(&document, &chunks, 400, count);
    // 20,000 characters, at most 200 in each chunk, cut in the second half of what would fit.
    assert!((100..=200).contains(&chunks.len()), "{} chunks", chunks.len());
}

#[test]
fn a_limit_below_a_models_own_marks_leaves_the_header_out() {
    // Two tokens stand around every text, so that not even an empty header would fit.
    let count = |text: &str| text.chars().filter(|next| !next.is_whitespace()).count() + 2;
    let document = document(Markup::Markdown, "# . ");
    let chunks: Vec<_> = chunker(1, 0)
        .chunks(&document, TokenCount::Model(&count))
        .collect();
    check(&document, &chunks, 1, count);
    assert!(chunks.iter().all(|chunk| chunk.context_header.is_empty()));
}

#[test]
fn hostile_shapes_are_cut_by_the_same_promises() {
    let shapes = [
        "# a\n".repeat(2_000),
        "# a\n## b\n".repeat(1_000),
        (0..2_000)
            .map(|level| format!("{} h\n\nt\n\n", "#".repeat(level % 6 + 1)))
            .collect(),
        ">".repeat(20_000) + " quoted",
        "> ".repeat(20_000),
        "- ".repeat(20_000),
        "[".repeat(20_000),
        format!("# {}\n\ntext", "[".repeat(20_000)),
        "word ".repeat(20_000),
        "x".repeat(50_000),
        "日本語".repeat(5_000),
        "日本語。".repeat(5_000),
        "🇩🇪".repeat(5_000),
        format!("a{}", "\u{301}".repeat(20_000)),
        format!("a{}b", "\n".repeat(100_000)),
        "a \n".repeat(20_000),
        "`".repeat(20_000),
        "```\n".repeat(5_000),
        "<!--\n".repeat(5_000),
        "<pre".repeat(5_000),
        "=\n".repeat(5_000),
        "a\n==\n".repeat(5_000),
        ". . . . ".repeat(5_000),
        ".\")]'".repeat(5_000),
        "\0\u{1}\u{feff}".repeat(5_000),
        "a\r\rb\r\n".repeat(5_000),
    ];
    for text in &shapes {
        for markup in MARKUPS {
            let document = document(markup, text);
            let chunks = cut(60, 12, &document);
            let start: String = text.chars().take(20).collect();
            // The check itself counts lines from the start, so it looks at some chunks only when there are many.
            assert!(
                chunks.iter().all(|chunk| estimate_tokens(&chunk.text) <= 60),
                "{markup:?} {start:?}"
            );
            if chunks.len() < 2_000 {
                check(&document, &chunks, 60, estimate_tokens);
            }
        }
    }
}

/// The work of cutting, as the bytes that are counted, is in proportion to the text; no shape makes it grow faster.
#[test]
fn the_work_grows_as_the_text_does() {
    type Shape = fn(usize) -> String;
    let shapes: [(&str, Shape); 8] = [
        ("headings", |n| "# heading\n".repeat(n)),
        ("nested headings", |n| "# a\n## b\n### c\n\ntext\n".repeat(n)),
        ("one word", |n| "x".repeat(n * 20)),
        ("one line", |n| "some words here. ".repeat(n)),
        ("no sentence", |n| "some words here ".repeat(n)),
        ("quotes", |n| ">".repeat(n * 10)),
        ("one fence", |n| format!("```\n{}", "let x = 1;\n".repeat(n))),
        ("one long heading", |n| format!("# {}\n\ntext", "word ".repeat(n))),
    ];
    for (name, shape) in shapes {
        let work = |n: usize| {
            let document = document(Markup::Markdown, &shape(n));
            let counted = AtomicUsize::new(0);
            let count = |text: &str| {
                counted.fetch_add(text.len(), Ordering::Relaxed);
                estimate_tokens(text)
            };
            let chunks = chunker(400, 50)
                .chunks(&document, TokenCount::Model(&count))
                .count();
            assert!(chunks > 0);
            counted.into_inner() as f64 / document.text.len() as f64
        };
        let (small, large) = (work(2_000), work(32_000));
        assert!(
            large <= 1.5 * small,
            "{name}: {small:.1} bytes counted per byte of 2,000, {large:.1} of 32,000"
        );
        assert!(large <= 12.0, "{name}: {large:.1} bytes counted per byte");
    }
}

const MARKUPS: [Markup; 5] = [
    Markup::Plain,
    Markup::Markdown,
    Markup::ReStructuredText,
    Markup::AsciiDoc,
    Markup::Lines,
];

/// Text that is mostly structure: what matters is where marks, blanks and lines meet.
fn marked_up_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zäß]{1,8}",
        3 => Just(" ".to_owned()),
        3 => Just("\n".to_owned()),
        2 => Just("\n\n".to_owned()),
        2 => "#{1,7} ",
        1 => "[=~^\\-.+/*_|`]{1,6}\n",
        1 => Just("```".to_owned()),
        1 => Just("~~~~".to_owned()),
        1 => Just("\n    ".to_owned()),
        1 => "\n(- |[0-9]{1,2}\\. |> |\\| )",
        1 => "(\\. |! |\\?\\n|。)",
        1 => "(<!--|-->|<pre>|</pre>|\\[x\\]\\(y\\)|\\{#id\\})",
        1 => "(日本語|ไทย|🇩🇪👩‍👩‍👧|e\u{301}|\u{3000}|\r\n|\t|\0)",
        1 => "[a-z0-9+/;]{20,90}",
    ];
    proptest::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_exceeds_the_limit(
        text in prop_oneof![marked_up_text(), any::<String>(), "\\PC{0,300}"],
        context in "( > |[a-z ]){0,20}",
        title in "[a-z ]{0,40}",
        markup in proptest::sample::select(&MARKUPS[..]),
        max_tokens in 1_usize..80,
        overlap in 0.0_f64..1.0,
    ) {
        let document = Document { text, markup, context_header: context, title, ..Document::default() };
        let overlap_tokens = (max_tokens as f64 * overlap) as usize;
        let chunks = cut(max_tokens, overlap_tokens, &document);
        check(&document, &chunks, max_tokens, estimate_tokens);
        prop_assert_eq!(&chunks, &cut(max_tokens, overlap_tokens, &document), "the same again");

        let by_characters = |text: &str| text.chars().filter(|next| !next.is_whitespace()).count() + 2;
        let chunks: Vec<_> =
            chunker(max_tokens, overlap_tokens).chunks(&document, TokenCount::Model(&by_characters)).collect();
        check(&document, &chunks, max_tokens, by_characters);

        for chunk in chunks.iter().take(3) {
            let pieces = chunker(max_tokens, overlap_tokens).split_chunk(chunk, max_tokens / 2 + 1, TokenCount::Estimate);
            prop_assert!(!pieces.is_empty());
            prop_assert_eq!(pieces[0].span.start, chunk.span.start);
            prop_assert_eq!(pieces.last().unwrap().span.end, chunk.span.end);
            for piece in &pieces {
                prop_assert_eq!(piece.body(), &document.text[piece.span.bytes()]);
                let lines = [piece.span.line_start, piece.span.line_end];
                prop_assert_eq!(lines, [piece.span.start, piece.span.end].map(|at| line_at(&document.text, at)));
                prop_assert!(estimate_tokens(&piece.text) <= max_tokens / 2 + 1);
            }
        }
    }
}
