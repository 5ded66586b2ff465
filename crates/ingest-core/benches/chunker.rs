//! Cutting and hashing 12 MB of real Markdown on one core, against the least that could be called that: finding lines
//! that are headings, and hashing what lies between. `cargo bench -p ingest-core`
//!
//! The Markdown is that of the packages in cargo's own registry, which whoever builds this has; `BENCH_MARKDOWN` names
//! another folder.

use std::path::{Path, PathBuf};
use std::{env, fs};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use ingest_core::{Chunker, ContentHash, Document, Markup, TokenCount};

/// Bytes to cut. Where there are fewer, they are cut several times.
const BYTES: usize = 12_000_000;

fn main() {
    divan::main();
}

fn folder() -> PathBuf {
    if let Some(folder) = env::var_os("BENCH_MARKDOWN") {
        return folder.into();
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    home.expect("a home of cargo").join("registry/src")
}

fn documents() -> Vec<Document> {
    fn collect(folder: &Path, texts: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, texts);
            } else if path.extension().is_some_and(|extension| extension == "md")
                && let Ok(text) = fs::read_to_string(&path)
            {
                texts.push((path, text));
            }
        }
    }

    let mut texts = Vec::new();
    collect(&folder(), &mut texts);
    texts.sort();
    assert!(!texts.is_empty(), "no Markdown in {}", folder().display());
    let mut left = BYTES;
    let documents = texts.iter().cycle().map_while(|(path, text)| {
        left = left.checked_sub(text.len().max(1))?;
        Some(Document {
            source: path.display().to_string(),
            text: text.clone(),
            markup: Markup::Markdown,
            ..Document::default()
        })
    });
    documents.collect()
}

fn bytes(documents: &[Document]) -> BytesCount {
    BytesCount::new(
        documents
            .iter()
            .map(|document| document.text.len())
            .sum::<usize>(),
    )
}

#[divan::bench]
fn chunk_and_hash(bencher: Bencher<'_, '_>) {
    let (documents, chunker) = (documents(), Chunker::default());
    bencher.counter(bytes(&documents)).bench(|| {
        // Each chunk has its hash.
        let documents = black_box(&documents).iter();
        documents
            .flat_map(|document| chunker.chunks(document, TokenCount::Estimate))
            .map(|chunk| chunk.content_hash.as_bytes()[0] as usize)
            .sum::<usize>()
    });
}

#[divan::bench]
fn scan_headings_and_hash(bencher: Bencher<'_, '_>) {
    let documents = documents();
    bencher.counter(bytes(&documents)).bench(|| {
        let mut sum = 0;
        for document in black_box(&documents) {
            let mut section = 0;
            let mut at = 0;
            let mut hash = |section: &str| sum += ContentHash::of_text(section).as_bytes()[0] as usize;
            for line in document.text.split_inclusive('\n') {
                if line.starts_with('#') && section < at {
                    hash(&document.text[section..at]);
                    section = at;
                }
                at += line.len();
            }
            hash(&document.text[section..]);
        }
        sum
    });
}
