//! Documents that are no text by themselves: Word documents, books and PDF files, made by other programs (python-docx,
//! ebooklib, reportlab; the docx without the parts that nothing refers to), and what becomes of damaged ones.

mod common;

use common::{Case, chunks, fake};
use ingest_pipeline::Outcome;

const DOCX: &[u8] = include_bytes!("data/tea.docx");
const EPUB: &[u8] = include_bytes!("data/tea.epub");
const PDF: &[u8] = include_bytes!("data/tea.pdf");

/// Source, title and headings of each chunk with its text.
async fn stored(case: &Case) -> Vec<(String, String, String)> {
    let chunks = chunks(case.store.as_ref()).await;
    let row = |stored: ingest_core::StoredChunk| {
        let place = format!("{} | {}", stored.title, stored.chunk.heading_path.join(" > "));
        (
            stored.source.clone(),
            place,
            stored.chunk.body().trim().to_owned(),
        )
    };
    chunks.into_iter().map(row).collect()
}

#[tokio::test]
async fn documents_of_other_programs_are_read_with_titles_and_headings() {
    let case = Case::new();
    case.write("docs/tea.docx", DOCX);
    case.write("docs/tea.epub", EPUB);
    case.write("docs/tea.pdf", PDF);
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(
        (report.outcome, report.documents.added),
        (Outcome::Ok, 3),
        "{report:?}"
    );
    let stored = stored(&case).await;
    let has = |source: &str, place: &str, part: &str| {
        let found = stored
            .iter()
            .any(|(of, at, text)| of == source && at == place && text.contains(part));
        assert!(found, "{source} {place} {part} in {stored:#?}");
    };
    has(
        "docs/tea.docx",
        "A Book of Tea | The tea book > Leaves",
        "Pour boiling water over the leaves.\n\n- green\n- black",
    );
    has(
        "docs/tea.docx",
        "A Book of Tea | The tea book > Leaves > Times",
        "kind | minutes\ngreen | 2",
    );
    has(
        "docs/tea.epub",
        "A Book of Tea | Leaves",
        "Pour boiling water over the leaves.",
    );
    has(
        "docs/tea.epub",
        "A Book of Tea | Pots",
        "A pot of clay keeps warm.",
    );
    has(
        "docs/tea.pdf",
        "A Book of Tea | Page 1",
        "Pour boiling water over the leaves.\nThe kettle sings before",
    );
    has("docs/tea.pdf", "A Book of Tea | Page 2", "kind minutes\ngreen 2");
    assert!(
        !stored
            .iter()
            .any(|(_, _, text)| text.contains("<") || text.contains("Contents")),
        "{stored:#?}"
    );
    let again = case.run(&fake(), case.options()).await;
    assert_eq!((again.documents.unchanged, again.chunks.embedded), (3, 0));
}

#[tokio::test]
async fn a_broken_document_is_one_failure_and_keeps_its_earlier_version() {
    let case = Case::new();
    case.write("docs/a.md", "# A\n\nwords\n");
    case.write("docs/tea.docx", DOCX);
    case.run(&fake(), case.options()).await;
    let before = stored(&case).await;
    case.write("docs/tea.docx", &DOCX[..DOCX.len() / 2]);
    case.write("docs/tea.epub", &EPUB[..EPUB.len() - 10]);
    case.write("docs/b.docx", b"PK\x03\x04 nothing of the kind");
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(
        (report.outcome, report.documents.failed),
        (Outcome::Partial, 3),
        "{report:?}"
    );
    assert_eq!(report.documents.unchanged, 1);
    for failure in &report.failures {
        assert_eq!(failure.kind, "invalid_document");
        let names = [
            "a Word document that cannot be read: ",
            "an EPUB book that cannot be read: ",
        ];
        assert!(
            names.iter().any(|name| failure.error.starts_with(name)),
            "{}",
            failure.error
        );
    }
    assert_eq!(stored(&case).await, before);
}

#[tokio::test]
async fn a_text_beyond_the_limit_on_files_is_a_failure() {
    let case = Case::new();
    case.write("docs/tea.epub", EPUB);
    let mut options = case.options();
    options.max_file_bytes = EPUB.len() as u64;
    let report = case.run(&fake(), options).await;
    assert_eq!(report.documents.added, 1, "{report:?}");
    let case = Case::new();
    case.write("docs/tea.docx", DOCX);
    let mut options = case.options();
    options.max_file_bytes = DOCX.len() as u64;
    let report = case.run(&fake(), options).await;
    let unpacked = format!("unpacked, it is larger than {} bytes", DOCX.len() * 4);
    assert!(
        report.failures[0].error.ends_with(&unpacked),
        "{:?}",
        report.failures
    );
}
