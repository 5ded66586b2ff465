//! What was read becomes a document.

use ingest_core::Document;

use super::decode::decode;
use super::format::{self, Parsed};
use super::packed::Extract;
use super::read::Body;

/// A document, and what a person should know about how it came to be.
#[derive(Debug)]
pub(crate) struct ParsedDocument {
    pub(crate) document: Document,
    pub(crate) notes: Vec<String>,
}

/// Why no document came of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It is not what its name says.
    Broken(String),
    /// It is, and says nothing.
    #[cfg_attr(
        not(feature = "pdf"),
        allow(dead_code, reason = "only PDF files are pictures")
    )]
    NoText(String),
}

/// Decodes and parses.
pub(crate) fn parse(name: &str, body: Body, extract: Extract<'_>) -> Result<ParsedDocument, Rejected> {
    let mut notes = Vec::new();
    let mut document = match body {
        Body::Ready(document) => *document,
        Body::Packed(packed, bytes) => document(name, packed.parse(bytes, extract)?),
        Body::Raw(bytes) => {
            let decoded = decode(bytes);
            if let Some(encoding) = decoded.guessed {
                notes.push(format!("{name} is no UTF-8; read as {encoding}"));
            }
            document(name, format::parse(name, decoded.text).map_err(Rejected::Broken)?)
        }
    };
    // Databases refuse NUL in text, and no model reads it.
    if take_out_nul(&mut document) {
        notes.push(format!("{name} holds NUL characters, which were taken out"));
    }
    Ok(ParsedDocument { document, notes })
}

fn document(name: &str, parsed: Parsed) -> Document {
    Document {
        source: name.to_owned(),
        text: parsed.text,
        markup: parsed.markup,
        title: parsed.title,
        doc_type: parsed.doc_type.to_owned(),
        deprecated: parsed.deprecated,
        metadata: parsed.metadata,
        ..Document::default()
    }
}

/// Takes NUL out of all texts of a document; returns whether there was any.
fn take_out_nul(document: &mut Document) -> bool {
    let fields = [
        &mut document.text,
        &mut document.title,
        &mut document.context_header,
        &mut document.doc_type,
        &mut document.display_url,
    ];
    let texts = fields.into_iter().chain(document.generations.iter_mut());
    let mut found = false;
    for text in texts.chain(document.metadata.values_mut()) {
        found |= text.contains('\0');
        text.retain(|character| character != '\0');
    }
    found
}
