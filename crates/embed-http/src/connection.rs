//! One HTTP/1.1 connection and the slot it occupies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::runtime::{Handle, Id};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::connect::Io;
use crate::metered::{Counters, Meter, Metered};

/// The right to have one connection open. Slots are handed out in order of arrival.
pub(crate) type Slot = OwnedSemaphorePermit;

/// How long an idle connection may take to say that it is ready. It needs no word from the server for that, only a
/// turn of its task.
const READY: Duration = Duration::from_secs(1);

/// The most that is read at once. Larger buffers (hyper grows them to 400 KiB) leave the processor's cache before they
/// are decoded, and cost a page fault for every 4 KiB of an answer when they come from the system anew.
const READ_BUFFER: usize = 128 * 1024;

/// An open connection. While it is busy it holds its slot; dropping it closes the stream and only then frees the slot.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives the stream; ends when the connection does.
    task: JoinHandle<()>,
    /// Where the task runs: another runtime cannot count on it being driven.
    runtime: Id,
    pub(crate) meter: Arc<Meter>,
    slot: Option<Slot>,
    /// Shared with the task, so that a slot put here is freed when both are done.
    closing: Arc<Mutex<Option<Slot>>>,
}

impl Connection {
    /// Starts HTTP on a stream. Needs a running runtime.
    pub(crate) async fn start(io: Box<dyn Io>, slot: Slot, counters: Arc<Counters>) -> hyper::Result<Self> {
        let meter = Arc::new(Meter::default());
        let closing = Arc::new(Mutex::new(None));
        let io = TokioIo::new(Metered {
            io,
            meter: Arc::clone(&meter),
            counters,
        });
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .handshake(io)
            .await?;
        let held = Arc::clone(&closing);
        let task = tokio::spawn(async move {
            // What goes wrong here also fails the request in flight, which is where it is told.
            let _ = driver.await;
            // Named last, so that it outlives the stream also when the task is aborted.
            drop(held);
        });
        Ok(Self {
            sender,
            task,
            runtime: Handle::current().id(),
            meter,
            slot: Some(slot),
            closing,
        })
    }

    /// Sends a request; the connection must be ready.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.sender.send_request(request).await
    }

    /// Whether the next request can be sent on it, as far as this side knows.
    pub(crate) async fn is_ready(&mut self) -> bool {
        self.runtime == Handle::current().id()
            && matches!(tokio::time::timeout(READY, self.sender.ready()).await, Ok(Ok(())))
    }

    /// Makes it busy.
    pub(crate) fn occupy(&mut self, slot: Slot) {
        self.slot = Some(slot);
    }

    /// Makes it idle. The slot comes back so that it can be freed after the connection is on offer.
    pub(crate) fn vacate(&mut self) -> Option<Slot> {
        self.slot.take()
    }

    /// Closes the stream, waits until it is closed, and hands back the slot of a busy connection. Where the caller gives
    /// up meanwhile, the slot is freed when the stream is gone.
    pub(crate) async fn close(mut self) -> Option<Slot> {
        self.task.abort();
        if self.runtime == Handle::current().id() {
            // Either it ended or it was cancelled; both mean that the stream is gone.
            let _ = (&mut self.task).await;
        }
        self.slot.take()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
            *closing = Some(slot);
        }
        self.task.abort();
    }
}
