//! A file's content as a document, outside of a run.

use std::path::Path;

use ingest_core::Document;

use crate::PdfReader;
use crate::source::packed::{Extract, Kind};
use crate::source::read::Body;
use crate::source::{Rejected, parse};

/// What a run makes of a file of this name and content, before it is cut: decoded, parsed by its format, and named after
/// its path. A text that must be taken out of the content first may have `max` bytes at most. Blocks.
///
/// A PDF is read in a thread of this process; [`PdfReader::Thread`] says what that means.
///
/// # Errors
/// Why there is no document, in words: binary content, or content that is not what the name says.
pub fn parse_file(path: &Path, content: Vec<u8>, max: u64) -> Result<Document, String> {
    let body = match Kind::of(path, &content) {
        Kind::Text => Body::Raw(content),
        Kind::Packed(packed) => Body::Packed(packed, content),
        Kind::Binary(reason) => return Err(reason),
    };
    let pdf = &PdfReader::Thread;
    match parse(&path.to_string_lossy(), body, Extract { max, pdf }) {
        Ok(parsed) => Ok(parsed.document),
        Err(Rejected::Broken(reason) | Rejected::NoText(reason)) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_becomes_a_document_or_a_reason() {
        let parse = |name: &str, content: &[u8]| parse_file(Path::new(name), content.to_vec(), 1000);
        assert_eq!(
            parse("a.html", b"<title>T</title><p>x").map(|page| page.title),
            Ok("T".to_owned())
        );
        assert_eq!(parse("a.png", b"\x89PNG"), Err("a binary file".to_owned()));
        assert!(parse("a.ipynb", b"{").is_err_and(|reason| reason.contains("not a notebook")));
    }
}
