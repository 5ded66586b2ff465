//! Documents that are no text by themselves: what tells them, and what takes their text out.

use std::ffi::OsStr;
use std::path::Path;

use super::decode::is_binary;
#[cfg(feature = "office")]
use super::format;
use super::format::Parsed;
use super::parse::Rejected;

/// A format whose text must be taken out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// A Word document of 2007 or later.
    Docx,
    /// A book.
    Epub,
}

/// What a file is, as far as its name and first bytes tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Packed(Packed),
    /// No document, in words.
    Binary(String),
}

const ZIP: &[u8] = b"PK\x03\x04";
/// The container of old Office files, and of new ones behind a password.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

impl Kind {
    /// What a file is that begins like this. Archives are told by the name besides: only some of them are documents.
    pub(crate) fn of(path: &Path, start: &[u8]) -> Self {
        let packed = Packed::by_extension(path);
        match packed {
            Some(packed) if start.starts_with(ZIP) && packed.is_in_build() => Self::Packed(packed),
            Some(packed) if start.starts_with(ZIP) => Self::Binary(format!(
                "{}, which this build does not read: it lacks the feature `{}`",
                packed.name(),
                packed.feature()
            )),
            Some(Packed::Docx) if start.starts_with(COMPOUND) => Self::Binary(
                "a Word document behind a password, or in the format from before 2007".to_owned(),
            ),
            _ if is_binary(start) => Self::Binary("a binary file".to_owned()),
            _ => Self::Text,
        }
    }
}

impl Packed {
    fn by_extension(path: &Path) -> Option<Self> {
        let extension = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "docx" | "docm" | "dotx" | "dotm" => Some(Self::Docx),
            "epub" => Some(Self::Epub),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Docx => "a Word document",
            Self::Epub => "an EPUB book",
        }
    }

    /// The feature that brings it.
    fn feature(self) -> &'static str {
        match self {
            Self::Docx | Self::Epub => "office",
        }
    }

    fn is_in_build(self) -> bool {
        match self {
            Self::Docx | Self::Epub => cfg!(feature = "office"),
        }
    }

    /// Takes out the text, of at most `max` bytes.
    ///
    /// # Errors
    /// Why the file is not what it seems to be.
    pub(crate) fn parse(self, bytes: Vec<u8>, max: u64) -> Result<Parsed, Rejected> {
        let parsed = self.take_out(bytes, max)?;
        if parsed.text.len() as u64 > max {
            return Err(Rejected::Broken(format!(
                "its text is larger than the limit of {max} bytes for a file"
            )));
        }
        Ok(parsed)
    }

    #[cfg(feature = "office")]
    fn take_out(self, bytes: Vec<u8>, max: u64) -> Result<Parsed, Rejected> {
        let parse = match self {
            Self::Docx => format::docx::parse,
            Self::Epub => format::epub::parse,
        };
        contained(move || parse(bytes, max))
            .map_err(|reason| Rejected::Broken(format!("the file is not {}: {reason}", self.name())))
    }

    #[cfg(not(feature = "office"))]
    fn take_out(self, _bytes: Vec<u8>, _max: u64) -> Result<Parsed, Rejected> {
        Err(Rejected::Broken(format!(
            "the feature `{}` is not in this build",
            self.feature()
        )))
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
