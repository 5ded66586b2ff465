//! What a server is asked besides embeddings.

use std::collections::BTreeMap;

use crate::fake::{self, Age, MODEL, error};
use bytes::Bytes;
use embed_core::ErrorKind;
use embed_http::HttpClient;
use embed_http::testing::{Reply, ScriptedServer};
use embed_ollama::OllamaClient;
use serde_json::json;

fn client(server: &ScriptedServer) -> OllamaClient {
    OllamaClient::new(HttpClient::builder(server.url()).build().expect("a client"))
}

fn lines(lines: &[serde_json::Value]) -> Reply {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Reply::new(200, text)
        .header("content-type", "application/x-ndjson")
        .chunked(7)
}

#[tokio::test]
async fn version_and_models_are_read() {
    let server = fake::server(Age::New);
    let client = client(&server);
    assert_eq!(client.version().await.expect("a version"), "0.6.5");
    let names: Vec<String> = client
        .list()
        .await
        .expect("models")
        .into_iter()
        .map(|model| model.name)
        .collect();
    assert_eq!(names, ["other:latest", "all-minilm:latest"]);
    let found = client.find(MODEL).await.expect("models").expect("the model");
    assert_eq!((found.digest.as_str(), found.bytes), ("bb12", 45));
    assert_eq!(client.find("all-minilm:22m").await.expect("models"), None);
    assert_eq!(client.show(MODEL).await.expect("a card").can_embed(), Some(true));
    assert_eq!(
        client.show("nobody").await.expect_err("none").kind(),
        ErrorKind::ModelNotFound
    );
    assert_eq!(client.usage().connections_opened, 1);
}

#[tokio::test]
async fn a_server_without_models_may_say_null() {
    let server = ScriptedServer::handler(|_| Reply::json(&json!({"models": null})));
    assert!(client(&server).list().await.expect("models").is_empty());
    assert!(client(&server).loaded().await.expect("models").is_empty());
}

#[tokio::test]
async fn loaded_models_are_read() {
    let server = ScriptedServer::script([Reply::json(&json!({"models": [
        {"name": "m:latest", "size": 1, "digest": "aa", "size_vram": 7, "expires_at": "2026-01-01T00:00:00Z"},
    ]}))]);
    let loaded = client(&server).loaded().await.expect("models");
    assert_eq!(
        (
            loaded[0].name.as_str(),
            loaded[0].vram_bytes,
            loaded[0].context_length
        ),
        ("m:latest", 7, None)
    );
}

#[tokio::test]
async fn a_pull_tells_how_far_it_is_and_ends_with_success() {
    let server = ScriptedServer::script([lines(&[
        json!({"status": "pulling manifest"}),
        json!({"status": "pulling aa", "digest": "sha256:aa", "total": 100, "completed": 40}),
        json!({"status": "success"}),
    ])]);
    let mut steps = Vec::new();
    client(&server)
        .pull(MODEL, |step| steps.push(step.clone()))
        .await
        .expect("pulled");
    assert_eq!(steps.len(), 3);
    assert_eq!((steps[1].total, steps[1].completed), (Some(100), Some(40)));
    assert_eq!(
        server.requests()[0].json(),
        json!({"model": MODEL, "name": MODEL})
    );
}

#[tokio::test]
async fn a_pull_that_does_not_end_with_success_is_a_failure() {
    for (reply, kind) in [
        (
            lines(&[json!({"status": "pulling manifest"})]),
            ErrorKind::InvalidResponse,
        ),
        (lines(&[]), ErrorKind::InvalidResponse),
        (
            lines(&[json!({"status": "success"}), json!({"status": "verifying"})]),
            ErrorKind::InvalidResponse,
        ),
        (
            lines(&[json!({"error": "pull model manifest: file does not exist"})]),
            ErrorKind::ModelNotFound,
        ),
        (
            lines(&[
                json!({"status": "x"}),
                json!({"error": "dial tcp: no route to host"}),
            ]),
            ErrorKind::Server,
        ),
        (
            lines(&[json!({"status": "x"}), json!({"error": {}})]),
            ErrorKind::Server,
        ),
        (Reply::new(200, "<html>login</html>"), ErrorKind::InvalidResponse),
        (error(400, "invalid model name"), ErrorKind::ModelNotFound),
        (
            lines(&[json!({"status": "x"})]).at(5, embed_http::testing::Step::Close),
            ErrorKind::Connect,
        ),
    ] {
        let server = ScriptedServer::script([reply]);
        let error = client(&server).pull(MODEL, |_| ()).await.expect_err("a failure");
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.to_string().contains("/api/pull"), "{error}");
    }
}

#[tokio::test]
async fn a_file_is_uploaded_unless_the_server_has_it() {
    let server = ScriptedServer::handler(|request| match (request.method.as_str(), request.path.as_str()) {
        ("HEAD", "/api/blobs/sha256:aa") => Reply::new(200, ""),
        ("HEAD", _) => Reply::new(404, ""),
        ("POST", "/api/blobs/sha256:bb") => Reply::new(201, ""),
        _ => error(400, "digest mismatch"),
    });
    let client = client(&server);
    for digest in ["sha256:aa", "sha256:bb"] {
        client
            .upload_blob(digest, Bytes::from_static(b"weights"))
            .await
            .expect("uploaded");
    }
    let error = client
        .upload_blob("sha256:cc", Bytes::new())
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let sent: Vec<String> = server
        .requests()
        .iter()
        .map(|request| {
            format!(
                "{} {} {}",
                request.method,
                &request.path[11..],
                request.body.len()
            )
        })
        .collect();
    assert_eq!(
        sent,
        [
            "HEAD sha256:aa 0",
            "HEAD sha256:bb 0",
            "POST sha256:bb 7",
            "HEAD sha256:cc 0",
            "POST sha256:cc 0"
        ]
    );
}

#[tokio::test]
async fn a_model_is_made_of_uploaded_files() {
    let server = ScriptedServer::script([
        lines(&[json!({"status": "parsing"}), json!({"status": "success"})]),
        lines(&[json!({"error": "unknown architecture"})]),
    ]);
    let files = BTreeMap::from([("1_Pooling/config.json".to_owned(), "sha256:aa".to_owned())]);
    client(&server)
        .create("mine", &files, |_| ())
        .await
        .expect("made");
    assert_eq!(
        server.requests()[0].json(),
        json!({"model": "mine", "files": {"1_Pooling/config.json": "sha256:aa"}})
    );
    let error = client(&server)
        .create("mine", &files, |_| ())
        .await
        .expect_err("a failure");
    assert_eq!(error.kind(), ErrorKind::Server);
}
