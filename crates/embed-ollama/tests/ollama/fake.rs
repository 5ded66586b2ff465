//! Servers that answer as Ollama did and does, with vectors made from the texts.

use embed_core::testing::FakeEmbedder;
use embed_http::testing::{Reply, Request, ScriptedServer};
use serde_json::{Value, json};

/// The one model these servers have.
pub(crate) const MODEL: &str = "all-minilm";

/// Values of its embeddings.
pub(crate) const DIMENSIONS: usize = 16;

/// Which years' behaviour a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// Knows `dimensions`; errors are texts.
    New,
    /// Early 2025: ignores `dimensions`.
    Old,
    /// Before `/api/embed`: one text at a time, rows of any length, a short card.
    Ancient,
}

/// A server of that age.
pub(crate) fn server(age: Age) -> ScriptedServer {
    ScriptedServer::handler(move |request| answer(age, request))
}

/// What a server of that age answers.
pub(crate) fn answer(age: Age, request: &Request) -> Reply {
    if request.method == "GET" {
        return match request.path.as_str() {
            "/api/version" => Reply::json(&json!({"version": "0.6.5"})),
            "/api/tags" => Reply::json(&json!({"models": [
                {"name": "other:latest", "model": "other:latest", "size": 1, "digest": "aa"},
                {"name": "all-minilm:latest", "model": "all-minilm:latest", "size": 45, "digest": "bb12", "details": {}},
            ]})),
            _ => not_a_page(),
        };
    }
    let body = request.json();
    if body["model"] != MODEL {
        return error(
            404,
            &format!("model {} not found, try pulling it first", body["model"]),
        );
    }
    match (request.path.as_str(), age) {
        ("/api/embed", Age::Ancient) => not_a_page(),
        ("/api/embed", _) => {
            let asked = body["dimensions"].as_u64().filter(|_| age == Age::New);
            let rows: Vec<_> = texts(&body).iter().map(|text| row(text, asked)).collect();
            Reply::json(
                &json!({"model": MODEL, "embeddings": rows, "total_duration": 14143917, "prompt_eval_count": 8}),
            )
        }
        ("/api/embeddings", Age::Ancient) => {
            let text = body["prompt"].as_str().expect("a prompt");
            if text.is_empty() {
                return Reply::json(&json!({"embedding": []}));
            }
            let row: Vec<f32> = row(text, None).iter().map(|value| value * 3.0).collect();
            Reply::json(&json!({"embedding": row}))
        }
        ("/api/show", Age::Ancient) => {
            Reply::json(&json!({"modelfile": "FROM x", "details": {"family": "bert"}}))
        }
        ("/api/show", _) => Reply::json(&json!({
            "parameters": "num_ctx 256",
            "details": {"family": "bert"},
            "model_info": {
                "general.architecture": "bert",
                "bert.context_length": 512,
                "bert.embedding_length": DIMENSIONS,
            },
            "capabilities": ["embedding"],
        })),
        _ => not_a_page(),
    }
}

/// The texts of a request.
pub(crate) fn texts(body: &Value) -> Vec<&str> {
    let input = body["input"].as_array().expect("an array");
    input.iter().map(|text| text.as_str().expect("a text")).collect()
}

/// The unit-length row of a text.
pub(crate) fn row(text: &str, dimensions: Option<u64>) -> Vec<f32> {
    let mut row = FakeEmbedder::new(DIMENSIONS).vector(text);
    if let Some(dimensions) = dimensions {
        row.truncate(usize::try_from(dimensions).expect("a width"));
        embed_core::normalize(&mut row);
    }
    row
}

/// An error as newer servers write it.
pub(crate) fn error(status: u16, said: &str) -> Reply {
    Reply::json(&json!({"error": said})).status(status)
}

fn not_a_page() -> Reply {
    Reply::new(404, "404 page not found").header("content-type", "text/plain")
}
