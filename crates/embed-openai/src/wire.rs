//! What goes over the wire.

use bytes::Bytes;
use embed_core::{Error, ErrorKind, Result};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::profile::Encoding;

/// The body of `POST /v1/embeddings`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EmbeddingsRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) input: &'a [&'a str],
    pub(crate) encoding: Encoding,
    /// The width asked for, and the name this server has for it.
    pub(crate) dimensions: Option<(&'static str, usize)>,
    /// Tells a server not to cut long inputs which would otherwise do so unseen.
    pub(crate) forbid_truncation: bool,
}

impl Serialize for EmbeddingsRequest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.model)?;
        map.serialize_entry("input", self.input)?;
        match self.encoding {
            Encoding::Float => map.serialize_entry("encoding_format", "float")?,
            Encoding::Base64 => map.serialize_entry("encoding_format", "base64")?,
            Encoding::Unsaid => {}
        }
        if let Some((field, dimensions)) = self.dimensions {
            map.serialize_entry(field, &dimensions)?;
        }
        if self.forbid_truncation {
            map.serialize_entry("truncation", &false)?;
        }
        map.end()
    }
}

impl EmbeddingsRequest<'_> {
    pub(crate) fn json(&self) -> Result<Bytes> {
        serde_json::to_vec(self).map(Bytes::from).map_err(|error| {
            Error::new(ErrorKind::InvalidConfig, "the request cannot be written as JSON").with_source(error)
        })
    }
}

/// Answer of `GET /info` of Text Embeddings Inference.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TeiInfo {
    pub(crate) model_sha: Option<String>,
    pub(crate) max_input_length: Option<usize>,
    pub(crate) max_client_batch_size: Option<usize>,
}

/// Answer of `GET /v1/models`, as vLLM gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ModelList {
    pub(crate) data: Vec<ListedModel>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListedModel {
    pub(crate) id: String,
    pub(crate) max_model_len: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_sent() {
        let plain = EmbeddingsRequest {
            model: "m",
            input: &["a \"quoted\"\u{0} line\n"],
            encoding: Encoding::Unsaid,
            dimensions: None,
            forbid_truncation: false,
        };
        assert_eq!(
            plain.json().expect("JSON"),
            r#"{"model":"m","input":["a \"quoted\"\u0000 line\n"]}"#
        );
        let full = EmbeddingsRequest {
            encoding: Encoding::Base64,
            dimensions: Some(("output_dimension", 256)),
            forbid_truncation: true,
            input: &["a", "b"],
            ..plain
        };
        assert_eq!(
            full.json().expect("JSON"),
            r#"{"model":"m","input":["a","b"],"encoding_format":"base64","output_dimension":256,"truncation":false}"#
        );
    }
}
