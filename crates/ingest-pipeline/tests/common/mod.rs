//! What the tests of the flow share.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use embed_core::testing::FakeEmbedder;
use embed_core::{Embedder, Error, ErrorKind};
use ingest_core::{DocumentState, FailedChunk, Store, StoredChunk};
use ingest_pipeline::{
    Cancel, Event, JsonlInput, Observer, Result, RunOptions, RunReport, Source, SourceSpec, run,
};
use ingest_store::MemoryStore;
use tempfile::TempDir;

/// Width of the fake vectors.
pub(crate) const DIMENSIONS: usize = 8;

/// A folder of documents and a store.
pub(crate) struct Case {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) heard: Arc<Heard>,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn with(store: Arc<dyn Store>) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            store,
            heard: Arc::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, content).expect("a file");
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("a file to remove");
    }

    /// Options for a run over `docs`.
    pub(crate) fn options(&self) -> RunOptions {
        self.over(&["docs"])
    }

    pub(crate) fn over(&self, paths: &[&str]) -> RunOptions {
        let sources = paths
            .iter()
            .map(|path| Source::new(SourceSpec::from_argument(*path, self.folder.path())));
        let mut options = RunOptions::new(sources.collect(), self.folder.path());
        options.failure_log = Some(self.path("failures.json"));
        options.seed = Some(7);
        options
    }

    pub(crate) async fn run(&self, embedder: &FakeEmbedder, options: RunOptions) -> RunReport {
        self.try_run(embedder, options).await.expect("the run starts")
    }

    pub(crate) async fn try_run(&self, embedder: &FakeEmbedder, options: RunOptions) -> Result<RunReport> {
        self.cancellable(embedder, options, &Cancel::new()).await
    }

    pub(crate) async fn cancellable(
        &self,
        embedder: &FakeEmbedder,
        options: RunOptions,
        cancel: &Cancel,
    ) -> Result<RunReport> {
        let embedder: Arc<dyn Embedder> = Arc::new(embedder.clone());
        let observer: Arc<dyn Observer> = Arc::clone(&self.heard) as _;
        run(Arc::clone(&self.store), embedder, options, observer, cancel).await
    }

    /// Sources of all stored documents.
    pub(crate) async fn sources(&self) -> Vec<String> {
        let documents = documents(self.store.as_ref()).await;
        documents.into_iter().map(|state| state.source).collect()
    }

    pub(crate) fn log(&self) -> Option<String> {
        std::fs::read_to_string(self.path("failures.json")).ok()
    }
}

/// Options for a run over JSON lines.
pub(crate) fn lines(case: &Case, name: &str, text: &str) -> RunOptions {
    let mut options = case.over(&[]);
    options.sources = vec![Source::new(SourceSpec::Jsonl(JsonlInput::Reader {
        name: name.to_owned(),
        reader: Box::new(std::io::Cursor::new(text.to_owned())),
    }))];
    options
}

/// A document of so many sections, each a chunk of its own.
pub(crate) fn document(name: &str, sections: usize) -> String {
    (0..sections).fold(String::new(), |text, section| {
        format!("{text}## {name} section {section}\n\nwords of section {section} in {name}\n\n")
    })
}

/// 64 chunks in 8 documents, one of which has the poison.
pub(crate) fn poisoned_case() -> Case {
    let case = Case::new();
    for number in 0..8 {
        let mut text = document(&format!("d{number}"), 8);
        if number == 5 {
            text = text.replace("words of section 3", "poison of section 3");
        }
        case.write(&format!("docs/{number}.md"), text);
    }
    case
}

pub(crate) fn error(kind: ErrorKind) -> Error {
    Error::new(kind, format!("the server says {kind}"))
}

pub(crate) fn fake() -> FakeEmbedder {
    FakeEmbedder::new(DIMENSIONS)
}

/// The texts that were sent, without the test embedding and probes.
pub(crate) fn sent(embedder: &FakeEmbedder) -> Vec<String> {
    let mut inputs = embedder.inputs();
    inputs.retain(|input| input != "test");
    inputs
}

pub(crate) async fn documents(store: &dyn Store) -> Vec<DocumentState> {
    store.documents(None, None, 1_000_000).await.expect("documents")
}

pub(crate) async fn chunks(store: &dyn Store) -> Vec<StoredChunk> {
    store.chunks(None, 1_000_000).await.expect("chunks")
}

/// Everything that a store holds.
pub(crate) async fn export(store: &dyn Store) -> (Vec<DocumentState>, Vec<StoredChunk>, Vec<FailedChunk>) {
    let failed = store.failed(None, 1_000_000).await.expect("failed chunks");
    (documents(store).await, chunks(store).await, failed)
}

/// Keeps what a run says, a line an event.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }

    pub(crate) fn count(&self, start: &str) -> usize {
        self.all().iter().filter(|line| line.starts_with(start)).count()
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.all().iter().any(|line| line.contains(part))
    }
}

impl Observer for Heard {
    fn event(&self, event: &Event<'_>) {
        if !matches!(event, Event::Progress(_)) {
            self.0.lock().expect("no panic").push(format!("{event:?}"));
        }
    }
}
