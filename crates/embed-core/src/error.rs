//! One error type whose kind answers the caller's question: what now?

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// The result of an embedding call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The part of a request that ran out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// No connection was made in time.
    Connect,
    /// The request was sent and no byte of an answer came. A cold model may take minutes here.
    FirstByte,
    /// The answer began and then stood still.
    Body,
    /// The answer kept coming, but was not complete within the time allowed for all of it.
    Total,
}

/// What went wrong, told apart by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection, or it broke before the answer was complete. Trying again can help.
    Connect,
    /// Something took too long. Trying again can help: embedding a text twice is harmless.
    Timeout(TimeoutPhase),
    /// The server is overloaded or starting. Trying again can help.
    Busy,
    /// Too many requests; wait for [`Error::retry_after`] if the server named a time.
    RateLimited,
    /// The account has no money or quota left. Only a person can help.
    QuotaSpent,
    /// The key is missing, wrong, or not allowed to use the model.
    Unauthorized,
    /// The server does not have the model.
    ModelNotFound,
    /// An input exceeds the model's context. Shorten or split it; waiting does not help.
    InputTooLong,
    /// The server (or the model) refuses an input or the request as such. Halve the batch to find the culprit.
    InvalidInput,
    /// The answer is not what was asked for: not JSON, wrong row count, width, not finite. Trying again can help.
    InvalidResponse,
    /// The server failed. Trying again can help, though not for ever: one input may be what makes it fail.
    Server,
    /// The call was given up by the caller.
    Cancelled,
    /// A setting is wrong: an address, a redirect to elsewhere, a provider that is not in this build.
    InvalidConfig,
}

impl ErrorKind {
    /// Whether the same request may succeed later.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Connect
            | Self::Timeout(_)
            | Self::Busy
            | Self::RateLimited
            | Self::InvalidResponse
            | Self::Server => true,
            Self::QuotaSpent
            | Self::Unauthorized
            | Self::ModelNotFound
            | Self::InputTooLong
            | Self::InvalidInput
            | Self::Cancelled
            | Self::InvalidConfig => false,
        }
    }

    /// A stable lower-case name for logs and JSON, such as `rate_limited`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout(TimeoutPhase::Connect) => "timeout_connect",
            Self::Timeout(TimeoutPhase::FirstByte) => "timeout_first_byte",
            Self::Timeout(TimeoutPhase::Body) => "timeout_body",
            Self::Timeout(TimeoutPhase::Total) => "timeout_total",
            Self::Busy => "busy",
            Self::RateLimited => "rate_limited",
            Self::QuotaSpent => "quota_spent",
            Self::Unauthorized => "unauthorized",
            Self::ModelNotFound => "model_not_found",
            Self::InputTooLong => "input_too_long",
            Self::InvalidInput => "invalid_input",
            Self::InvalidResponse => "invalid_response",
            Self::Server => "server",
            Self::Cancelled => "cancelled",
            Self::InvalidConfig => "invalid_config",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an embedding call failed. `Display` shows this layer only; walk [`StdError::source`] for the causes.
