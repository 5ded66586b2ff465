//! What each profile changes in requests, limits and cards.

use std::num::NonZeroUsize;

use embed_core::{Embedder, EmbedderExt, ErrorKind, InputKind};
use embed_http::testing::{Reply, ScriptedServer};
use embed_openai::{Encoding, OpenAiBuilder, OpenAiEmbedder, Profile};
use serde_json::{Value, json};

use crate::fake::{self, Shape};

/// The host gives the profile away; without `https` the tests need no TLS.
const OPENAI: &str = "http://api.openai.com/v1";

fn builder(model: &str, server: &ScriptedServer, profile: Profile) -> OpenAiBuilder {
    OpenAiEmbedder::builder(model)
        .base_url(server.url())
        .profile(profile)
        .api_key("a-key")
}

async fn body(profile: Profile, dimensions: Option<usize>) -> Value {
    let server = fake::server(Shape::Plain);
    let mut builder = builder("m", &server, profile);
    if let Some(dimensions) = dimensions {
        builder = builder.dimensions(dimensions);
    }
    let embedder = builder.build().expect("an embedder");
    embedder.embed_one("a", InputKind::Document).await.expect("a row");
    server.requests()[0].json()
}

#[tokio::test]
async fn the_form_of_vectors_is_asked_for_only_where_the_server_knows_the_setting() {
    for profile in Profile::ALL {
        let found = body(profile.clone(), None).await;
        let expected = match profile {
            Profile::OpenAi | Profile::Azure => json!("base64"),
            Profile::Bedrock | Profile::Gemini | Profile::LiteLlm | Profile::Voyage => Value::Null,
            _ => json!("float"),
        };
        assert_eq!(found["encoding_format"], expected, "{}", profile.name());
        assert_eq!(found.get("dimensions"), None, "{}", profile.name());
    }
}

#[tokio::test]
async fn voyage_has_its_own_name_for_dimensions_and_is_told_not_to_cut() {
    assert_eq!(
        body(Profile::Voyage, Some(8)).await,
        json!({"model": "m", "input": ["a"], "output_dimension": 8, "truncation": false})
    );
    assert_eq!(body(Profile::Vllm, Some(8)).await["dimensions"], 8);
}

#[test]
fn limits_are_told_and_can_be_set_otherwise() {
    let limits = |builder: OpenAiBuilder| {
        let embedder = builder.build().expect("an embedder");
        let model = embedder.model();
        (
            model.max_batch.map(NonZeroUsize::get),
            model.max_batch_bytes.map(NonZeroUsize::get),
        )
    };
    let at = |url: &str| OpenAiEmbedder::builder("m").base_url(url).api_key("a-key");
    // 300,000 tokens at four bytes each.
    assert_eq!(limits(at(OPENAI)), (Some(2048), Some(1_200_000)));
    assert_eq!(
        limits(at("http://dashscope.aliyuncs.com/compatible-mode/v1")),
        (Some(10), None)
    );
    assert_eq!(limits(at("http://api.mistral.ai/v1")), (Some(128), Some(64_000)));
    assert_eq!(limits(at("http://localhost:11434/v1")), (None, None));
    let one = NonZeroUsize::MIN;
    assert_eq!(
        limits(at("http://api.mistral.ai/v1").max_batch(one).max_batch_bytes(one)),
        (Some(1), Some(1))
    );
}

#[test]
fn the_width_of_openais_own_models_is_known_and_impossible_ones_are_refused() {
    let build = |model: &str, dimensions: Option<usize>| {
        let builder = OpenAiEmbedder::builder(model).base_url(OPENAI).api_key("a-key");
        match dimensions {
            Some(dimensions) => builder.dimensions(dimensions),
            None => builder,
        }
        .build()
    };
    for (model, asked, known) in [
        ("text-embedding-ada-002", None, Some(1536)),
        ("text-embedding-ada-002", Some(1536), Some(1536)),
        ("text-embedding-3-small", None, Some(1536)),
        ("text-embedding-3-small", Some(512), Some(512)),
        ("text-embedding-3-large", None, Some(3072)),
        ("text-embedding-9", None, None),
        ("text-embedding-9", Some(5000), Some(5000)),
    ] {
        let embedder = build(model, asked).expect(model);
        assert_eq!(embedder.model().dimensions, known, "{model}");
    }
    for (model, asked) in [
        ("text-embedding-ada-002", 512),
        ("text-embedding-3-small", 3072),
        ("text-embedding-3-large", 4000),
        ("anything", 0),
    ] {
        let error = build(model, Some(asked)).expect_err(model);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }
}

