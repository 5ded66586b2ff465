//! What a store in memory holds, and how it changes.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

use ingest_core::{
    Chunk, ChunkFailure, ContentHash, Document, DocumentRecord, DocumentState, FailedChunk, FoundChunk,
    ModelIdentity, Removed, Result, RunInfo, StoreStatus, StoredChunk, Vector,
};

use crate::check::{self, invalid};

/// Runs that are remembered.
const RUNS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) identity: Option<ModelIdentity>,
    pub(super) documents: BTreeMap<String, Entry>,
    pub(super) vectors: HashMap<ContentHash, Arc<[f32]>>,
    runs: VecDeque<(u64, RunInfo)>,
    begun: u64,
}

/// A document as stored.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) document: Document,
    origin: String,
    revision: ContentHash,
    recipe: ContentHash,
    stored_at: SystemTime,
    pub(super) chunks: BTreeMap<u32, Findable>,
    failed: BTreeMap<u32, (Chunk, ChunkFailure)>,
}

#[derive(Debug)]
pub(super) struct Findable {
    pub(super) chunk: Chunk,
    pub(super) has_vector: bool,
}

impl Entry {
    fn state(&self) -> DocumentState {
        DocumentState {
            source: self.document.source.clone(),
            origin: self.origin.clone(),
            revision: self.revision,
            recipe: self.recipe,
            chunks: self.chunks.len() as u32,
            failed: self.failed.len() as u32,
        }
    }
}

impl State {
    pub(super) fn begin_run(&mut self, info: RunInfo) -> u64 {
        self.begun += 1;
        self.runs.push_back((self.begun, info));
        if self.runs.len() > RUNS {
            self.runs.pop_front();
        }
        self.begun
    }

    pub(super) fn finish_run(&mut self, run: u64, info: RunInfo) {
        if let Some((_, kept)) = self.runs.iter_mut().find(|(number, _)| *number == run) {
            *kept = info;
        }
    }

    pub(super) fn document_state(&self, source: &str) -> Option<DocumentState> {
        self.documents.get(source).map(Entry::state)
    }

    /// Checks all vectors, then keeps the new ones. One that is stored stays: it belongs to the same text and model.
    pub(super) fn keep<'a>(
        &mut self,
        vectors: impl Iterator<Item = (ContentHash, &'a Vector)> + Clone,
    ) -> Result<()> {
        let identity = self.identity.as_ref();
        let new = vectors.filter_map(|(hash, vector)| match vector {
            Vector::New(values) => Some((hash, values)),
            _ => None,
        });
        new.clone()
            .try_for_each(|(_, values)| check::vector(values, identity))?;
        for (hash, values) in new {
            self.vectors.entry(hash).or_insert_with(|| Arc::clone(values));
        }
        Ok(())
    }

    pub(super) fn replace(&mut self, documents: Vec<DocumentRecord>) -> Result<()> {
        let records = || documents.iter().flat_map(|document| &document.records);
        let new: HashSet<_> = records()
            .filter(|record| matches!(record.vector, Vector::New(_)))
            .map(|record| record.chunk.content_hash)
            .collect();
        for record in records() {
            let hash = record.chunk.content_hash;
            if record.vector == Vector::Stored && !self.vectors.contains_key(&hash) && !new.contains(&hash) {
                return Err(not_stored(hash));
            }
        }
        self.keep(records().map(|record| (record.chunk.content_hash, &record.vector)))?;
        for record in documents {
            let mut entry = Entry {
                document: record.document,
                origin: record.origin,
                revision: record.revision,
                recipe: record.recipe,
                stored_at: SystemTime::now(),
                chunks: BTreeMap::new(),
                failed: BTreeMap::new(),
            };
            entry.document.text = String::new();
            for record in record.records {
                let ordinal = record.chunk.ordinal;
                match record.vector {
                    Vector::Failed(failure) => {
                        entry.failed.insert(ordinal, (record.chunk, failure));
                    }
                    found => {
                        let has_vector = found != Vector::TextOnly;
                        let chunk = record.chunk;
                        entry.chunks.insert(ordinal, Findable { chunk, has_vector });
                    }
                }
            }
            self.documents.insert(entry.document.source.clone(), entry);
        }
        Ok(())
    }

    pub(super) fn touch(&mut self, states: Vec<DocumentState>) {
        for state in states {
            if let Some(entry) = self.documents.get_mut(&state.source) {
                entry.origin = state.origin;
                entry.revision = state.revision;
                entry.recipe = state.recipe;
            }
        }
    }

    pub(super) fn remove(&mut self, sources: &[String]) -> Removed {
        let mut removed = Removed::default();
        for source in sources {
            if let Some(entry) = self.documents.remove(source) {
                removed.documents += 1;
                removed.chunks += entry.chunks.len() as u64;
            }
        }
        removed
    }

    pub(super) fn clear(&mut self) -> Removed {
        let removed = Removed {
            documents: self.documents.len() as u64,
            chunks: self.findable().count() as u64,
        };
        self.identity = None;
        self.documents.clear();
        self.vectors.clear();
        removed
    }

    pub(super) fn sweep(&mut self) -> u64 {
        let used: HashSet<_> = self
            .findable()
            .filter(|(_, found)| found.has_vector)
            .map(|(_, found)| found.chunk.content_hash)
            .collect();
        let before = self.vectors.len();
        self.vectors.retain(|hash, _| used.contains(hash));
        (before - self.vectors.len()) as u64
    }

