//! The embedder against servers of all ages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fake::{self, Age, DIMENSIONS, MODEL, row, texts};
use embed_core::testing::conformance;
use embed_core::{Embedder, EmbedderExt, ErrorKind, InputKind, cosine};
use embed_http::HttpClient;
use embed_http::testing::{CountingConnector, Reply, ScriptedServer, Signal};
use embed_ollama::{OllamaBuilder, OllamaEmbedder};
use futures_util::future::join_all;
use serde_json::json;

pub(crate) const DOCUMENT: InputKind = InputKind::Document;

pub(crate) fn builder(server: &ScriptedServer) -> OllamaBuilder {
    OllamaEmbedder::builder(MODEL).host(server.url())
}

pub(crate) fn embedder(server: &ScriptedServer) -> OllamaEmbedder {
    builder(server).build().expect("an embedder")
}

async fn conforms(age: Age) {
    let server = fake::server(age);
    let embedder: Arc<dyn Embedder> = Arc::new(embedder(&server));
    for check in conformance::CHECKS {
        check.run(&embedder).await;
    }
}

#[tokio::test]
async fn a_new_server_conforms() {
    conforms(Age::New).await;
}

#[tokio::test]
async fn a_server_of_early_2025_conforms() {
    conforms(Age::Old).await;
}

#[tokio::test]
async fn a_server_without_api_embed_conforms() {
    conforms(Age::Ancient).await;
}

#[tokio::test]
async fn a_request_says_what_was_set_and_nothing_is_cut_unless_allowed() {
    let server = fake::server(Age::New);
    let plain = embedder(&server);
    plain.embed_one("a text", DOCUMENT).await.expect("a row");
    let set = builder(&server)
        .dimensions(8)
        .truncate(true)
        .keep_alive("30m")
        .option("num_ctx", 2048)
        .api_key("the-key\n")
        .header("x-team", "search")
        .build()
        .expect("an embedder");
    let rows = set
        .embed_batch(&["a text", "another"], InputKind::Query)
        .await
        .expect("rows");
    assert_eq!((rows.rows(), rows.dimensions()), (2, 8));

    let requests = server.requests();
    assert_eq!(
        requests[0].json(),
        json!({"model": MODEL, "input": ["a text"], "truncate": false})
    );
    assert_eq!(requests[0].header("authorization"), None);
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(
        requests[1].json(),
        json!({
            "model": MODEL, "input": ["a text", "another"], "truncate": true, "dimensions": 8, "keep_alive": "30m",
            "options": {"num_ctx": 2048},
        })
    );
    assert_eq!(requests[1].header("authorization"), Some("Bearer the-key"));
    assert_eq!(requests[1].header("x-team"), Some("search"));
    assert!(
        requests[1]
            .header("user-agent")
            .is_some_and(|name| name.starts_with("embed-ollama/"))
    );
}

#[tokio::test]
async fn a_hundred_batches_in_turn_open_one_connection() {
    let server = fake::server(Age::New);
    let counting = CountingConnector::new();
    let embedder = builder(&server)
        .connector(Arc::new(counting.clone()))
        .build()
        .expect("an embedder");
    for number in 0..100 {
        let clone = embedder.clone();
        clone
            .embed_one(&format!("text {number}"), DOCUMENT)
            .await
            .expect("a row");
    }
    assert_eq!((counting.opened(), server.stats().accepted), (1, 1));
    let usage = embedder.usage();
    assert_eq!(
        (usage.requests, usage.connections_opened, usage.connections_reused),
        (100, 1, 99)
    );
}

#[tokio::test]
async fn a_hundred_batches_at_once_open_ten_connections() {
    // Answers are held back until ten requests are there, so that all ten are under way at once.
    let all_there = Signal::new();
    let held = all_there.clone();
    let server = ScriptedServer::handler(move |request| fake::answer(Age::New, request).wait_for(&held));
    let counting = CountingConnector::new();
    let embedder = builder(&server)
        .connector(Arc::new(counting.clone()))
        .build()
        .expect("an embedder");
    let inputs: Vec<String> = (0..100).map(|number| format!("text {number}")).collect();
    let calls = join_all(inputs.iter().map(|input| embedder.embed_one(input, DOCUMENT)));
    let release = async {
        server.wait_until(|stats| stats.requests >= 10).await;
        all_there.fire();
    };
    let (rows, ()) = futures_util::future::join(calls, release).await;
    for (found, input) in rows.into_iter().zip(&inputs) {
        assert!(
            cosine(&found.expect("a row"), &row(input, None)) > 0.9999,
            "{input}"
        );
    }
    assert_eq!((counting.opened(), counting.high_water()), (10, 10));
    assert_eq!(server.stats().high_water, 10);
}

#[tokio::test]
async fn several_embedders_can_share_one_client() {
    let server = fake::server(Age::New);
    let http = HttpClient::builder(server.url()).build().expect("a client");
    for _ in 0..3 {
        let embedder = OllamaEmbedder::builder(MODEL)
            .http_client(http.clone())
            .build()
            .expect("an embedder");
        embedder.embed_one("a text", DOCUMENT).await.expect("a row");
    }
    assert_eq!(server.stats().accepted, 1);
    assert_eq!(http.usage().requests, 3);
}

#[tokio::test]
async fn a_blank_input_is_refused_before_anyone_is_asked() {
    let server = fake::server(Age::New);
    let embedder = embedder(&server);
    for blank in ["", " ", "\t\r\n", "\u{a0}"] {
        let error = embedder
            .embed_batch(&["a text", blank], DOCUMENT)
            .await
            .expect_err("refused");
        assert_eq!((error.kind(), error.input()), (ErrorKind::InvalidInput, Some(1)));
    }
    assert_eq!(server.stats().requests, 0);
}

