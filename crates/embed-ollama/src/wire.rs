//! What goes over the wire.

use std::collections::BTreeMap;

use bytes::Bytes;
use embed_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::keep_alive::KeepAlive;

/// The body of `POST /api/embed`.
#[derive(Debug, Serialize)]
pub(crate) struct EmbedRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) input: &'a [&'a str],
    /// Always said: a server takes its absence as leave to cut unseen.
    pub(crate) truncate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dimensions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_alive: Option<&'a KeepAlive>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) options: &'a Map<String, Value>,
}

/// The body of `POST /api/embeddings`, which servers before `/api/embed` have: one text, never cut by request.
#[derive(Debug, Serialize)]
pub(crate) struct LegacyRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_alive: Option<&'a KeepAlive>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) options: &'a Map<String, Value>,
}

/// The body of `POST /api/show` and `POST /api/pull`. Older servers know the model as `name`.
#[derive(Debug, Serialize)]
pub(crate) struct ModelRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> ModelRequest<'a> {
    pub(crate) fn new(model: &'a str) -> Self {
        Self { model, name: model }
    }
}

/// The body of `POST /api/create`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) files: &'a BTreeMap<String, String>,
}

/// Answer of `GET /api/version`.
#[derive(Debug, Deserialize)]
pub(crate) struct VersionAnswer {
    pub(crate) version: String,
}

/// Answer of `GET /api/tags` and `GET /api/ps`; a server without models may answer `null`.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelsAnswer<T> {
    #[serde(default = "Option::default")]
    pub(crate) models: Option<Vec<T>>,
}

/// Answer of `POST /api/show`, as far as embedding needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShowAnswer {
    pub(crate) parameters: Option<String>,
    pub(crate) details: Option<ShowDetails>,
    pub(crate) model_info: Option<Map<String, Value>>,
    pub(crate) capabilities: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShowDetails {
    pub(crate) family: Option<String>,
    pub(crate) parameter_size: Option<String>,
    pub(crate) quantization_level: Option<String>,
    pub(crate) context_length: Option<u64>,
    pub(crate) embedding_length: Option<u64>,
}

/// A request body as JSON.
pub(crate) fn json(request: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| {
        Error::new(ErrorKind::InvalidConfig, "the request cannot be written as JSON").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_sent_but_truncate_always_is() {
        let body = json(&EmbedRequest {
            model: "m",
            input: &["a \"quoted\"\u{0} line\n"],
            truncate: false,
            dimensions: None,
            keep_alive: None,
            options: &Map::new(),
        });
        assert_eq!(
            body.expect("JSON"),
            r#"{"model":"m","input":["a \"quoted\"\u0000 line\n"],"truncate":false}"#
        );
    }

    #[test]
    fn what_is_asked_for_is_sent_under_the_names_the_server_knows() {
        let mut options = Map::new();
        options.insert("num_ctx".to_owned(), 2048.into());
        let body = json(&EmbedRequest {
            model: "m",
            input: &["a", "b"],
            truncate: true,
            dimensions: Some(256),
            keep_alive: Some(&"5m".into()),
            options: &options,
        });
        assert_eq!(
            body.expect("JSON"),
            r#"{"model":"m","input":["a","b"],"truncate":true,"dimensions":256,"keep_alive":"5m","options":{"num_ctx":2048}}"#
        );
    }
}
