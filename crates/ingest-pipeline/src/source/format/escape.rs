//! Text among Markdown that must not become markup by chance.

/// Adds a line, with a backslash before what would open a heading, a fence or verbatim HTML.
pub(super) fn push_line(line: &str, out: &mut String) {
    let at = escape_at(line);
    let (before, after) = line.split_at(at.unwrap_or(0));
    out.push_str(before);
    if at.is_some() {
        out.push('\\');
    }
    out.push_str(after);
}

/// Where the backslash goes.
fn escape_at(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start().len();
    let text = line[start..].trim_end();
    let hashes = text.len() - text.trim_start_matches('#').len();
    let heading = hashes > 0 && matches!(text.as_bytes().get(hashes), None | Some(b' ' | b'\t'));
    let rule = |mark: char| text.len() > 1 && text.chars().all(|next| next == mark);
    let html = matches!(text.as_bytes(), [b'<', b'!' | b'a'..=b'z' | b'A'..=b'Z', ..]);
    if heading || rule('=') || rule('-') || html {
        return Some(start);
    }
    // A fence may stand behind marks of lists.
    let marks = |next: char| next.is_ascii_digit() || next.is_whitespace() || "-*+.)".contains(next);
    let rest = line.trim_start_matches(marks);
    (rest.starts_with("```") || rest.starts_with("~~~")).then(|| line.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use ingest_core::{ChunkOptions, Chunker, Document, Markup, TokenCount};
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            push_line(line, &mut out);
            out.push('\n');
        }
        out
    }

    #[test]
    fn only_what_would_be_markup_is_escaped() {
        for (line, expected) in [
            ("# one", "\\# one"),
            ("##", "\\##"),
            ("#tag", "#tag"),
            ("####### seven", "\\####### seven"),
            ("===", "\\==="),
            ("-", "-"),
            ("- item", "- item"),
            ("- ```rust", "- \\```rust"),
            ("~~~", "\\~~~"),
            ("<pre>", "\\<pre>"),
            ("<5 mg", "<5 mg"),
            ("  # x", "  \\# x"),
            ("", ""),
        ] {
            assert_eq!(escaped(line).trim_end_matches('\n'), expected, "{line}");
        }
    }

    proptest! {
        /// No line becomes a heading, a fence or verbatim HTML, by what cuts Markdown.
        #[test]
        fn no_text_becomes_markup(
            lines in proptest::collection::vec("[-#=~`<>!*+.) a1\t]{0,6}(pre|script)?", 1..8),
        ) {
            let document = Document {
                // A fence or comment left open would swallow the heading.
                text: format!("{}\n# End\n\nlast words", escaped(&lines.join("\n"))),
                markup: Markup::Markdown,
                ..Document::default()
            };
            let chunker = Chunker::new(ChunkOptions { max_tokens: 4000, overlap_tokens: 0 }).expect("sizes");
            let chunks = chunker.chunks(&document, TokenCount::Estimate);
            let paths = chunks.map(|chunk| chunk.heading_path.join(" ")).filter(|path| !path.is_empty());
            prop_assert_eq!(paths.collect::<Vec<_>>(), ["End"], "{:?}", document.text);
        }
    }
}
