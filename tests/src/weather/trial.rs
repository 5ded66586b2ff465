//! Runs in the weather, and what must hold of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use embed_core::testing::FakeEmbedder;
use ingest_core::{Chunk, ContentHash, DocumentState, Store, StoredChunk};
use ingest_pipeline::{Cancel, FailureLog, Result, RunOptions, RunReport, Source, SourceSpec, run};
use ingest_store::MemoryStore;
use tempfile::TempDir;

use super::{DIMENSIONS, Harbour, LONGEST_TEXT, Library, Plan, Poison};

const LOG: &str = "failures.json";
const ALL: usize = 1_000_000;

/// Everything that a store holds, but for how a chunk that was set aside fared.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The documents.
    pub documents: Vec<DocumentState>,
    /// The chunks that can be found.
    pub chunks: Vec<StoredChunk>,
    /// The chunks that were set aside, by document.
    pub failed: Vec<(String, Chunk)>,
}

/// The documents of a plan and a store for them.
#[derive(Debug)]
pub struct Trial {
    plan: Plan,
    folder: TempDir,
    store: Arc<dyn Store>,
    documents: usize,
}

impl Trial {
    /// Writes the documents.
    ///
    /// # Panics
    /// Where they can't be written.
    pub fn new(plan: &Plan, store: Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = Library::new(plan);
        library.write(&folder.path().join("docs")).expect("documents");
        Self {
            plan: plan.clone(),
            folder,
            store,
            documents: library.len(),
        }
    }

    /// Whether the store works without threads of its own, which a paused clock does not wait for.
    pub fn is_in_memory(&self) -> bool {
        self.store.location() == MemoryStore::new().location()
    }

    /// A run over all documents.
    ///
    /// # Errors
    /// Where it could not be started.
    pub async fn run(&self, harbour: &Harbour, workers: usize) -> Result<RunReport> {
        let source = Source::new(SourceSpec::Path("docs".into()));
        let mut options = RunOptions::new(vec![source], self.folder.path());
        options.workers = workers;
        options.batch_size = self.plan.batch_size;
        options.on_too_long = self.plan.on_too_long;
        options.retry_base = self.plan.pace.retry_base;
        options.wait = self.plan.pace.wait;
        options.failure_log = Some(self.folder.path().join(LOG));
        options.seed = Some(self.plan.seed);
        run(
            Arc::clone(&self.store),
            harbour.embedder(),
            options,
            Arc::new(()),
            &Cancel::new(),
        )
        .await
    }

    /// Everything that the store holds.
    ///
    /// # Panics
    /// Where the store can't tell.
    pub async fn export(&self) -> Export {
        let failed = self.store.failed(None, ALL).await.expect("failed chunks");
        Export {
            documents: self.store.documents(None, None, ALL).await.expect("documents"),
            chunks: self.store.chunks(None, ALL).await.expect("chunks"),
            failed: failed
                .into_iter()
                .map(|failed| (failed.source, failed.chunk))
                .collect(),
        }
    }

    /// Checks what holds after any run, however it ended: a chunk in the store has the vector of its own text, one that
    /// was set aside deserves it, is named in the log with a cause, and is not in the store; documents are whole.
    ///
    /// # Panics
    /// Where a promise is broken.
    pub async fn check_promise(&self) -> Export {
        let export = self.export().await;
        let fake = FakeEmbedder::new(DIMENSIONS);
        for stored in &export.chunks {
            let text = &stored.chunk.text;
            let vector = stored.vector.as_deref();
            assert_eq!(vector, Some(&fake.vector(text)[..]), "{}: {text}", stored.source);
            assert_eq!(Poison::of(text), None, "{}: poison was stored", stored.source);
        }
        for failed in self.store.failed(None, ALL).await.expect("failed chunks") {
            let text = &failed.chunk.text;
            let deserved = Poison::of(text).is_some() || text.len() > LONGEST_TEXT;
            assert!(deserved, "set aside without need: {failed:?}");
        }
        let hash = |chunk: &Chunk| chunk.content_hash;
        let found: BTreeSet<_> = export.chunks.iter().map(|stored| hash(&stored.chunk)).collect();
        let set_aside: BTreeSet<_> = export.failed.iter().map(|(_, chunk)| hash(chunk)).collect();
        assert!(
            found.is_disjoint(&set_aside),
            "a text is both stored and set aside"
        );
        for state in &export.documents {
            check_whole(&export, state);
        }
        let listed = export
            .failed
            .iter()
            .map(|(source, chunk)| (source.clone(), hash(chunk)));
        assert_eq!(
            self.logged(),
            listed.collect::<BTreeSet<_>>(),
            "the log and what was set aside"
        );
        export
    }

    /// The same for a run that came to its end: no document is missing.
    ///
    /// # Panics
    /// Where a promise is broken.
    pub async fn check_complete(&self) -> Export {
        let export = self.check_promise().await;
        assert_eq!(export.documents.len(), self.documents, "documents");
        export
    }

    /// What the failure log names.
    fn logged(&self) -> BTreeSet<(String, ContentHash)> {
        let log = FailureLog::new(self.folder.path().join(LOG))
            .read()
            .expect("a log that can be read");
        assert!(log.broken.is_empty(), "{:?}", log.broken);
        let entries = log.entries.iter().map(|entry| {
            assert!(
                !entry.kind.is_empty() && !entry.error.is_empty(),
                "no cause: {entry:?}"
            );
            let hash = entry.content_hash;
            (
                entry.source.clone(),
                hash.unwrap_or_else(|| panic!("a whole document: {entry:?}")),
            )
        });
        entries.collect()
    }
}

/// Every place of the document is filled by one chunk, stored or set aside.
fn check_whole(export: &Export, state: &DocumentState) {
    let source = &state.source;
    let found = export.chunks.iter().filter(|stored| stored.source == *source);
    let found: Vec<_> = found.map(|stored| stored.chunk.ordinal).collect();
    let failed = export.failed.iter().filter(|(name, _)| name == source);
    let failed: Vec<_> = failed.map(|(_, chunk)| chunk.ordinal).collect();
    assert_eq!(
        (found.len(), failed.len()),
        (state.chunks as usize, state.failed as usize),
        "{source}"
    );
    let mut places = [found, failed].concat();
    places.sort_unstable();
    let wanted: Vec<_> = (0..state.chunks + state.failed).collect();
    assert_eq!(places, wanted, "{source}: places of stored and failed chunks");
}
