//! Where a text that is too long may be cut: after a sentence, a line, a word, a character.

use std::ops::Range;

use memchr::memchr;
use unicode_segmentation::GraphemeCursor;

use super::marks::{BLOCK, first_block, sentence_marks};
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

/// Bytes up to the end of the first sentence, or to a line that stands for itself.
fn sentence_length(text: &str) -> usize {
    let mut start = 0;
    while start < text.len() {
        let rest = &text.as_bytes()[start..];
        let mut marks = first_block(rest, sentence_marks);
        while marks != 0 {
            let at = start + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if let Some(end) = sentence_end(text, at) {
                return end;
            }
        }
        start += BLOCK;
    }
    text.len()
}

/// Where a sentence ends whose last mark may stand at this byte, if one ends there.
///
/// A full stop ends a sentence before white space that no lower-case letter follows, so that most abbreviations do not.
fn sentence_end(text: &str, at: usize) -> Option<usize> {
    let behind = at + 1;
    match text.as_bytes()[at] {
        b'.' | b'!' | b'?' => {
            let end = behind + closers_length(&text[behind..]);
            let rest = &text[end..];
            let next = rest.trim_start();
            (next.len() < rest.len() && !next.starts_with(char::is_lowercase)).then_some(end)
        }
        b'\n' => starts_structured_line(behind_indent(&text[behind..])).then_some(behind),
        // The full stop, exclamation and question mark of East Asian scripts, which no white space follows.
        _ => {
            let length = text[at..]
                .chars()
                .next()
                .filter(|mark| matches!(mark, '。' | '！' | '？'))?
                .len_utf8();
            Some(at + length + closers_length(&text[at + length..]))
        }
    }
}

/// A line without the spaces and tabs that it begins with.
fn behind_indent(line: &str) -> &str {
    let blanks = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
    &line[blanks.count()..]
}

/// Bytes of the quotes and brackets that close behind a sentence's last mark.
fn closers_length(text: &str) -> usize {
    // Nearly always it is a blank, or the next part of a name or number.
    let next = text.as_bytes().first();
    if next.is_none_or(|next| next.is_ascii_alphanumeric() || matches!(next, b' ' | b'\n')) {
        return 0;
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sentence_ends_at_the_first_mark_that_may_end_it(
            text in "([a-zé]{1,40}([.!?\"] ?|\n|\n- |。|！|…| )|[.]{1,9}|[ ]{60,70}){0,9}"
        ) {
            let is_mark = |(_, mark): &(usize, char)| ".!?\n。！？".contains(*mark);
            let mut marks = text.char_indices().filter(is_mark);
            let plain = marks.find_map(|(at, _)| sentence_end(&text, at));
            prop_assert_eq!(sentence_length(&text), plain.unwrap_or(text.len()));
        }
    }
}
