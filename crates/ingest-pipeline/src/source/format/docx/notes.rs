//! Footnotes and endnotes.

use std::collections::HashMap;

use super::super::xml::{Piece, Xml};
use super::body::is_left_out;

/// The text of each note, by the element it stands in and its identifier.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: HashMap<(&'static str, String), String>,
}

impl Notes {
    /// Takes the notes of a part; each is an `element`.
    pub(super) fn read(&mut self, xml: &str, element: &'static str) -> Result<(), String> {
        let mut xml = Xml::new(xml);
        let mut current: Option<(String, String)> = None;
        let mut says = false;
        while let Some(piece) = xml.next()? {
            match piece {
                Piece::Open(tag) if tag.name == element => {
                    current = tag.attribute("id").map(|id| (id, String::new()));
                }
                Piece::Open(tag) if is_left_out(&tag.name) => xml.skip()?,
                Piece::Open(tag) => match tag.name.as_str() {
                    "t" => says = true,
                    "p" | "tab" | "br" => push(&mut current, " "),
                    _ => {}
                },
                Piece::Text(text) if says => push(&mut current, &text),
                Piece::Text(_) => {}
                Piece::Close(name) if name == "t" => says = false,
                Piece::Close(name) if name == element => {
                    let note = current.take().map(|(id, text)| ((element, id), text));
                    self.texts.extend(note);
                }
                Piece::Close(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, element: &'static str, id: &str) -> Option<&str> {
        self.texts.get(&(element, id.to_owned())).map(String::as_str)
    }
}

fn push(current: &mut Option<(String, String)>, text: &str) {
    if let Some((_, note)) = current {
        note.push_str(text);
    }
}
