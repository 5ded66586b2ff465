//! What was read becomes a document.

use ingest_core::Document;

use super::decode::decode;
use super::format;
use super::read::Body;

/// A document, and what a person should know about how it came to be.
#[derive(Debug)]
pub(crate) struct ParsedDocument {
    pub(crate) document: Document,
    pub(crate) notes: Vec<String>,
}

/// Why a file is not what its name says.
#[derive(Debug)]
pub(crate) struct Rejected(pub(crate) String);

/// Decodes and parses.
pub(crate) fn parse(name: &str, body: Body) -> Result<ParsedDocument, Rejected> {
    let mut notes = Vec::new();
    let mut document = match body {
        Body::Ready(document) => *document,
        Body::Raw(bytes) => {
            let decoded = decode(bytes);
            if let Some(encoding) = decoded.guessed {
                notes.push(format!("{name} is no UTF-8; read as {encoding}"));
            }
            let parsed = format::parse(name, decoded.text).map_err(Rejected)?;
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
    };
    // Databases refuse NUL in text, and no model reads it.
    if document.text.contains('\0') {
        document.text.retain(|character| character != '\0');
        notes.push(format!("{name} holds NUL characters, which were taken out"));
    }
    Ok(ParsedDocument { document, notes })
}
