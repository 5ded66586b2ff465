//! Documents to measure with, made once and kept in the scratch folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::Bench;

/// Files of a folder, so that none holds all of them.
const FOLDER: usize = 1000;

/// What documents of a corpus are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corpus {
    pub(crate) documents: usize,
    /// Sections with a heading, each of which becomes a chunk.
    pub(crate) sections: usize,
    /// Words of a section.
    pub(crate) words: usize,
}

impl Corpus {
    pub(crate) fn chunks(self) -> usize {
        self.documents * self.sections
    }

    /// The folder with the documents. A file beside it, written last, says that it is complete.
    pub(crate) fn folder(self, bench: &Bench) -> anyhow::Result<PathBuf> {
        let Self {
            documents,
            sections,
            words,
        } = self;
        let root = bench
            .scratch()
            .join(format!("docs-{documents}-{sections}-{words}"));
        let complete = root.with_added_extension("complete");
        if complete.exists() {
            return Ok(root);
        }
        let mut random = fastrand::Rng::with_seed(7);
        let vocabulary: Vec<String> = (0..30_000)
            .map(|_| (0..random.usize(3..10)).map(|_| random.lowercase()).collect())
            .collect();
        for number in 0..documents {
            let folder = root.join(format!("part-{:03}", number / FOLDER));
            if number % FOLDER == 0 {
                fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            }
            let text: String = (0..sections)
                .map(|section| {
                    let words = (0..words).map(|_| {
                        let index = (vocabulary.len() as f64).powf(random.f64()) as usize - 1;
                        vocabulary[index].as_str()
                    });
                    let words: Vec<&str> = words.collect();
                    format!(
                        "## Section {section} of document {number}\n\n{}.\n\n",
                        words.join(" ")
                    )
                })
                .collect();
            write(&folder.join(format!("document-{number}.md")), &text)?;
        }
        write(&complete, "")?;
        Ok(root)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
