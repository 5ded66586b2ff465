//! What a refusal means: a 429 can be for ever, a 400 can be a crash, a 200 can be a refusal.

use embed_core::{Error, ErrorKind};
use embed_http::{Failure, HttpClient, kind_of_status};
use serde_json::Value;

use crate::auth::{ApiKey, scrub};
use crate::said::Said;

/// Nothing but money helps.
const QUOTA_CODES: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "1008",
];
const QUOTA_WORDS: &[&str] = &[
    "exceeded your current quota",
    "billing hard limit",
    "billing details",
    "insufficient balance",
    "insufficient credit",
    "spending limit",
];

/// The request as a whole is too large; each input of it may be fine.
const BATCH_TOO_LARGE: &[&str] = &["tokens per request", "batch size"];

/// One input is longer than the model reads.
const TOO_LONG: &[&str] = &[
    "context length",
    "context_length_exceeded",
    "maximum context",
    "too large to process",
    "maximum input length",
    "max input length",
    "input is too long",
    "input too long",
    "max_seq_len",
    "max_model_len",
    "must have less than",
];

/// The process behind the server died or stumbled; the wording is that of Ollama, which says it under 400 too.
const RUNNER_DIED: &[&str] = &[
    "do embedding request",
    "error reading embed response",
    "unexpected server status",
];
/// The same, where a whole word says it: a stream that ended, the process that runs the model.
const RUNNER_WORDS: &[&str] = &["EOF", "runner"];

/// Most characters of a server's words that go into a message, so that the hint after them is never cut off.
const MOST_WORDS: usize = 240;

/// What a refused request was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a str,
    /// Where keys are, so that a message can say what to set.
    pub(crate) key: Option<&'a ApiKey>,
    /// The width that was asked for.
    pub(crate) dimensions: Option<usize>,
    /// Number of texts.
    pub(crate) inputs: usize,
}

/// Turns a refusal into an error that names the URL, the model, what the server said, and what to do.
pub(crate) fn classify(failure: Failure, asked: Asked<'_>) -> Error {
    let said = Said::read(&failure.body);
    let (kind, message) = judge(failure.status, &said, asked);
    let waits = failure.retry_after.is_some();
    finish(failure.into_error(kind, &message), &said, waits, asked)
}

/// The refusal that stands in an answer under a status of success, where rows should stand.
pub(crate) fn error_in_success(
    http: &HttpClient,
    url: &str,
    rest: &Value,
    asked: Asked<'_>,
) -> Option<Error> {
    let refused = rest.get("error").is_some_and(|error| !error.is_null())
        || rest["object"] == "error"
        || rest["base_resp"]["status_code"]
            .as_i64()
            .is_some_and(|code| code != 0);
    if !refused {
        return None;
    }
    let said = Said::from_json(rest);
    let (kind, message) = judge(200, &said, asked);
    let message = http.scrub(&message);
    let error = Error::new(kind, format!("{url} answered 200 OK with an error: {message}"));
    Some(finish(error.with_status(200), &said, false, asked))
}

fn finish(mut error: Error, said: &Said, waits: bool, asked: Asked<'_>) -> Error {
    if !waits
        && error.is_retryable()
        && let Some(wait) = said.wait()
    {
        error = error.with_retry_after(wait);
    }
    if asked.inputs == 1 && matches!(error.kind(), ErrorKind::InputTooLong | ErrorKind::InvalidInput) {
        error = error.with_input(0);
    }
    error
}

fn judge(status: u16, said: &Said, asked: Asked<'_>) -> (ErrorKind, String) {
    let kind = kind_of(status, said, asked);
    let said = scrub(&said.message, asked.key);
    let mut message = format!("model `{}`: ", asked.model);
    message.extend(said.chars().take(MOST_WORDS));
    if said.chars().nth(MOST_WORDS).is_some() {
        message.push('…');
    }
    if let Some(hint) = hint(kind, status, &said, asked) {
        message.push_str("; ");
        message.push_str(hint);
    }
    (kind, message)
}