#[tokio::test]
async fn dimensions_a_model_has_anyway_are_not_sent() {
    let server = ScriptedServer::handler(|request| {
        assert_eq!(request.json().get("dimensions"), None);
        Reply::json(&json!({"data": [{"index": 0, "embedding": vec![0.5; 1536]}]}))
    });
    let embedder = builder("text-embedding-ada-002", &server, Profile::OpenAi)
        .dimensions(1536)
        .build();
    let row = embedder
        .expect("an embedder")
        .embed_one("a", InputKind::Document)
        .await;
    assert_eq!(row.expect("a row").len(), 1536);
}

#[tokio::test]
async fn the_card_of_text_embeddings_inference_replaces_the_limits() {
    let server = ScriptedServer::handler(|request| match request.path.as_str() {
        "/info" => Reply::json(&json!({
            "model_id": "BAAI/bge-m3", "model_sha": "5617a9f", "max_input_length": 8192, "max_client_batch_size": 64,
        })),
        _ => Reply::new(404, ""),
    });
    let info = builder("BAAI/bge-m3", &server, Profile::Tei)
        .build()
        .expect("made")
        .describe()
        .await;
    let info = info.expect("a description");
    assert_eq!(info.digest.as_deref(), Some("5617a9f"));
    assert_eq!(
        (info.context_length, info.max_batch),
        (Some(8192), NonZeroUsize::new(64))
    );
}

#[tokio::test]
async fn what_a_card_leaves_out_stays_as_it_was() {
    for profile in [Profile::Tei, Profile::Vllm] {
        let server = ScriptedServer::handler(|_| Reply::json(&json!({})));
        let embedder = builder("m", &server, profile).build().expect("an embedder");
        assert_eq!(
            &embedder.describe().await.expect("a description"),
            embedder.model()
        );
    }
}

#[tokio::test]
async fn the_list_of_vllm_tells_the_context_length() {
    let server = ScriptedServer::handler(|request| match request.path.as_str() {
        "/v1/models" => Reply::json(&json!({"data": [{"id": "x"}, {"id": "m", "max_model_len": 512}]})),
        _ => Reply::new(500, ""),
    });
    let info = builder("m", &server, Profile::Vllm)
        .build()
        .expect("made")
        .describe()
        .await;
    assert_eq!(info.expect("a description").context_length, Some(512));
}

#[tokio::test]
async fn a_server_without_a_card_is_described_by_what_is_known() {
    let server = ScriptedServer::handler(|_| Reply::new(404, "no such page"));
    for (profile, max_batch) in [(Profile::Tei, 32), (Profile::Compatible, 16)] {
        let info = builder("m", &server, profile)
            .build()
            .expect("made")
            .describe()
            .await
            .expect("known");
        assert_eq!(info.max_batch, NonZeroUsize::new(max_batch));
    }
    // Only the first was asked: the other has no card to ask for.
    assert_eq!(server.stats().requests, 1);
    let broken = ScriptedServer::handler(|_| Reply::new(401, "no"));
    let error = builder("m", &broken, Profile::Tei)
        .build()
        .expect("made")
        .describe()
        .await
        .expect_err("no");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn the_form_of_vectors_can_be_chosen() {
    let server = fake::server(Shape::Plain);
    let embedder = builder("m", &server, Profile::Vllm)
        .encoding(Encoding::Base64)
        .build()
        .expect("an embedder");
    let row = embedder.embed_one("a", InputKind::Document).await.expect("a row");
    assert_eq!(row, fake::row("a", None));
    assert_eq!(server.requests()[0].json()["encoding_format"], "base64");
}

#[test]
fn a_profile_other_than_openai_needs_a_base_url() {
    let error = OpenAiEmbedder::builder("m")
        .profile(Profile::Vllm)
        .build()
        .expect_err("no URL");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("`vllm` needs a base URL"), "{error}");
    for bad in [
        "localhost:8000",
        "htp://x/v1",
        "http://h/v1?key=s3cret",
        "http://:0/v1",
    ] {
        let error = OpenAiEmbedder::builder("m").base_url(bad).build().expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
