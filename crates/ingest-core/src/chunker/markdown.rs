//! The blocks of Markdown.
//!
//! Just enough of CommonMark to know what is a heading and what only looks like one: fences (also within list items),
//! indented code, HTML comments and verbatim elements are passed over whole. No nesting is followed, so nothing recurses.

use super::blocks::{Block, BlockKind, Line, LineStart, position, trim};
use super::boundary::{list_marker, starts_structured_line};
use super::marks::LineEnds;

/// Longest underlined heading, in lines; a longer paragraph above a rule is a paragraph.
const UNDERLINED_LINES: usize = 3;

/// Columns of white space that make a line code instead of what it looks like.
const SHALLOW: usize = 4;

#[derive(Debug)]
pub(super) struct Markdown<'a> {
    text: &'a str,
    at: LineStart,
    ends: LineEnds,
    in_list: bool,
}

/// A paragraph while its lines arrive.
struct Paragraph<'a> {
    first: Line<'a>,
    last: Line<'a>,
    /// Whether a rule below makes it a heading: not a list item, quote, table row or indented code.
    may_be_heading: bool,
}

impl<'a> Paragraph<'a> {
    fn new(first: Line<'a>, may_be_heading: bool) -> Self {
        Self {
            first,
            last: first,
            may_be_heading,
        }
    }

    fn lines(&self) -> usize {
        self.last.start.line - self.first.start.line + 1
    }
}

impl<'a> Markdown<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: LineStart::FIRST,
            ends: LineEnds::default(),
            in_list: false,
        }
    }

    /// Takes lines up to and including the first that ends the verbatim block opened by `first`.
    fn verbatim(&mut self, first: Line<'a>, ends: impl Fn(Line<'a>) -> bool) -> Block {
        let mut last = first;
        while let Some(line) = Line::along(&mut self.ends, self.text, last.next) {
            last = line;
            if ends(line) {
                break;
            }
        }
        self.at = last.next;
        Block::new(first, last, BlockKind::Code)
    }

    /// A block that starts with this line, whose first visible byte is given, and may interrupt a paragraph.
    #[inline]
    fn interrupting(&mut self, line: Line<'a>, first: u8) -> Option<Block> {
        match first {
            b'#' => self.heading(line),
            b'`' | b'~' | b'-' | b'*' | b'+' | b'0'..=b'9' => self.fence(line),
            b'<' => self.verbatim_html(line),
            // What most lines begin with opens nothing.
            _ => None,
        }
    }

    fn heading(&mut self, line: Line<'a>) -> Option<Block> {
        if line.indent() >= SHALLOW {
            return None;
        }
        let (level, title) = hash_heading(line.trimmed())?;
        self.at = line.next;
        self.in_list = false;
        let title = position(self.text, title);
        Some(Block::new(line, line, BlockKind::Heading { level, title }))
    }

    fn fence(&mut self, line: Line<'a>) -> Option<Block> {
        let fence = Fence::opening(after_list_markers(line.trimmed()))?;
        let allowed = self.in_list || line.indent() < SHALLOW;
        // The last byte rules out nearly every line, without a look past its indentation.
        let may_close = |last: u8| last == fence.mark || !last.is_ascii_graphic();
        let closes = |line: Line<'_>| {
            line.text.bytes().next_back().is_some_and(may_close) && fence.is_closed_by(line.trimmed())
        };
        allowed.then(|| self.verbatim(line, closes))
    }

    fn verbatim_html(&mut self, line: Line<'a>) -> Option<Block> {
        if line.indent() >= SHALLOW {
            return None;
        }
        let end = verbatim_end(line.trimmed())?;
        let closes = |line: Line<'_>| line.text.to_ascii_lowercase().contains(end);
        if closes(line) {
            self.at = line.next;
            return Some(Block::new(line, line, BlockKind::Code));
        }
        Some(self.verbatim(line, closes))
    }
}