    pub(super) fn settle(
        &mut self,
        outcomes: Vec<(String, u32, std::result::Result<Vector, ChunkFailure>)>,
    ) -> Result<()> {
        let mut settled = Vec::new();
        let mut new = Vec::new();
        for (source, ordinal, outcome) in outcomes {
            let entry = self.documents.get(&source);
            let Some((chunk, _)) = entry.and_then(|entry| entry.failed.get(&ordinal)) else {
                continue;
            };
            let hash = chunk.content_hash;
            let vector = outcome.unwrap_or_else(Vector::Failed);
            let is_known = self.vectors.contains_key(&hash) || new.iter().any(|(known, _)| *known == hash);
            if vector == Vector::Stored && !is_known {
                return Err(not_stored(hash));
            }
            if matches!(vector, Vector::New(_)) {
                new.push((hash, vector.clone()));
            }
            settled.push((source, ordinal, vector));
        }
        self.keep(new.iter().map(|(hash, vector)| (*hash, vector)))?;
        for (source, ordinal, vector) in settled {
            let Some(entry) = self.documents.get_mut(&source) else {
                continue;
            };
            let Some((chunk, _)) = entry.failed.remove(&ordinal) else {
                continue;
            };
            match vector {
                Vector::Failed(failure) => {
                    entry.failed.insert(ordinal, (chunk, failure));
                }
                found => {
                    let has_vector = found != Vector::TextOnly;
                    entry.chunks.insert(ordinal, Findable { chunk, has_vector });
                }
            }
        }
        Ok(())
    }

    /// Every findable chunk with its document, in order of source and ordinal.
    pub(super) fn findable(&self) -> impl Iterator<Item = (&Entry, &Findable)> {
        self.documents
            .values()
            .flat_map(|entry| entry.chunks.values().map(move |found| (entry, found)))
    }

    pub(super) fn page_of_documents(
        &self,
        origin: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<DocumentState> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.documents
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .filter(|entry| origin.is_none_or(|origin| entry.origin == origin))
            .take(limit)
            .map(Entry::state)
            .collect()
    }

    pub(super) fn origins(&self) -> Vec<(String, u64)> {
        let mut origins: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in self.documents.values() {
            *origins.entry(&entry.origin).or_default() += 1;
        }
        let origins = origins.into_iter();
        origins
            .map(|(origin, count)| (origin.to_owned(), count))
            .collect()
    }

    pub(super) fn page_of_chunks(&self, after: Option<(&str, u32)>, limit: usize) -> Vec<StoredChunk> {
        self.findable()
            .filter(|(entry, found)| {
                after.is_none_or(|after| (entry.document.source.as_str(), found.chunk.ordinal) > after)
            })
            .take(limit)
            .map(|(entry, found)| StoredChunk {
                source: entry.document.source.clone(),
                title: entry.document.title.clone(),
                chunk: found.chunk.clone(),
                vector: self.vector(found).map(<[f32]>::to_vec),
            })
            .collect()
    }

    pub(super) fn with_hash(&self, first: ContentHash, last: ContentHash) -> Vec<FoundChunk> {
        self.findable()
            .filter(|(_, found)| (first..=last).contains(&found.chunk.content_hash))
            .map(|(entry, found)| FoundChunk {
                source: entry.document.source.clone(),
                chunk: found.chunk.clone(),
                has_vector: found.has_vector,
                stored_at: Some(entry.stored_at),
            })
            .collect()
    }

    pub(super) fn page_of_failed(&self, after: Option<(&str, u32)>, limit: usize) -> Vec<FailedChunk> {
        self.documents
            .values()
            .flat_map(|entry| entry.failed.values().map(move |failed| (entry, failed)))
            .filter(|(entry, (chunk, _))| {
                after.is_none_or(|after| (entry.document.source.as_str(), chunk.ordinal) > after)
            })
            .take(limit)
            .map(|(entry, (chunk, failure))| FailedChunk {
                source: entry.document.source.clone(),
                title: entry.document.title.clone(),
                display_url: entry.document.display_url.clone(),
                chunk: chunk.clone(),
                failure: failure.clone(),
            })
            .collect()
    }

    pub(super) fn vector(&self, found: &Findable) -> Option<&[f32]> {
        let values = self.vectors.get(&found.chunk.content_hash);
        values.filter(|_| found.has_vector).map(|values| &**values)
    }

    pub(super) fn status(&self) -> StoreStatus {
        let failed = |entry: &Entry| entry.failed.len() as u64;
        StoreStatus {
            identity: self.identity.clone(),
            documents: self.documents.len() as u64,
            incomplete: self.documents.values().filter(|entry| failed(entry) > 0).count() as u64,
            chunks: self.findable().count() as u64,
            text_only: self.findable().filter(|(_, found)| !found.has_vector).count() as u64,
            failed: self.documents.values().map(failed).sum(),
            vectors: self.vectors.len() as u64,
            bytes: self
                .vectors
                .values()
                .map(|values| size_of_val(&**values) as u64)
                .chain(self.findable().map(|(_, found)| found.chunk.text.len() as u64))
                .sum(),
            last_run: self.runs.back().map(|(_, info)| info.clone()),
        }
    }
}

fn not_stored(hash: ContentHash) -> ingest_core::Error {
    invalid(format!("no vector is stored for the text with hash {hash}"))
}
