//! Counting: what a client has done, and what one connection has seen.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use embed_core::Usage;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::Io;

/// Counters of one client. Relaxed: they are read for summaries, never to decide anything.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) reused: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

impl Counters {
    pub(crate) fn usage(&self) -> Usage {
        // `Usage` may grow, so it cannot be built by a literal outside its crate.
        let mut usage = Usage::default();
        usage.requests = self.requests.load(Relaxed);
        usage.connections_opened = self.opened.load(Relaxed);
        usage.connections_reused = self.reused.load(Relaxed);
        usage.bytes_sent = self.sent.load(Relaxed);
        usage.bytes_received = self.received.load(Relaxed);
        usage
    }
}

/// What one connection has seen, above TLS. Tells "died before any byte of an answer" from "cut short".
#[derive(Debug, Default)]
pub(crate) struct Meter {
    received: AtomicU64,
    /// 0 until a byte came, then that byte plus one.
    first_byte: AtomicU16,
}

impl Meter {
    /// Bytes received so far, heads included.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// The very first byte the server sent.
    pub(crate) fn first_byte(&self) -> Option<u8> {
        self.first_byte
            .load(Relaxed)
            .checked_sub(1)
            .and_then(|byte| u8::try_from(byte).ok())
    }
}

/// A stream that reports to its connection's meter and its client's counters.
pub(crate) struct Metered {
    pub(crate) io: Box<dyn Io>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) counters: Arc<Counters>,
}

impl Metered {
    fn wrote(&self, outcome: &io::Result<usize>) {
        if let Ok(count) = outcome {
            self.counters.sent.fetch_add(*count as u64, Relaxed);
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        let new = &buf.filled()[before..];
        if let Some(&first) = new.first()
            && self.meter.received.fetch_add(new.len() as u64, Relaxed) == 0
        {
            self.meter.first_byte.store(u16::from(first) + 1, Relaxed);
        }
        Poll::Ready(outcome)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        self.wrote(&outcome);
        Poll::Ready(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        self.wrote(&outcome);
        Poll::Ready(outcome)
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
