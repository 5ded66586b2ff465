//! Questions whose answers are known: a heading asks for its section, a first sentence for what follows it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use ingest_core::{Chunker, ContentHash, Document, Markup, TokenCount};

/// Fewer words than this are no section that anyone looks for.
const SECTION_WORDS: usize = 20;
const HEADING_WORDS: usize = 2;
const SENTENCE_WORDS: usize = 6;

/// A question and the text that answers it, which does not hold the question itself.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) question: String,
    pub(crate) answer: String,
}

/// Both kinds of questions, each over a body of texts of its own.
pub(crate) fn from_files(files: &[PathBuf]) -> [(&'static str, Vec<Pair>); 2] {
    let mut headings = Vec::new();
    let mut sentences = Vec::new();
    let mut seen = HashSet::new();
    for file in files {
        // A file that is not UTF-8 asks nothing.
        let Ok(text) = std::fs::read_to_string(file) else {
            continue;
        };
        let document = Document {
            text,
            markup: Markup::Markdown,
            ..Document::default()
        };
        for chunk in Chunker::default().chunks(&document, TokenCount::Estimate) {
            let Some(heading) = chunk
                .heading_path
                .last()
                .filter(|_| chunk.body().starts_with('#'))
            else {
                continue;
            };
            let section = without_headings(chunk.body());
            if words(section) < SECTION_WORDS || !seen.insert(ContentHash::of_text(section)) {
                continue;
            }
            if words(heading) >= HEADING_WORDS {
                headings.push(Pair {
                    question: heading.clone(),
                    answer: section.to_owned(),
                });
            }
            if let Some((sentence, rest)) = section.split_once(". ")
                && words(sentence) >= SENTENCE_WORDS
                && words(rest) >= SECTION_WORDS
                && !sentence.contains("\n\n")
            {
                sentences.push(Pair {
                    question: sentence.to_owned(),
                    answer: rest.to_owned(),
                });
            }
        }
    }
    [
        ("heading to section", unambiguous(headings)),
        ("first sentence to rest", unambiguous(sentences)),
    ]
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn without_headings(body: &str) -> &str {
    let mut rest = body;
    while rest.starts_with('#') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    rest
}

/// The pairs whose question only one text answers.
fn unambiguous(pairs: Vec<Pair>) -> Vec<Pair> {
    let mut asked = HashMap::new();
    for pair in &pairs {
        *asked.entry(pair.question.to_lowercase()).or_insert(0) += 1;
    }
    pairs
        .into_iter()
        .filter(|pair| asked[&pair.question.to_lowercase()] == 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_asked_for_without_its_heading() {
        assert_eq!(
            without_headings("# A\n\n## B c\n\ntext\n# not first"),
            "text\n# not first"
        );
        assert_eq!(without_headings("# only"), "");
    }

    #[test]
    fn questions_asked_twice_are_dropped() {
        let pairs = ["Get started", "get Started", "Other words"].map(|question| Pair {
            question: question.to_owned(),
            answer: String::new(),
        });
        let kept: Vec<_> = unambiguous(pairs.into())
            .into_iter()
            .map(|pair| pair.question)
            .collect();
        assert_eq!(kept, ["Other words"]);
    }
}
