//! Reads files, bounded, and hashes them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ingest_core::{ContentHash, Document};

use super::decode::SNIFFED;
use super::packed::{Kind, Packed};
use super::{Item, Revision};

/// A document's content, as far as it is known before it is parsed.
#[derive(Debug)]
pub(crate) enum Body {
    /// The bytes of a text.
    Raw(Vec<u8>),
    /// The bytes of a document that is no text by itself.
    Packed(Packed, Vec<u8>),
    /// A document that came ready.
    Ready(Box<Document>),
}

/// What reading gave.
#[derive(Debug)]
pub(crate) enum Outcome {
    Loaded {
        revision: Revision,
        body: Body,
    },
    /// No document. `gone` means that what was stored under its name is not there any more, either.
    Skipped {
        reason: String,
        gone: bool,
    },
    /// A document that can't be read now and keeps its old version.
    Failed {
        kind: &'static str,
        reason: String,
    },
}

/// Something that was read, or not.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) item: Item,
    /// Where it can be read again, if it can.
    pub(crate) path: Option<PathBuf>,
    pub(crate) bytes: u64,
    pub(crate) outcome: Outcome,
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_file(item: Item, path: PathBuf, max: u64) -> Loaded {
    let outcome = match read(&path, max) {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::Skipped {
            reason: "it vanished while the run went on".to_owned(),
            gone: true,
        },
        Err(error) => Outcome::Failed {
            kind: "unreadable",
            reason: format!("cannot read the file: {error}"),
        },
    };
    let bytes = match &outcome {
        Outcome::Loaded {
            body: Body::Raw(bytes) | Body::Packed(_, bytes),
            ..
        } => bytes.len() as u64,
        _ => 0,
    };
    Loaded {
        item,
        path: Some(path),
        bytes,
        outcome,
    }
}

/// Opens a file to read it. A pipe without a writer is not waited for.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path)
}

/// Reads a file of at most `max` bytes, if it is a document.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Outcome> {
    let no_file = || Outcome::Skipped {
        reason: "a socket, pipe or device".to_owned(),
        gone: true,
    };
    let file = match open(path) {
        Ok(file) => file,
        Err(_) if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) => return Ok(no_file()),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(no_file());
    }
    let len = meta.len();
    let mut file = file.take(max.saturating_add(1));
    let mut bytes = Vec::with_capacity(usize::try_from(len.min(max)).unwrap_or(0).saturating_add(1));
    file.by_ref().take(SNIFFED as u64).read_to_end(&mut bytes)?;
    let kind = Kind::of(path, &bytes);
    if let Kind::Binary(reason) = kind {
        return Ok(Outcome::Skipped { reason, gone: true });
    }
    // What ended before that has been read to its end.
    if len <= max && bytes.len() == SNIFFED {
        file.read_to_end(&mut bytes)?;
    }
    if len > max || bytes.len() as u64 > max {
        return Ok(Outcome::Skipped {
            reason: format!("larger than the limit of {max} bytes for a file"),
            gone: false,
        });
    }
    Ok(Outcome::Loaded {
        revision: ContentHash::of_bytes(&bytes),
        body: match kind {
            Kind::Packed(packed) => Body::Packed(packed, bytes),
            _ => Body::Raw(bytes),
        },
    })
}
