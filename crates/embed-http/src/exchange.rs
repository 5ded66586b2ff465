//! One request and its answer's head, over a connection of the pool or a new one.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use embed_core::{Error, ErrorKind, Result, TimeoutPhase};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span};

use crate::classify::{Named, no_answer};
use crate::client::Shared;
use crate::connection::{Connection, Slot};
use crate::response::Response;
use crate::trace::Trace;

/// A request, kept so that it can be sent again.
pub(crate) struct Outgoing {
    pub(crate) named: Arc<Named>,
    pub(crate) path: PathAndQuery,
    /// Content type and body.
    pub(crate) content: Option<(HeaderValue, Bytes)>,
}

/// The head of an answer, and the connection its body will come over.
type Answered = (Connection, http::Response<Incoming>);

/// The same with the end of the time for the whole answer.
type Head = (Connection, http::Response<Incoming>, Option<Instant>);

/// Why there is no head of an answer.
enum Unanswered {
    Told(Error),
    Broken(hyper::Error),
}

impl Shared {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(self: &Arc<Self>, outgoing: &Outgoing) -> Result<Response> {
        let mut trace = Trace::begin(&self.base, outgoing);
        match self.head(outgoing).instrument(trace.span()).await {
            Ok((connection, answer, deadline)) => {
                trace.answered(answer.status());
                let named = Arc::clone(&outgoing.named);
                Ok(Response::new(
                    named,
                    answer,
                    connection,
                    deadline,
                    Arc::clone(self),
                    trace,
                ))
            }
            Err(error) => {
                trace.failed(&error);
                Err(error)
            }
        }
    }

    async fn head(&self, outgoing: &Outgoing) -> Result<Head> {
        if Handle::try_current().is_err() {
            let message = format!("{}: the client works only within a tokio runtime", outgoing.named);
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let slot = self.pool.slot().await?;
        let deadline = self
            .total_timeout
            .and_then(|limit| Instant::now().checked_add(limit));
        self.counters.requests.fetch_add(1, Relaxed);
        let (connection, answer) = match self.pool.take(slot).await {
            Ok(connection) => self.ask_reused(connection, outgoing, deadline).await?,
            Err(slot) => self.ask_fresh(slot, outgoing, deadline).await?,
        };
        Ok((connection, answer, deadline))
    }

    /// A server may close an idle connection at the very moment it is used again. If that is what happened, nothing
    /// was answered and most likely nothing was read: the request is sent once more, over a new connection.
    async fn ask_reused(
        &self,
        mut connection: Connection,
        outgoing: &Outgoing,
        deadline: Option<Instant>,
    ) -> Result<Answered> {
        let before = connection.meter.received();
        let error = match self.ask(&mut connection, outgoing, deadline).await {
            Ok(answer) => {
                self.counters.reused.fetch_add(1, Relaxed);
                Span::current().record("reused", true);
                return Ok((connection, answer));
            }
            Err(Unanswered::Told(error)) => return Err(error),
            Err(Unanswered::Broken(error)) => error,
        };
        let silent = !error.is_parse() && connection.meter.received() == before;
        let meter = Arc::clone(&connection.meter);
        match connection.close().await {
            Some(slot) if silent => self.ask_fresh(slot, outgoing, deadline).await,
            _ => Err(no_answer(&outgoing.named, error, &meter)),
        }
    }

    async fn ask_fresh(
        &self,
        slot: Slot,
        outgoing: &Outgoing,
        deadline: Option<Instant>,
    ) -> Result<Answered> {
        Span::current().record("reused", false);
        let mut connection = self.open(slot, &outgoing.named, deadline).await?;
        match self.ask(&mut connection, outgoing, deadline).await {
            Ok(answer) => Ok((connection, answer)),
            Err(Unanswered::Told(error)) => Err(error),
            Err(Unanswered::Broken(error)) => Err(no_answer(&outgoing.named, error, &connection.meter)),
        }
    }

    async fn open(&self, slot: Slot, named: &Named, deadline: Option<Instant>) -> Result<Connection> {
        let (limit, phase) = within(self.connect_timeout, TimeoutPhase::Connect, deadline);
        let io = match timeout(limit, self.dialer.dial(named)).await {
            Ok(outcome) => outcome?,
            Err(_) => {
                let what = match phase {
                    TimeoutPhase::Connect => format!("no connection within {limit:?}; is the address right?"),
                    _ => self.total_told("no connection"),
                };
                return Err(Error::new(ErrorKind::Timeout(phase), format!("{named}: {what}")));
            }
        };
        self.counters.opened.fetch_add(1, Relaxed);
        Connection::start(io, slot, Arc::clone(&self.counters))
            .await
            .map_err(|cause| {
                Error::new(
                    ErrorKind::Connect,
                    format!("{named}: the connection broke at once"),
                )
                .with_source(cause)
            })
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        outgoing: &Outgoing,
        deadline: Option<Instant>,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        let request = self.request(outgoing).map_err(Unanswered::Told)?;
        let (limit, phase) = within(self.first_byte_timeout, TimeoutPhase::FirstByte, deadline);
        match timeout(limit, connection.send(request)).await {
            Ok(outcome) => outcome.map_err(Unanswered::Broken),
            Err(_) => {
                let what = match phase {
                    TimeoutPhase::FirstByte => format!("no answer within {limit:?}"),
                    _ => self.total_told("no answer"),
                };
                let message = format!("{}: {what}", outgoing.named);
                Err(Unanswered::Told(Error::new(ErrorKind::Timeout(phase), message)))
            }
        }
    }

    fn total_told(&self, what: &str) -> String {
        format!(
            "{what} within the {:?} allowed for the whole",
            self.total_timeout.unwrap_or_default()
        )
    }

    fn request(&self, outgoing: &Outgoing) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = outgoing.named.method.clone();
        *request.uri_mut() = self.dialer.uri(&outgoing.path)?;
        request.headers_mut().clone_from(&self.headers);
        if let Some((content_type, body)) = &outgoing.content {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type.clone());
            *request.body_mut() = Full::new(body.clone());
        }
        Ok(request)
    }
}

/// The shorter of a limit and what is left of the whole, and which of the two it is.
fn within(limit: Duration, phase: TimeoutPhase, deadline: Option<Instant>) -> (Duration, TimeoutPhase) {
    match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
        Some(left) if left < limit => (left, TimeoutPhase::Total),
        _ => (limit, phase),
    }
}
