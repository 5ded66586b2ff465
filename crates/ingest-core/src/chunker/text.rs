//! The blocks of reStructuredText, AsciiDoc, plain text and source code.

use super::blocks::{Block, BlockKind, Line, LineStart, position};
use super::markdown::{Fence, hash_heading};

/// Runs of lines parted by blank ones.
#[derive(Debug)]
pub(super) struct Paragraphs<'a> {
    text: &'a str,
    at: LineStart,
    kind: BlockKind,
}

impl<'a> Paragraphs<'a> {
    pub(super) fn new(text: &'a str, kind: BlockKind) -> Self {
        Self {
            text,
            at: LineStart::FIRST,
            kind,
        }
    }
}

impl Iterator for Paragraphs<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (first, last) = paragraph(self.text, &mut self.at, |_| false)?;
        Some(Block::new(first, last, self.kind.clone()))
    }
}

/// Titles are underlined, and sometimes overlined, with a run of one punctuation mark. Which mark means which level is
/// told by the order in which they first appear.
#[derive(Debug)]
pub(super) struct ReStructuredText<'a> {
    text: &'a str,
    at: LineStart,
    styles: Vec<(u8, bool)>,
}

impl<'a> ReStructuredText<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: LineStart::FIRST,
            styles: Vec::new(),
        }
    }

    fn heading(&mut self, first: Line<'a>) -> Option<Block> {
        let second = Line::at(self.text, first.next)?;
        let (title, rule, last, overlined) = match adornment(first) {
            Some(rule) => {
                let last = Line::at(self.text, second.next)?;
                (second, rule, last, adornment(last) == Some(rule))
            }
            None => (first, adornment(second)?, second, false),
        };
        let (mark, length) = rule;
        let words = title.trimmed();
        let long_enough = length >= 4 || length >= words.chars().count();
        let is_heading = !title.is_blank()
            && adornment(title).is_none()
            && long_enough
            && (overlined || title.start.byte == first.start.byte && title.indent() == 0);
        if !is_heading {
            return None;
        }
        self.at = last.next;
        let style = (mark, overlined);
        let known = self.styles.iter().position(|known| *known == style);
        let level = known.unwrap_or_else(|| {
            self.styles.push(style);
            self.styles.len() - 1
        });
        let kind = BlockKind::Heading {
            level: level as u8 + 1,
            title: position(self.text, words),
        };
        Some(Block::new(first, last, kind))
    }
}

impl Iterator for ReStructuredText<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        // A title stands at the start of a paragraph, so that is where to look.
        let first = first_line(self.text, &mut self.at)?;
        if let Some(heading) = self.heading(first) {
            return Some(heading);
        }
        let (first, last) = paragraph(self.text, &mut self.at, |_| false)?;
        Some(Block::new(first, last, BlockKind::Text))
    }
}

/// A line that is nothing but at least two of one punctuation mark: the mark and how many.
fn adornment(line: Line<'_>) -> Option<(u8, usize)> {
    let rule = line.text.trim_ascii_end().as_bytes();
    let mark = *rule.first()?;
    let whole = rule.len() >= 2 && mark.is_ascii_punctuation() && rule.iter().all(|byte| *byte == mark);
    whole.then_some((mark, rule.len()))
}

/// Headings begin with `=` (or `#`); verbatim blocks stand between two equal lines.
#[derive(Debug)]
pub(super) struct AsciiDoc<'a> {
    text: &'a str,
    at: LineStart,
}

impl<'a> AsciiDoc<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: LineStart::FIRST,
        }
    }
}

impl Iterator for AsciiDoc<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let first = first_line(self.text, &mut self.at)?;
        if let Some((level, title)) = equals_heading(first.text) {
            self.at = first.next;
            let title = position(self.text, title);
            return Some(Block::new(first, first, BlockKind::Heading { level, title }));
        }
        if is_delimiter(first.text) {
            let mark = first.text.trim_end();
            let fence = Fence::opening(mark);
            let mut last = first;
            while let Some(line) = Line::at(self.text, last.next) {
                last = line;
                let line = line.text.trim_end();
                if fence.map_or(line == mark, |fence| fence.is_closed_by(line)) {
                    break;
                }
            }
            self.at = last.next;
            return Some(Block::new(first, last, BlockKind::Code));
        }
        let ends = |line: Line<'_>| equals_heading(line.text).is_some() || is_delimiter(line.text);
        let (first, last) = paragraph(self.text, &mut self.at, ends)?;
        Some(Block::new(first, last, BlockKind::Text))
    }
}

fn equals_heading(line: &str) -> Option<(u8, &str)> {
    let title = line.trim_start_matches('=');
    let level = line.len() - title.len();
    if (1..=6).contains(&level) && title.starts_with([' ', '\t']) {
        return Some((level as u8, title.trim()));
    }
    hash_heading(line).filter(|(_, title)| !title.is_empty())
}

/// Opens and closes a block of verbatim text, a comment or a table.
fn is_delimiter(line: &str) -> bool {
    let line = line.trim_end();
    match line.as_bytes() {
        [b'|', b'=', b'=', rest @ ..] => rest.first() == Some(&b'=') && rest.iter().all(|byte| *byte == b'='),
        [mark @ (b'-' | b'.' | b'+' | b'/'), rest @ ..] => {
            rest.len() >= 3 && rest.iter().all(|byte| byte == mark)
        }
        _ => Fence::opening(line).is_some(),
    }
}

/// Goes on to the first line that is not blank.
fn first_line<'a>(text: &'a str, at: &mut LineStart) -> Option<Line<'a>> {
    loop {
        let line = Line::at(text, *at)?;
        if !line.is_blank() {
            return Some(line);
        }
        *at = line.next;
    }
}

/// Takes the lines up to a blank one, or to one after the first that `ends` the paragraph: its first and its last.
fn paragraph<'a>(
    text: &'a str,
    at: &mut LineStart,
    ends: impl Fn(Line<'_>) -> bool,
) -> Option<(Line<'a>, Line<'a>)> {
    let first = first_line(text, at)?;
    let mut last = first;
    *at = first.next;
    while let Some(line) = Line::at(text, *at) {
        if line.is_blank() || ends(line) {
            break;
        }
        last = line;
        *at = line.next;
    }
    Some((first, last))
}
