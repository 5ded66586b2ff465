//! The embedder against servers of all shapes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use embed_core::testing::conformance;
use embed_core::{Embedder, EmbedderExt, ErrorKind, InputKind, cosine};
use embed_http::testing::{CountingConnector, Reply, ScriptedServer, Signal};
use embed_openai::{OpenAiBuilder, OpenAiEmbedder, Profile};
use futures_util::future::join_all;
use serde_json::json;

use crate::fake::{self, DIMENSIONS, Shape, error, row, texts};

const DOCUMENT: InputKind = InputKind::Document;
const KEY: &str = "sk-test-0123456789";

fn builder(server: &ScriptedServer) -> OpenAiBuilder {
    OpenAiEmbedder::builder("m").base_url(server.url()).api_key(KEY)
}

fn embedder(server: &ScriptedServer) -> OpenAiEmbedder {
    builder(server).build().expect("an embedder")
}

async fn conforms(shape: Shape, profile: Profile) {
    let server = fake::server(shape);
    let embedder: Arc<dyn Embedder> =
        Arc::new(builder(&server).profile(profile).build().expect("an embedder"));
    for check in conformance::CHECKS {
        check.run(&embedder).await;
    }
}

#[tokio::test]
async fn openai_in_base64_conforms() {
    conforms(Shape::Plain, Profile::OpenAi).await;
}

#[tokio::test]
async fn a_server_that_answers_numbers_whatever_is_asked_conforms() {
    conforms(Shape::AlwaysFloat, Profile::OpenAi).await;
}

#[tokio::test]
async fn a_server_that_answers_base64_whatever_is_asked_conforms() {
    conforms(Shape::AlwaysBase64, Profile::Compatible).await;
}

#[tokio::test]
async fn a_server_that_answers_out_of_order_conforms() {
    conforms(Shape::Reversed, Profile::Compatible).await;
}

#[tokio::test]
async fn a_request_says_what_was_set_and_nothing_else() {
    let server = fake::server(Shape::Plain);
    embedder(&server)
        .embed_one("a text", DOCUMENT)
        .await
        .expect("a row");
    let set = builder(&server)
        .profile(Profile::OpenAi)
        .dimensions(8)
        .organization("org-1")
        .project("proj-1")
        .header("x-team", "search")
        .build()
        .expect("an embedder");
    let rows = set
        .embed_batch(&["a text", "another"], InputKind::Query)
        .await
        .expect("rows");
    assert_eq!((rows.rows(), rows.dimensions()), (2, 8));

    let requests = server.requests();
    assert_eq!(requests[0].path, "/v1/embeddings");
    assert_eq!(
        requests[0].json(),
        json!({"model": "m", "input": ["a text"], "encoding_format": "float"})
    );
    assert_eq!(
        requests[0].header("authorization"),
        Some("Bearer sk-test-0123456789")
    );
    assert_eq!(requests[0].header("openai-organization"), None);
    assert_eq!(
        requests[1].json(),
        json!({"model": "m", "input": ["a text", "another"], "encoding_format": "base64", "dimensions": 8})
    );
    for (name, value) in [
        ("openai-organization", "org-1"),
        ("openai-project", "proj-1"),
        ("x-team", "search"),
    ] {
        assert_eq!(requests[1].header(name), Some(value));
    }
}

#[tokio::test]
async fn a_hundred_batches_in_turn_open_one_connection() {
    let server = fake::server(Shape::Plain);
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
    assert_eq!(
        (embedder.usage().requests, embedder.usage().connections_reused),
        (100, 99)
    );
}

#[tokio::test]
async fn a_hundred_batches_at_once_open_ten_connections() {
    // Answers are held back until ten requests are there, so that all ten are under way at once.
    let all_there = Signal::new();
    let held = all_there.clone();
    let server = ScriptedServer::handler(move |request| fake::answer(Shape::Plain, request).wait_for(&held));
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
}

