//! Servers that speak like Ollama.

use embed_http::testing::{Reply, Request, ScriptedServer};
use serde_json::{Value, json};

/// Answers every embedding request with vectors of this width that depend on the text.
pub(crate) fn ollama(dimensions: usize) -> ScriptedServer {
    ScriptedServer::handler(move |request| answer(request, dimensions))
}

/// As [`ollama`], with another model of the same name and digest.
pub(crate) fn another_version(dimensions: usize) -> ScriptedServer {
    ScriptedServer::handler(move |request| match request.path.as_str() {
        "/api/embed" => {
            let row = |text: &String| vector(text, dimensions).into_iter().rev().collect::<Vec<_>>();
            let rows: Vec<_> = texts(request).iter().map(row).collect();
            Reply::json(&json!({"model": "m", "embeddings": rows}))
        }
        _ => answer(request, dimensions),
    })
}

/// These arguments, with the flags that name the model `m` of the Ollama there.
pub(crate) fn at<'a>(host: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    let flags = ["--provider", "ollama", "--model", "m", "--host", host];
    arguments.iter().copied().chain(flags).collect()
}

/// Knows no model.
pub(crate) fn without_model() -> ScriptedServer {
    ScriptedServer::handler(|_| {
        Reply::json(&json!({"error": "model \"nope\" not found, try pulling it first"})).status(404)
    })
}

/// What a good server answers.
pub(crate) fn answer(request: &Request, dimensions: usize) -> Reply {
    match request.path.as_str() {
        "/api/embed" => {
            let rows: Vec<_> = texts(request)
                .iter()
                .map(|text| vector(text, dimensions))
                .collect();
            Reply::json(&json!({"model": "m", "embeddings": rows}))
        }
        "/api/version" => Reply::json(&json!({"version": "0.17.4"})),
        "/api/tags" => Reply::json(
            &json!({"models": [{"name": "m:latest", "model": "m:latest", "digest": "d1", "size": 1}]}),
        ),
        "/api/show" => Reply::json(
            &json!({"details": {"family": "bert"}, "model_info": {}, "capabilities": ["embedding"]}),
        ),
        _ => Reply::new(404, "404 page not found"),
    }
}

/// The texts of an embedding request.
pub(crate) fn texts(request: &Request) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    match &request.json()["input"] {
        Value::Array(texts) => texts.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

/// All texts that a server was asked to embed, in order.
pub(crate) fn inputs(server: &ScriptedServer) -> Vec<String> {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| request.path == "/api/embed")
        .flat_map(texts)
        .collect()
}

fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let sum: u32 = text.bytes().map(u32::from).sum();
    (0..dimensions)
        .map(|place| ((sum as usize + place * 7) % 13 + 1) as f32)
        .collect()
}
