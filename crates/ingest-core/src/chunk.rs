//! A piece of a document.

use std::ops::Range;

use crate::ContentHash;

/// Where a chunk's body stands in its document's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte, from 0.
    pub start: usize,
    /// Byte behind the last one.
    pub end: usize,
    /// First line, from 1.
    pub line_start: usize,
    /// Last line, from 1.
    pub line_end: usize,
}

impl Span {
    /// The bytes as a range.
    pub fn bytes(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// A piece of a document, ready to be embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its place within the document, from 0.
    pub ordinal: u32,
    /// Where its body stands in the document's text; the bodies of neighbours may overlap.
    pub span: Span,
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// `heading_path` with the document's own context and title, joined by ` > `; or empty.
    pub context_header: String,
    /// Exactly what is embedded and searched: the header, a blank line, the body; or the body alone.
    pub text: String,
    /// SHA-256 of `text`.
    pub content_hash: ContentHash,
}

impl Chunk {
    /// The text without its header: the document's text at `span`.
    pub fn body(&self) -> &str {
        let without_header = self.text.strip_prefix(self.context_header.as_str());
        match without_header.and_then(|rest| rest.strip_prefix("\n\n")) {
            Some(body) if !self.context_header.is_empty() => body,
            _ => &self.text,
        }
    }
}
