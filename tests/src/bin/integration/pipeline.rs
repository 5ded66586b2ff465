//! Texts through the pipeline into a store, and what is found there.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use embed_core::Embedder;
use ingest_core::{FailedChunk, Store, StoredChunk};
use ingest_pipeline::{Cancel, JsonlInput, RunOptions, Source, SourceSpec};
use ingest_store::testing::Server;
use serde_json::json;

use crate::axes::StoreKind;

/// More than any text here has, so that each is one chunk.
const CHUNK_TOKENS: usize = 10_000;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ingested {
    pub(crate) chunks: Vec<StoredChunk>,
    pub(crate) failed: Vec<FailedChunk>,
}

/// How a run goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) batch: usize,
    pub(crate) workers: usize,
}

/// Each text becomes a document of one chunk.
pub(crate) async fn ingest(
    embedder: Arc<dyn Embedder>,
    texts: &[String],
    pace: Pace,
    kind: StoreKind,
) -> anyhow::Result<Ingested> {
    let folder = tempfile::tempdir()?;
    match kind {
        StoreKind::Sqlite => {
            let url = format!("sqlite:{}", folder.path().join("index.db").display());
            ingest_into(
                ingest_store::open(&url).await?,
                folder.path(),
                embedder,
                texts,
                pace,
            )
            .await
        }
        StoreKind::Postgres => {
            let server = Server::find().map_err(anyhow::Error::msg)?;
            let database = server.database().await;
            let store = database.store().await;
            // What fails leaves its database for a look.
            let ingested = ingest_into(store, folder.path(), embedder, texts, pace).await?;
            server.drop_database(&database.name).await;
            Ok(ingested)
        }
    }
}

async fn ingest_into(
    store: Arc<dyn Store>,
    base: &Path,
    embedder: Arc<dyn Embedder>,
    texts: &[String],
    pace: Pace,
) -> anyhow::Result<Ingested> {
    let lines: String = texts
        .iter()
        .enumerate()
        .map(|(at, text)| json!({"source": format!("{at:04}"), "text": text}).to_string() + "\n")
        .collect();
    let input = JsonlInput::Reader {
        name: "texts".to_owned(),
        reader: Box::new(Cursor::new(lines)),
    };
    let mut options = RunOptions::new(vec![Source::new(SourceSpec::Jsonl(input))], base);
    options.chunk_size = CHUNK_TOKENS;
    options.batch_size = pace.batch;
    options.workers = pace.workers;
    let report = ingest_pipeline::run(
        Arc::clone(&store),
        embedder,
        options,
        Arc::new(()),
        &Cancel::new(),
    )
    .await?;
    if let Some(stop) = &report.stopped {
        bail!("the run stopped: {}", stop.message);
    }
    let chunks = store.chunks(None, usize::MAX >> 1).await?;
    let failed = store.failed(None, usize::MAX >> 1).await?;
    Ok(Ingested { chunks, failed })
}

impl Ingested {
    /// The vector of the only chunk of a text.
    pub(crate) fn vector(&self, text: &str) -> anyhow::Result<&[f32]> {
        if let Some(failed) = self.failed.iter().find(|failed| failed.chunk.text == text) {
            bail!("`{text}` was set aside: {:?}", failed.failure);
        }
        let mut found = self.chunks.iter().filter(|stored| stored.chunk.text == text);
        let stored = found
            .next()
            .with_context(|| format!("`{text}` is not in the store"))?;
        ensure!(found.next().is_none(), "`{text}` is in the store twice");
        stored
            .vector
            .as_deref()
            .with_context(|| format!("`{text}` is in the store without a vector"))
    }
}
