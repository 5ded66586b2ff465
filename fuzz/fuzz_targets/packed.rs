//! Word documents and books: whatever stands in the place of one, or of one of its parts, gives a text within the bound
//! or a reason.
//!
//! The first byte of an input chooses what the rest is: the whole file, or the part of a sound one that it replaces.
#![no_main]

use std::io::{Cursor, Write};
use std::path::Path;

use ingest_pipeline::parse_file;
use libfuzzer_sys::{Corpus, fuzz_target};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Most bytes of a text; inputs are shorter, and nothing that is read says more than it holds four times over.
const MAX: u64 = 16 * 1024;

const DOCX: [(&str, &str); 5] = [
    (
        "word/document.xml",
        "<w:body><w:p><w:pPr><w:pStyle w:val=\"H\"/></w:pPr><w:r><w:t>a</w:t><w:footnoteReference w:id=\"1\"/></w:r></w:p></w:body>",
    ),
    (
        "word/styles.xml",
        "<w:styles><w:style w:styleId=\"H\"><w:name w:val=\"heading 1\"/></w:style></w:styles>",
    ),
    (
        "word/footnotes.xml",
        "<w:footnotes><w:footnote w:id=\"1\"><w:p><w:r><w:t>b</w:t></w:r></w:p></w:footnote></w:footnotes>",
    ),
    ("_rels/.rels", "<Relationships/>"),
    ("docProps/core.xml", "<c><dc:title>T</dc:title></c>"),
];

const EPUB: [(&str, &str); 4] = [
    ("a.xhtml", "<html><body><h1>a</h1><p>b</p></body></html>"),
    (
        "book.opf",
        "<package><dc:title>T</dc:title><item id=\"a\" href=\"a.xhtml\" media-type=\"text/html\"/><itemref idref=\"a\"/></package>",
    ),
    ("META-INF/container.xml", "<rootfile full-path=\"book.opf\"/>"),
    ("META-INF/encryption.xml", "<encryption/>"),
];

fuzz_target!(|input: &[u8]| -> Corpus {
    let [choice, rest @ ..] = input else {
        return Corpus::Reject;
    };
    let (name, parts) = if choice % 2 == 0 {
        ("a.docx", &DOCX[..])
    } else {
        ("a.epub", &EPUB[..])
    };
    let content = match usize::from(choice / 2) % (parts.len() + 1) {
        0 => rest.to_vec(),
        part => packed(parts, part - 1, rest),
    };
    if let Ok(document) = parse_file(Path::new(name), content, MAX) {
        assert!(document.text.len() as u64 <= MAX);
        assert!(!document.title.contains('\n'));
    }
    Corpus::Keep
});

/// The parts, one of them replaced.
fn packed(parts: &[(&str, &str)], replaced: usize, by: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (at, (name, content)) in parts.iter().enumerate() {
        zip.start_file(*name, options).expect("a part");
        let content = if at == replaced { by } else { content.as_bytes() };
        zip.write_all(content).expect("its bytes");
    }
    zip.finish().expect("an archive").into_inner()
}
