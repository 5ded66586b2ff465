//! What a server said of an error, out of the many shapes it comes in.

use std::time::Duration;

use serde_json::Value;

/// The words of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// For a person.
    pub(crate) message: String,
    /// For programs, lower-case: codes and types, such as `insufficient_quota`.
    pub(crate) codes: Vec<String>,
}

impl Said {
    /// Reads a body: the JSON of OpenAI and those who differ from it, the HTML of a proxy, or bare text.
    pub(crate) fn read(body: &str) -> Self {
        if let Ok(json) = serde_json::from_str::<Value>(body) {
            return Self::from_json(&json);
        }
        let body = body.trim();
        let message = if body.is_empty() {
            "nothing more".to_owned()
        } else if body.starts_with('<') {
            match title(body) {
                Some(title) => format!("an HTML page, `{title}`"),
                None => format!("an HTML page: {body}"),
            }
        } else {
            body.to_owned()
        };
        Self {
            message,
            codes: Vec::new(),
        }
    }

    /// Reads an error that is JSON.
    pub(crate) fn from_json(json: &Value) -> Self {
        // Gemini puts its error into an array.
        let json = json.get(0).unwrap_or(json);
        // MiniMax.
        let json = json.get("base_resp").unwrap_or(json);
        let error = json.get("error").filter(|error| !error.is_null()).unwrap_or(json);
        let text = |value: &Value, keys: &[&str]| keys.iter().find_map(|key| value.get(key).and_then(words));
        let message = words(error)
            .or_else(|| text(error, &["message", "msg", "status_msg", "detail", "errors"]))
            .or_else(|| text(json, &["message", "detail"]))
            .unwrap_or_else(|| format!("an error without words ({json})"));
        let codes = [error, json]
            .into_iter()
            .flat_map(|value| {
                ["code", "type", "error_type", "status", "status_code"].map(|key| value.get(key))
            })
            .flatten()
            .filter_map(|code| match code {
                Value::String(code) => Some(code.to_lowercase()),
                Value::Number(code) => Some(code.to_string()),
                _ => None,
            })
            .collect();
        Self { message, codes }
    }

    /// Whether it bears one of these codes.
    pub(crate) fn has_code(&self, codes: &[&str]) -> bool {
        self.codes.iter().any(|code| codes.contains(&code.as_str()))
    }

    /// The wait that its message names: `retry after 12 seconds`, `try again in 6m0s`.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let lower = self.message.to_lowercase();
        ["retry after ", "retry in ", "try again in ", "try again after "]
            .iter()
            .find_map(|words| {
                let (_, rest) = lower.split_once(words)?;
                duration(rest)
            })
    }
}

/// A text, or the texts of an array, as validation errors of FastAPI are.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(items) => {
            let texts: Vec<String> = items
                .iter()
                .filter_map(|item| {
                    words(item).or_else(|| ["msg", "message"].iter().find_map(|key| words(item.get(key)?)))
                })
                .collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        _ => None,
    }
}

fn title(html: &str) -> Option<&str> {
    // Lower-casing ASCII keeps every byte at its place.
    let lower = html.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let until = from + lower[from..].find("</title>")?;
    Some(html[from..until].trim()).filter(|title| !title.is_empty())
}

/// Reads numbers with units from the start of a text, as in `6m0s`, `20ms`, `1.5 seconds`; bare numbers are seconds.
fn duration(mut text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut found = false;
    loop {
        let number = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let Ok(value) = text[..number].trim_end_matches('.').parse::<f64>() else {
            break;
        };
        let rest = text[number..].trim_start();
        let unit = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        found = true;
        let scale = match &rest[..unit] {
            "ms" | "millisecond" | "milliseconds" => 1e-3,
            "s" | "sec" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            // No unit: seconds, and what follows is another sentence.
            _ => {
                seconds += value;
                break;
            }
        };
        seconds += value * scale;
        text = &rest[unit..];
    }
    found.then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_gives_its_message_and_codes() {
        for (body, message, codes) in [
            (
                r#"{"error":{"message":"You exceeded your quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                "You exceeded your quota",
                &["insufficient_quota", "insufficient_quota"][..],
            ),
            // Azure.
            (
                r#"{"error":{"code":"429","message":"Please retry after 26 seconds."}}"#,
                "Please retry after 26 seconds.",
                &["429"],
            ),
            (
                r#"{"statusCode":401,"message":"Access denied"}"#,
                "Access denied",
                &[],
            ),
            // vLLM.
            (
                r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
                "too long",
                &["400", "badrequesterror", "400", "badrequesterror"],
            ),
            // Text Embeddings Inference.
            (
                r#"{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}"#,
                "batch size 64 > maximum allowed batch size 32",
                &["validation"],
            ),
            (
                r#"{"message":"Model is overloaded","code":429,"type":"overloaded"}"#,
                "Model is overloaded",
                &["429", "overloaded", "429", "overloaded"],
            ),
            // FastAPI.
            (r#"{"detail":"Not Found"}"#, "Not Found", &[]),
            (
                r#"{"detail":[{"loc":["body","input"],"msg":"field required","type":"missing"},{"msg":"too short"}]}"#,
                "field required; too short",
                &[],
            ),
            // Gemini.
            (
                r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#,
                "bad",
                &["400", "invalid_argument"],
            ),
            // MiniMax.
            (
                r#"{"vectors":null,"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#,
                "rate limit",
                &["1002", "1002"],
            ),
            (r#"{"errors":["one","two"]}"#, "one; two", &[]),
            (r#"{"error":{}}"#, r#"an error without words ({"error":{}})"#, &[]),
            ("[]", "an error without words ([])", &[]),
            (
                "<html><head><title>502 Bad Gateway</title>",
                "an HTML page, `502 Bad Gateway`",
                &[],
            ),
            ("upstream connect error", "upstream connect error", &[]),
            (" ", "nothing more", &[]),
        ] {
            let said = Said::read(body);
            assert_eq!(said.message, message, "{body}");
            assert_eq!(said.codes, codes, "{body}");
        }
    }

    #[test]
    fn a_wait_is_found_in_the_message() {
        for (message, milliseconds) in [
            ("Please retry after 26 seconds.", Some(26_000)),
            ("Please try again in 6m0s. Visit", Some(360_000)),
            ("try again in 20ms", Some(20)),
            ("Try again in 1.5s.", Some(1_500)),
            ("Retry after 1 minute", Some(60_000)),
            ("Please retry in 3.", Some(3_000)),
            ("retry after a while", None),
            ("retry after 1e999999 s", Some(1_000)),
            ("no wait", None),
        ] {
            let said = Said {
                message: message.to_owned(),
                codes: Vec::new(),
            };
            assert_eq!(said.wait(), milliseconds.map(Duration::from_millis), "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in any::<String>(), wait in any::<String>()) {
            let _ = Said::read(&body);
            let _ = Said { message: format!("retry after {wait}"), codes: Vec::new() }.wait();
        }
    }
}
