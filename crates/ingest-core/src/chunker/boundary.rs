//! Where a text that is too long may be cut: after a sentence, a line, a word, a character.

use std::ops::Range;

use memchr::memchr;
use unicode_segmentation::GraphemeCursor;

use super::tokens::{TokenCount, Word};

/// The kinds of boundary, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// After a sentence; before a list item, a quote or a table row.
    Sentence,
    /// After a line.
    Line,
    /// Before white space.
    Word,
    /// Wherever it must be, but between user-perceived characters.
    Character,
}

impl Boundary {
    /// What to try where a unit of this kind is too long itself.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Sentence => Self::Line,
            Self::Line => Self::Word,
            Self::Word | Self::Character => Self::Character,
        }
    }

    /// The first unit of a text, which does not begin with white space. A unit ends without white space, too.
    pub(super) fn first_unit(self, text: &str) -> &str {
        let length = match self {
            Self::Sentence => sentence_length(text),
            Self::Line => memchr(b'\n', text.as_bytes()).unwrap_or(text.len()),
            Self::Word => text.find(char::is_whitespace).unwrap_or(text.len()),
            Self::Character => text.len(),
        };
        text[..length].trim_end()
    }
}

/// The bytes at which a sentence may end; for those beyond ASCII, the first of the character.
const MAY_END: [bool; 256] = {
    let mut may_end = [false; 256];
    let bytes = [b'.', b'!', b'?', b'\n', 0xE3, 0xEF];
    let mut at = 0;
    while at < bytes.len() {
        may_end[bytes[at] as usize] = true;
        at += 1;
    }
    may_end
};

/// Bytes up to the end of the first sentence, or to a line that stands for itself.
///
/// A full stop ends a sentence before white space that no lower-case letter follows, so that most abbreviations do not.
fn sentence_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(|byte| MAY_END[usize::from(*byte)]) {
        at += skipped + 1;
        match bytes[at - 1] {
            b'.' | b'!' | b'?' => {
                let end = at + closers_length(&text[at..]);
                let rest = &text[end..];
                let next = rest.trim_start();
                if next.len() < rest.len() && !next.starts_with(char::is_lowercase) {
                    return end;
                }
                at = end;
            }
            b'\n' if starts_structured_line(text[at..].trim_start_matches([' ', '\t'])) => return at,
            // The full stop, exclamation and question mark of East Asian scripts, which no white space follows.
            0xE3 | 0xEF if text[at - 1..].starts_with(['。', '！', '？']) => {
                let end = at + 2;
                return end + closers_length(&text[end..]);
            }
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the quotes and brackets that close behind a sentence's last mark.
fn closers_length(text: &str) -> usize {
    let closers = [
        '"', '\'', ')', ']', '*', '_', '`', '”', '’', '»', '」', '』', '）',
    ];
    text.len() - text.trim_start_matches(closers).len()
}

/// Whether a line begins a list item, a quote or a table row.
pub(super) fn starts_structured_line(trimmed: &str) -> bool {
    trimmed.starts_with(['|', '>']) || list_marker(trimmed).is_some()
}

/// The length of the list marker that a line begins with.
pub(super) fn list_marker(trimmed: &str) -> Option<usize> {
    let bytes = trimmed.as_bytes();
    let length = match bytes.first()? {
        b'-' | b'*' | b'+' => 1,
        b'0'..=b'9' => {
            let digits = bytes
                .iter()
                .take(9)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            matches!(bytes.get(digits), Some(b'.' | b')')).then_some(digits + 1)?
        }
        _ => return None,
    };
    matches!(bytes.get(length), None | Some(b' ' | b'\t')).then_some(length)
}

/// The longest prefix of a word that costs at most `limit`, at least one character: cut behind punctuation if there is
/// any in its second half (minified code, addresses), never within a user-perceived character unless that alone is too
/// long.
pub(super) fn prefix_within<'a>(text: &'a str, limit: usize, count: TokenCount<'_>) -> &'a str {
    let mut weight = limit;
    loop {
        let prefix = prefix_by_weight(text, weight);
        if count.is_exact() || prefix.chars().nth(1).is_none() {
            return prefix;
        }
        let cost = count.cost(prefix);
        if cost <= limit {
            return prefix;
        }
        // Both bounds make the loop end: the weight shrinks in proportion, by an eighth at least.
        let scaled = weight as u128 * limit as u128 / cost as u128;
        weight = usize::try_from(scaled).map_or(weight, |scaled| scaled.min(weight - weight.div_ceil(8)));
    }
}

fn prefix_by_weight(text: &str, limit: usize) -> &str {
    let mut word = Word::default();
    let mut end = 0;
    let mut soft = 0;
    for (at, character) in text.char_indices() {
        word.push(character);
        if word.weight() > limit && at > 0 {
            break;
        }
        end = at + character.len_utf8();
        if character.is_ascii_punctuation() {
            soft = end;
        }
    }
    if end == text.len() {
        return text;
    }
    &text[..whole_characters(text, if soft > end / 2 { soft } else { end })]
}

/// The last boundary between user-perceived characters at or before `end`; `end` itself if there is none.
fn whole_characters(text: &str, end: usize) -> usize {
    // A look at one character beyond is enough, and keeps the cost within this piece.
    let beyond = text[end..].chars().next().map_or(0, char::len_utf8);
    let piece = &text[..end + beyond];
    let mut cursor = GraphemeCursor::new(end, piece.len(), true);
    if cursor.is_boundary(piece, 0) == Ok(true) {
        return end;
    }
    match cursor.prev_boundary(piece, 0) {
        Ok(Some(boundary)) if boundary > 0 => boundary,
        _ => end,
    }
}

/// Where to part a text in two halves, if possible between words; `None` for a single character.
pub(super) fn halfway(text: &str) -> Option<usize> {
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle -= 1;
    }
    if middle == 0 {
        let first = text.chars().next()?.len_utf8();
        return (first < text.len()).then_some(first);
    }
    let blank = text[..middle]
        .rfind(char::is_whitespace)
        .filter(|blank| *blank > 0);
    Some(blank.unwrap_or_else(|| whole_characters(text, middle)))
}

/// The range without the white space at both its ends.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    if let [first, .., last] = part.as_bytes()
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return range;
    }
    let start = range.end - part.trim_start().len();
    let end = range.start + part.trim_end().len();
    start..end.max(start)
}
