//! A request as a span, for programs that listen to `tracing`. No header, no query and no body is ever in it.

use embed_core::Error;
use http::StatusCode;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, debug, debug_span};

use crate::exchange::Outgoing;

/// From before a request is sent until the last byte of its answer was read, or it was given up.
#[derive(Debug)]
pub(crate) struct Trace {
    span: Span,
    began: Instant,
    received: u64,
    is_answered: bool,
}

impl Trace {
    pub(crate) fn begin(base: &str, outgoing: &Outgoing) -> Self {
        let span = debug_span!(
            "request",
            method = %outgoing.named.method,
            host = base,
            path = outgoing.path.path(),
            sent_bytes = outgoing.content.as_ref().map_or(0, |(_, body)| body.len()),
            reused = Empty,
            status = Empty,
            ms = Empty,
            received_bytes = Empty,
        );
        Self {
            span,
            began: Instant::now(),
            received: 0,
            is_answered: false,
        }
    }

    /// What the request's own messages are told within.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The head of the answer has come.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.is_answered = true;
        self.span.record("status", status.as_u16());
    }

    /// Bytes of the body have come.
    pub(crate) fn received(&mut self, bytes: u64) {
        self.received += bytes;
    }

    /// There will be no answer. The error's words are free of credentials.
    pub(crate) fn failed(&self, error: &Error) {
        self.span.in_scope(|| debug!(error = %error, "no answer"));
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if self.span.is_disabled() {
            return;
        }
        let tenths = (self.began.elapsed().as_secs_f64() * 1e4).round();
        self.span.record("ms", tenths / 10.0);
        if self.is_answered {
            self.span.record("received_bytes", self.received);
            // Not as a parent that is named: formatters that list spans list those entered.
            self.span.in_scope(|| debug!("answered"));
        }
    }
}
