//! What is cut where, by example.

use std::collections::BTreeSet;

use ingest_core::{Chunk, ChunkOptions, Chunker, Document, Markup, TokenCount, estimate_tokens};

use crate::{check, chunker, cut, document};

fn markdown(text: &str) -> Vec<Chunk> {
    cut(400, 50, &document(Markup::Markdown, text))
}

fn bodies(chunks: &[Chunk]) -> Vec<&str> {
    chunks.iter().map(Chunk::body).collect()
}

fn paths(chunks: &[Chunk]) -> Vec<String> {
    chunks.iter().map(|chunk| chunk.heading_path.join("/")).collect()
}

#[test]
fn a_heading_of_any_level_begins_a_section_under_its_ancestors() {
    let chunks = markdown(
        "intro\n\n# One\n\nfirst\n\n### Three\n\nthird\n\n###### Six ##\nsixth\n\n## Two\nsecond\n\nSetext\n======\nlast\n",
    );
    assert_eq!(
        paths(&chunks),
        ["", "One", "One/Three", "One/Three/Six", "One/Two", "Setext"]
    );
    assert_eq!(chunks[3].text, "One > Three > Six\n\n###### Six ##\nsixth");
    assert_eq!((chunks[3].span.line_start, chunks[3].span.line_end), (11, 12));
    assert_eq!(chunks[5].body(), "Setext\n======\nlast");
}

#[test]
fn what_only_looks_like_a_heading_is_not_one() {
    for text in [
        "```\n# comment\n```\ntext",
        "````md\n```\n# a\n```\n# b\n````\ntext",
        "~~~\n```\n# a\n~~~\ntext",
        "    # indented\n\ntext",
        "<!-- commented\n\n# out\n-->\ntext",
        "<pre>\n# verbatim\n</pre>\ntext",
        "- ```sh\n  # comment\n  ```\n- more",
        "- 1. ```sh\n# comment\n     ```\n- more",
        "\u{a0}```\n# comment\n```\ntext",
        "\u{b}```\n# comment\n```\ntext",
        "1. item\n\n    ```sh\n# comment\n    ```\n\n   more",
        "#hashtag\n####### seven",
        "> # quoted\n> text",
        "- item\n---\ntext",
        "| a |\n---\ntext",
        "***\n---\n\ntext",
        "```\n# never closed\n\n# still code",
    ] {
        let paths: BTreeSet<_> = paths(&markdown(text)).into_iter().collect();
        assert_eq!(paths, BTreeSet::from([String::new()]), "{text:?}");
    }
}

#[test]
fn titles_are_words_without_markup() {
    let title = |heading: &str| markdown(&format!("{heading}\n\ntext"))[0].heading_path.join("/");
    assert_eq!(title("# `Vec<T>` and **bold**"), "Vec<T> and bold");
    assert_eq!(title("# Map<K, V> of array[index]"), "Map<K, V> of array[index]");
    assert_eq!(
        title("## [1.2.0](https://example.org/a(b)) (2024-01-02)"),
        "1.2.0) (2024-01-02)"
    );
    assert_eq!(title("## [Named][ref] <a name=\"x\"></a>"), "Named");
    assert_eq!(title("# [![badge](b.svg)](c) Name {#anchor}"), "badge Name");
    assert_eq!(title("# C#"), "C#");
    assert_eq!(title("# \\"), "\\");
    assert_eq!(title("#"), "");
    assert_eq!(title("Two\nlines\n---"), "Two lines");
    assert_eq!(title(&format!("# {}", "é".repeat(500))).len(), 200);
}

#[test]
fn a_bare_heading_joins_the_deeper_section_that_follows() {
    let chunks = markdown("# Title\n\n## Install\n\nRun it.\n\n## Use\n\n### Simple\n\nLook.\n");
    assert_eq!(
        bodies(&chunks),
        [
            "# Title\n\n## Install\n\nRun it.",
            "## Use\n\n### Simple\n\nLook."
        ]
    );
    assert_eq!(paths(&chunks), ["Title/Install", "Title/Use/Simple"]);
}

#[test]
fn a_run_of_bare_headings_is_one_section_under_what_stands_above_them() {
    let chunks = markdown("# Names\n\nintro\n\n## A\n## B\n### B1\n## C\n\ntext\n\n## D\n");
    assert_eq!(paths(&chunks), ["Names", "Names", "Names/C", "Names/D"]);
    assert_eq!(
        bodies(&chunks),
        ["# Names\n\nintro", "## A\n## B\n### B1", "## C\n\ntext", "## D"]
    );
}

