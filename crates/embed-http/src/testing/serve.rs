//! What the test servers have in common: one connection served, everything recorded.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Reply, Request, Step};

/// What a test server has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted so far.
    pub accepted: usize,
    /// Connections open now.
    pub open: usize,
    /// Most connections that were open at once.
    pub high_water: usize,
    /// Requests received completely.
    pub requests: usize,
}

type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// One server's answers and records.
pub(super) struct State {
    handler: Handler,
    requests: Mutex<Vec<Request>>,
    stats: watch::Sender<Stats>,
    /// Counts how often all connections were to be dropped.
    hangups: watch::Sender<usize>,
}

impl State {
    pub(super) fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            handler: Box::new(handler),
            requests: Mutex::default(),
            stats: watch::Sender::default(),
            hangups: watch::Sender::default(),
        }
    }

    /// Answers with one reply after another, then with status 500.
    pub(super) fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        let queue: Mutex<VecDeque<Reply>> = Mutex::new(replies.into_iter().collect());
        Self::new(move |_| {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            next.unwrap_or_else(|| Reply::new(500, "the script is at its end"))
        })
    }

    pub(super) fn stats(&self) -> Stats {
        *self.stats.borrow()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.lock().clone()
    }

    pub(super) async fn wait_until(&self, condition: impl FnMut(&Stats) -> bool) -> Stats {
        match self.stats.subscribe().wait_for(condition).await {
            Ok(stats) => *stats,
            // The sender is gone; `self` holds it, so this does not happen.
            Err(_) => self.stats(),
        }
    }

    pub(super) fn disconnect_all(&self) {
        self.hangups.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, mut request: Request, connection: usize) -> Request {
        let mut requests = self.lock();
        request.connection = connection;
        request.number = requests.len();
        requests.push(request.clone());
        drop(requests);
        self.stats.send_modify(|stats| stats.requests += 1);
        request
    }

    /// Counts a new connection and gives it its number.
    fn accept(&self) -> Accepted<'_> {
        let mut number = 0;
        self.stats.send_modify(|stats| {
            number = stats.accepted;
            stats.accepted += 1;
            stats.open += 1;
            stats.high_water = stats.high_water.max(stats.open);
        });
        Accepted { state: self, number }
    }

    /// Serves one connection until either side ends it.
    pub(super) async fn serve(&self, stream: impl Peer) {
        let accepted = self.accept();
        let mut hangups = self.hangups.subscribe();
        tokio::select! {
            // What a client does wrong shows in what it gets; there is nobody here to tell.
            _ = self.converse(stream, accepted.number) => {}
            _ = hangups.changed() => {}
        }
    }

    async fn converse(&self, mut stream: impl Peer, connection: usize) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        while let Some(request) = Request::read(&mut stream, &mut buffer).await? {
            let request = self.record(request, connection);
            let steps = (self.handler)(&request).into_steps(request.method == "HEAD");
            for step in steps {
                match step {
                    Step::Write(bytes) => {
                        stream.write_all(&bytes).await?;
                        stream.flush().await?;
                    }
                    Step::Wait(signal) => unless_closed(&mut stream, &mut buffer, signal.wait()).await?,
                    Step::Sleep(time) => {
                        unless_closed(&mut stream, &mut buffer, tokio::time::sleep(time)).await?;
                    }
                    Step::Hang => unless_closed(&mut stream, &mut buffer, pending()).await?,
                    Step::Close => return stream.shutdown().await,
                    Step::Reset => {
                        stream.reset();
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

/// Waits for something, but not longer than the client stays.
async fn unless_closed<S: Peer>(
    stream: &mut S,
    buffer: &mut BytesMut,
    event: impl Future<Output = ()>,
) -> io::Result<()> {
    tokio::pin!(event);
    loop {
        tokio::select! {
            () = &mut event => return Ok(()),
            count = stream.read_buf(buffer) => if count? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            },
        }
    }
}

/// A connection that is counted as open.
struct Accepted<'a> {
    state: &'a State,
    number: usize,
}

impl Drop for Accepted<'_> {
    fn drop(&mut self) {
        self.state.stats.send_modify(|stats| stats.open -= 1);
    }
}

/// A connection as a server sees it.
pub(super) trait Peer: AsyncRead + AsyncWrite + Send + Unpin {
    /// Ends the connection as rudely as its kind allows.
    fn reset(self);
}

impl Peer for TcpStream {
    fn reset(self) {
        // If the option is refused the connection is closed, which is the next rudest.
        let _ = self.set_zero_linger();
    }
}

#[cfg(unix)]
impl Peer for tokio::net::UnixStream {
    fn reset(self) {}
}

impl Peer for DuplexStream {
    fn reset(self) {}
}
