//! Reads files, bounded, and hashes them.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};

use ingest_core::{ContentHash, Document, DocumentState};

use super::decode::SNIFFED;
use super::folder::Folder;
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

/// Reads files one after the other; what one needed serves the next.
#[derive(Debug, Default)]
pub(crate) struct FileReader {
    folder: Folder,
    /// As long as the longest file so far, what was not read being zeros or of another file.
    buffer: Vec<u8>,
}

impl FileReader {
    /// Reads a file of at most `max` bytes; one of the revision `done` is unchanged.
    pub(crate) fn read(&mut self, item: Item, path: PathBuf, max: u64, done: Option<Revision>) -> Loaded {
        let (outcome, bytes) = match self.outcome(&path, max, done) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (skipped("it vanished while the run went on".to_owned(), true), 0)
            }
            Err(error) => {
                let failed = Outcome::Failed {
                    kind: "unreadable",
                    reason: format!("cannot read the file: {error}"),
                };
                (failed, 0)
            }
        };
        Loaded {
            item,
            path: Some(path),
            bytes,
            before: None,
            outcome,
        }
    }

    /// What a file of at most `max` bytes gives, and how many bytes it had if it is a document.
    pub(crate) fn outcome(
        &mut self,
        path: &Path,
        max: u64,
        done: Option<Revision>,
    ) -> io::Result<(Outcome, u64)> {
        let no_file = || (skipped("a socket, pipe or device".to_owned(), true), 0);
        let mut file = match self.folder.open(path) {
            Ok(file) => file,
            Err(_) if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) => return Ok(no_file()),
            Err(error) => return Err(error),
        };
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(no_file());
        }
        let len = meta.len();
        let room = usize::try_from(len.min(max)).unwrap_or(0).saturating_add(1);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let sniffed = room.min(SNIFFED);
        let mut filled = fill(&mut file, &mut self.buffer[..sniffed], 0, len)?;
        let kind = Kind::of(path, &self.buffer[..filled]);
        if let Kind::Binary(reason) = kind {
            return Ok((skipped(reason, true), 0));
        }
        // What ended before that has been read to its end.
        if len <= max && filled == sniffed {
            filled = fill(&mut file, &mut self.buffer[..room], filled, len)?;
        }
        if len <= max && filled == room {
            // It has grown since.
            self.buffer.truncate(room);
            filled += file
                .take(max.saturating_add(1) - room as u64)
                .read_to_end(&mut self.buffer)?;
        }
        if len > max || filled as u64 > max {
            let reason = format!("larger than the limit of {max} bytes for a file");
            return Ok((skipped(reason, false), 0));
        }
        let revision = ContentHash::of_bytes(&self.buffer[..filled]);
        if done == Some(revision) {
            return Ok((Outcome::Unchanged { revision }, filled as u64));
        }
        let mut bytes = mem::take(&mut self.buffer);
        bytes.truncate(filled);
        // A longer file before it may have left more room, which nobody reckons with.
        bytes.shrink_to(room);
        let body = match kind {
            Kind::Packed(packed) => Body::Packed(packed, bytes),
            _ => Body::Raw(bytes),
        };
        Ok((Outcome::Loaded { revision, body }, filled as u64))
    }
}

fn skipped(reason: String, gone: bool) -> Outcome {
    Outcome::Skipped { reason, gone }
}

/// Fills a buffer beyond what is in it already, if the file is that long; returns how much there is then.
///
/// A file that says it has `len` bytes and gives less than was asked for just there has ended: one call is saved, which
/// would give nothing.
fn fill(file: &mut File, buffer: &mut [u8], mut filled: usize, len: u64) -> io::Result<usize> {
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if filled as u64 == len {
            break;
        }
    }
    Ok(filled)
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
        let mut reader = FileReader::default();
        let done = Some(ContentHash::of_bytes(text.as_bytes()));
        let (outcome, _) = reader.outcome(&long, max, done).expect("read");
        assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
        let (outcome, _) = reader.outcome(&short, max, done).expect("read");
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
