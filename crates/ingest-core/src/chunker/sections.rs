//! Which headings stand above which block.

use std::collections::VecDeque;

use super::blocks::{Block, BlockKind, Blocks};
use super::header::plain_title;

/// What the sections of a document are made of.
#[derive(Debug)]
pub(super) enum Event {
    /// A section begins, under these headings, outermost first; the one before it ends.
    Section(Vec<String>),
    /// A block of the current section.
    Block(Block),
}

/// A document as sections: each heading begins one.
///
/// A heading with nothing below it makes no section of its own, for a chunk without a text answers no question: it joins
/// the section that follows if that is deeper, as a title does with the first section; a run of headings that are not (a
/// list of names) becomes one section under what stands above all of them.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    text: &'a str,
    blocks: Blocks<'a>,
    /// The headings above the current block, levels strictly rising.
    above: Vec<(u8, String)>,
    /// Headings with nothing below them so far, each deeper than the one before: the last ones of `above`.
    bare: Vec<(u8, Block)>,
    /// The level of the outermost heading of the run of names that is open.
    names: Option<u8>,
    begun: bool,
    events: VecDeque<Event>,
}

impl<'a> Sections<'a> {
    pub(super) fn new(text: &'a str, blocks: Blocks<'a>) -> Self {
        Self {
            text,
            blocks,
            above: Vec::new(),
            bare: Vec::new(),
            names: None,
            begun: false,
            events: VecDeque::new(),
        }
    }

    fn heading(&mut self, level: u8, title: &str, block: Block) {
        if self.bare.last().is_some_and(|(bare, _)| *bare >= level) {
            self.add_names();
        }
        while self.above.last().is_some_and(|(above, _)| *above >= level) {
            self.above.pop();
        }
        self.above.push((level, plain_title(title)));
        self.bare.push((level, block));
    }

    /// The first block below a heading, or of the document, begins a section.
    fn first_content(&mut self, block: Block) {
        self.begin(self.above.len());
        self.events
            .extend(self.bare.drain(..).map(|(_, heading)| Event::Block(heading)));
        self.names = None;
        self.events.push_back(Event::Block(block));
    }

    /// Takes the bare headings as names.
    fn add_names(&mut self) {
        let Some(&(level, _)) = self.bare.first() else {
            return;
        };
        if self.names.is_none_or(|outermost| level < outermost) {
            self.begin(self.above.iter().take_while(|(above, _)| *above < level).count());
            self.names = Some(level);
        }
        self.events
            .extend(self.bare.drain(..).map(|(_, heading)| Event::Block(heading)));
    }

    /// Begins a section under the first `depth` of the headings above.
    fn begin(&mut self, depth: usize) {
        let path = self.above[..depth].iter().map(|(_, title)| title.clone());
        // An empty heading parts sections, but says nothing.
        self.events
            .push_back(Event::Section(path.filter(|title| !title.is_empty()).collect()));
        self.begun = true;
    }

    fn end(&mut self) {
        if self.bare.is_empty() {
            return;
        }
        if self.names.is_some() {
            self.add_names();
        } else {
            self.begin(self.above.len());
            self.events
                .extend(self.bare.drain(..).map(|(_, heading)| Event::Block(heading)));
        }
    }
}

impl Iterator for Sections<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.blocks.next() {
                Some(block) => match &block.kind {
                    BlockKind::Heading { level, title } => {
                        let title = &self.text[title.clone()];
                        self.heading(*level, title, block);
                    }
                    BlockKind::Text | BlockKind::Code if self.begun && self.bare.is_empty() => {
                        return Some(Event::Block(block));
                    }
                    BlockKind::Text | BlockKind::Code => self.first_content(block),
                },
                None => {
                    self.end();
                    return self.events.pop_front();
                }
            }
        }
    }
}
