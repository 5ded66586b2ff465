//! Books (EPUB): their chapters in reading order, as Markdown.

use std::collections::{HashMap, HashSet};

use ingest_core::Markup;
use percent_encoding::percent_decode_str;

use super::archive::{Archive, folder, resolve};
use super::xml::{Piece, Tag, Xml};
use super::{Parsed, html};

/// The text of each chapter, below the title of the chapter where it does not begin with a heading.
pub(crate) fn parse(bytes: Vec<u8>, max: u64) -> Result<Parsed, String> {
    let mut archive = Archive::open(bytes, max)?;
    let package = package_part(&archive.need("META-INF/container.xml")?)?;
    let book = Book::read(&archive.need(&package)?, folder(&package))?;
    let encrypted = match archive.part("META-INF/encryption.xml")? {
        Some(xml) => encrypted_parts(&xml)?,
        None => HashSet::new(),
    };
    let mut text = String::new();
    for chapter in &book.chapters {
        if encrypted.contains(chapter) {
            return Err("its chapters are encrypted".to_owned());
        }
        // Some books list what they do not have.
        if let Some(xhtml) = archive.part(chapter)? {
            push_chapter(&html::parse_xhtml(&xhtml), &book.title, &mut text);
        }
    }
    Ok(Parsed {
        text,
        title: book.title,
        markup: Markup::Markdown,
        doc_type: "epub",
        ..Parsed::default()
    })
}

fn push_chapter(chapter: &Parsed, book: &str, out: &mut String) {
    if chapter.text.trim().is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let says_more = !chapter.title.is_empty() && chapter.title != book;
    if says_more && !chapter.text.starts_with('#') {
        out.push_str("# ");
        out.push_str(&chapter.title);
        out.push_str("\n\n");
    }
    out.push_str(&chapter.text);
}

/// The part that describes the book.
fn package_part(container: &str) -> Result<String, String> {
    let mut xml = Xml::new(container);
    while let Some(piece) = xml.next()? {
        if let Piece::Open(tag) = piece
            && tag.name == "rootfile"
            && let Some(path) = tag.attribute("full-path")
        {
            return Ok(path);
        }
    }
    Err("META-INF/container.xml names no book".to_owned())
}

/// Parts that only a reader with the key can read.
fn encrypted_parts(encryption: &str) -> Result<HashSet<String>, String> {
    let mut parts = HashSet::new();
    let mut xml = Xml::new(encryption);
    while let Some(piece) = xml.next()? {
        if let Piece::Open(tag) = piece
            && tag.name == "CipherReference"
        {
            parts.extend(tag.attribute("URI").map(|address| part_of("", &address)));
        }
    }
    Ok(parts)
}

/// The part that an address in a part's folder leads to.
fn part_of(folder: &str, address: &str) -> String {
    let path = address.split('#').next().unwrap_or_default();
    resolve(folder, &percent_decode_str(path).decode_utf8_lossy())
}

/// What the description of a book says.
#[derive(Debug, Default)]
struct Book {
    title: String,
    /// Parts in reading order, each once.
    chapters: Vec<String>,
}

impl Book {
    fn read(package: &str, folder: &str) -> Result<Self, String> {
        let mut title = String::new();
        let mut parts: HashMap<String, String> = HashMap::new();
        let mut spine = Vec::new();
        let mut xml = Xml::new(package);
        while let Some(piece) = xml.next()? {
            let Piece::Open(tag) = piece else {
                continue;
            };
            match tag.name.as_str() {
                // The first title is the main one.
                "title" if title.is_empty() => title = xml.words()?,
                "item" if is_text(&tag) => {
                    let (id, address) = (tag.attribute("id"), tag.attribute("href"));
                    parts.extend(id.zip(address.map(|address| part_of(folder, &address))));
                }
                "itemref" => spine.extend(tag.attribute("idref")),
                _ => {}
            }
        }
        // What is taken is not there a second time.
        let chapters = spine.iter().filter_map(|id| parts.remove(id)).collect();
        Ok(Self { title, chapters })
    }
}

/// Whether an item of a book is text, and not its table of contents, which repeats the headings.
fn is_text(item: &Tag<'_>) -> bool {
    let is_contents = || {
        let properties = item.attribute("properties").unwrap_or_default();
        properties.split_whitespace().any(|property| property == "nav")
    };
    let kind = item.attribute("media-type");
    matches!(kind.as_deref(), Some("application/xhtml+xml" | "text/html")) && !is_contents()
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::packed;
    use super::*;

    const CONTAINER: &str =
        r#"<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"#;
    const PACKAGE: &str = r#"<package xmlns:dc="x"><metadata><dc:title>On Tea</dc:title></metadata><manifest>
        <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
        <item id="two" href="text/ch%202.xhtml" media-type="application/xhtml+xml"/>
        <item id="one" href="text/one.xhtml#start" media-type="application/xhtml+xml"/>
        <item id="css" href="a.css" media-type="text/css"/>
        <item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/></manifest>
        <spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/><itemref idref="two"/>
        <itemref idref="gone"/><itemref idref="css"/></spine></package>"#;
    const ONE: &str = "<html><head><title/><script src='x'/></head><body><h1>Leaves</h1><p># of leaves<br/>many</p></body></html>";
    const TWO: &str = "<html><head><title>Water</title></head><body><p>Boil&nbsp;it.</p></body></html>";

    fn book() -> Vec<(&'static str, &'static str)> {
        vec![
            ("mimetype", "application/epub+zip"),
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", PACKAGE),
            ("OEBPS/nav.xhtml", "<html><body><p>Contents</p></body></html>"),
            ("OEBPS/text/ch 2.xhtml", TWO),
            ("OEBPS/text/one.xhtml", ONE),
        ]
    }

    #[test]
    fn chapters_come_in_reading_order_with_headings() {
        let parsed = parse(packed(book()), 1 << 20).expect("a book");
        assert_eq!(parsed.title, "On Tea");
        assert_eq!(
            parsed.text,
            "# Leaves\n\n\\# of leaves\nmany\n\n# Water\n\nBoil it.\n"
        );
    }

    #[test]
    fn what_is_no_book_is_refused_with_the_reason() {
        let without = |name: &str| packed(book().into_iter().filter(|(part, _)| *part != name));
        for (bytes, reason) in [
            (
                without("META-INF/container.xml"),
                "no part `META-INF/container.xml`",
            ),
            (without("OEBPS/book.opf"), "no part `OEBPS/book.opf`"),
            (b"PK\x03\x04".to_vec(), "archive"),
            (
                packed(book().into_iter().chain([(
                    "META-INF/encryption.xml",
                    "<encryption><CipherReference URI='OEBPS/text/one.xhtml'/></encryption>",
                )])),
                "chapters are encrypted",
            ),
        ] {
            let error = parse(bytes, 1 << 20).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }
}
