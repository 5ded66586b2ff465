//! The whole way over real sockets and a real file: documents, an HTTP provider, SQLite, and back out.

use std::path::Path;
use std::sync::Arc;

use embed_core::testing::FakeEmbedder;
use embed_http::testing::{Reply, Request, ScriptedServer};
use embed_ollama::OllamaEmbedder;
use embed_openai::{OpenAiEmbedder, Profile};
use ingest_core::{Store, StoredChunk};
use ingest_pipeline::{Cancel, Outcome, RunOptions, RunReport, Source, SourceSpec, run};
use serde_json::json;

const DIMENSIONS: usize = 16;

fn vectors(request: &Request) -> Vec<Vec<f32>> {
    let fake = FakeEmbedder::new(DIMENSIONS);
    let body = request.json();
    let inputs = body["input"].as_array().expect("a list of inputs");
    inputs
        .iter()
        .map(|input| fake.vector(input.as_str().expect("a text")))
        .collect()
}

/// Answers as Ollama does.
fn ollama(request: &Request) -> Reply {
    match request.path.as_str() {
        "/api/embed" => Reply::json(&json!({"model": "m", "embeddings": vectors(request)})),
        "/api/show" => Reply::json(&json!({"details": {}, "model_info": {}, "capabilities": ["embedding"]})),
        "/api/tags" => Reply::json(&json!({"models": []})),
        other => Reply::new(404, format!("no {other} here")),
    }
}

/// Answers as OpenAI does, rows in reverse.
fn openai(request: &Request) -> Reply {
    let rows = vectors(request).into_iter().enumerate().rev();
    let data: Vec<_> = rows
        .map(|(index, row)| json!({"object": "embedding", "index": index, "embedding": row}))
        .collect();
    Reply::json(&json!({"object": "list", "data": data, "model": "m", "usage": {}}))
}

fn write_documents(folder: &Path) {
    for number in 0..60 {
        let sections: Vec<_> = (0..5)
            .map(|section| {
                let words = format!("document {number} speaks in part {section} of matters ").repeat(20);
                format!("## Part {section}\n\n{words}\n")
            })
            .collect();
        let text = format!("# Document {number}\n\n{}", sections.join("\n"));
        std::fs::write(folder.join(format!("d{number:02}.md")), text).expect("a document");
    }
}

fn options(folder: &Path, workers: usize) -> RunOptions {
    let source = Source::new(SourceSpec::Path("docs".into()));
    let mut options = RunOptions::new(vec![source], folder);
    options.workers = workers;
    options.batch_size = 7;
    options
}

async fn export(store: &dyn Store) -> Vec<StoredChunk> {
    store.chunks(None, usize::MAX).await.expect("all chunks")
}

async fn fill(
    store: &Arc<dyn Store>,
    embedder: impl embed_core::Embedder,
    folder: &Path,
    workers: usize,
) -> RunReport {
    let cancel = Cancel::new();
    run(
        Arc::clone(store),
        Arc::new(embedder),
        options(folder, workers),
        Arc::new(()),
        &cancel,
    )
    .await
    .expect("a run that could start")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_and_providers_leave_equal_stores_and_open_a_connection_each() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("docs")).expect("a folder");
    write_documents(&folder.path().join("docs"));
    let mut exports = Vec::new();
    for workers in [1, 4, 8] {
        let server = ScriptedServer::handler(ollama);
        let embedder = OllamaEmbedder::builder("m")
            .host(server.url())
            .build()
            .expect("an embedder");
        let url = format!("sqlite:{}", folder.path().join(format!("{workers}.db")).display());
        let store = ingest_store::open(&url).await.expect("a new store");

        let report = fill(&store, embedder.clone(), folder.path(), workers).await;
        assert_eq!(report.outcome, Outcome::Ok);
        assert_eq!(report.documents.added, 60);
        assert_eq!(report.chunks.embedded, report.chunks.stored);
        assert!(
            server.stats().accepted <= workers,
            "{} connections",
            server.stats().accepted
        );

        let asked = server.requests().len();
        let again = fill(&store, embedder, folder.path(), workers).await;
        assert_eq!((again.documents.unchanged, again.chunks.embedded), (60, 0));
        let texts = |request: &Request| request.json()["input"].as_array().map_or(0, Vec::len);
        let sent: usize = server.requests()[asked..]
            .iter()
            .filter(|request| request.path == "/api/embed")
            .map(texts)
            .sum();
        assert!(
            sent <= 1,
            "only the test before the start asks for a vector, not {sent} texts"
        );
        exports.push(export(&*store).await);
    }

    let server = ScriptedServer::handler(openai);
    let embedder = OpenAiEmbedder::builder("m")
        .base_url(server.url())
        .profile(Profile::Compatible)
        .build()
        .expect("an embedder");
    let url = format!("sqlite:{}", folder.path().join("openai.db").display());
    let store = ingest_store::open(&url).await.expect("a new store");
    fill(&store, embedder, folder.path(), 4).await;
    exports.push(export(&*store).await);

    let (first, others) = exports.split_first().expect("four exports");
    assert!(first.len() >= 300, "{} chunks", first.len());
    let fake = FakeEmbedder::new(DIMENSIONS);
    for stored in first {
        assert_eq!(
            stored.vector.as_deref(),
            Some(&fake.vector(&stored.chunk.text)[..]),
            "{}",
            stored.source
        );
    }
    for other in others {
        assert_eq!(other, first);
    }
}
