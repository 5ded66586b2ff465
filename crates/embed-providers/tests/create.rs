//! What the servers are told, by settings, through each of the ways to an embedder.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use embed_core::testing::{FakeEmbedder, conformance};
use embed_core::{Embedder, ErrorKind, InputKind};
use embed_http::testing::{Reply, Request, ScriptedServer};
use embed_providers::{create_async_embedder, create_embedder, create_provider, warnings};
use ingest_config::{Loader, Settings};
use serde_json::{Value, json};

const DOCUMENT: InputKind = InputKind::Document;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let loader = Loader::new();
    let loader = pairs
        .iter()
        .fold(loader, |loader, (key, value)| loader.set(*key, *value, "a test"));
    loader.load().expect("settings")
}

fn inputs(request: &Request) -> Vec<String> {
    let body = request.json();
    let inputs = body["input"].as_array().expect("an array of inputs");
    inputs
        .iter()
        .map(|input| input.as_str().expect("a text").to_owned())
        .collect()
}

/// Rows as either kind of server gives them; different texts have different ones.
fn answer(request: &Request) -> Reply {
    let fake = FakeEmbedder::new(8);
    let rows = inputs(request).into_iter().map(|input| fake.vector(&input));
    if request.path == "/api/embed" {
        let rows: Vec<_> = rows.collect();
        return Reply::json(&json!({"model": "m", "embeddings": rows}));
    }
    let data: Vec<Value> = rows
        .enumerate()
        .map(|(index, row)| json!({"object": "embedding", "index": index, "embedding": row}))
        .collect();
    Reply::json(&json!({"object": "list", "data": data, "model": "m"}))
}

fn ollama(server: &ScriptedServer, more: &[(&str, &str)]) -> Settings {
    let mut pairs = vec![
        ("embedding_provider", "ollama"),
        ("embedding_model", "nomic-embed-text"),
        ("ollama_host", server.url()),
    ];
    pairs.extend(more);
    settings(&pairs)
}

#[tokio::test]
async fn ollama_is_told_what_the_settings_say() {
    let server = ScriptedServer::handler(answer);
    let settings = ollama(
        &server,
        &[
            ("embedding_dimensions", "8"),
            ("keep_alive", "30m"),
            ("ollama_api_key", "sesame"),
            ("on_too_long", "truncate"),
        ],
    );
    let embedder = create_async_embedder(&settings).expect("an embedder");
    assert_eq!(embedder.model().provider, "ollama");
    embedder
        .embed_batch(&["a"], InputKind::Query)
        .await
        .expect("a row");
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer sesame"));
    let body = request.json();
    assert_eq!(body["model"], "nomic-embed-text");
    assert_eq!(body["input"], json!(["search_query: a"]));
    assert_eq!(
        (&body["dimensions"], &body["keep_alive"]),
        (&json!(8), &json!("30m"))
    );
    assert_eq!(body["truncate"], json!(true));
    assert!(!format!("{embedder:?}").contains("sesame"), "{embedder:?}");

    // Who makes retries and cuts its own business hears of every text that is too long.
    let provider = create_provider(&settings).expect("a provider");
    provider.embed_batch(&["a"], DOCUMENT).await.expect("a row");
    let body = server.requests()[1].json();
    assert_eq!(body["input"], json!(["search_document: a"]));
    assert_ne!(body["truncate"], json!(true));
}

#[tokio::test]
async fn ready_for_use_means_batched_and_tried_again() {
    let failed = AtomicUsize::new(0);
    let server = ScriptedServer::handler(move |request| {
        // The second batch finds the server busy, once.
        if inputs(request).len() == 1 && failed.fetch_add(1, Ordering::SeqCst) == 0 {
            return Reply::new(503, r#"{"error":"server busy"}"#).header("retry-after-ms", "1");
        }
        answer(request)
    });
    let settings = ollama(&server, &[("embedding_batch_size", "2"), ("document_prefix", "")]);
    let embedder = create_async_embedder(&settings).expect("an embedder");
    let rows = embedder
        .embed_batch(&["a", "b", "c"], DOCUMENT)
        .await
        .expect("rows");
    assert_eq!(rows.row(2), FakeEmbedder::new(8).vector("c"));
    let mut sizes: Vec<_> = server
        .requests()
        .iter()
        .map(|request| inputs(request).len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 2]);
    assert_eq!(embedder.usage().retries, 1);
}

