//! What a test server answers.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::Signal;

/// One thing a test server does on a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Writes exactly these bytes.
    Write(Bytes),
    /// Waits for a test.
    Wait(Signal),
    /// Waits for time to pass: the server's own, or the paused clock of a [`MemoryServer`](super::MemoryServer).
    Sleep(Duration),
    /// Does nothing more until the client closes the connection.
    Hang,
    /// Closes the connection in order, as a server does that is done.
    Close,
    /// Resets the connection (TCP RST); without TCP, closes it.
    Reset,
}

/// What a test server answers: made by one of the constructors, spoilt by the methods.
///
/// Counts of bytes are of the body, before it is cut into chunks.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    /// Exact steps instead of everything below.
    steps: Option<Vec<Step>>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    chunk: Option<usize>,
    before: Vec<Step>,
    /// Done once that many bytes were sent, in order of position.
    within: Vec<(usize, Step)>,
    after: Option<Step>,
}

impl Reply {
    /// A status and a body, with its `content-length`.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            steps: None,
            status,
            headers: Vec::new(),
            body: body.into(),
            chunk: None,
            before: Vec::new(),
            within: Vec::new(),
            after: None,
        }
    }

    /// A 200 with JSON.
    ///
    /// # Panics
    ///
    /// If `value` has no JSON form.
    pub fn json(value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("no JSON: {error}"));
        Self::new(200, body).header("content-type", "application/json")
    }

    /// Exactly these steps and nothing else; the connection stays open after the last one, unless that closes it.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: Some(steps.into_iter().collect()),
            ..Self::new(200, "")
        }
    }

    /// Exactly these bytes; the connection stays open.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::steps([Step::Write(bytes.into())])
    }

    /// Not a byte, ever.
    pub fn hang() -> Self {
        Self::steps([Step::Hang])
    }

    /// Not a byte; the connection is closed.
    pub fn close() -> Self {
        Self::steps([Step::Close])
    }

    /// Not a byte; the connection is reset.
    pub fn reset() -> Self {
        Self::steps([Step::Reset])
    }

    /// Another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the body by `transfer-encoding: chunked`, in chunks of `size` bytes.
    pub fn chunked(mut self, size: usize) -> Self {
        self.chunk = Some(size.max(1));
        self
    }

    /// Sends nothing before the signal.
    pub fn wait_for(mut self, signal: &Signal) -> Self {
        self.before.push(Step::Wait(signal.clone()));
        self
    }

    /// Sends nothing for a while.
    pub fn delay(mut self, time: Duration) -> Self {
        self.before.push(Step::Sleep(time));
        self
    }

    /// Takes a step once `count` bytes of the body were sent. Several take place by position.
    pub fn at(mut self, count: usize, step: Step) -> Self {
        let place = self.within.partition_point(|(other, _)| *other <= count);
        self.within.insert(place, (count, step));
        self
    }

    /// Pauses before each `size` bytes of the body.
    pub fn drip(mut self, size: usize, pause: Duration) -> Self {
        for count in (0..self.body.len()).step_by(size.max(1)) {
            self = self.at(count, Step::Sleep(pause));
        }
        self
    }

    /// Closes the connection after the answer, and says so.
    pub fn then_close(mut self) -> Self {
        self.after = Some(Step::Close);
        self.header("connection", "close")
    }

    /// Closes the connection after the answer without having said so: the client finds out too late or not at all.
    pub fn then_vanish(mut self) -> Self {
        self.after = Some(Step::Close);
        self
    }

    /// All that is to be done, in order.
    pub(super) fn into_steps(self, without_body: bool) -> Vec<Step> {
        if let Some(steps) = self.steps {
            return steps;
        }
        let mut steps = self.before.clone();
        steps.push(Step::Write(self.head()));
        if !without_body {
            self.push_body(&mut steps);
        }
        steps.extend(self.after);
        steps
    }

    fn head(&self) -> Bytes {
        let reason = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|code| code.canonical_reason());
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("Unknown"));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // These have no body, and so no length either.
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        match self.chunk {
            Some(_) => head.push_str("transfer-encoding: chunked\r\n"),
            None if bodiless => {}
            None => head.push_str(&format!("content-length: {}\r\n", self.body.len())),
        }
        head.push_str("\r\n");
        head.into()
    }

    fn push_body(&self, steps: &mut Vec<Step>) {
        let mut sent = 0;
        for (count, step) in &self.within {
            let end = (*count).min(self.body.len());
            self.push_piece(steps, sent..end);
            sent = end;
            steps.push(step.clone());
        }
        self.push_piece(steps, sent..self.body.len());
        if self.chunk.is_some() {
            steps.push(Step::Write(Bytes::from_static(b"0\r\n\r\n")));
        }
    }

    fn push_piece(&self, steps: &mut Vec<Step>, range: std::ops::Range<usize>) {
        let piece = self.body.slice(range);
        match self.chunk {
            _ if piece.is_empty() => {}
            None => steps.push(Step::Write(piece)),
            Some(size) => {
                let mut framed = Vec::with_capacity(piece.len() + 16);
                for chunk in piece.chunks(size) {
                    framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    framed.extend_from_slice(chunk);
                    framed.extend_from_slice(b"\r\n");
                }
                steps.push(Step::Write(framed.into()));
            }
        }
    }
}
