//! The words of a question, and what of a chunk is looked through for them.

use std::collections::HashSet;

use ingest_core::Chunk;

/// More distinct words than any question has; it bounds the work a pasted book causes.
const MAX_WORDS: usize = 256;

/// The distinct words of a question in the order they appear: runs of letters and digits, lower case.
///
/// Only letters and digits are left, so that no query syntax, quote or NUL can come through.
pub(crate) fn of_question(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let words = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(str::to_lowercase)
        .filter(|word| seen.insert(word.clone()))
        .take(MAX_WORDS)
        .collect()
}

/// A chunk as it is searched for words: title, headings and body, nothing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    /// The document's title, or empty where the headings hold it.
    pub(crate) title: &'a str,
    /// The headings.
    pub(crate) header: &'a str,
    /// The text without them.
    pub(crate) body: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(title: &'a str, chunk: &'a Chunk) -> Self {
        let header = chunk.context_header.as_str();
        let body = chunk
            .text
            .strip_prefix(header)
            .and_then(|rest| rest.strip_prefix("\n\n"));
        let in_header = header.split(" > ").any(|part| part == title);
        match body {
            Some(body) if !header.is_empty() => Self {
                title: if in_header { "" } else { title },
                header,
                body,
            },
            _ => Self {
                title,
                header: "",
                body: &chunk.text,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use ingest_core::{ContentHash, Span};

    use super::*;

    fn chunk(header: &str, text: &str) -> Chunk {
        Chunk {
            ordinal: 0,
            span: Span::default(),
            heading_path: Vec::new(),
            context_header: header.into(),
            text: text.into(),
            content_hash: ContentHash::of_text(text),
        }
    }

    #[test]
    fn only_words_are_left_of_a_question() {
        assert_eq!(
            of_question("What's \"NEAR(a b)\" -- the NEAR* of\0it?"),
            ["what", "s", "near", "a", "b", "the", "of", "it"]
        );
        assert!(of_question("?! \" ' \0").is_empty());
        assert_eq!(of_question(&"a1 b2 ".repeat(10_000)), ["a1", "b2"]);
    }

    #[test]
    fn nothing_of_a_chunk_is_indexed_twice() {
        let with_header = chunk("Guide > Setup", "Guide > Setup\n\nInstall it.");
        let fields = Fields::new("Guide", &with_header);
        assert_eq!(
            (fields.title, fields.header, fields.body),
            ("", "Guide > Setup", "Install it.")
        );
        let bare = chunk("", "Install it.");
        let fields = Fields::new("Guide", &bare);
        assert_eq!(
            (fields.title, fields.header, fields.body),
            ("Guide", "", "Install it.")
        );
        let foreign = chunk("Guide", "a text that does not begin with its header");
        assert_eq!(Fields::new("T", &foreign).body, foreign.text);
    }
}
