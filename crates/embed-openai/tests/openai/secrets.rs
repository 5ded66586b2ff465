//! No key is ever shown, whoever repeats it.

use std::error::Error as StdError;
use std::io::Write;

use embed_core::{EmbedderExt, Error, ErrorKind, InputKind};
use embed_http::testing::{Reply, ScriptedServer};
use embed_openai::{ApiKey, OpenAiEmbedder, Profile};

use crate::fake::{self, Shape};

const KEY: &str = "azure-key-0123456789";

/// All that a log could show of an error.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn a_server_that_repeats_the_key_does_not_bring_it_into_an_error() {
    let echo = format!("{{\"error\": {{\"message\": \"bad header {KEY}\"}}}}");
    for reply in [
        Reply::new(401, echo.clone()),
        Reply::new(400, format!("<html>you sent {KEY}</html>")),
        Reply::new(200, echo),
        Reply::new(200, format!("<html>you sent {KEY}</html>")),
        Reply::new(200, format!("{{\"you sent\": \"{KEY}\"}}")),
        Reply::new(200, format!("{{\"data\": [{{\"embedding\": [{KEY}]}}]}}")),
        Reply::new(503, "busy").header("x-request-id", KEY),
    ] {
        for profile in [Profile::OpenAi, Profile::Azure] {
            let server = ScriptedServer::script([reply.clone()]);
            let embedder = OpenAiEmbedder::builder("m")
                .base_url(server.url())
                .profile(profile)
                .api_key(KEY);
            let error = embedder
                .build()
                .expect("made")
                .embed_one("a", InputKind::Document)
                .await;
            let shown = shown(&error.expect_err("refused"));
            assert!(!shown.contains(KEY), "{shown}");
        }
    }
}

#[tokio::test]
async fn neither_builder_nor_embedder_shows_a_secret() {
    let builder = OpenAiEmbedder::builder("m")
        .base_url("http://ann:pa55word@gpu-box:8000/v1")
        .api_key(KEY)
        .header("x-api-key", "another-secret");
    let embedder = builder.clone().build().expect("an embedder");
    let shown = format!("{builder:?} {embedder:?} {:?}", ApiKey::new(KEY));
    for secret in [KEY, "pa55word", "another-secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_key_is_read_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "{KEY}").expect("written");
    let server = fake::server(Shape::Plain);
    let builder = OpenAiEmbedder::builder("m")
        .base_url(server.url())
        .api_key_file(file.path());
    builder
        .build()
        .expect("made")
        .embed_one("a", InputKind::Document)
        .await
        .expect("a row");
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Bearer azure-key-0123456789")
    );

    let missing = OpenAiEmbedder::builder("m")
        .api_key_file("no/such/file")
        .build()
        .expect_err("no file");
    assert_eq!(missing.kind(), ErrorKind::InvalidConfig);
    assert!(missing.to_string().contains("no/such/file"), "{missing}");
}

#[test]
fn openai_without_a_key_is_refused_unless_a_header_says_who_is_asking() {
    let error = OpenAiEmbedder::builder("m").build().expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
    let at = |url: &str| OpenAiEmbedder::builder("m").base_url(url);
    let openai = "http://api.openai.com/v1";
    assert!(at(openai).build().is_err());
    assert!(at(openai).header("Authorization", "Bearer x").build().is_ok());
    assert!(at("http://ann:pa55word@api.openai.com/v1").build().is_ok());
    assert!(at("http://localhost:8000/v1").build().is_ok());
    for bad in ["", "two words", "a\nb"] {
        let error = OpenAiEmbedder::builder("m")
            .api_key(bad)
            .build()
            .expect_err("no key");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }
}
