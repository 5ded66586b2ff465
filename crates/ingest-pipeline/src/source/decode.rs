//! Bytes to text, or the finding that they are none.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// How many bytes decide whether a file is text.
pub(crate) const SNIFFED: usize = 8 * 1024;
/// How many bytes decide which encoding a text has that is not UTF-8.
const GUESSED: usize = 256 * 1024;

/// How files begin that are not text, whatever bytes follow.
const MAGIC: &[&[u8]] = &[
    b"%PDF-",
    b"\x89PNG",
    b"\xFF\xD8\xFF",
    b"GIF8",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1F\x8B",
    b"BZh",
    b"\xFD7zXZ",
    b"\x28\xB5\x2F\xFD",
    b"7z\xBC\xAF",
    b"Rar!",
    b"\x7FELF",
    b"\0asm",
    b"\xCA\xFE\xBA\xBE",
    b"\xCF\xFA\xED\xFE",
    b"SQLite format 3",
    b"RIFF",
    b"OggS",
    b"ID3",
    b"wOF2",
    b"wOFF",
];

/// Whether a file that begins like this is no text.
pub(crate) fn is_binary(start: &[u8]) -> bool {
    if Encoding::for_bom(start).is_some() {
        return false;
    }
    let start = &start[..start.len().min(SNIFFED)];
    if MAGIC.iter().any(|magic| start.starts_with(magic)) || start.contains(&0) {
        return true;
    }
    // Legacy encodings leave control characters alone, too; escape sequences and form feeds occur in real text.
    let control = |&byte: &u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x08 | 0x0C | 0x1B);
    // Counted in single bytes, many are looked at with one instruction; 255 of them fit.
    let parts = start.chunks(255);
    let controls = parts.map(|part| part.iter().map(|byte| u8::from(control(byte))).sum::<u8>());
    controls.map(usize::from).sum::<usize>() * 50 > start.len()
}

/// A text, and the encoding that was guessed, if one was.
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) guessed: Option<&'static str>,
}

/// Decodes UTF-8, UTF-16 with a mark, and else what the bytes look like most. Every input gives a text.
pub(crate) fn decode(bytes: Vec<u8>) -> Decoded {
    let certain = |text| Decoded { text, guessed: None };
    match Encoding::for_bom(&bytes) {
        Some((encoding, mark)) if encoding == UTF_16LE || encoding == UTF_16BE => {
            return certain(owned(encoding.decode_without_bom_handling(&bytes[mark..]).0));
        }
        Some((_, mark)) => {
            return certain(owned(String::from_utf8_lossy(&bytes[mark..])));
        }
        None => {}
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return certain(text),
        Err(error) => error.into_bytes(),
    };
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let sample = &bytes[..bytes.len().min(GUESSED)];
    detector.feed(sample, sample.len() == bytes.len());
    let encoding = detector.guess(None, Utf8Detection::Allow);
    Decoded {
        text: owned(encoding.decode_without_bom_handling(&bytes).0),
        guessed: Some(encoding.name()),
    }
}

fn owned(text: Cow<'_, str>) -> String {
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_obeyed_and_stripped() {
        assert_eq!(decode(b"\xEF\xBB\xBFabc".to_vec()).text, "abc");
        assert_eq!(decode(b"\xFF\xFEa\0\xE9\0".to_vec()).text, "aé");
        assert_eq!(decode(b"\xFE\xFF\0a\0\xE9".to_vec()).text, "aé");
        assert!(!is_binary(b"\xFF\xFEa\0\xE9\0"));
    }

    #[test]
    fn what_is_no_utf8_is_guessed_and_said() {
        let french = "Les élèves étaient très préoccupés par les résultats à l'été.";
        let bytes = french.chars().map(|c| c as u8).collect::<Vec<_>>();
        let decoded = decode(bytes);
        assert_eq!(decoded.text, french);
        assert_eq!(decoded.guessed, Some("windows-1252"));
        assert_eq!(decode("é".into()).guessed, None);
    }

    #[test]
    fn binary_is_told_by_content() {
        assert!(is_binary(b"%PDF-1.7 all text"));
        assert!(is_binary(b"abc\0def"));
        assert!(is_binary(&[1, 2, 3, 4, 5, 6]));
        assert!(!is_binary(b""));
        assert!(!is_binary(b"plain\ttext\r\n\x0C"));
        assert!(!is_binary("\u{1b}[31mred\u{1b}[0m text".as_bytes()));
        assert!(!is_binary(b"caf\xE9"));
    }
}
