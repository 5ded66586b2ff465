//! A server without sockets.

use std::sync::Arc;

use super::serve::State;
use super::{Reply, Request, Stats};
use crate::connect::{Connect, Connecting, Io, Target};

/// Bytes one side may be ahead of the other.
const BUFFER: usize = 64 * 1024;

/// A server that lives in the client's own runtime, as its connector. Its streams never touch the operating system,
/// so that timeouts can be tested on tokio's paused clock. Clones are the same server.
#[derive(Clone, Debug)]
pub struct MemoryServer {
    state: Arc<State>,
}

impl MemoryServer {
    /// A server that answers with one reply after another, in order of the requests' arrival, then with status 500.
    pub fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self {
            state: Arc::new(State::script(replies)),
        }
    }

    /// A server that answers each request by a function. The function must not block.
    pub fn handler(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            state: Arc::new(State::new(handler)),
        }
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests()
    }

    /// Counts of connections and requests.
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// Waits until the counts are as a test wants them.
    pub async fn wait_until(&self, condition: impl FnMut(&Stats) -> bool) -> Stats {
        self.state.wait_until(condition).await
    }

    /// Closes all connections that are open now, whatever they are doing. The server goes on.
    pub fn disconnect_all(&self) {
        self.state.disconnect_all();
    }
}

impl Connect for MemoryServer {
    /// Always succeeds, whatever the target.
    fn connect<'a>(&'a self, _: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(BUFFER);
            let state = Arc::clone(&self.state);
            tokio::spawn(async move { state.serve(far).await });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}