fn kind_of(status: u16, said: &Said, asked: Asked<'_>) -> ErrorKind {
    let lower = said.message.to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let has_word = |words: &[&str]| {
        let mut said = said.message.split(|c: char| !c.is_ascii_alphanumeric());
        said.any(|word| words.contains(&word))
    };
    if status == 402 || said.has_code(QUOTA_CODES) || holds(QUOTA_WORDS) {
        return ErrorKind::QuotaSpent;
    }
    match status {
        401 | 403 => return ErrorKind::Unauthorized,
        429 if said.has_code(&["overloaded"]) => return ErrorKind::Busy,
        429 => return ErrorKind::RateLimited,
        _ => {}
    }
    if said.has_code(&["max_tokens_per_request"]) {
        return ErrorKind::InvalidInput;
    }
    if said.has_code(&["context_length_exceeded", "string_above_max_length"]) || holds(TOO_LONG) {
        return ErrorKind::InputTooLong;
    }
    if holds(BATCH_TOO_LARGE) {
        return ErrorKind::InvalidInput;
    }
    // NaN comes from the model's arithmetic: often gone at the next try.
    if has_word(&["NaN", "nan", "Inf"]) {
        return ErrorKind::InvalidResponse;
    }
    if said.has_code(&["invalid_api_key", "1004"]) {
        return ErrorKind::Unauthorized;
    }
    if said.has_code(&["rate_limit_exceeded", "1002", "1039"]) || (status == 200 && holds(&["rate limit"])) {
        return ErrorKind::RateLimited;
    }
    if said.has_code(&["model_not_found", "deploymentnotfound"])
        || (matches!(status, 400 | 404) && is_about_a_missing_model(&lower))
    {
        return ErrorKind::ModelNotFound;
    }
    match status {
        // No such path, no such method: not the server it was taken for.
        404 | 405 => ErrorKind::InvalidConfig,
        400 | 422 | 500 if asked.dimensions.is_some() && refuses_dimensions(&lower) => {
            ErrorKind::InvalidConfig
        }
        501 => ErrorKind::InvalidConfig,
        400 if holds(RUNNER_DIED) || has_word(RUNNER_WORDS) => ErrorKind::Server,
        409 => ErrorKind::Busy,
        // The model behind a healthy server failed.
        424 => ErrorKind::Server,
        200..300 => ErrorKind::Server,
        _ => kind_of_status(status),
    }
}

fn is_about_a_missing_model(lower: &str) -> bool {
    (lower.contains("model") || lower.contains("deployment"))
        && [
            "not found",
            "does not exist",
            "not exist",
            "unknown model",
            "no models loaded",
            "invalid model",
        ]
        .iter()
        .any(|words| lower.contains(words))
}

fn refuses_dimensions(lower: &str) -> bool {
    ["dimensions", "matryoshka", "output_dimension"]
        .iter()
        .any(|word| lower.contains(word))
}

fn hint(kind: ErrorKind, status: u16, said: &str, asked: Asked<'_>) -> Option<&'static str> {
    match kind {
        ErrorKind::QuotaSpent => Some("add credit or raise the limit of the account; waiting does not help"),
        ErrorKind::Unauthorized if asked.key.is_none() => Some("give a key, for example in OPENAI_API_KEY"),
        ErrorKind::Unauthorized => Some("check the key, and that it may use this model"),
        ErrorKind::ModelNotFound => Some("check the model's name, and that the server has it"),
        ErrorKind::InputTooLong => Some("shorten or split the text"),
        ErrorKind::InvalidConfig if status == 501 => Some("start the server with embeddings on"),
        ErrorKind::InvalidConfig if refuses_dimensions(&said.to_lowercase()) => {
            Some("drop the setting `dimensions`, or choose a model that allows it")
        }
        ErrorKind::InvalidConfig => {
            Some("no embeddings are served there: check the base URL, which often ends in /v1")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
