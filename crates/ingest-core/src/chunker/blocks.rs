//! What a document is made of: headings, paragraphs, code. One pass over its lines, whatever its markup.

use std::ops::Range;

use memchr::memchr;

use super::markdown::Markdown;
use super::marks::LineEnds;
use super::text::{AsciiDoc, Paragraphs, ReStructuredText};
use crate::{Markup, Span};

/// A run of lines that belong together. Blank lines belong to no block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) span: Span,
    pub(super) kind: BlockKind,
}

/// What a block is, which decides where it may be cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// Starts a section. Level 1 is the outermost; `title` is where its words stand.
    Heading { level: u8, title: Range<usize> },
    /// Running text: sentences are the unit.
    Text,
    /// Code, rows, verbatim text: lines are the unit.
    Code,
}

impl Block {
    /// The lines from one up to another.
    pub(super) fn new(first: Line<'_>, last: Line<'_>, kind: BlockKind) -> Self {
        let span = Span {
            start: first.start.byte,
            end: last.end(),
            line_start: first.start.line,
            line_end: last.start.line,
        };
        Self { span, kind }
    }
}

/// The blocks of a text, in order.
#[derive(Debug)]
pub(super) enum Blocks<'a> {
    Markdown(Markdown<'a>),
    ReStructuredText(ReStructuredText<'a>),
    AsciiDoc(AsciiDoc<'a>),
    Paragraphs(Paragraphs<'a>),
}

impl<'a> Blocks<'a> {
    pub(super) fn new(text: &'a str, markup: Markup) -> Self {
        match markup {
            Markup::Markdown => Self::Markdown(Markdown::new(text)),
            Markup::ReStructuredText => Self::ReStructuredText(ReStructuredText::new(text)),
            Markup::AsciiDoc => Self::AsciiDoc(AsciiDoc::new(text)),
            Markup::Plain => Self::Paragraphs(Paragraphs::new(text, BlockKind::Text)),
            Markup::Lines => Self::Paragraphs(Paragraphs::new(text, BlockKind::Code)),
        }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        match self {
            Self::Markdown(blocks) => blocks.next(),
            Self::ReStructuredText(blocks) => blocks.next(),
            Self::AsciiDoc(blocks) => blocks.next(),
            Self::Paragraphs(blocks) => blocks.next(),
        }
    }
}

/// Where a line starts: its first byte, from 0, and which it is, from 1. Lines are counted as they are taken, so that
/// nobody need look for their ends again.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineStart {
    pub(super) byte: usize,
    pub(super) line: usize,
}

impl LineStart {
    /// Of the first line of a text.
    pub(super) const FIRST: Self = Self { byte: 0, line: 1 };
}

/// A line without its end; `next` is where the following one starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) start: LineStart,
    pub(super) text: &'a str,
    pub(super) next: LineStart,
}

impl<'a> Line<'a> {
    /// The line that starts there; `None` at the end of the text.
    pub(super) fn at(text: &'a str, start: LineStart) -> Option<Self> {
        let rest = &text[start.byte..];
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest.as_bytes()).map(|length| start.byte + length);
        Some(Self::up_to(text, start, end))
    }

    /// The same, where line ends are found along the way.
    #[inline]
    pub(super) fn along(ends: &mut LineEnds, text: &'a str, start: LineStart) -> Option<Self> {
        if start.byte >= text.len() {
            return None;
        }
        let end = ends.at_or_behind(text.as_bytes(), start.byte);
        Some(Self::up_to(text, start, end))
    }

    #[inline]
    fn up_to(text: &'a str, start: LineStart, end: Option<usize>) -> Self {
        let line = &text[start.byte..end.unwrap_or(text.len())];
        Self {
            start,
            text: line.strip_suffix('\r').unwrap_or(line),
            next: LineStart {
                byte: end.map_or(text.len(), |end| end + 1),
                line: start.line + 1,
            },
        }
    }

    pub(super) fn end(&self) -> usize {
        self.start.byte + self.text.len()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.first_visible().is_none()
    }

    /// The first byte behind the white space that it begins with.
    #[inline]
    pub(super) fn first_visible(&self) -> Option<u8> {
        let mut bytes = self.text.bytes();
        match bytes.find(|byte| !matches!(byte, b'\t'..=b'\r' | b' '))? {
            first if first.is_ascii() => Some(first),
            // It may be white space beyond ASCII.
            _ => self.text.trim_start().bytes().next(),
        }
    }

    /// Whether the line begins with a letter, as most do: then it opens nothing and ends no paragraph of Markdown.
    #[inline]
    pub(super) fn is_prose(&self) -> bool {
        self.text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
    }

    /// Columns of white space before the first character, a tab counting as four.
    pub(super) fn indent(&self) -> usize {
        let blanks = self.text.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
        blanks.map(|byte| if byte == b'\t' { 4 } else { 1 }).sum()
    }

    /// The line without the white space at both ends.
    #[inline]
    pub(super) fn trimmed(&self) -> &'a str {
        trim(self.text)
    }
}

/// The same as `str::trim`. Most texts begin and end with ASCII, which needs no decoding.
#[inline]
pub(super) fn trim(text: &str) -> &str {
    let behind = text.as_bytes().trim_ascii_start();
    match behind.trim_ascii_end() {
        words @ [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => {
            &text[text.len() - behind.len()..][..words.len()]
        }
        _ => text.trim(),
    }
}

/// Where a part of a text stands in it. The part must be borrowed from the text.
pub(super) fn position(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}
