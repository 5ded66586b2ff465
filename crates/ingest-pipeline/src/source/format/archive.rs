//! Zip archives, read part by part within a bound on all that is unpacked.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::source::decode::decode;

/// Most parts of an archive: each is remembered, at some hundred bytes.
const PARTS: usize = 20_000;
/// Unpacked, a document may be this many times as large as a file: markup takes more room than the words in it.
const GROWTH: u64 = 4;
/// How the entry of a part begins in an archive's list of parts.
const ENTRY: &[u8] = b"PK\x01\x02";

/// An archive, and how much of it may still be unpacked.
#[derive(Debug)]
pub(super) struct Archive {
    zip: ZipArchive<Cursor<Vec<u8>>>,
    most: u64,
    left: u64,
}

impl Archive {
    /// Opens an archive of which at most `max` bytes times [`GROWTH`] are unpacked.
    pub(super) fn open(bytes: Vec<u8>, max: u64) -> Result<Self, String> {
        let entries = bytes.windows(ENTRY.len()).filter(|window| *window == ENTRY);
        if entries.take(PARTS + 1).count() > PARTS {
            return Err(format!("the archive has more than {PARTS} parts"));
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
        let most = max.saturating_mul(GROWTH);
        Ok(Self {
            zip,
            most,
            left: most,
        })
    }

    /// The text of a part; `None` if the archive has no part of this name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<String>, String> {
        let part = match self.zip.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(format!("{name}: {error}")),
        };
        let mut bytes = Vec::new();
        // What the archive says of the size is a claim.
        part.take(self.left.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| format!("{name}: {error}"))?;
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(format!("unpacked, it is larger than {} bytes", self.most));
        };
        self.left = left;
        Ok(Some(decode(bytes).text))
    }

    /// The text of a part that must be there.
    pub(super) fn need(&mut self, name: &str) -> Result<String, String> {
        self.part(name)?
            .ok_or_else(|| format!("the archive has no part `{name}`"))
    }
}

/// The name of the part that a reference in another part's folder leads to: `..` goes up, `/` leads to the top.
pub(super) fn resolve(folder: &str, reference: &str) -> String {
    let path = match reference.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{folder}/{reference}"),
    };
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folder of a part, without a `/` at its end.
pub(super) fn folder(part: &str) -> &str {
    part.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Packs parts as the programs do that write documents.
    pub(crate) fn packed<'a>(parts: impl IntoIterator<Item = (&'a str, impl AsRef<[u8]>)>) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            zip.start_file(name, SimpleFileOptions::default())
                .expect("a part");
            zip.write_all(content.as_ref()).expect("its bytes");
        }
        zip.finish().expect("an archive").into_inner()
    }

    #[test]
    fn what_is_unpacked_is_bounded_over_all_parts() {
        let bytes = packed([("a", "x".repeat(60)), ("b", "x".repeat(60))]);
        let mut archive = Archive::open(bytes, 25).expect("an archive");
        assert_eq!(archive.part("a").expect("room").map(|text| text.len()), Some(60));
        assert_eq!(archive.part("none").expect("no part"), None);
        let error = archive.part("b").expect_err("no room");
        assert_eq!(error, "unpacked, it is larger than 100 bytes");
    }

    #[test]
    fn archives_of_very_many_parts_are_refused_before_they_are_opened() {
        let error = Archive::open(ENTRY.repeat(PARTS + 1), 1 << 20).expect_err("too many");
        assert!(error.contains("more than 20000 parts"), "{error}");
    }

    #[test]
    fn references_lead_to_parts() {
        for (folder, reference, part) in [
            ("", "a.xml", "a.xml"),
            ("OEBPS/text", "../img/./a", "OEBPS/img/a"),
            ("word", "/docProps/core.xml", "docProps/core.xml"),
            ("a", "../../../b", "b"),
        ] {
            assert_eq!(resolve(folder, reference), part);
        }
        assert_eq!((folder("a/b/c"), folder("c")), ("a/b", ""));
    }
}
