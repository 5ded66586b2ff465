//! What is put before a chunk's text to say where it stands.

use super::boundary::{Boundary, prefix_within};
use super::tokens::TokenCount;

/// Between the parts of a header.
const SEPARATOR: &str = " > ";
/// Longest title of a heading, in bytes; a longer one is cut, since every chunk below it repeats it.
const LONGEST_TITLE: usize = 200;

/// A header's text and what it costs.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) text: String,
    pub(super) cost: usize,
}

/// Makes the headers of a document's sections.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    /// The document's own context and title, outermost first.
    base: Vec<&'a str>,
    /// Most that a header may cost: half of a chunk.
    limit: usize,
    separator: usize,
    count: TokenCount<'a>,
}

impl<'a> Headers<'a> {
    pub(super) fn new(context: &'a str, title: &'a str, max_tokens: usize, count: TokenCount<'a>) -> Self {
        let mut headers = Self {
            base: Vec::new(),
            limit: count.limit(max_tokens) / 2,
            separator: count.cost(SEPARATOR.trim()),
            count,
        };
        let title = title.trim();
        let context = context.trim();
        let mut base: Vec<_> = context
            .split(SEPARATOR)
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        if !title.is_empty() && !context.ends_with(title) {
            base.push(title);
        }
        // However long they are, every section's header is then made from parts that fit.
        let (fitting, _) = headers.fitting(base.iter().rev().copied());
        match base.pop() {
            Some(last) if fitting == 0 => {
                let (cut, _) = headers.cut(last);
                headers.base.extend((!cut.is_empty()).then_some(cut));
            }
            Some(last) => {
                base.push(last);
                headers.base = base.split_off(base.len() - fitting);
            }
            None => {}
        }
        headers
    }

    /// The header of a section: the document's context, its title, the headings; a first heading that repeats the title
    /// is said once.
    pub(super) fn of(&self, path: &[String]) -> Header {
        let first = path.first().map(String::as_str);
        let repeats = first.is_some() && self.base.last().copied() == first;
        let base = &self.base[..self.base.len() - usize::from(repeats)];
        let parts = || base.iter().copied().chain(path.iter().map(String::as_str));
        let (fitting, cost) = self.fitting(parts().rev());
        if fitting == 0 {
            let (text, cost) = parts().next_back().map_or(("", 0), |last| self.cut(last));
            let text = text.to_owned();
            return Header { text, cost };
        }
        let mut parts = parts().skip(base.len() + path.len() - fitting);
        let length = parts.clone().map(|part| part.len() + SEPARATOR.len()).sum();
        let mut text = String::with_capacity(length);
        text.extend(parts.next());
        for part in parts {
            text.push_str(SEPARATOR);
            text.push_str(part);
        }
        Header { text, cost }
    }

    /// How many parts fit, the innermost first, and what they cost.
    fn fitting<'p>(&self, inner_first: impl Iterator<Item = &'p str>) -> (usize, usize) {
        let (mut fitting, mut cost) = (0, 0);
        for part in inner_first {
            let separator = if fitting > 0 { self.separator } else { 0 };
            let with = cost + separator + self.count.cost(part);
            if with > self.limit {
                break;
            }
            cost = with;
            fitting += 1;
        }
        (fitting, cost)
    }

    /// What fits of a part that is too long by itself, and its cost.
    fn cut<'p>(&self, part: &'p str) -> (&'p str, usize) {
        let words = self.first_words(part);
        // A header of nothing costs nothing, even where a model counts marks of its own around every text.
        let cost = if words.is_empty() {
            0
        } else {
            self.count.cost(words)
        };
        (words, cost)
    }

    /// As many of the first words as fit; of a single long word, as much as fits.
    fn first_words<'p>(&self, part: &'p str) -> &'p str {
        let mut end = 0;
        let mut cost = 0;
        while let Some(start) = part[end..]
            .find(|next: char| !next.is_whitespace())
            .map(|blanks| end + blanks)
        {
            let word = Boundary::Word.first_unit(&part[start..]);
            cost += self.count.cost(word);
            if cost > self.limit {
                break;
            }
            end = start + word.len();
        }
        if end > 0 || self.limit == 0 {
            return &part[..end];
        }
        let prefix = prefix_within(Boundary::Word.first_unit(part), self.limit, self.count);
        if self.count.cost(prefix) > self.limit {
            ""
        } else {
            prefix
        }
    }
}

/// A heading's words without its markup: no links' targets, tags, code marks, emphasis or `{#anchor}`.
pub(super) fn plain_title(title: &str) -> String {
    let mut end = title.len().min(2 * LONGEST_TITLE);
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    let mut rest = &title[..end];
    if rest.ends_with('}')
        && let Some(start) = rest.rfind("{#")
    {
        rest = &rest[..start];
    }
    let mut plain = String::with_capacity(rest.len());
    let mut code = false;
    loop {
        let words = words_length(rest, plain.is_empty() || plain.ends_with(' '));
        plain.push_str(&rest[..words]);
        rest = &rest[words..];
        let Some(next) = rest.chars().next() else { break };
        code ^= next == '`';
        let markup = if code && next != '`' {
            None
        } else {
            markup_length(rest)
        };
        if next.is_whitespace() {
            // A title over several lines becomes one line.
            if !plain.is_empty() && !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else if markup.is_none() {
            plain.push(next);
        }
        rest = &rest[markup.unwrap_or(next.len_utf8())..];
    }
    while plain.len() > LONGEST_TITLE {
        plain.pop();
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// Bytes that belong to a title as they are: visible ASCII without markup, and the space.
const WORDS: [bool; 256] = {
    let mut words = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        words[byte as usize] = !matches!(byte, b'`' | b'*' | b'!' | b'[' | b']' | b'<');
        byte += 1;
    }
    words
};

/// The length of the words, with single spaces between them, that a text begins with.
fn words_length(text: &str, mut blank: bool) -> usize {
    let ends = text.bytes().position(|byte| {
        let doubled = blank & (byte == b' ');
        blank = byte == b' ';
        doubled | !WORDS[usize::from(byte)]
    });
    ends.unwrap_or(text.len())
}

/// The length of the markup that a text begins with, or `None` if it begins with words.
fn markup_length(text: &str) -> Option<usize> {
    let next = text.as_bytes().get(1).copied();
    match text.as_bytes().first()? {
        b'`' => Some(1),
        b'*' if next == Some(b'*') => Some(2),
        b'!' if next == Some(b'[') => Some(1),
        // The start of a link's text: `[text](target)`, `[text][name]`, but not `array[index]`.
        b'[' => text
            .find(']')
            .filter(|end| text[end + 1..].starts_with(['(', '[']))
            .map(|_| 1),
        b']' if next == Some(b'(') => text.find(')').map(|end| end + 1),
        b']' if next == Some(b'[') => text[1..].find(']').map(|end| end + 2),
        b'<' => inline_tag_length(text),
        _ => None,
    }
}

/// The length of an HTML tag that headings use. Others, such as the `<T>` of a type, are words.
fn inline_tag_length(text: &str) -> Option<usize> {
    const TAGS: [&str; 14] = [
        "a", "b", "br", "code", "em", "font", "i", "img", "kbd", "small", "span", "strong", "sub", "sup",
    ];
    let end = text.find('>')?;
    let inside = text[1..end].trim_start_matches('/');
    let name = inside.split(|next: char| !next.is_ascii_alphanumeric()).next()?;
    TAGS.iter()
        .any(|tag| tag.eq_ignore_ascii_case(name))
        .then_some(end + 1)
}
