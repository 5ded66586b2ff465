//! A server that answers as Ollama does, slowly enough to be interrupted, and counts what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use embed_http::testing::{Reply, Request, ScriptedServer};
use serde_json::{Value, json};

/// What stands in every text of a document.
pub(crate) const MARK: &str = "The text number";

/// What stands in a text that cannot be embedded.
pub(crate) const POISON: &str = "unembeddable";

/// Where undisturbed runs ask, whose texts do not count.
pub(crate) const UNCOUNTED: &str = "/uncounted";

/// Time that an answer takes: long enough that a run commits several times before it ends.
const ANSWER: Duration = Duration::from_millis(25);

const DIMENSIONS: u64 = 16;

/// The server, which stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    server: ScriptedServer,
    texts: Arc<Mutex<HashMap<String, usize>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let texts = Arc::new(Mutex::new(HashMap::new()));
        let counted = Arc::clone(&texts);
        let server = ScriptedServer::handler(move |request| answer(request, &counted));
        Self { server, texts }
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// How often each text was asked for, by runs that can be killed.
    pub(crate) fn texts(&self) -> HashMap<String, usize> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn answer(request: &Request, counted: &Mutex<HashMap<String, usize>>) -> Reply {
    let uncounted = request.path.strip_prefix(UNCOUNTED);
    match uncounted.unwrap_or(&request.path) {
        "/api/embed" => embed(request, uncounted.is_none().then_some(counted)),
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

fn embed(request: &Request, counted: Option<&Mutex<HashMap<String, usize>>>) -> Reply {
    let body = request.json();
    let texts: Vec<&str> = match &body["input"] {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().into_iter().collect(),
    };
    if let Some(counted) = counted {
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        // What a run asks to see whether the server works is none of the documents'.
        for text in texts.iter().filter(|text| text.contains(MARK)) {
            *counted.entry((*text).to_owned()).or_default() += 1;
        }
    }
    if texts.iter().any(|text| text.contains(POISON)) {
        return Reply::json(&json!({"error": "invalid input: this text can't be embedded"})).status(400);
    }
    let rows: Vec<_> = texts.iter().map(|text| vector(text)).collect();
    Reply::json(&json!({"model": "m", "embeddings": rows})).delay(ANSWER)
}

/// The vector of a text: no other text has it, and its values go through JSON unchanged.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let values = (0..DIMENSIONS).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 48) as f32 / 65_536.0 + 0.5
    });
    values.collect()
}