#[tokio::test]
async fn the_width_is_learned_from_the_first_answer_and_held_against_later_ones() {
    let requests = AtomicUsize::new(0);
    let server = ScriptedServer::handler(move |request| {
        let cut = (requests.fetch_add(1, Ordering::SeqCst) == 1).then_some(8);
        let rows: Vec<_> = texts(&request.json()).iter().map(|text| row(text, cut)).collect();
        Reply::json(&json!({"embeddings": rows}))
    });
    let embedder = embedder(&server);
    assert_eq!(embedder.model().dimensions, None);
    embedder.embed_one("a", DOCUMENT).await.expect("16 values");
    assert_eq!(embedder.model().dimensions, Some(DIMENSIONS));
    let error = embedder.embed_one("b", DOCUMENT).await.expect_err("8 values");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains("was the model replaced?"), "{error}");
    embedder
        .clone()
        .embed_one("c", DOCUMENT)
        .await
        .expect("16 values again");
}

#[tokio::test]
async fn a_server_without_api_embed_is_asked_one_text_at_a_time_and_remembered() {
    let server = fake::server(Age::Ancient);
    let embedder = embedder(&server);
    let rows = embedder.embed_batch(&["a", "b"], DOCUMENT).await.expect("rows");
    for (found, text) in rows.iter().zip(["a", "b"]) {
        let length: f32 = found.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "unit length");
        assert!(cosine(found, &row(text, None)) > 0.9999);
    }
    embedder.clone().embed_one("c", DOCUMENT).await.expect("a row");
    let paths: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths,
        [
            "/api/embed",
            "/api/embeddings",
            "/api/embeddings",
            "/api/embeddings"
        ]
    );

    let unknown = OllamaEmbedder::builder("nobody")
        .host(server.url())
        .build()
        .expect("made");
    let error = unknown.embed_one("a", DOCUMENT).await.expect_err("no such model");
    assert_eq!(error.kind(), ErrorKind::ModelNotFound);
}

#[tokio::test]
async fn a_description_holds_what_the_server_tells() {
    let new = fake::server(Age::New);
    let info = embedder(&new).describe().await.expect("a description");
    assert_eq!(info.digest.as_deref(), Some("bb12"));
    assert_eq!(info.dimensions, Some(DIMENSIONS));
    // The model file's num_ctx is less than what the model was made for.
    assert_eq!(info.context_length, Some(256));
    let wide = builder(&new)
        .option("num_ctx", 8192)
        .dimensions(8)
        .build()
        .expect("made");
    let info = wide.describe().await.expect("a description");
    assert_eq!((info.context_length, info.dimensions), (Some(512), Some(8)));

    let ancient = fake::server(Age::Ancient);
    let info = embedder(&ancient).describe().await.expect("a description");
    assert_eq!(
        (info.digest.as_deref(), info.dimensions, info.context_length),
        (Some("bb12"), None, None)
    );

    let unknown = OllamaEmbedder::builder("nobody")
        .host(new.url())
        .build()
        .expect("made");
    assert_eq!(
        unknown.describe().await.expect_err("none").kind(),
        ErrorKind::ModelNotFound
    );
}

#[tokio::test]
async fn warming_up_loads_the_model_as_it_will_be_used() {
    for (age, path) in [(Age::New, "/api/embed"), (Age::Ancient, "/api/embeddings")] {
        let server = fake::server(age);
        let embedder = builder(&server)
            .option("num_ctx", 512)
            .keep_alive(-1)
            .build()
            .expect("made");
        embedder.warm_up().await.expect("warm");
        let request = server.requests().pop().expect("a request");
        assert_eq!(request.path, path);
        let body = request.json();
        assert_eq!(
            (&body["keep_alive"], &body["options"]["num_ctx"]),
            (&json!(-1), &json!(512))
        );

        let unknown = OllamaEmbedder::builder("nobody")
            .host(server.url())
            .build()
            .expect("made");
        assert_eq!(
            unknown.warm_up().await.expect_err("none").kind(),
            ErrorKind::ModelNotFound
        );
    }
}

#[tokio::test]
async fn a_path_before_the_api_and_a_unix_socket_are_reached() {
    let behind_proxy = ScriptedServer::handler(|request| {
        let mut request = request.clone();
        request.path = request
            .path
            .strip_prefix("/ollama")
            .expect("the path of the host")
            .to_owned();
        fake::answer(Age::New, &request)
    });
    let host = format!("{}/ollama/", behind_proxy.url());
    let proxied = OllamaEmbedder::builder(MODEL)
        .host(host)
        .build()
        .expect("an embedder");
    proxied.embed_one("a", DOCUMENT).await.expect("a row");

    #[cfg(unix)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let server = ScriptedServer::handler_unix(&folder.path().join("o.sock"), |request| {
            fake::answer(Age::New, request)
        });
        let row = embedder(&server).embed_one("a", DOCUMENT).await.expect("a row");
        assert_eq!(row, fake::row("a", None));
    }
}

#[tokio::test]
async fn ten_megabytes_in_one_text_are_sent_whole() {
    let server = fake::server(Age::New);
    let text = "word \"quoted\" ".repeat(700_000);
    let found = embedder(&server).embed_one(&text, DOCUMENT).await.expect("a row");
    assert_eq!(found, row(&text, None));
}