pub struct Error {
    // Boxed: errors are rare, and results of the hot path stay small.
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    input: Option<usize>,
    attempts: u32,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind; `message` says what failed and on what, lower-case, without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                status: None,
                retry_after: None,
                input: None,
                attempts: 1,
                source: None,
            }),
        }
    }

    /// Adds the HTTP status the server answered with.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.inner.status = Some(status);
        self
    }

    /// Adds the least time the server asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.inner.retry_after = Some(wait);
        self
    }

    /// Drops the wait, for a caller whose next attempt goes to another server.
    #[must_use]
    pub fn without_retry_after(mut self) -> Self {
        self.inner.retry_after = None;
        self
    }

    /// Adds the index, within the batch, of the input that is to blame.
    #[must_use]
    pub fn with_input(mut self, index: usize) -> Self {
        self.inner.input = Some(index);
        self
    }

    /// Sets how many attempts were made in all; from two on, `Display` tells it.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.inner.attempts = attempts;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// This layer's message, without its causes.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The HTTP status, where the server answered.
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// The least time to wait before trying again, where the server named one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// The index of the input to blame, where it is known.
    pub fn input(&self) -> Option<usize> {
        self.inner.input
    }

    /// How many attempts were made before this became final; 1 where nothing was tried again.
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.inner.kind.is_retryable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        match self.inner.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " (after {attempts} attempts)"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.inner.kind)
            .field("message", &self.inner.message);
        if let Some(status) = self.inner.status {
            out.field("status", &status);
        }
        if let Some(wait) = self.inner.retry_after {
            out.field("retry_after", &wait);
        }
        if let Some(index) = self.inner.input {
            out.field("input", &index);
        }
        if self.inner.attempts > 1 {
            out.field("attempts", &self.inner.attempts);
        }
        if let Some(source) = &self.inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_this_layer_and_source_is_the_next() {
        let error = Error::new(ErrorKind::Connect, "cannot reach http://gpu-box:11434")
            .with_source(std::io::Error::other("connection refused"));
        assert_eq!(error.to_string(), "cannot reach http://gpu-box:11434");
        assert_eq!(error.source().expect("a cause").to_string(), "connection refused");
        assert!(error.is_retryable());
    }

    #[test]
    fn a_final_error_tells_how_often_it_was_tried_and_keeps_the_rest() {
        let error = Error::new(ErrorKind::Busy, "the queue is full").with_status(503);
        assert_eq!(
            (error.attempts(), error.to_string()),
            (1, "the queue is full".into())
        );
        let error = error.with_attempts(3);
        assert_eq!(error.to_string(), "the queue is full (after 3 attempts)");
        assert_eq!(error.message(), "the queue is full");
        assert_eq!(
            (error.kind(), error.status(), error.attempts()),
            (ErrorKind::Busy, Some(503), 3)
        );
    }

    #[test]
    fn every_kind_has_its_own_name_and_it_is_stable() {
        let names = [
            (ErrorKind::Connect, "connect"),
            (ErrorKind::Timeout(TimeoutPhase::Connect), "timeout_connect"),
            (ErrorKind::Timeout(TimeoutPhase::FirstByte), "timeout_first_byte"),
            (ErrorKind::Timeout(TimeoutPhase::Body), "timeout_body"),
            (ErrorKind::Timeout(TimeoutPhase::Total), "timeout_total"),
            (ErrorKind::Busy, "busy"),
            (ErrorKind::RateLimited, "rate_limited"),
            (ErrorKind::QuotaSpent, "quota_spent"),
            (ErrorKind::Unauthorized, "unauthorized"),
            (ErrorKind::ModelNotFound, "model_not_found"),
            (ErrorKind::InputTooLong, "input_too_long"),
            (ErrorKind::InvalidInput, "invalid_input"),
            (ErrorKind::InvalidResponse, "invalid_response"),
            (ErrorKind::Server, "server"),
            (ErrorKind::Cancelled, "cancelled"),
            (ErrorKind::InvalidConfig, "invalid_config"),
        ];
        for (kind, name) in names {
            assert_eq!((kind.as_str(), kind.to_string().as_str()), (name, name));
        }
    }

    #[test]
    fn debug_shows_what_is_known_and_nothing_else() {
        let error = Error::new(ErrorKind::Busy, "full");
        assert_eq!(format!("{error:?}"), r#"Error { kind: Busy, message: "full" }"#);
        let error = error
            .with_status(503)
            .with_retry_after(Duration::from_secs(2))
            .with_input(7)
            .with_attempts(2)
            .with_source(fmt::Error);
        assert_eq!(
            format!("{error:?}"),
            "Error { kind: Busy, message: \"full\", status: 503, retry_after: 2s, input: 7, attempts: 2, source: Error }"
        );
        assert_eq!(
            (error.input(), error.retry_after()),
            (Some(7), Some(Duration::from_secs(2)))
        );
    }

    #[test]
    fn what_needs_a_person_is_not_retryable() {
        for kind in [
            ErrorKind::QuotaSpent,
            ErrorKind::Unauthorized,
            ErrorKind::ModelNotFound,
            ErrorKind::InputTooLong,
            ErrorKind::InvalidInput,
            ErrorKind::Cancelled,
            ErrorKind::InvalidConfig,
        ] {
            assert!(!kind.is_retryable(), "{kind}");
        }
    }
}
