//! Answers that are refusals, or must be refused.

use embed_core::{Embedder, EmbedderExt, ErrorKind};
use embed_http::testing::{Reply, ScriptedServer};
use embed_ollama::OllamaEmbedder;
use serde_json::json;

use crate::embedder::{DOCUMENT, builder, embedder};
use crate::fake::{self, Age, MODEL, error};

#[tokio::test]
async fn answers_that_are_not_sound_do_not_pass() {
    for (body, wanted) in [
        (json!({"embeddings": [[1.0, 2.0]]}), "1 rows for 2 inputs"),
        (json!({"embeddings": []}), "0 rows for 2 inputs"),
        (
            json!({"embeddings": [[1.0, 2.0], [0.0, 0.0]]}),
            "row 1 is all zeros",
        ),
        (json!({"embeddings": [[1.0, 2.0], [1.0]]}), "row 1"),
        (json!({"embeddings": [[1.0, 2.0], [1.0, null]]}), "row 1"),
        (
            json!({"embeddings": [[1.0], [1.0], [1.0]]}),
            "more rows than the 2",
        ),
        (json!({"model": "x"}), "no member `embeddings`"),
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
    let server = ScriptedServer::script([Reply::json(&json!({"embeddings": [[1.0], [0.0]]}))]);
    let error = embedder(&server)
        .embed_batch(&["a", "b"], DOCUMENT)
        .await
        .expect_err("refused");
    assert_eq!(error.input(), Some(1));
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    let html = Reply::new(502, "<html><head><title>Bad Gateway</title></head></html>");
    for (reply, kind, words) in [
        (
            error(404, "model \"all-minilm\" not found, try pulling it first"),
            ErrorKind::ModelNotFound,
            "ollama pull all-minilm",
        ),
        (
            error(400, "the input length exceeds the context length"),
            ErrorKind::InputTooLong,
            "truncate",
        ),
        (
            Reply::json(&json!({"error": {}})).status(500),
            ErrorKind::Server,
            "an error without words",
        ),
        (
            error(
                400,
                "do embedding request: Post \"http://127.0.0.1:1/embedding\": EOF",
            ),
            ErrorKind::Server,
            "EOF",
        ),
        (
            error(503, "server busy").header("retry-after", "7"),
            ErrorKind::Busy,
            "server busy",
        ),
        (
            error(403, "forbidden"),
            ErrorKind::Unauthorized,
            "OLLAMA_HOST=0.0.0.0",
        ),
        (
            Reply::json(&json!({"error": "unauthorized", "signin_url": "https://x"})).status(401),
            ErrorKind::Unauthorized,
            "OLLAMA_API_KEY",
        ),
        (html, ErrorKind::Server, "Bad Gateway"),
        (
            Reply::json(&json!({"error": "llama runner process has terminated"})),
            ErrorKind::Server,
            "runner",
        ),
    ] {
        let server = ScriptedServer::script([reply]);
        let error = embedder(&server)
            .embed_one("a", DOCUMENT)
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), kind, "{error}");
        for word in [words, "model `all-minilm`", "/api/embed", server.url()] {
            assert!(error.to_string().contains(word), "`{word}` is not in `{error}`");
        }
        if kind == ErrorKind::Busy {
            assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)));
        }
        assert_eq!(error.input(), (kind == ErrorKind::InputTooLong).then_some(0));
    }
}

#[tokio::test]
async fn what_answers_but_is_no_ollama_is_a_wrong_setting() {
    let server = ScriptedServer::handler(|_| Reply::new(404, "<html><title>Not Found</title></html>"));
    let error = embedder(&server)
        .embed_one("a", DOCUMENT)
        .await
        .expect_err("no Ollama");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("check host, port and path"), "{error}");

    let page = ScriptedServer::script([Reply::new(200, "<html>hello</html>")]);
    let error = embedder(&page)
        .embed_one("a", DOCUMENT)
        .await
        .expect_err("a page");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
}

#[tokio::test]
async fn an_input_refused_at_the_old_path_is_named_by_its_place_in_the_batch() {
    let server = ScriptedServer::handler(|request| match request.path.as_str() {
        "/api/embeddings" if request.json()["prompt"] == "long" => {
            error(500, "input exceeds maximum context length")
        }
        _ => fake::answer(Age::Ancient, request),
    });
    let error = embedder(&server)
        .embed_batch(&["a", "b", "long"], DOCUMENT)
        .await
        .expect_err("refused");
    assert_eq!((error.kind(), error.input()), (ErrorKind::InputTooLong, Some(2)));
}

#[tokio::test]
async fn nobody_at_the_address_is_told_with_the_address() {
    let gone = fake::server(Age::New).url().to_owned();
    let embedder = OllamaEmbedder::builder(MODEL)
        .host(&gone)
        .build()
        .expect("an embedder");
    let error = embedder.embed_one("a", DOCUMENT).await.expect_err("nobody");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains(&gone), "{error}");
}

#[tokio::test]
async fn dimensions_that_the_server_does_not_give_are_an_error_that_says_why() {
    let old = fake::server(Age::Old);
    let error = builder(&old)
        .dimensions(8)
        .build()
        .expect("made")
        .embed_one("a", DOCUMENT)
        .await;
    let error = error.expect_err("16 values");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error.to_string().contains("ignored `dimensions` = 8 and gave 16"),
        "{error}"
    );

    let narrow = builder(&old)
        .dimensions(1024)
        .build()
        .expect("made")
        .embed_one("a", DOCUMENT)
        .await;
    let error = narrow.expect_err("16 values");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("at most 16"), "{error}");
}
