//! What a refusal of the server means: a 400 can be a crash, a 500 can be a text that is too long.

use embed_core::{Error, ErrorKind};
use embed_http::{Failure, HttpClient, kind_of_status};
use serde_json::Value;

/// An input is longer than the model reads. The wording changed often; these words stayed.
const TOO_LONG: &[&str] = &[
    "context length",
    "too large to process",
    "cannot be truncated further",
];

/// The process that runs the model died or stumbled; Ollama starts another for the next request.
const RUNNER_DIED: &[&str] = &[
    "eof",
    "do embedding request",
    "error reading embed response",
    "unexpected server status",
    "runner",
    "connection refused",
    "connection reset",
    "broken pipe",
];

/// What a plan allows is used up: hosted models are sold by the hour, the week and the month.
const QUOTA_SPENT: &[&str] = &[
    "usage limit",
    "quota",
    "spending limit",
    "insufficient balance",
    "insufficient credit",
];

/// Most characters of a server's words that go into a message, so that the hint after them is never cut off.
const MOST_WORDS: usize = 240;

/// Turns a refusal into an error that names the URL, the model, what the server said, and what to do.
///
/// `inputs` is the number of texts that were sent; where it was one, that one is to blame for what an input can cause.
pub(crate) fn classify(failure: Failure, model: &str, inputs: usize) -> Error {
    let (kind, message) = judge(failure.status, &failure.body, model);
    blame(failure.into_error(kind, &message), inputs)
}

/// The error that stands in an answer under a status of success, where rows should stand.
pub(crate) fn error_in_success(
    http: &HttpClient,
    url: &str,
    rest: &Value,
    model: &str,
    inputs: usize,
) -> Option<Error> {
    let error = rest.get("error").filter(|error| !error.is_null())?;
    let body = serde_json::json!({ "error": error }).to_string();
    let (kind, message) = judge(200, &http.scrub(&body), model);
    let error = Error::new(kind, format!("{url} answered 200 OK with an error: {message}"));
    Some(blame(error.with_status(200), inputs))
}

/// Whether the server does not know the path, rather than the model: it is older than the path, or no Ollama.
pub(crate) fn is_unknown_path(status: u16, body: &str) -> bool {
    match status {
        404 => !is_about_a_model(body),
        405 => true,
        _ => false,
    }
}

fn blame(error: Error, inputs: usize) -> Error {
    if inputs == 1 && matches!(error.kind(), ErrorKind::InputTooLong | ErrorKind::InvalidInput) {
        return error.with_input(0);
    }
    error
}

fn judge(status: u16, body: &str, model: &str) -> (ErrorKind, String) {
    let said = said(body);
    let kind = kind_of(status, &said);
    let mut message = format!("model `{model}`: {}", shorten(&said));
    if let Some(hint) = hint(kind, status, model, &said) {
        message.push_str("; ");
        message.push_str(&hint);
    }
    (kind, message)
}

fn kind_of(status: u16, said: &str) -> ErrorKind {
    let lower = said.to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if holds(TOO_LONG) {
        return ErrorKind::InputTooLong;
    }
    // NaN comes from the model's arithmetic: often gone at the next try.
    if said
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "NaN" | "nan" | "Inf"))
    {
        return ErrorKind::InvalidResponse;
    }
    if holds(&["does not support embed"]) {
        return ErrorKind::InvalidConfig;
    }
    match status {
        402 | 403 | 429 if holds(QUOTA_SPENT) => ErrorKind::QuotaSpent,
        401 | 403 => ErrorKind::Unauthorized,
        402 => ErrorKind::QuotaSpent,
        404 if lower.contains("model") => ErrorKind::ModelNotFound,
        400 | 500 if is_no_name(&lower) => ErrorKind::ModelNotFound,
        400 | 500 if holds(RUNNER_DIED) => ErrorKind::Server,
        404 | 405 => ErrorKind::InvalidConfig,
        // The server gave up because someone between it and this client did, or its model was unloaded meanwhile. An
        // error under 200 tells nothing of whose fault it was.
        499 | 200..300 => ErrorKind::Server,
        _ => kind_of_status(status),
    }
}

