//! Word documents (Office Open XML): their text as Markdown.

mod body;
mod notes;
mod styles;

use ingest_core::Markup;

use self::body::Body;
use self::notes::Notes;
use self::styles::Styles;
use super::Parsed;
use super::archive::{Archive, folder, resolve};
use super::xml::{Piece, Xml, first_words};

/// Headings, paragraphs, list items, rows of tables, and footnotes at the end; not what was deleted under tracking, nor
/// comments, headers and footers.
pub(crate) fn parse(bytes: Vec<u8>, max: u64) -> Result<Parsed, String> {
    let mut archive = Archive::open(bytes, max)?;
    let package = archive.need("_rels/.rels")?;
    let main = target(&package, "/officeDocument")?.unwrap_or_else(|| "word/document.xml".to_owned());
    let beside = |name: &str| resolve(folder(&main), name);
    let styles = match archive.part(&beside("styles.xml"))? {
        Some(xml) => Styles::read(&xml)?,
        None => Styles::default(),
    };
    let mut body = Body::new(&styles);
    body.read(&archive.need(&main)?)?;
    let mut notes = Notes::default();
    for (part, element) in [("footnotes.xml", "footnote"), ("endnotes.xml", "endnote")] {
        // Most documents have the part, and few refer to it.
        if body.refers_to(element)
            && let Some(xml) = archive.part(&beside(part))?
        {
            notes.read(&xml, element)?;
        }
    }
    let title = title(&mut archive, &package)?.or_else(|| body.title.take());
    Ok(Parsed {
        title: title.unwrap_or_default(),
        text: body.finish(&notes),
        markup: Markup::Markdown,
        doc_type: "docx",
        ..Parsed::default()
    })
}

/// The title among the properties of the document.
fn title(archive: &mut Archive, package: &str) -> Result<Option<String>, String> {
    let part = target(package, "/core-properties")?;
    match archive.part(part.as_deref().unwrap_or("docProps/core.xml"))? {
        Some(xml) => first_words(&xml, "title"),
        None => Ok(None),
    }
}

/// The part that a package names for a purpose, by how the purpose's address ends.
fn target(package: &str, purpose: &str) -> Result<Option<String>, String> {
    let mut xml = Xml::new(package);
    while let Some(piece) = xml.next()? {
        if let Piece::Open(tag) = piece
            && tag.name == "Relationship"
            && tag.attribute("Type").is_some_and(|kind| kind.ends_with(purpose))
        {
            return Ok(tag.attribute("Target").map(|target| resolve("", &target)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
