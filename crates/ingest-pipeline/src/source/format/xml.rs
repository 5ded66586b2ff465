//! XML, a piece at a time, by names without their prefix. No tree is built and no entity is expanded but the five that
//! every document has, so neither depth nor a few lines that stand for many cost anything.

use std::borrow::Cow;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// What a document is made of.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Open(Tag<'a>),
    Close(String),
    Text(Cow<'a, str>),
}

/// The beginning of an element.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    start: BytesStart<'a>,
    pub(super) name: String,
}

impl Tag<'_> {
    /// The value of an attribute, by its name without prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.start.attributes();
        let mut whole = attributes.with_checks(false).flatten();
        let attribute = whole.find(|attribute| attribute.key.local_name().as_ref() == name)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        value.ok().map(Cow::into_owned)
    }
}

/// Reads the pieces of a document; an element without content opens and closes, too.
#[derive(Debug)]
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
}

impl<'a> Xml<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the document, and where.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'a>>, String> {
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|error| format!("{error} (byte {} of the part)", self.reader.error_position()))?;
            return Ok(Some(match event {
                Event::Start(start) => Piece::Open(Tag {
                    name: start.local_name().as_ref().to_owned(),
                    start,
                }),
                Event::End(end) => Piece::Close(end.local_name().as_ref().to_owned()),
                Event::Text(text) => Piece::Text(text.xml10_content()),
                Event::CData(text) => Piece::Text(text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().ok().flatten();
                    match (character, resolve_predefined_entity(&reference)) {
                        (Some(character), _) => Piece::Text(character.to_string().into()),
                        (None, Some(text)) => Piece::Text(text.into()),
                        (None, None) => continue,
                    }
                }
                Event::Eof => return Ok(None),
                _ => continue,
            }));
        }
    }

    /// Passes over the element that was just opened, with all in it.
    pub(super) fn skip(&mut self) -> Result<(), String> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Some(Piece::Open(_)) => depth += 1,
                Some(Piece::Close(_)) => depth -= 1,
                Some(Piece::Text(_)) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// All text of the element that was just opened, runs of white space made one blank.
    pub(super) fn words(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Some(Piece::Open(_)) => depth += 1,
                Some(Piece::Close(_)) => depth -= 1,
                Some(Piece::Text(part)) => text.push_str(&part),
                None => break,
            }
        }
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// The words of the first element of this name, if there is one that says anything.
pub(super) fn first_words(xml: &str, name: &str) -> Result<Option<String>, String> {
    let mut xml = Xml::new(xml);
    while let Some(piece) = xml.next()? {
        if let Piece::Open(tag) = piece
            && tag.name == name
        {
            return Ok(Some(xml.words()?).filter(|words| !words.is_empty()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_with_their_entities_and_no_others() {
        let xml = "<!DOCTYPE a [<!ENTITY b 'bomb'>]><a><dc:title x='1'> Tea &amp; &#x63;offee\n<i>now</i>&b;</dc:title></a>";
        assert_eq!(first_words(xml, "title"), Ok(Some("Tea & coffee now".to_owned())));
        assert_eq!(first_words("<a><title/></a>", "title"), Ok(None));
        assert_eq!(first_words("<a/>", "title"), Ok(None));
        let error = first_words("<a><b></a>", "title").expect_err("crossed");
        assert!(error.contains("byte"), "{error}");
    }

    #[test]
    fn depth_costs_nothing_on_the_stack() {
        let deep = "<a>".repeat(1_000_000);
        let mut xml = Xml::new(&deep);
        assert!(matches!(xml.next(), Ok(Some(Piece::Open(_)))));
        assert!(xml.skip().is_ok());
    }
}
