//! One source item and where it came from.

use std::collections::BTreeMap;

/// How a document's text is marked up, which decides where it may be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Markup {
    /// Running text: blank lines part paragraphs.
    #[default]
    Plain,
    /// Markdown: ATX and setext headings, fences.
    Markdown,
    /// reStructuredText: underlined headings.
    ReStructuredText,
    /// AsciiDoc: `==` headings, delimited blocks.
    AsciiDoc,
    /// Source code, or rows of a table: lines are the unit.
    Lines,
}

/// A document: its text and what is known about it. `source` is its identity within a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// What it is known by: a path relative to where the run started, or the address a JSON line gives.
    pub source: String,
    /// The whole text, decoded, as it will be cut; spans count its bytes.
    pub text: String,
    /// How the text is marked up.
    pub markup: Markup,
    /// A title, or empty.
    pub title: String,
    /// A kind of document, such as `markdown`, or what a JSON line says.
    pub doc_type: String,
    /// A path of sections above the document, put before its headings; or empty.
    pub context_header: String,
    /// Tags that searches of the reference filter by.
    pub generations: Vec<String>,
    /// Whether its contents are out of date by its own word.
    pub deprecated: bool,
    /// Where a reader would open it, if that differs from `source`.
    pub display_url: String,
    /// Whatever else is known, kept with every chunk.
    pub metadata: BTreeMap<String, String>,
}
