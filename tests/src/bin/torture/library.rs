//! Documents that change from generation to generation.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::server::{MARK, POISON};

/// Documents to begin with.
const DOCUMENTS: usize = 50;
/// Sections of a document, each a chunk.
const SECTIONS: usize = 5;

/// A folder of documents.
#[derive(Debug)]
pub(crate) struct Library {
    folder: PathBuf,
    random: fastrand::Rng,
    /// Sections by document.
    documents: Vec<(String, Vec<String>)>,
    /// Numbers texts, so that none comes back once it is gone.
    next: usize,
}

impl Library {
    pub(crate) fn new(folder: &Path, random: fastrand::Rng) -> anyhow::Result<Self> {
        let mut library = Self {
            folder: folder.to_owned(),
            random,
            documents: Vec::new(),
            next: 0,
        };
        for _ in 0..DOCUMENTS {
            library.add()?;
        }
        Ok(library)
    }

    /// Some documents are written, changed, moved and removed; with `poison`, one gets a text that cannot be embedded.
    pub(crate) fn change(&mut self, poison: bool) -> anyhow::Result<()> {
        for at in 0..self.documents.len() {
            if self.documents[at].1.iter().any(|text| text.contains(POISON)) {
                let text = self.text();
                self.documents[at].1 = vec![text];
                self.write(at)?;
            }
        }
        for _ in 0..self.random.usize(30..60) {
            let at = self.random.usize(..self.documents.len());
            match self.random.u8(..10) {
                0..=3 => {
                    let (section, text) = (self.random.usize(..self.documents[at].1.len()), self.text());
                    self.documents[at].1[section] = text;
                    self.write(at)?;
                }
                4..=5 => self.add()?,
                6 if self.documents.len() > DOCUMENTS => {
                    let (name, _) = self.documents.swap_remove(at);
                    fs::remove_file(self.folder.join(name))?;
                }
                7 => {
                    // A document under another name.
                    let name = self.name();
                    fs::rename(self.folder.join(&self.documents[at].0), self.folder.join(&name))?;
                    self.documents[at].0 = name;
                }
                8 => {
                    // A text that another document holds, too.
                    let other = self.random.usize(..self.documents.len());
                    let text = self.documents[other].1[0].clone();
                    self.documents[at].1.push(text);
                    self.write(at)?;
                }
                _ => {
                    // The same texts in another order.
                    let random = &mut self.random;
                    random.shuffle(&mut self.documents[at].1);
                    self.write(at)?;
                }
            }
        }
        if poison {
            let at = self.random.usize(..self.documents.len());
            let text = format!("{} {POISON}", self.text());
            self.documents[at].1.push(text);
            self.write(at)?;
        }
        Ok(())
    }

    fn add(&mut self) -> anyhow::Result<()> {
        let sections = (0..SECTIONS).map(|_| self.text()).collect();
        let name = self.name();
        self.documents.push((name, sections));
        self.write(self.documents.len() - 1)
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("{:06}.md", self.next)
    }

    fn text(&mut self) -> String {
        self.next += 1;
        format!("{MARK} {} says what no other does.", self.next)
    }

    fn write(&self, at: usize) -> anyhow::Result<()> {
        let (name, sections) = &self.documents[at];
        // Under one heading each, so that a section's chunk does not depend on its neighbours or its document.
        let sections: Vec<_> = sections
            .iter()
            .map(|text| format!("## Part\n\n{text}\n"))
            .collect();
        let path = self.folder.join(name);
        fs::write(&path, sections.join("\n")).with_context(|| format!("cannot write {}", path.display()))
    }
}
