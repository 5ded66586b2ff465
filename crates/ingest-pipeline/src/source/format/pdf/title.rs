//! The title that a PDF gives itself.

use encoding_rs::{UTF_8, UTF_16BE, WINDOWS_1252};

/// Longest title, in characters; what is longer is none.
const LONGEST: usize = 300;
/// What programs put before the name of the file they printed.
const PRINTED: [&str; 2] = ["Microsoft Word - ", "Microsoft PowerPoint - "];
/// How names of files end that programs take for titles.
const FILES: [&str; 12] = [
    ".ai", ".doc", ".docx", ".dvi", ".indd", ".odt", ".pdf", ".ppt", ".pptx", ".qxd", ".rtf", ".tex",
];

/// A title as a person would give it, on one line; empty where it is the name of a file, or says that there is none.
pub(super) fn sensible(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0,
        [0xEF, 0xBB, 0xBF, rest @ ..] => UTF_8.decode_without_bom_handling(rest).0,
        // Some write UTF-8 without its mark; else it is an encoding of PDF's own, which differs in rare signs.
        bytes => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        },
    };
    let words = text.split(|next: char| next.is_whitespace() || next.is_control());
    let line = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let title = PRINTED
        .iter()
        .find_map(|printed| line.strip_prefix(printed))
        .unwrap_or(&line);
    let lower = title.to_lowercase();
    let is_none = lower.starts_with("untitled") || FILES.iter().any(|end| lower.ends_with(end));
    if is_none || title.chars().count() > LONGEST {
        return String::new();
    }
    title.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_decoded_and_names_of_files_are_none() {
        for (bytes, title) in [
            (&b"On  Tea\n"[..], "On Tea"),
            (b"\xFE\xFF\0T\0\xE9\0\0", "Té"),
            (b"\xEF\xBB\xBFT\xC3\xA9", "Té"),
            (b"T\xE9", "Té"),
            (b"Untitled-1", ""),
            (b"report_final2.DOCX", ""),
            (b"Microsoft Word - On Tea", "On Tea"),
            (b"Microsoft Word - tea.doc", ""),
            (&[b'x'; 301], ""),
            (b"", ""),
        ] {
            assert_eq!(sensible(bytes), title, "{bytes:?}");
        }
    }
}
