//! An answer that is not a success, kept small and fit to be shown.

use std::fmt;
use std::time::Duration;

use embed_core::{Error, ErrorKind};
use http::{HeaderMap, StatusCode};

/// Bytes of an error body that are kept.
pub(crate) const KEPT_BODY: usize = 2 * 1024;

/// Characters of a server's message that are repeated in an error.
const KEPT_MESSAGE: usize = 500;

/// An answer that is not a success, ready to be classified by a provider.
#[derive(Clone)]
pub struct Failure {
    /// What was asked, without credentials and query.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// The first 2 KiB of the body as lossy UTF-8, without control characters and without the client's credentials.
    pub body: String,
    /// The least time the server asks to wait, by [`retry_after`](crate::retry_after).
    pub retry_after: Option<Duration>,
    /// The server's name for the request (`x-request-id` or `request-id`), for its operator's logs.
    pub request_id: Option<String>,
    /// All headers of the answer.
    pub headers: HeaderMap,
    pub(crate) method: http::Method,
}

impl Failure {
    /// The body as JSON, if it is JSON (one that was cut at 2 KiB is not).
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// The error for this answer: `POST http://…/api/embed answered 404 Not Found: MESSAGE`, with status and
    /// `retry_after` set. `message_of_server` is cut at 500 characters; an empty one is left out.
    pub fn into_error(self, kind: ErrorKind, message_of_server: &str) -> Error {
        let mut message = format!(
            "{} {} answered {}",
            self.method,
            self.url,
            status_text(self.status)
        );
        let told = message_of_server.trim();
        if !told.is_empty() {
            message.push_str(": ");
            message.extend(told.chars().filter(|c| !c.is_control()).take(KEPT_MESSAGE));
            if told.chars().count() > KEPT_MESSAGE {
                message.push('…');
            }
        }
        if let Some(id) = &self.request_id {
            message.push_str(&format!(" (request {id})"));
        }
        let error = Error::new(kind, message).with_status(self.status);
        match self.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

fn status_text(status: u16) -> String {
    match StatusCode::from_u16(status)
        .ok()
        .and_then(|code| code.canonical_reason())
    {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers are left out: cookies and the like are credentials too.
        f.debug_struct("Failure")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("status", &self.status)
            .field("body", &self.body)
            .field("retry_after", &self.retry_after)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        Failure {
            url: "http://h:1/api/embed".to_owned(),
            status,
            body: body.to_owned(),
            retry_after: Some(Duration::from_secs(3)),
            request_id: None,
            headers: HeaderMap::new(),
            method: http::Method::POST,
        }
    }

    #[test]
    fn the_error_tells_request_status_and_the_words_of_the_server() {
        let error = failure(404, "").into_error(ErrorKind::ModelNotFound, " model \"x\" not found\u{7} ");
        assert_eq!(
            error.to_string(),
            "POST http://h:1/api/embed answered 404 Not Found: model \"x\" not found"
        );
        assert_eq!(error.kind(), ErrorKind::ModelNotFound);
        assert_eq!(error.status(), Some(404));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn an_unknown_status_and_an_empty_message_leave_no_gaps() {
        let mut failure = failure(599, "");
        failure.request_id = Some("r-1".to_owned());
        let error = failure.into_error(ErrorKind::Server, "");
        assert_eq!(
            error.to_string(),
            "POST http://h:1/api/embed answered 599 (request r-1)"
        );
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let error = failure(500, "").into_error(ErrorKind::Server, &"ä".repeat(600));
        let told = error.to_string();
        assert!(told.ends_with(&format!(": {}…", "ä".repeat(500))), "{told}");
    }

    #[test]
    fn the_body_is_json_only_if_it_is() {
        assert_eq!(
            failure(500, r#"{"error": {}}"#).json(),
            Some(serde_json::json!({"error": {}}))
        );
        assert_eq!(failure(502, "<html>").json(), None);
    }
}
