//! Servers that speak like OpenAI, with vectors made from the texts.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use embed_core::testing::FakeEmbedder;
use embed_http::testing::{Reply, Request, ScriptedServer};
use serde_json::{Value, json};

/// Values of an embedding where no width is asked for.
pub(crate) const DIMENSIONS: usize = 16;

/// How a server writes its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In input order, in the form that was asked for.
    Plain,
    /// From last to first, as `index` then tells.
    Reversed,
    /// In base64, whatever was asked for.
    AlwaysBase64,
    /// As numbers, whatever was asked for.
    AlwaysFloat,
}

/// A server of that shape which knows any model.
pub(crate) fn server(shape: Shape) -> ScriptedServer {
    ScriptedServer::handler(move |request| answer(shape, request))
}

/// What a server of that shape answers.
pub(crate) fn answer(shape: Shape, request: &Request) -> Reply {
    let body = request.json();
    let base64 = match shape {
        Shape::AlwaysBase64 => true,
        Shape::AlwaysFloat => false,
        Shape::Plain | Shape::Reversed => body["encoding_format"] == "base64",
    };
    let asked = ["dimensions", "output_dimension"]
        .iter()
        .find_map(|field| body[field].as_u64());
    let mut data: Vec<Value> = texts(&body)
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let row = row(text, asked);
            let embedding = if base64 {
                let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
                json!(BASE64_STANDARD.encode(bytes))
            } else {
                json!(row)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    if shape == Shape::Reversed {
        data.reverse();
    }
    Reply::json(&json!({
        "object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }))
}

/// The texts of a request.
pub(crate) fn texts(body: &Value) -> Vec<&str> {
    let input = body["input"].as_array().expect("an array");
    input.iter().map(|text| text.as_str().expect("a text")).collect()
}

/// The unit-length row of a text.
pub(crate) fn row(text: &str, dimensions: Option<u64>) -> Vec<f32> {
    let width = dimensions.map_or(DIMENSIONS, |width| usize::try_from(width).expect("a width"));
    FakeEmbedder::new(width).vector(text)
}

/// An error as OpenAI writes it.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(&json!({"error": {"message": message, "type": code, "param": null, "code": code}}))
        .status(status)
}