impl Iterator for Markdown<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let mut paragraph: Option<Paragraph<'_>> = None;
        while let Some(line) = Line::along(&mut self.ends, self.text, self.at) {
            if line.is_prose() {
                self.at = line.next;
                match &mut paragraph {
                    Some(paragraph) => paragraph.last = line,
                    None => {
                        self.in_list = false;
                        paragraph = Some(Paragraph::new(line, true));
                    }
                }
                continue;
            }
            let Some(first) = line.first_visible() else {
                self.at = line.next;
                if paragraph.is_some() {
                    break;
                }
                continue;
            };
            // A paragraph is handed out first; the block that ends it is met again by the next call.
            let (at, in_list) = (self.at, self.in_list);
            if let Some(block) = self.interrupting(line, first) {
                if paragraph.is_none() {
                    return Some(block);
                }
                (self.at, self.in_list) = (at, in_list);
                break;
            }
            self.at = line.next;
            match &mut paragraph {
                Some(paragraph) => {
                    if paragraph.may_be_heading
                        && paragraph.lines() <= UNDERLINED_LINES
                        && let Some(level) = underline(line, first)
                    {
                        self.in_list = false;
                        let title = paragraph.first.start.byte..paragraph.last.end();
                        let kind = BlockKind::Heading { level, title };
                        return Some(Block::new(paragraph.first, line, kind));
                    }
                    paragraph.last = line;
                }
                None => {
                    let trimmed = line.trimmed();
                    let indent = line.indent();
                    let listed = list_marker(trimmed).is_some();
                    if listed {
                        self.in_list = true;
                    } else if indent == 0 {
                        self.in_list = false;
                    }
                    let may_be_heading =
                        !listed && indent < SHALLOW && !starts_structured_line(trimmed) && !is_rule(trimmed);
                    paragraph = Some(Paragraph::new(line, may_be_heading));
                }
            }
        }
        paragraph.map(|paragraph| Block::new(paragraph.first, paragraph.last, BlockKind::Text))
    }
}

/// A line such as `## Title ##`: its level and what it says.
pub(super) fn hash_heading(trimmed: &str) -> Option<(u8, &str)> {
    let level = trimmed.bytes().take(7).take_while(|byte| *byte == b'#').count();
    let title = trimmed.get(level..)?;
    if !(1..=6).contains(&level) || !(title.is_empty() || title.starts_with([' ', '\t'])) {
        return None;
    }
    let title = trim(title);
    if !title.ends_with('#') {
        return Some((level as u8, title));
    }
    let unclosed = title.trim_end_matches('#');
    // Closing hashes count only when they stand apart: `# C#` is about a language.
    let closed = unclosed.is_empty() || unclosed.ends_with([' ', '\t']);
    Some((level as u8, if closed { unclosed.trim_end() } else { title }))
}

/// The level of a line of `=` or `-` below a paragraph.
#[inline]
fn underline(line: Line<'_>, first: u8) -> Option<u8> {
    let level = match first {
        b'=' => 1,
        b'-' => 2,
        _ => return None,
    };
    let trimmed = line.trimmed();
    let whole = trimmed.len() >= 2 && line.indent() < SHALLOW && trimmed.bytes().all(|byte| byte == first);
    whole.then_some(level)
}

/// Whether a line is nothing but a rule, drawn with any of the marks that draw one.
fn is_rule(trimmed: &str) -> bool {
    let marks = trimmed.bytes().filter(|byte| !matches!(byte, b' ' | b'\t'));
    let first = trimmed.bytes().next();
    matches!(first, Some(b'-' | b'_' | b'*' | b'='))
        && marks.clone().all(|mark| Some(mark) == first)
        && marks.count() > 1
}

/// The run of backticks or tildes that opens a fence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    mark: u8,
    length: usize,
}

impl Fence {
    pub(super) fn opening(trimmed: &str) -> Option<Self> {
        let mark = *trimmed.as_bytes().first()?;
        if !matches!(mark, b'`' | b'~') {
            return None;
        }
        let length = trimmed.bytes().take_while(|byte| *byte == mark).count();
        // Backticks later in the line make it code within a sentence.
        let opens = length >= 3 && (mark == b'~' || !trimmed[length..].contains('`'));
        opens.then_some(Self { mark, length })
    }

    pub(super) fn is_closed_by(&self, trimmed: &str) -> bool {
        trimmed.len() >= self.length && trimmed.bytes().all(|byte| byte == self.mark)
    }
}

/// What is left of a line after the list markers it begins with: a fence may open right behind them.
fn after_list_markers(mut trimmed: &str) -> &str {
    while let Some(length) = list_marker(trimmed) {
        trimmed = trimmed[length..].trim_start();
    }
    trimmed
}

/// For a line that opens an HTML comment or an element of verbatim text: what ends it, in lower case.
fn verbatim_end(trimmed: &str) -> Option<&'static str> {
    const ELEMENTS: [(&str, &str); 4] = [
        ("<pre", "</pre>"),
        ("<script", "</script>"),
        ("<style", "</style>"),
        ("<textarea", "</textarea>"),
    ];
    if !trimmed.starts_with('<') {
        return None;
    }
    if trimmed.starts_with("<!--") {
        return Some("-->");
    }
    ELEMENTS.into_iter().find_map(|(start, end)| {
        let (name, rest) = trimmed.split_at_checked(start.len())?;
        let named =
            name.eq_ignore_ascii_case(start) && !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
        named.then_some(end)
    })
}