#[test]
fn a_run_of_bare_headings_that_rises_goes_on_under_less() {
    let chunks = markdown("# Top\n\n## Part\n\ntext\n\n### A\n### B\n## C\n## D\n## E\n\ntext\n");
    assert_eq!(paths(&chunks), ["Top/Part", "Top/Part", "Top", "Top/E"]);
    assert_eq!(chunks[2].body(), "## C\n## D");
}

#[test]
fn the_header_is_context_title_and_headings_each_said_once() {
    let text = "# Guide\n\n## Setup\n\ntext";
    let with = |context: &str, title: &str| {
        let document = Document {
            context_header: context.into(),
            title: title.into(),
            ..document(Markup::Markdown, text)
        };
        cut(400, 50, &document)[0].context_header.clone()
    };
    assert_eq!(with("", ""), "Guide > Setup");
    assert_eq!(with("", "Guide"), "Guide > Setup");
    assert_eq!(
        with("Docs > Tools", "Manual"),
        "Docs > Tools > Manual > Guide > Setup"
    );
    assert_eq!(with("Docs > Manual", "Manual"), "Docs > Manual > Guide > Setup");
    assert_eq!(with("Docs > Guide", "Guide"), "Docs > Guide > Setup");
}

#[test]
fn a_header_takes_half_of_a_chunk_at_most_and_gives_up_its_outermost_parts_first() {
    let words = |word: &str, count: usize| vec![word; count].join(" ");
    let document = Document {
        context_header: words("context", 500),
        title: words("title", 10),
        ..document(Markup::Markdown, &format!("# Heading\n\n{}", words("body", 100)))
    };
    let chunks = cut(40, 5, &document);
    assert_eq!(
        chunks[0].context_header,
        format!("{} > Heading", words("title", 10))
    );
    check(&document, &chunks, 40, estimate_tokens);

    let document = Document {
        title: words("title", 1_000),
        ..document
    };
    let chunks = cut(40, 5, &document);
    assert_eq!(
        chunks[0].context_header,
        format!("{} > Heading", words("title", 15))
            .split_once(" > ")
            .unwrap()
            .1
    );
    check(&document, &chunks, 40, estimate_tokens);
}

#[test]
fn blocks_are_merged_while_they_fit_and_the_last_ones_repeated() {
    let paragraph = |name: &str, words: usize| vec![name; words].join(" ");
    let text = ["a", "b", "c", "d"].map(|name| paragraph(name, 6)).join("\n\n");
    let chunks = cut(16, 8, &document(Markup::Plain, &text));
    // Six words are eight tokens: two paragraphs fit, and one of them is repeated.
    let spans: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            chunk
                .body()
                .split("\n\n")
                .map(|part| &part[..1])
                .collect::<String>()
        })
        .collect();
    assert_eq!(spans, ["ab", "bc", "cd"]);
    let chunks = cut(16, 7, &document(Markup::Plain, &text));
    assert_eq!(chunks.len(), 2, "seven tokens are less than a paragraph");
}

#[test]
fn no_overlap_crosses_a_heading() {
    let text = format!("# A\n\n{}\n\nlast.\n\n# B\n\nb", vec!["One two."; 40].join(" "));
    let chunks = cut(30, 10, &document(Markup::Markdown, &text));
    assert!(chunks.len() > 3);
    assert_eq!(chunks.last().unwrap().body(), "# B\n\nb");
    assert!(
        chunks[1].span.start < chunks[0].span.end,
        "within a section there is"
    );
}

#[test]
fn prose_is_cut_after_sentences_and_code_after_lines() {
    let prose = "One two three. Four five six, e.g. seven! \"Eight nine.\" Ten eleven twelve.";
    let chunks = cut(6, 0, &document(Markup::Plain, prose));
    assert_eq!(
        bodies(&chunks),
        [
            "One two three.",
            "Four five six, e.g. seven!",
            "\"Eight nine.\" Ten eleven twelve."
        ]
    );

    let code = "```js\nlet a = 1. + b;\nlet c = 2;\nlet d = 3;\n```";
    let chunks = cut(13, 0, &document(Markup::Markdown, code));
    assert_eq!(
        bodies(&chunks),
        ["```js\nlet a = 1. + b;", "let c = 2;\nlet d = 3;\n```"]
    );
}

#[test]
fn list_items_and_table_rows_are_kept_whole() {
    let rows: Vec<_> = (0..40)
        .map(|row| format!("| row {row} | one two three. Four five |"))
        .collect();
    for (text, first) in [
        (rows.join("\n"), "| row"),
        (rows.join("\n").replace("| row", "- row"), "- row"),
    ] {
        for chunk in cut(60, 0, &document(Markup::Markdown, &text)) {
            assert!(
                chunk.body().starts_with(first) && chunk.body().ends_with("five |"),
                "{:?}",
                chunk.body()
            );
        }
    }
}