#[tokio::test]
async fn a_blank_input_is_refused_before_anyone_is_asked() {
    let server = fake::server(Shape::Plain);
    let embedder = embedder(&server);
    for blank in ["", " ", "\t\r\n"] {
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
        let width = (requests.fetch_add(1, Ordering::SeqCst) == 1).then_some(8);
        let rows = texts(&request.json())
            .iter()
            .map(|text| row(text, width))
            .collect::<Vec<_>>();
        Reply::json(&json!({"data": [{"index": 0, "embedding": rows[0]}]}))
    });
    let embedder = embedder(&server);
    assert_eq!(embedder.model().dimensions, None);
    embedder.embed_one("a", DOCUMENT).await.expect("16 values");
    assert_eq!(embedder.model().dimensions, Some(DIMENSIONS));
    let error = embedder.embed_one("b", DOCUMENT).await.expect_err("8 values");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    embedder
        .clone()
        .embed_one("c", DOCUMENT)
        .await
        .expect("16 values again");
}

#[tokio::test]
async fn a_server_that_ignores_dimensions_is_found_out() {
    let server = ScriptedServer::handler(|request| {
        let rows: Vec<_> = texts(&request.json())
            .iter()
            .map(|text| row(text, None))
            .collect();
        Reply::json(&json!({"data": [{"index": 0, "embedding": rows[0]}]}))
    });
    let embedder = builder(&server).dimensions(8).build().expect("an embedder");
    let error = embedder.embed_one("a", DOCUMENT).await.expect_err("16 values");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error.to_string().contains("16 values although `dimensions` = 8"),
        "{error}"
    );
}

#[tokio::test]
async fn answers_that_are_not_sound_do_not_pass() {
    for (body, wanted) in [
        (
            json!({"data": [{"index": 0, "embedding": [1.0]}]}),
            "1 rows for 2 inputs",
        ),
        (json!({"data": []}), "0 rows for 2 inputs"),
        (
            json!({"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]}),
            "index",
        ),
        (
            json!({"data": [{"index": 1, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}]}),
            "index",
        ),
        (
            json!({"data": [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [0.0]}]}),
            "row 0 is all zeros",
        ),
        (
            json!({"data": [{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": "AAAA"}]}),
            "base64",
        ),
        (json!({"object": "list"}), "no member `data`"),
    ] {
        let server = ScriptedServer::script([Reply::json(&body)]);
        let error = embedder(&server)
            .embed_batch(&["a", "b"], DOCUMENT)
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains(wanted), "{cause}");
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    let rate = "Rate limit reached for m. Please try again in 20s.";
    let minimax = Reply::json(
        &json!({"vectors": null, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}),
    );
    for (reply, kind, words, wait) in [
        (
            error(429, "rate_limit_exceeded", rate),
            ErrorKind::RateLimited,
            "Rate limit reached",
            Some(20_000),
        ),
        (
            error(429, "rate_limit_exceeded", rate).header("retry-after-ms", "1500"),
            ErrorKind::RateLimited,
            "Rate limit reached",
            Some(1_500),
        ),
        (
            error(429, "insufficient_quota", "You exceeded"),
            ErrorKind::QuotaSpent,
            "add credit",
            None,
        ),
        (
            error(401, "invalid_api_key", "Incorrect API key"),
            ErrorKind::Unauthorized,
            "check the key",
            None,
        ),
        (
            error(404, "model_not_found", "The model `m` does not exist"),
            ErrorKind::ModelNotFound,
            "model's name",
            None,
        ),
        (
            error(400, "x", "maximum context length is 8192 tokens"),
            ErrorKind::InputTooLong,
            "shorten",
            None,
        ),
        (
            Reply::new(404, "<title>Not Found</title>"),
            ErrorKind::InvalidConfig,
            "base URL",
            None,
        ),
        (Reply::new(503, ""), ErrorKind::Busy, "503", None),
        (minimax, ErrorKind::RateLimited, "rate limit", None),
    ] {
        let server = ScriptedServer::script([reply.header("x-request-id", "req-7")]);
        let error = embedder(&server)
            .embed_one("a", DOCUMENT)
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}");
        for word in [words, "model `m`", "/v1/embeddings", server.url()] {
            assert!(error.to_string().contains(word), "`{word}` is not in `{error}`");
        }
        assert_eq!(error.retry_after(), wait.map(Duration::from_millis), "{error}");
        assert_eq!(error.input(), (kind == ErrorKind::InputTooLong).then_some(0));
        if error.status() != Some(200) {
            assert!(error.to_string().contains("req-7"), "{error}");
        }
    }
}
