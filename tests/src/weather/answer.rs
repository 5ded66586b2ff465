//! What a server answers when nothing is wrong, in the words of either kind of server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use embed_http::testing::Reply;
use serde_json::json;

use super::Dialect;

/// The rows of an answer, before they are written.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) dialect: Dialect,
    /// Whether vectors were asked for in base64.
    pub(super) base64: bool,
    pub(super) rows: Vec<Vec<f32>>,
    /// The index that each row is sent under, in the order of sending.
    pub(super) order: Vec<usize>,
}

impl Answer {
    pub(super) fn new(dialect: Dialect, base64: bool, rows: Vec<Vec<f32>>) -> Self {
        let order = (0..rows.len()).collect();
        Self {
            dialect,
            base64,
            rows,
            order,
        }
    }

    /// Written by hand, since no library writes a NaN or a number that is too large.
    pub(super) fn body(&self) -> String {
        let rows = self.rows.iter().map(|row| self.row(row));
        match self.dialect {
            Dialect::Ollama => {
                let rows: Vec<_> = rows.collect();
                format!(r#"{{"model":"m","embeddings":[{}]}}"#, rows.join(","))
            }
            Dialect::OpenAi => {
                let rows: Vec<_> = self
                    .order
                    .iter()
                    .zip(rows)
                    .map(|(index, row)| {
                        format!(r#"{{"object":"embedding","index":{index},"embedding":{row}}}"#)
                    })
                    .collect();
                format!(
                    r#"{{"object":"list","data":[{}],"model":"m","usage":{{"prompt_tokens":1,"total_tokens":1}}}}"#,
                    rows.join(",")
                )
            }
        }
    }

    fn row(&self, row: &[f32]) -> String {
        if self.base64 {
            let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
            return format!("\"{}\"", STANDARD.encode(bytes));
        }
        let values: Vec<_> = row
            .iter()
            .map(|value| match value {
                value if value.is_nan() => "NaN".to_owned(),
                value if value.is_infinite() => "1e999".to_owned(),
                // The shortest form that reads back to the same bits.
                value => value.to_string(),
            })
            .collect();
        format!("[{}]", values.join(","))
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::new(200, self.body()).header("content-type", "application/json")
    }
}

/// A refusal in the server's words.
pub(super) fn refusal(dialect: Dialect, status: u16, message: &str) -> Reply {
    let body = match dialect {
        Dialect::Ollama => json!({"error": message}),
        Dialect::OpenAi => json!({"error": {"message": message, "type": "invalid_request_error"}}),
    };
    Reply::json(&body).status(status)
}

/// What other questions than for vectors are answered with.
pub(super) fn other(path: &str) -> Reply {
    match path {
        "/api/show" => Reply::json(&json!({
            "details": {"family": "bert"},
            "model_info": {"bert.context_length": 512, "bert.embedding_length": super::DIMENSIONS},
            "capabilities": ["embedding"],
        })),
        "/api/tags" => {
            Reply::json(&json!({"models": [{"name": "m:latest", "model": "m:latest", "digest": "d1"}]}))
        }
        "/api/version" => Reply::json(&json!({"version": "0.17.4"})),
        path if path.ends_with("/models") => {
            Reply::json(&json!({"object": "list", "data": [{"id": "m", "object": "model"}]}))
        }
        path => Reply::new(404, format!("no {path} here")),
    }
}
