//! Answers that come over a connection.

use std::error::Error as _;

use embed_core::ErrorKind;
use embed_http::testing::{Reply, ScriptedServer};
use embed_http::{DecodeError, DecodeFault, HttpClient, Layout, read_rows};

const BODY: &str =
    r#"{"model":"m","embeddings":[[0.012345678,-0.0234567],[1.5e-7,0.25]],"prompt_eval_count":8}"#;

async fn ask(reply: Reply) -> (String, embed_core::Result<embed_http::Answer>) {
    let server = ScriptedServer::script([reply]);
    let client = HttpClient::builder(server.url()).build().expect("a client");
    let response = client
        .post_json("/api/embed", "{}".into())
        .await
        .expect("a response");
    (
        server.url().to_owned(),
        read_rows(response, Layout::Ollama, 2, None).await,
    )
}

#[tokio::test]
async fn rows_are_read_whatever_the_chunks() {
    for size in [1, 7, 4096] {
        let (_, answer) = ask(Reply::new(200, BODY).chunked(size)).await;
        let answer = answer.expect("rows");
        assert_eq!(
            answer.embeddings.as_flat(),
            [0.012345678, -0.0234567, 1.5e-7, 0.25]
        );
        assert_eq!(answer.rest["prompt_eval_count"], 8);
    }
}

#[tokio::test]
async fn a_fault_names_the_url_and_shows_what_came() {
    let (url, answer) = ask(Reply::new(200, "<html>come back later</html>")).await;
    let error = answer.expect_err("no rows");
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert_eq!(error.status(), Some(200));
    assert!(error.to_string().contains(&format!("{url}/api/embed")), "{error}");
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<DecodeError>());
    let source = source.expect("the decoder's error");
    assert!(matches!(source.fault(), DecodeFault::Syntax { .. }), "{source:?}");
    assert!(source.to_string().contains("<html>come back later"), "{source}");
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_rows_is_no_fault_of_the_answer() {
    let (_, answer) = ask(Reply::new(200, BODY).at(40, embed_http::testing::Step::Reset)).await;
    assert_eq!(answer.expect_err("half an answer").kind(), ErrorKind::Connect);
}
