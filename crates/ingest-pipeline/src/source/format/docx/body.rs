//! The main part of a Word document.

use std::collections::HashMap;

use super::super::html_text::HtmlText;
use super::super::xml::{Piece, Tag, Xml};
use super::notes::Notes;
use super::styles::{Role, Styles, is_list, outline};

/// Deepest heading that Markdown has.
const DEEPEST: u8 = 6;

/// Whether an element says nothing to a reader: text that was deleted or moved away under tracking, what a format was
/// before a change, and the second copy of a drawing, for programs that cannot show the first.
pub(super) fn is_left_out(name: &str) -> bool {
    matches!(name, "del" | "moveFrom" | "Fallback") || name.ends_with("PrChange")
}

/// Collects the text of the paragraphs.
#[derive(Debug)]
pub(super) struct Body<'a> {
    styles: &'a Styles,
    text: HtmlText,
    /// Those that are open: a paragraph may hold a drawing with paragraphs in it.
    paragraphs: Vec<Paragraph>,
    /// How many runs, texts and tables are open.
    runs: usize,
    says: usize,
    tables: usize,
    /// The notes referred to, in order.
    notes: Vec<NoteId>,
    /// Where each stands in `notes`: one that is referred to twice is written once.
    numbers: HashMap<NoteId, usize>,
    /// The words of the first paragraph that is styled as the title.
    pub(super) title: Option<String>,
}

/// A note's element and identifier.
type NoteId = (&'static str, String);

#[derive(Debug, Default)]
struct Paragraph {
    style: Option<Role>,
    /// What the paragraph says of itself, which wins.
    own: Option<Role>,
    is_item: bool,
    /// The element that it was begun as, once it says something.
    element: Option<&'static str>,
    /// Its words, if they are the title.
    title: Option<String>,
}

impl<'a> Body<'a> {
    pub(super) fn new(styles: &'a Styles) -> Self {
        Self {
            styles,
            text: HtmlText::escaping(),
            paragraphs: Vec::new(),
            runs: 0,
            says: 0,
            tables: 0,
            notes: Vec::new(),
            numbers: HashMap::new(),
            title: None,
        }
    }

    pub(super) fn read(&mut self, xml: &str) -> Result<(), String> {
        let mut xml = Xml::new(xml);
        while let Some(piece) = xml.next()? {
            match piece {
                Piece::Open(tag) if is_left_out(&tag.name) => xml.skip()?,
                Piece::Open(tag) => self.open(&tag),
                Piece::Close(name) => self.close(&name),
                Piece::Text(text) if self.says > 0 => self.say(&text),
                Piece::Text(_) => {}
            }
        }
        Ok(())
    }

    /// Whether there is a reference to a note of this kind.
    pub(super) fn refers_to(&self, element: &str) -> bool {
        self.notes.iter().any(|(kind, _)| *kind == element)
    }

    /// The text, with the notes at its end.
    pub(super) fn finish(mut self, notes: &Notes) -> String {
        for (at, (element, id)) in self.notes.iter().enumerate() {
            if let Some(note) = notes.text(element, id) {
                self.text.tag("p", true);
                self.text.text(&format!("[{}] {note}", at + 1));
                self.text.tag("p", false);
            }
        }
        self.text.finish()
    }

    fn open(&mut self, tag: &Tag<'_>) {
        let in_run = self.runs > 0;
        match tag.name.as_str() {
            "p" => self.paragraphs.push(Paragraph::default()),
            "pStyle" | "outlineLvl" | "numId" if !in_run => self.describe(tag),
            "r" => self.runs += 1,
            "t" => self.says += 1,
            "tab" | "ptab" if in_run => self.say(" "),
            "br" | "cr" if in_run => self.line_break(),
            "noBreakHyphen" if in_run => self.say("-"),
            "footnoteReference" => self.refer("footnote", tag),
            "endnoteReference" => self.refer("endnote", tag),
            "tbl" => {
                self.tables += 1;
                self.table("table", true);
            }
            "tr" => self.table("tr", true),
            "tc" => self.table("td", true),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" => self.end_paragraph(),
            "r" => self.runs = self.runs.saturating_sub(1),
            "t" => self.says = self.says.saturating_sub(1),
            "tr" => self.table("tr", false),
            "tbl" => {
                self.table("table", false);
                self.tables = self.tables.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Takes what the properties of a paragraph say.
    fn describe(&mut self, tag: &Tag<'_>) {
        let (Some(paragraph), Some(value)) = (self.paragraphs.last_mut(), tag.attribute("val")) else {
            return;
        };
        match tag.name.as_str() {
            "pStyle" => {
                paragraph.style = Some(self.styles.role(&value));
                paragraph.is_item = self.styles.is_item(&value);
            }
            "outlineLvl" => paragraph.own = outline(&value),
            _ => paragraph.is_item = is_list(&value),
        }
    }

    /// A table within a table is part of its cell.
    fn table(&mut self, element: &str, opens: bool) {
        if self.tables == 1 {
            self.text.tag(element, opens);
        } else {
            self.text.text(" ");
        }
    }

    fn say(&mut self, text: &str) {
        self.begin();
        self.text.text(text);
        if let Some(title) = self
            .paragraphs
            .last_mut()
            .and_then(|paragraph| paragraph.title.as_mut())
        {
            title.push_str(text);
        }
    }

    fn line_break(&mut self) {
        self.begin();
        if self.tables > 0 {
            self.text.text(" ");
        } else {
            self.text.tag("br", true);
        }
    }

    /// Begins the paragraph before its first words.
    fn begin(&mut self) {
        let in_table = self.tables > 0;
        // Headings stand below the title.
        let above = u8::from(self.title.is_some());
        let Some(paragraph) = self
            .paragraphs
            .last_mut()
            .filter(|paragraph| paragraph.element.is_none())
        else {
            return;
        };
        let element = match paragraph.own.or(paragraph.style) {
            // A row stays on one line.
            _ if in_table => "p",
            Some(Role::Title) => {
                paragraph.title = Some(String::new());
                heading(1)
            }
            Some(Role::Heading(level)) => heading(level + above),
            Some(Role::Body) | None if paragraph.is_item => "li",
            Some(Role::Body) | None => "p",
        };
        paragraph.element = Some(element);
        self.text.tag(element, true);
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else {
            return;
        };
        if let Some(element) = paragraph.element {
            self.text.tag(element, false);
        }
        let words = paragraph
            .title
            .map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
        if let Some(title) = words.filter(|words| !words.is_empty()) {
            self.title.get_or_insert(title);
        }
    }

    fn refer(&mut self, element: &'static str, tag: &Tag<'_>) {
        let Some(id) = tag.attribute("id") else {
            return;
        };
        let note = (element, id);
        let next = self.notes.len() + 1;
        let number = *self.numbers.entry(note.clone()).or_insert(next);
        if number == next {
            self.notes.push(note);
        }
        self.say(&format!("[{number}]"));
    }
}

fn heading(level: u8) -> &'static str {
    match level.min(DEEPEST) {
        0 | 1 => "h1",
        2 => "h2",
        3 => "h3",
        4 => "h4",
        5 => "h5",
        _ => "h6",
    }
}