#[test]
fn a_heading_is_not_left_alone_when_what_follows_is_too_long_beside_it() {
    let sentences = "One two three four five. ".repeat(8);
    let text = format!("# A heading of six words\n\n{sentences}");
    // The paragraph alone would fit, with the heading's line and header it does not.
    let chunks = cut(70, 0, &document(Markup::Markdown, &text));
    assert!(chunks[0].body().contains("One two"), "{:?}", bodies(&chunks));
}

#[test]
fn restructured_text_headings_are_lines_with_a_rule() {
    let text = "=====\nTitle\n=====\n\nintro\n\nPart\n====\n\npart\n\nSub\n---\nsub\n\nOther\n=====\n\nother\n\n----\n\nend\n\n\
                == ==\na  b\n== ==\n";
    let chunks = cut(400, 50, &document(Markup::ReStructuredText, text));
    assert_eq!(
        paths(&chunks),
        ["Title", "Title/Part", "Title/Part/Sub", "Title/Other"]
    );
    assert!(chunks[3].body().ends_with("== ==\na  b\n== =="));
}

#[test]
fn asciidoc_headings_are_equals_signs_outside_of_verbatim_blocks() {
    let text = "= Title\n\nintro\n\n== Part\n\n----\n== no\n----\n\n====\nexample\n====\n\n=== Sub\nsub\n\n## Hash\nhash\n";
    let chunks = cut(400, 50, &document(Markup::AsciiDoc, text));
    assert_eq!(
        paths(&chunks),
        ["Title", "Title/Part", "Title/Part/Sub", "Title/Hash"]
    );
}

#[test]
fn lines_and_plain_text_know_no_headings() {
    let text = "# one\n\ntwo\n===\n";
    for markup in [Markup::Plain, Markup::Lines] {
        assert_eq!(bodies(&cut(400, 50, &document(markup, text))), [text.trim()]);
    }
}

#[test]
fn blank_documents_have_no_chunks() {
    for text in ["", " \n\t\r\n", "\u{3000}\n\u{a0}"] {
        assert_eq!(markdown(text), []);
    }
}

#[test]
fn an_overlap_as_large_as_the_chunks_is_refused() {
    for (max_tokens, overlap_tokens) in [(50, 50), (0, 0)] {
        let error = Chunker::new(ChunkOptions {
            max_tokens,
            overlap_tokens,
        })
        .unwrap_err();
        assert!(
            error.to_string().contains(&format!("chunks of {max_tokens}")),
            "{error}"
        );
    }
}

#[test]
fn the_recipe_tells_options_apart() {
    let recipes =
        [(400, 50), (400, 51), (401, 50), (50, 40)].map(|(max, overlap)| chunker(max, overlap).recipe());
    assert_eq!(BTreeSet::from(recipes).len(), recipes.len());
    assert_eq!(Chunker::default().recipe(), recipes[0]);
}

#[test]
fn split_chunk_gives_smaller_ones_with_true_spans() {
    let text = format!(
        "# Top\n\nintro\n\n## Part\n\n{}",
        vec!["One two three four."; 60].join("\n")
    );
    let document = Document {
        title: "Manual".into(),
        ..document(Markup::Markdown, &text)
    };
    let chunker = chunker(400, 50);
    let chunks: Vec<_> = chunker.chunks(&document, TokenCount::Estimate).collect();
    let pieces = chunker.split_chunk(&chunks[1], 80, TokenCount::Estimate);
    assert!(pieces.len() > 3);
    assert_eq!(pieces[0].heading_path, ["Top", "Part"]);
    assert_eq!(pieces[0].context_header, "Manual > Top > Part");
    assert_eq!(pieces[0].ordinal, 1);
    assert_eq!(pieces[0].span.start, chunks[1].span.start);
    assert_eq!(pieces.last().unwrap().span.end, chunks[1].span.end);
    for piece in &pieces {
        assert_eq!(piece.body(), &text[piece.span.bytes()]);
        assert_eq!(
            piece.span.line_start,
            text[..piece.span.start].matches('\n').count() + 1
        );
        assert!(estimate_tokens(&piece.text) <= 80);
    }
    let alone = chunker.split_chunk(&chunks[0], 400, TokenCount::Estimate);
    assert_eq!(alone, [chunks[0].clone()]);
}
