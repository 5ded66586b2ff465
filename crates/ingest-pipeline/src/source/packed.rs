//! Documents that are no text by themselves: what tells them, and what takes their text out.

use std::ffi::OsStr;
use std::path::Path;

use super::decode::is_binary;
#[cfg(any(feature = "office", feature = "pdf"))]
use super::format;
use super::format::Parsed;
use super::parse::Rejected;
use crate::PdfReader;

/// A format whose text must be taken out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// A Word document of 2007 or later.
    Docx,
    /// A book.
    Epub,
    /// Pages as they are printed.
    Pdf,
}

/// How texts are taken out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extract<'a> {
    /// Most bytes of a text.
    pub(crate) max: u64,
    #[cfg_attr(not(feature = "pdf"), allow(dead_code, reason = "there is nothing to read"))]
    pub(crate) pdf: &'a PdfReader,
}

/// What a file is, as far as its name and first bytes tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Packed(Packed),
    /// No document, in words.
    Binary(String),
}

const PDF: &[u8] = b"%PDF-";
/// Bytes that may stand before the mark of a PDF.
const BEFORE_PDF: usize = 1024;
const ZIP: &[u8] = b"PK\x03\x04";
/// The container of old Office files, and of new ones behind a password.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

impl Kind {
    /// What a file is that begins like this. Archives are told by the name besides: only some of them are documents.
    pub(crate) fn of(path: &Path, start: &[u8]) -> Self {
        match Packed::of(path, start) {
            Some(packed) if packed.is_in_build() => Self::Packed(packed),
            Some(packed) => Self::Binary(format!(
                "{}, which this build does not read: it lacks the feature `{}`",
                packed.name(),
                packed.feature()
            )),
            None if start.starts_with(COMPOUND) && Packed::by_extension(path) == Some(Packed::Docx) => {
                Self::Binary(
                    "a Word document behind a password, or in the format from before 2007".to_owned(),
                )
            }
            None if is_binary(start) => Self::Binary("a binary file".to_owned()),
            None => Self::Text,
        }
    }
}

impl Packed {
    fn of(path: &Path, start: &[u8]) -> Option<Self> {
        if start.starts_with(PDF) {
            return Some(Self::Pdf);
        }
        let named = Self::by_extension(path)?;
        let head = &start[..start.len().min(BEFORE_PDF)];
        let is_it = match named {
            Self::Pdf => head.windows(PDF.len()).any(|window| window == PDF),
            Self::Docx | Self::Epub => start.starts_with(ZIP),
        };
        is_it.then_some(named)
    }

    fn by_extension(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "docx" | "docm" | "dotx" | "dotm" => Some(Self::Docx),
            "epub" => Some(Self::Epub),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Docx => "a Word document",
            Self::Epub => "an EPUB book",
            Self::Pdf => "a PDF",
        }
    }

    /// The feature that brings it.
    fn feature(self) -> &'static str {
        match self {
            Self::Docx | Self::Epub => "office",
            Self::Pdf => "pdf",
        }
    }

    fn is_in_build(self) -> bool {
        match self {
            Self::Docx | Self::Epub => cfg!(feature = "office"),
            Self::Pdf => cfg!(feature = "pdf"),
        }
    }

    /// Takes out the text.
    ///
    /// # Errors
    /// Why the file is not what it seems to be, or has no text.
    pub(crate) fn parse(self, bytes: Vec<u8>, extract: Extract<'_>) -> Result<Parsed, Rejected> {
        let max = extract.max;
        let parsed: Parsed = match self {
            #[cfg(feature = "office")]
            Self::Docx => {
                contained(move || format::docx::parse(bytes, max)).map_err(|reason| self.broken(&reason))
            }
            #[cfg(feature = "office")]
            Self::Epub => {
                contained(move || format::epub::parse(bytes, max)).map_err(|reason| self.broken(&reason))
            }
            #[cfg(feature = "pdf")]
            Self::Pdf => self.pages(format::pdf::read(extract.pdf, bytes, max)),
            #[cfg(not(all(feature = "office", feature = "pdf")))]
            _ => {
                drop(bytes);
                Err(self.broken("this build does not read it"))
            }
        }?;
        if parsed.text.len() as u64 > max {
            let reason = format!("its text is larger than the limit of {max} bytes for a file");
            return Err(Rejected::Broken(reason));
        }
        Ok(parsed)
    }

    #[cfg(feature = "pdf")]
    fn pages(self, reading: format::pdf::Reading) -> Result<Parsed, Rejected> {
        use format::pdf::Reading;

        match reading {
            Reading::Text { title, text } => Ok(Parsed {
                title,
                text,
                markup: ingest_core::Markup::Markdown,
                doc_type: "pdf",
                ..Parsed::default()
            }),
            Reading::NoText => Err(Rejected::NoText(
                "a PDF without text: pages that were scanned need text recognition (OCR) first".to_owned(),
            )),
            Reading::Broken(reason) => Err(self.broken(&reason)),
        }
    }

    fn broken(self, reason: &str) -> Rejected {
        Rejected::Broken(format!("{} that cannot be read: {reason}", self.name()))
    }
}

/// Whatever the crates that read a document run into is this document's trouble alone.
#[cfg(feature = "office")]
fn contained<T>(read: impl FnOnce() -> Result<T, String> + std::panic::UnwindSafe) -> Result<T, String> {
    std::panic::catch_unwind(read)
        .unwrap_or_else(|_| Err("reading it failed in an unforeseen way".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "office")]
    #[test]
    fn a_panic_is_a_failure_of_the_document() {
        let read = contained(|| -> Result<(), String> { panic!("as the test wants it") });
        assert_eq!(read, Err("reading it failed in an unforeseen way".to_owned()));
    }

    #[test]
    fn archives_are_documents_by_name_and_beginning() {
        let kind = |name: &str, start: &[u8]| Kind::of(Path::new(name), start);
        let docx = match kind("a.DOCX", b"PK\x03\x04rest") {
            Kind::Binary(reason) => reason.contains("feature `office`"),
            kind => kind == Kind::Packed(Packed::Docx),
        };
        assert!(docx);
        let pdf = |name, start: &[u8]| match kind(name, start) {
            Kind::Binary(reason) => reason.contains("feature `pdf`"),
            kind => kind == Kind::Packed(Packed::Pdf),
        };
        assert!(pdf("paper.txt", b"%PDF-1.4") && pdf("a.pdf", b"\0\n%PDF-1.4"));
        assert_eq!(kind("a.pdf", b"no mark"), Kind::Text);
        assert_eq!(kind("a.docx", b"plain words"), Kind::Text);
        for (name, start, reason) in [
            ("a.zip", ZIP, "a binary file"),
            ("docx", ZIP, "a binary file"),
            ("a.doc", COMPOUND, "a binary file"),
            (
                "a.docx",
                COMPOUND,
                "a Word document behind a password, or in the format from before 2007",
            ),
            ("a.epub", b"\0", "a binary file"),
        ] {
            assert_eq!(kind(name, start), Kind::Binary(reason.to_owned()), "{name}");
        }
    }
}
