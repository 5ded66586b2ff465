//! A relay in front of the server that cuts connections where a test wants it to.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where the next connection to carry it is cut. Each plan is used up by one cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// After so many bytes that the client sent since the plan was made.
    AfterBytes(usize),
    /// When the client sends this; the server never gets it.
    Before(&'static str),
    /// When the client sends this; the server gets it, and the client no answer.
    After(&'static str),
}

/// A relay to the server of an address.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    plan: Option<Cut>,
    sent: usize,
    cuts: usize,
    refusing: bool,
    connections: usize,
}

impl Proxy {
    /// A relay to the server behind `url`.
    pub(crate) async fn before(url: &str) -> Self {
        let (login, rest) = url.rsplit_once('@').expect("a login");
        let (server, database) = rest.split_once('/').expect("a database");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let state = Arc::new(Mutex::new(State::default()));
        tokio::spawn(accept(listener, server.to_owned(), Arc::clone(&state)));
        Self {
            url: format!("{login}@127.0.0.1:{port}/{database}"),
            state,
        }
    }

    pub(crate) fn plan(&self, cut: Cut) {
        let mut state = lock(&self.state);
        (state.plan, state.sent) = (Some(cut), 0);
    }

    /// Whether new connections are closed at once, as by a server that is down.
    pub(crate) fn refuse(&self, refusing: bool) {
        lock(&self.state).refusing = refusing;
    }

    /// How often it cut so far.
    pub(crate) fn cuts(&self) -> usize {
        lock(&self.state).cuts
    }

    /// How many connections were let through.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.state).connections
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, server: String, state: Arc<Mutex<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        if lock(&state).refusing {
            continue;
        }
        let Ok(upstream) = TcpStream::connect(&server).await else {
            continue;
        };
        lock(&state).connections += 1;
        tokio::spawn(relay(client, upstream, Arc::clone(&state)));
    }
}

async fn relay(client: TcpStream, server: TcpStream, state: Arc<Mutex<State>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    });
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = match from_client.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        let (pass, cut) = lock(&state).judge(&buffer[..length]);
        if cut {
            // The answer to what still goes through is not to come back.
            back.abort();
            let _ = to_server.write_all(&buffer[..pass]).await;
            let _ = to_server.shutdown().await;
            return;
        }
        if to_server.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    let _ = to_server.shutdown().await;
    let _ = back.await;
}

impl State {
    /// How much of what the client sent goes on, and whether that is the end.
    fn judge(&mut self, bytes: &[u8]) -> (usize, bool) {
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let pass = match self.plan {
            Some(Cut::AfterBytes(limit)) if self.sent + bytes.len() > limit => Some(limit - self.sent),
            Some(Cut::Before(text)) if holds(text) => Some(0),
            Some(Cut::After(text)) if holds(text) => Some(bytes.len()),
            _ => None,
        };
        self.sent += bytes.len();
        if pass.is_some() {
            self.plan = None;
            self.cuts += 1;
        }
        (pass.unwrap_or(bytes.len()), pass.is_some())
    }
}