fn hint(kind: ErrorKind, status: u16, model: &str, said: &str) -> Option<String> {
    let hint = match kind {
        ErrorKind::ModelNotFound if is_no_name(&said.to_lowercase()) => {
            "check the spelling of the model's name".to_owned()
        }
        ErrorKind::ModelNotFound => format!("run `ollama pull {model}` where that server runs"),
        ErrorKind::Unauthorized if status == 403 => {
            "the server refuses the host name or origin it was called by: call it by `localhost` or its address, or set \
             OLLAMA_HOST=0.0.0.0 or OLLAMA_ORIGINS where it runs"
                .to_owned()
        }
        ErrorKind::Unauthorized => {
            "set OLLAMA_API_KEY for a cloud or proxied host, or run `ollama signin` where the server runs".to_owned()
        }
        ErrorKind::InvalidConfig if said.to_lowercase().contains("does not support embed") => {
            "choose an embedding model, such as `nomic-embed-text`".to_owned()
        }
        ErrorKind::InvalidConfig => {
            "no Ollama answers there: check host, port and path".to_owned()
        }
        ErrorKind::InputTooLong => "shorten the text, or let the server cut it with `truncate`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Whether the server says that no model can be called so; some versions do under 500.
fn is_no_name(lower: &str) -> bool {
    ["invalid model name", "unqualified name"]
        .iter()
        .any(|words| lower.contains(words))
}

/// What the server said, out of the shapes it comes in: a JSON error, an HTML page of a proxy, bare text.
fn said(body: &str) -> String {
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        let error = json.get("error").unwrap_or(&json);
        return match error {
            Value::String(text) => text.clone(),
            // Servers of early 2025 put an error object there that writes itself as `{}`.
            other => other
                .get("message")
                .and_then(Value::as_str)
                .map_or_else(|| format!("an error without words ({other})"), str::to_owned),
        };
    }
    let body = body.trim();
    if body.is_empty() {
        return "nothing more".to_owned();
    }
    if body.starts_with('<') {
        return match title(body) {
            Some(title) => format!("an HTML page, `{title}`"),
            None => format!("an HTML page: {body}"),
        };
    }
    body.to_owned()
}

fn title(html: &str) -> Option<&str> {
    // Lower-casing ASCII keeps every byte at its place.
    let lower = html.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let until = from + lower[from..].find("</title>")?;
    Some(html[from..until].trim()).filter(|title| !title.is_empty())
}

fn is_about_a_model(body: &str) -> bool {
    serde_json::from_str::<Value>(body)
        .is_ok_and(|json| json["error"].as_str().is_some_and(|said| said.contains("model")))
}

fn shorten(said: &str) -> String {
    match said.char_indices().nth(MOST_WORDS) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_what_it_means_not_what_its_status_says() {
        use ErrorKind::*;
        for (status, body, expected) in [
            // Too long, in the words of several years.
            (
                400,
                r#"{"error":"input length exceeds maximum context length"}"#,
                InputTooLong,
            ),
            (
                400,
                r#"{"error":"the input length exceeds the context length"}"#,
                InputTooLong,
            ),
            (
                500,
                r#"{"error":"input exceeds maximum context length"}"#,
                InputTooLong,
            ),
            (
                500,
                r#"{"error":"input is too large to process. increase the physical batch size"}"#,
                InputTooLong,
            ),
            (
                400,
                r#"{"error":"input cannot be truncated further"}"#,
                InputTooLong,
            ),
            // A dead runner, under either status.
            (
                500,
                r#"{"error":"do embedding request: Post \"http://127.0.0.1:4/embedding\": EOF"}"#,
                Server,
            ),
            (
                400,
                r#"{"error":"do embedding request: Post \"http://127.0.0.1:4/embedding\": EOF"}"#,
                Server,
            ),
            (
                400,
                r#"{"error":"error reading embed response: unexpected end"}"#,
                Server,
            ),
            (400, r#"{"error":"unexpected server status: 2"}"#, Server),
            (
                400,
                r#"{"error":"llama runner process has terminated: signal: killed"}"#,
                Server,
            ),
            (500, r#"{"error":{}}"#, Server),
            (500, r#"{"error":{"Op":"Post","Err":{}}}"#, Server),
            (
                500,
                r#"{"error":"model requires more system memory (9.9 GiB) than is available (1.0 GiB)"}"#,
                Server,
            ),
            (
                400,
                r#"{"error":"json: unsupported value: NaN"}"#,
                InvalidResponse,
            ),
            (
                500,
                r#"{"error":"failed to encode response: json: unsupported value: NaN"}"#,
                InvalidResponse,
            ),
            // What needs a person.
            (
                404,
                r#"{"error":"model \"x\" not found, try pulling it first"}"#,
                ModelNotFound,
            ),
            (400, r#"{"error":"invalid model name"}"#, ModelNotFound),
            (
                500,
                r#"{"error":"unqualified name: registry/library/no body!:latest"}"#,
                ModelNotFound,
            ),
            (404, "404 page not found", InvalidConfig),
            (
                401,
                r#"{"error":"unauthorized","signin_url":"https://ollama.com/connect"}"#,
                Unauthorized,
            ),
            (403, "", Unauthorized),
            (402, r#"{"error":"no credit"}"#, QuotaSpent),
            (
                429,
                r#"{"error":"you have reached your weekly usage limit, please upgrade to continue"}"#,
                QuotaSpent,
            ),
            (429, r#"{"error":"too many concurrent requests"}"#, RateLimited),
            (
                400,
                r#"{"error":"\"llama3\" does not support embeddings"}"#,
                InvalidConfig,
            ),
            (
                501,
                r#"{"error":"this model does not support embeddings"}"#,
                InvalidConfig,
            ),
            // What the rest of the batch need not suffer from.
            (400, r#"{"error":"invalid input type"}"#, InvalidInput),
            (400, r#"{"error":"banana"}"#, InvalidInput),
            (400, r#"{"error":{}}"#, InvalidInput),
            (
                413,
                "<html><head><title>413 Request Entity Too Large</title></head></html>",
                InvalidInput,
            ),
            // What goes by.
            (429, r#"{"error":"too many requests"}"#, RateLimited),
            (499, r#"{"error":"request canceled"}"#, Server),
            (
                502,
                "<html><head><title>502 Bad Gateway</title></head></html>",
                Server,
            ),
            (
                503,
                r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
                Busy,
            ),
            (200, r#"{"error":"something"}"#, Server),
        ] {
            let (kind, message) = judge(status, body, "x");
            assert_eq!(kind, expected, "{status} {body}");
            assert!(message.starts_with("model `x`: "), "{message}");
            // The transport cuts what a server said at 500 characters: the hint must come before.
            assert!(message.chars().count() <= 500, "{message}");
        }
    }

    #[test]
    fn a_message_tells_what_the_server_said_and_what_to_do() {
        let (_, message) = judge(404, r#"{"error":"model \"x\" not found"}"#, "x");
        assert_eq!(
            message,
            "model `x`: model \"x\" not found; run `ollama pull x` where that server runs"
        );
        let (_, message) = judge(502, "<HTML><TITLE> Bad Gateway </TITLE>", "x");
        assert_eq!(message, "model `x`: an HTML page, `Bad Gateway`");
        let (_, message) = judge(500, r#"{"error":{}}"#, "x");
        assert_eq!(message, "model `x`: an error without words ({})");
        let (_, message) = judge(500, &"é".repeat(5000), "x");
        assert_eq!(
            message.chars().count(),
            "model `x`: …".chars().count() + MOST_WORDS
        );
        assert_eq!(judge(500, "", "x").1, "model `x`: nothing more");
    }

    #[test]
    fn one_text_alone_is_to_blame_for_what_a_text_can_cause() {
        let error = |kind, inputs| blame(Error::new(kind, "no"), inputs).input();
        assert_eq!(error(ErrorKind::InputTooLong, 1), Some(0));
        assert_eq!(error(ErrorKind::InvalidInput, 1), Some(0));
        assert_eq!(error(ErrorKind::InputTooLong, 2), None);
        assert_eq!(error(ErrorKind::Busy, 1), None);
    }

    #[test]
    fn a_path_the_server_does_not_know_is_told_from_a_model_it_does_not_have() {
        assert!(is_unknown_path(404, "404 page not found"));
        assert!(is_unknown_path(404, "<html>Not Found</html>"));
        assert!(is_unknown_path(404, r#"{"detail":"Not Found"}"#));
        assert!(is_unknown_path(405, ""));
        assert!(!is_unknown_path(
            404,
            r#"{"error":"model 'x' not found, try pulling it first"}"#
        ));
        assert!(!is_unknown_path(400, "404 page not found"));
    }

    #[test]
    fn an_error_under_a_status_of_success_is_found() {
        let http = HttpClient::builder("http://h")
            .bearer("the-key-1234")
            .build()
            .expect("a client");
        let rest = serde_json::json!({"error": "the context length is exceeded, the-key-1234"});
        let error = error_in_success(&http, "http://h/api/embed", &rest, "x", 1).expect("an error");
        assert_eq!(
            (error.kind(), error.input(), error.status()),
            (ErrorKind::InputTooLong, Some(0), Some(200))
        );
        assert!(!error.to_string().contains("the-key"), "{error}");
        let sound = serde_json::json!({"error": null, "model": "x"});
        assert!(error_in_success(&http, "http://h", &sound, "x", 1).is_none());
    }
}
