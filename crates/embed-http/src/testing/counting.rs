//! Proof of how many connections a client opens.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::{Connect, Connecting, Io, Target};
use crate::tcp::SystemConnector;

/// Counts the streams that another connector opens, on the client's side, where a close is seen the moment it
/// happens. Clones share their counts.
#[derive(Clone)]
pub struct CountingConnector {
    inner: Arc<dyn Connect>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicUsize,
    opened: AtomicUsize,
    open: AtomicUsize,
    high_water: AtomicUsize,
}

impl CountingConnector {
    /// Counts real connections.
    pub fn new() -> Self {
        Self::over(Arc::new(SystemConnector))
    }

    /// Counts the connections of another connector.
    pub fn over(inner: Arc<dyn Connect>) -> Self {
        Self {
            inner,
            counts: Arc::default(),
        }
    }

    /// Streams asked for so far.
    pub fn attempts(&self) -> usize {
        self.counts.attempts.load(SeqCst)
    }

    /// Streams opened so far.
    pub fn opened(&self) -> usize {
        self.counts.opened.load(SeqCst)
    }

    /// Streams open now.
    pub fn open(&self) -> usize {
        self.counts.open.load(SeqCst)
    }

    /// Most streams that were open at once.
    pub fn high_water(&self) -> usize {
        self.counts.high_water.load(SeqCst)
    }
}

impl Default for CountingConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CountingConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingConnector")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Connect for CountingConnector {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            self.counts.attempts.fetch_add(1, SeqCst);
            let io = self.inner.connect(target).await?;
            self.counts.opened.fetch_add(1, SeqCst);
            let open = self.counts.open.fetch_add(1, SeqCst) + 1;
            self.counts.high_water.fetch_max(open, SeqCst);
            Ok(Box::new(Counted {
                io,
                counts: Arc::clone(&self.counts),
            }) as Box<dyn Io>)
        })
    }
}

/// A stream that is counted as open until it is dropped.
struct Counted {
    io: Box<dyn Io>,
    counts: Arc<Counts>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, SeqCst);
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
