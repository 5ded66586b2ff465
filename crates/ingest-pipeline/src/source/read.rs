//! Reads files, bounded, and hashes them.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};

use ingest_core::{ContentHash, Document, DocumentState};

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
    /// Just what the store holds.
    Unchanged {
        revision: Revision,
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
    /// What the store holds of it, if that was asked.
    pub(crate) before: Option<DocumentState>,
    pub(crate) outcome: Outcome,
}

/// Reads a file of at most `max` bytes; one of the revision `done` is unchanged. The buffer serves one file after another.
pub(crate) fn read_file(
    item: Item,
    path: PathBuf,
    max: u64,
    done: Option<Revision>,
    buffer: &mut Vec<u8>,
) -> Loaded {
    let outcome = match read(&path, max, done, buffer) {
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
        Outcome::Unchanged { .. } => buffer.len() as u64,
        _ => 0,
    };
    Loaded {
        item,
        path: Some(path),
        bytes,
        before: None,
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

/// Reads a file of at most `max` bytes, if it is a document, into a buffer, which only one that is unchanged leaves there.
pub(crate) fn read(
    path: &Path,
    max: u64,
    done: Option<Revision>,
    buffer: &mut Vec<u8>,
) -> io::Result<Outcome> {
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
    let room = usize::try_from(len.min(max)).unwrap_or(0).saturating_add(1);
    buffer.clear();
    buffer.reserve_exact(room);
    file.by_ref().take(SNIFFED as u64).read_to_end(buffer)?;
    let kind = Kind::of(path, buffer);
    if let Kind::Binary(reason) = kind {
        return Ok(Outcome::Skipped { reason, gone: true });
    }
    // What ended before that has been read to its end.
    if len <= max && buffer.len() == SNIFFED {
        file.read_to_end(buffer)?;
    }
    if len > max || buffer.len() as u64 > max {
        return Ok(Outcome::Skipped {
            reason: format!("larger than the limit of {max} bytes for a file"),
            gone: false,
        });
    }
    let revision = ContentHash::of_bytes(buffer);
    if done == Some(revision) {
        return Ok(Outcome::Unchanged { revision });
    }
    let mut bytes = mem::take(buffer);
    // A larger file before it may have left more room, which nobody reckons with.
    bytes.shrink_to(room);
    Ok(Outcome::Loaded {
        revision,
        body: match kind {
            Kind::Packed(packed) => Body::Packed(packed, bytes),
            _ => Body::Raw(bytes),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_a_buffer_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let text = "a long text ".repeat(1000);
        let (long, short) = (file("long.md", &text), file("short.md", "a short one"));
        let max = 1 << 20;
        let mut buffer = Vec::new();
        let done = Some(ContentHash::of_bytes(text.as_bytes()));
        let outcome = read(&long, max, done, &mut buffer).expect("read");
        assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
        let outcome = read(&short, max, done, &mut buffer).expect("read");
        let Outcome::Loaded {
            body: Body::Raw(bytes),
            ..
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(bytes, b"a short one");
        assert!(
            bytes.capacity() < 100,
            "it holds {} bytes of the long one",
            bytes.capacity()
        );
    }
}
