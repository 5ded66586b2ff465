//! A server in its weather, and a real embedder that talks to it.

use std::sync::Arc;

use embed_core::{Embedder, Prefixed, Prefixes, Result, Usage};
use embed_http::testing::{CountingConnector, MemoryServer, Request, ScriptedServer};
use embed_http::{Connect, ProxyMode};
use embed_ollama::OllamaEmbedder;
use embed_openai::{Encoding, OpenAiEmbedder, Profile};

use super::{Dialect, Gate, Weather};

/// Where the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the client's own runtime, for the paused clock.
    Memory,
    /// On a socket of this machine.
    Socket,
}

#[derive(Debug)]
enum Server {
    Memory(MemoryServer),
    Socket(Arc<ScriptedServer>),
}

/// A server in its weather, and a real embedder that talks to it.
#[derive(Debug)]
pub struct Harbour {
    weather: Weather,
    server: Server,
    embedder: Arc<dyn Embedder>,
    connections: CountingConnector,
}

impl Harbour {
    /// Starts the server and makes the embedder, with nothing around it but what the tool puts there.
    ///
    /// # Errors
    /// Those of making an embedder.
    pub fn open(weather: Weather, place: Place) -> Result<Self> {
        let mind = weather.clone();
        let answer = move |request: &Request| mind.answer(request);
        let (server, url, connections) = match place {
            Place::Memory => {
                let server = MemoryServer::handler(answer);
                let cut = server.clone();
                weather.cut_by(Some(Box::new(move || cut.disconnect_all())));
                let connections = CountingConnector::over(Arc::new(server.clone()));
                (
                    Server::Memory(server),
                    "http://127.0.0.1:11434".to_owned(),
                    connections,
                )
            }
            Place::Socket => {
                let server = Arc::new(ScriptedServer::handler(answer));
                let cut = Arc::clone(&server);
                weather.cut_by(Some(Box::new(move || cut.disconnect_all())));
                let url = server.url().to_owned();
                (Server::Socket(server), url, CountingConnector::new())
            }
        };
        let gate = Gate::new(Arc::new(connections.clone()), weather.clone());
        let embedder = embedder(&weather, &url, Arc::new(gate))?;
        Ok(Self {
            weather,
            server,
            embedder,
            connections,
        })
    }

    /// The weather.
    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// The embedder. Clones share its connections.
    pub fn embedder(&self) -> Arc<dyn Embedder> {
        Arc::clone(&self.embedder)
    }

    /// The client's connections, as the client's side sees them.
    pub fn connections(&self) -> &CountingConnector {
        &self.connections
    }

    /// Every request that arrived.
    pub fn requests(&self) -> Vec<Request> {
        match &self.server {
            Server::Memory(server) => server.requests(),
            Server::Socket(server) => server.requests(),
        }
    }

    /// What the embedder counted.
    pub fn usage(&self) -> Usage {
        self.embedder.usage()
    }

    /// Checks what the transport promises at any time: a limit of connections, and one uncounted try at most for each
    /// connection that was found dead.
    ///
    /// # Panics
    /// Where a promise is broken.
    pub fn check_transport(&self) {
        let (most, limit) = (self.connections.high_water(), self.weather.plan().connections);
        assert!(most <= limit, "{most} connections at once, {limit} are allowed");
        // A cut may take an unanswered request on each connection with it.
        let dead = self.weather.silent() + self.weather.cuts() * limit as u64;
        let (arrived, counted) = (self.requests().len() as u64, self.usage().requests);
        assert!(
            arrived <= counted + dead,
            "{arrived} requests arrived, {counted} were counted and {dead} connections found dead"
        );
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        // The server and its weather hold each other until here.
        self.weather.cut_by(None);
    }
}

fn embedder(weather: &Weather, url: &str, connector: Arc<dyn Connect>) -> Result<Arc<dyn Embedder>> {
    let plan = weather.plan();
    let pace = &plan.pace;
    macro_rules! with_transport {
        ($builder:expr) => {
            $builder
                .proxy(ProxyMode::None)
                .connector(connector)
                .max_connections(plan.connections)
                .max_idle(plan.idle)
                .first_byte_timeout(pace.first_byte_timeout)
                .body_timeout(pace.body_timeout)
                .request_timeout(pace.total_timeout)
                .build()?
        };
    }
    Ok(match plan.dialect {
        Dialect::Ollama => {
            let bare = with_transport!(OllamaEmbedder::builder("m").host(url));
            Arc::new(Prefixed::new(bare, Prefixes::default()))
        }
        Dialect::OpenAi => {
            let encoding = if plan.base64 {
                Encoding::Base64
            } else {
                Encoding::Float
            };
            let builder = OpenAiEmbedder::builder("m")
                .base_url(format!("{url}/v1"))
                .profile(Profile::Compatible)
                .encoding(encoding);
            let bare = with_transport!(builder);
            Arc::new(Prefixed::new(bare, Prefixes::default()))
        }
    })
}
