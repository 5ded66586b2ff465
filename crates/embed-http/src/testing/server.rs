//! A server on a real socket, in a thread of its own.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::serve::State;
use super::{Reply, Request, Stats};

/// A server on 127.0.0.1 or a Unix socket that does what a test says, records every request and counts connections.
/// It runs in a thread of its own and stops, closing all connections, when it is dropped.
pub struct ScriptedServer {
    state: Arc<State>,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// A server that answers with one reply after another, in order of the requests' arrival, then with status 500.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), State::script(replies))
    }

    /// A server that answers each request by a function. The function must not block.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub fn handler(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), State::new(handler))
    }

    /// Like [`handler`](Self::handler), at an address of the caller's choice: another loopback, or a port that was
    /// in use before.
    ///
    /// # Panics
    ///
    /// If the address cannot be had.
    pub fn handler_at(
        address: SocketAddr,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(address, State::new(handler))
    }

    /// Like [`handler`](Self::handler), on a Unix socket.
    ///
    /// # Panics
    ///
    /// If the socket cannot be made.
    #[cfg(unix)]
    pub fn handler_unix(path: &Path, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(path)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let url = format!("unix:{}", path.display());
        Self::spawn(url, State::new(handler), move |state| async move {
            let listener = tokio::net::UnixListener::from_std(listener)?;
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await?;
                let state = Arc::clone(&state);
                connections.spawn(async move { state.serve(stream).await });
                while connections.try_join_next().is_some() {}
            }
        })
    }

    fn listen(address: SocketAddr, state: State) -> Self {
        let listener = TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let address = listener.local_addr().unwrap_or(address);
        Self::spawn(format!("http://{address}"), state, move |state| async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await?;
                // Answers come in small pieces, and a test should not wait for the client's acknowledgements.
                stream.set_nodelay(true)?;
                let state = Arc::clone(&state);
                connections.spawn(async move { state.serve(stream).await });
                while connections.try_join_next().is_some() {}
            }
        })
    }

    fn spawn<F>(url: String, state: State, accept: impl FnOnce(Arc<State>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>>,
    {
        let state = Arc::new(state);
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("no runtime for a test server: {error}"));
            runtime.block_on(async move {
                tokio::select! {
                    outcome = accept(shared) => if let Err(error) = outcome {
                        panic!("a test server cannot accept connections: {error}");
                    },
                    // Either the word or the end of the one who would give it.
                    _ = stopped => {}
                }
            });
        });
        Self {
            state,
            url,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The base URL, such as `http://127.0.0.1:40123` or `unix:/run/x.sock`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL without its scheme: `127.0.0.1:40123`.
    pub fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap_or(&self.url)
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests()
    }

    /// Counts of connections and requests.
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// Waits until the counts are as a test wants them. A client's close is seen here a moment after it happened.
    pub async fn wait_until(&self, condition: impl FnMut(&Stats) -> bool) -> Stats {
        self.state.wait_until(condition).await
    }

    /// Closes all connections that are open now, whatever they are doing. The server goes on.
    pub fn disconnect_all(&self) {
        self.state.disconnect_all();
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the test server at {} panicked", self.url);
        }
    }
}

impl fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedServer")
            .field("url", &self.url)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
