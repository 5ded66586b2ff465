//! Which styles of a Word document are headings, whatever they are called in the author's language.

use std::collections::HashMap;

use super::super::xml::{Piece, Tag, Xml};

/// Styles that a style may be based on in turn, before it counts as none: a circle ends here.
const BASES: usize = 20;

/// What a style makes of a paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The title of the document.
    Title,
    /// A heading, the outermost being 1.
    Heading(u8),
    /// Running text, by its own word.
    Body,
}

/// The styles of a document by their identifiers.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
}

#[derive(Debug, Default)]
struct Style {
    role: Option<Role>,
    is_item: Option<bool>,
    base: Option<String>,
}

impl Styles {
    pub(super) fn read(xml: &str) -> Result<Self, String> {
        let mut styles = HashMap::new();
        let mut current: Option<(String, Style)> = None;
        let mut xml = Xml::new(xml);
        while let Some(piece) = xml.next()? {
            match piece {
                Piece::Open(tag) if tag.name == "style" => {
                    current = tag.attribute("styleId").map(|id| (id, Style::default()));
                }
                Piece::Open(tag) => {
                    if let Some((_, style)) = &mut current {
                        style.take(&tag);
                    }
                }
                Piece::Close(name) if name == "style" => styles.extend(current.take()),
                _ => {}
            }
        }
        Ok(Self { styles })
    }

    /// What a style makes of its paragraphs.
    pub(super) fn role(&self, id: &str) -> Role {
        self.find(id, |style| style.role).unwrap_or(Role::Body)
    }

    /// Whether paragraphs of a style are items of a list.
    pub(super) fn is_item(&self, id: &str) -> bool {
        self.find(id, |style| style.is_item).unwrap_or(false)
    }

    /// What a style says, else the styles it is based on.
    fn find<T>(&self, id: &str, said: impl Fn(&Style) -> Option<T>) -> Option<T> {
        let mut id = id;
        for _ in 0..BASES {
            let style = self.styles.get(id)?;
            if let Some(found) = said(style) {
                return Some(found);
            }
            id = style.base.as_deref()?;
        }
        None
    }
}

impl Style {
    fn take(&mut self, tag: &Tag<'_>) {
        let value = || tag.attribute("val");
        match tag.name.as_str() {
            // The names of built-in styles are English in every file; programs translate them for the eye.
            "name" => self.role = value().and_then(|name| built_in(&name)),
            "basedOn" => self.base = value(),
            "outlineLvl" if self.role != Some(Role::Title) => {
                self.role = value().and_then(|level| outline(&level));
            }
            "numId" => self.is_item = value().map(|number| is_list(&number)),
            _ => {}
        }
    }
}

/// Whether the number of a list means one: 0 takes a paragraph out of the list that its style has.
pub(super) fn is_list(number: &str) -> bool {
    number != "0"
}

/// The role of a style that every program has.
fn built_in(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    if name == "title" {
        return Some(Role::Title);
    }
    let level = name.strip_prefix("heading ")?.parse().ok()?;
    (1..=9).contains(&level).then_some(Role::Heading(level))
}

/// The role that a level of the outline gives: 0 is the outermost heading, 9 is running text.
pub(super) fn outline(level: &str) -> Option<Role> {
    match level.parse::<u8>().ok()? {
        level @ 0..=8 => Some(Role::Heading(level + 1)),
        9 => Some(Role::Body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_items_are_told_by_name_level_and_base() {
        let styles = Styles::read(
            r#"<w:styles>
            <w:style w:styleId="berschrift2"><w:name w:val="heading 2"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
            <w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="berschrift2"/></w:style>
            <w:style w:styleId="Level"><w:name w:val="Level"/><w:pPr><w:outlineLvl w:val="3"/></w:pPr></w:style>
            <w:style w:styleId="Flat"><w:name w:val="Flat"/><w:basedOn w:val="Level"/><w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
            <w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>
            <w:style w:styleId="List"><w:name w:val="List"/><w:pPr><w:numPr><w:numId w:val="4"/></w:numPr></w:pPr></w:style>
            <w:style w:styleId="List2"><w:name w:val="List 2"/><w:basedOn w:val="List"/></w:style>
            <w:style w:styleId="A"><w:name w:val="A"/><w:basedOn w:val="B"/></w:style>
            <w:style w:styleId="B"><w:name w:val="B"/><w:basedOn w:val="A"/></w:style>
            </w:styles>"#,
        )
        .expect("styles");
        for (id, role) in [
            ("berschrift2", Role::Heading(2)),
            ("Own", Role::Heading(2)),
            ("Level", Role::Heading(4)),
            ("Flat", Role::Body),
            ("Titel", Role::Title),
            ("A", Role::Body),
            ("none", Role::Body),
        ] {
            assert_eq!(styles.role(id), role, "{id}");
        }
        let items = ["List", "List2", "A", "Own"].map(|id| styles.is_item(id));
        assert_eq!(items, [true, true, false, false]);
    }
}
