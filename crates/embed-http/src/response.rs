//! An answer, read piece by piece and within bounds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use embed_core::{Error, ErrorKind, Result, TimeoutPhase};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use crate::classify::{Named, cut_body};
use crate::client::Shared;
use crate::connection::Connection;
use crate::failure::{Failure, KEPT_BODY};
use crate::retry_after;
use crate::trace::Trace;

/// Characters of an unintelligible answer that a message repeats.
const EXCERPT: usize = 120;

/// An unwanted body (of a redirect, of a failure) is read this far to keep its connection.
const DRAINED: u64 = 64 * 1024;

/// An unwanted body is waited for no longer than this: its status matters more than its words.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest buffer made on the word of a `content-length` alone.
const TRUSTED_LENGTH: u64 = 1 << 20;

/// An answer whose head has arrived. Its connection goes back to the pool once the body was read to the end; dropped
/// before, it is closed.
pub struct Response {
    request: Arc<Named>,
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    state: State,
    received: u64,
    deadline: Option<Instant>,
    shared: Arc<Shared>,
    trace: Trace,
}

enum State {
    Reading(Connection),
    Ended,
    Broken,
}

impl Response {
    pub(crate) fn new(
        request: Arc<Named>,
        answer: http::Response<Incoming>,
        connection: Connection,
        deadline: Option<Instant>,
        shared: Arc<Shared>,
        trace: Trace,
    ) -> Self {
        let (head, body) = answer.into_parts();
        let mut response = Self {
            request,
            status: head.status,
            headers: head.headers,
            body,
            state: State::Reading(connection),
            received: 0,
            deadline,
            shared,
            trace,
        };
        response.release_if_ended();
        response
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What was asked, without credentials and query: fit to be shown.
    pub fn url(&self) -> &str {
        &self.request.url
    }

    /// The next piece of the body, never empty; `None` at its end.
    ///
    /// # Errors
    ///
    /// `Timeout(Body)` if nothing came for the body timeout, `Timeout(Total)`, `Connect` if the connection broke, and
    /// `InvalidResponse` for a body that is malformed, compressed, or larger than the bound.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match self.state {
            State::Reading(_) => {}
            State::Ended => return Ok(None),
            State::Broken => return Err(self.error(ErrorKind::Connect, "the answer broke off before")),
        }
        let outcome = self.next_piece().await;
        match &outcome {
            Ok(Some(_)) => self.release_if_ended(),
            Ok(None) => self.release(),
            Err(_) => self.state = State::Broken,
        }
        outcome
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// Those of [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let expected = self.body.size_hint().lower().min(TRUSTED_LENGTH) as usize;
        let mut whole = BytesMut::with_capacity(first.len() + second.len() + expected);
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`chunk`](Self::chunk), and `InvalidResponse` that shows how the body begins if it is not the JSON
    /// that was expected.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let request = Arc::clone(&self.request);
        let shared = Arc::clone(&self.shared);
        let status = self.status;
        let body = self.bytes().await?;
        serde_json::from_slice(&body).map_err(|cause| {
            let found = excerpt(&shared, &body);
            let message = format!("{request}: the answer is not the JSON that was expected: {found}");
            Error::new(ErrorKind::InvalidResponse, message)
                .with_status(status.as_u16())
                // Its words only, since serde quotes the strings it did not expect.
                .with_source(shared.scrubber.clean(&cause.to_string()))
        })
    }

    /// What a status that is not a success says. Reads the first 2 KiB of the body; what goes wrong while reading is
    /// passed over, since the status alone is an answer.
    pub async fn failure(mut self) -> Failure {
        let mut kept = Vec::new();
        self.drain(|piece| {
            let room = KEPT_BODY.saturating_sub(kept.len());
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
        })
        .await;
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = text("x-request-id").or_else(|| text("request-id"));
        Failure {
            url: self.request.url.clone(),
            status: self.status.as_u16(),
            body: self.shared.scrubber.clean(&String::from_utf8_lossy(&kept)),
            retry_after: retry_after(&self.headers, SystemTime::now()),
            request_id: request_id.map(|id| self.shared.scrubber.clean(id)),
            headers: self.headers.clone(),
            method: self.request.method.clone(),
        }
    }

    /// An error about this answer: `POST http://…: WHAT`, with its status.
    pub fn error(&self, kind: ErrorKind, what: impl fmt::Display) -> Error {
        let what = self.shared.scrubber.clean(&what.to_string());
        Error::new(kind, format!("{}: {what}", self.request)).with_status(self.status.as_u16())
    }

    /// How `bytes` begin, in quotes and fit to be shown: one line, no control characters, no credentials.
    pub fn excerpt(&self, bytes: &[u8]) -> String {
        excerpt(&self.shared, bytes)
    }

    /// Whether `text` repeats a credential that was sent.
    pub(crate) fn betrays_credentials(&self, text: &str) -> bool {
        self.shared.scrubber.is_betrayed_by(text)
    }

    /// Reads the rest of a small body, so that its connection can be used again.
    pub(crate) async fn discard(mut self) {
        self.drain(|_| {}).await;
    }

    async fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        let reading = async {
            while self.received < DRAINED {
                let Ok(Some(piece)) = self.chunk().await else {
                    break;
                };
                each(&piece);
            }
        };
        // Whether it was read, broke or took too long makes no difference to what is known by then.
        let _ = timeout(DRAIN_TIMEOUT, reading).await;
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>> {
        self.refuse_encoded()?;
        loop {
            self.refuse_large(self.body.size_hint().lower())?;
            let frame = match self.next_frame().await? {
                None => return Ok(None),
                Some(Ok(frame)) => frame,
                Some(Err(cause)) => return Err(cut_body(&self.request, cause, self.received)),
            };
            // Trailers are of no use here.
            let Ok(data) = frame.into_data() else { continue };
            self.refuse_large(data.len() as u64)?;
            self.received += data.len() as u64;
            self.trace.received(data.len() as u64);
            self.shared
                .counters
                .received
                .fetch_add(data.len() as u64, Relaxed);
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    async fn next_frame(&mut self) -> Result<Option<hyper::Result<hyper::body::Frame<Bytes>>>> {
        let stall = self.shared.body_timeout;
        let frame = timeout(stall, self.body.frame());
        let outcome = match self.deadline {
            Some(deadline) => timeout_at(deadline, frame).await,
            None => Ok(frame.await),
        };
        match outcome {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => {
                let what = format!(
                    "nothing came for {stall:?} after {} bytes of the answer",
                    self.received
                );
                Err(self.error(ErrorKind::Timeout(TimeoutPhase::Body), what))
            }
            Err(_) => {
                let limit = self.shared.total_timeout.unwrap_or_default();
                let what = format!(
                    "the answer was not complete within {limit:?}, only {} bytes",
                    self.received
                );
                Err(self.error(ErrorKind::Timeout(TimeoutPhase::Total), what))
            }
        }
    }

    fn refuse_large(&self, more: u64) -> Result<()> {
        let bound = self.shared.max_body;
        if self.received.saturating_add(more) <= bound {
            return Ok(());
        }
        Err(self.error(
            ErrorKind::InvalidResponse,
            format!("the answer is larger than the {bound} bytes allowed"),
        ))
    }

    /// Nothing but plain bytes was asked for.
    fn refuse_encoded(&self) -> Result<()> {
        match self.headers.get(header::CONTENT_ENCODING) {
            Some(encoding) if encoding != "identity" => {
                let what = format!("the answer is encoded as {encoding:?}, which was not asked for");
                Err(self.error(ErrorKind::InvalidResponse, what))
            }
            _ => Ok(()),
        }
    }

    fn release_if_ended(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let State::Reading(connection) = std::mem::replace(&mut self.state, State::Ended) {
            self.shared.pool.put(connection);
        }
    }
}

fn excerpt(shared: &Shared, bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "it is empty".to_owned();
    }
    // Four bytes are the longest character; cleaning comes before cutting, so that no half of a key is left.
    let start = &bytes[..bytes.len().min(KEPT_BODY)];
    let clean = shared.scrubber.clean(&String::from_utf8_lossy(start));
    let shown: String = clean.chars().take(EXCERPT).collect();
    let more = if shown.len() < clean.len() || start.len() < bytes.len() {
        "…"
    } else {
        ""
    };
    format!("it begins with `{shown}{more}`")
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("request", &self.request.to_string())
            .field("status", &self.status)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