#[tokio::test]
async fn the_bare_provider_neither_splits_nor_tries_again() {
    let server = ScriptedServer::handler(|_| Reply::new(503, r#"{"error":"server busy"}"#));
    let settings = ollama(&server, &[("embedding_batch_size", "1")]);
    let provider = create_provider(&settings).expect("a provider");
    let error = provider
        .embed_batch(&["a", "b"], DOCUMENT)
        .await
        .expect_err("busy");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Busy, 1));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn batches_are_tried_as_often_as_the_settings_say() {
    let server = ScriptedServer::handler(|_| {
        Reply::new(503, r#"{"error":"server busy"}"#).header("retry-after-ms", "1")
    });
    // Waits are drawn at random, below 1 s and 2 s.
    let settings = ollama(&server, &[("ingest_batch_retries", "2")]);
    let embedder = create_async_embedder(&settings).expect("an embedder");
    let error = embedder.embed_batch(&["a"], DOCUMENT).await.expect_err("busy");
    assert_eq!((error.attempts(), server.requests().len()), (2, 2));
}

#[tokio::test]
async fn openai_is_told_what_the_settings_say() {
    let server = ScriptedServer::handler(answer);
    let url = format!("{}/v1", server.url());
    let settings = settings(&[
        ("embedding_provider", "openai"),
        ("embedding_model", "my-model"),
        ("openai_base_url", &url),
        ("openai_api_key", "sesame-open"),
        ("openai_organization", "org-1"),
        ("openai_project", "proj-1"),
        ("embedding_dimensions", "8"),
    ]);
    let embedder = create_async_embedder(&settings).expect("an embedder");
    assert_eq!(embedder.model().provider, "openai");
    embedder.embed_batch(&["a"], DOCUMENT).await.expect("a row");
    let request = &server.requests()[0];
    assert_eq!(request.path, "/v1/embeddings");
    assert_eq!(request.header("authorization"), Some("Bearer sesame-open"));
    assert_eq!(request.header("openai-organization"), Some("org-1"));
    assert_eq!(request.header("openai-project"), Some("proj-1"));
    let body = request.json();
    assert_eq!(
        (&body["model"], &body["dimensions"]),
        (&json!("my-model"), &json!(8))
    );
    assert!(!format!("{embedder:?}").contains("sesame"), "{embedder:?}");
}

#[tokio::test]
async fn azure_has_its_own_path_and_header() {
    let server = ScriptedServer::handler(answer);
    let settings = settings(&[
        ("embedding_provider", "openai"),
        ("openai_base_url", server.url()),
        ("openai_api_key", "sesame-open"),
        ("azure_deployment", "embeddings-eu"),
        ("azure_api_version", "2024-10-21"),
    ]);
    let provider = create_provider(&settings).expect("a provider");
    provider.embed_batch(&["a"], DOCUMENT).await.expect("a row");
    let request = &server.requests()[0];
    assert_eq!(
        request.path,
        "/openai/deployments/embeddings-eu/embeddings?api-version=2024-10-21"
    );
    assert_eq!(request.header("api-key"), Some("sesame-open"));
}

#[test]
fn settings_that_cannot_work_are_refused_without_asking_anyone() {
    let error = create_provider(&settings(&[("embedding_provider", "openai")])).expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
    let bad = settings(&[
        ("embedding_provider", "ollama"),
        ("ollama_host", "htpp://gpu-box"),
    ]);
    let error = create_provider(&bad).expect_err("a typo");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn a_port_that_cannot_be_one_is_told() {
    let settings = settings(&[("ollama_host", "gpu-box:114340")]);
    let warnings = warnings(&settings);
    assert!(
        warnings.iter().any(|warning| warning.contains("114340")),
        "{warnings:?}"
    );
    assert!(create_provider(&settings).is_ok());
    assert!(embed_providers::warnings(&Settings::default()).is_empty());
}

#[test]
fn callers_without_async_get_the_same() {
    let server = ScriptedServer::handler(answer);
    let settings = ollama(&server, &[("embedding_batch_size", "2"), ("document_prefix", "")]);
    let embedder = create_embedder(&settings).expect("an embedder");
    let rows = embedder.embed_batch(&["a", "b", "c"], DOCUMENT).expect("rows");
    for (row, text) in rows.iter().zip(["a", "b", "c"]) {
        assert_eq!(row, FakeEmbedder::new(8).vector(text));
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn inside_a_runtime_the_blocking_one_says_so() {
    let server = ScriptedServer::handler(answer);
    let embedder = create_embedder(&ollama(&server, &[])).expect("an embedder");
    let error = embedder.embed_batch(&["a"], DOCUMENT).expect_err("inside");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_whole_stack_keeps_the_contract() {
    let server = ScriptedServer::handler(|request| match request.path.as_str() {
        "/api/show" => Reply::json(&json!({"model_info": {
            "general.architecture": "bert", "bert.embedding_length": 8, "bert.context_length": 512,
        }})),
        "/api/tags" => Reply::json(&json!({"models": []})),
        _ => answer(request),
    });
    let settings = ollama(&server, &[("embedding_batch_size", "7")]);
    let embedder: Arc<dyn Embedder> = create_async_embedder(&settings).expect("an embedder");
    for check in conformance::CHECKS {
        check.run(&embedder).await;
    }
}
