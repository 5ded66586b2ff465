//! How a client is made.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use embed_core::Result;

use crate::client::HttpClient;
use crate::connect::Connect;
use crate::secret::{Credentials, Secret};

/// Whether connections go through a proxy. A server on this machine is never reached through one.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum ProxyMode {
    /// As `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (or their lower-case forms, which come first) tell
    /// when the client is built.
    #[default]
    Environment,
    /// Never.
    None,
    /// Through the proxy of this URL, `http://user:password@host:port`.
    Url(String),
}

impl fmt::Debug for ProxyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::None => f.write_str("None"),
            Self::Url(url) => write!(f, "Url({:?})", crate::address::without_userinfo(url)),
        }
    }
}

/// Makes an [`HttpClient`]. Setters cannot fail; [`build`](Self::build) checks everything at once.
#[derive(Clone)]
#[must_use]
pub struct HttpClientBuilder {
    pub(crate) base: String,
    pub(crate) max_connections: usize,
    pub(crate) max_idle: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) first_byte_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) total_timeout: Option<Duration>,
    pub(crate) max_body: usize,
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) proxy: ProxyMode,
    pub(crate) user_agent: String,
    pub(crate) connector: Option<Arc<dyn Connect>>,
}

impl HttpClientBuilder {
    pub(crate) fn new(base: String) -> Self {
        Self {
            base,
            max_connections: 10,
            max_idle: 5,
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(300),
            body_timeout: Duration::from_secs(60),
            total_timeout: None,
            max_body: 1 << 30,
            headers: Vec::new(),
            credentials: None,
            ca_file: None,
            proxy: ProxyMode::default(),
            user_agent: concat!("embed-http/", env!("CARGO_PKG_VERSION")).to_owned(),
            connector: None,
        }
    }

    /// Replaces the base URL that [`HttpClient::builder`] was given.
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// Most connections open at once. Default 10, at least 1; further requests wait their turn in order of arrival.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// Connections kept open without work. Default 5. Those above are closed only after they had nothing to do for
    /// 10 seconds, so that a steady load of more than this many workers does not reconnect.
    pub fn max_idle(mut self, count: usize) -> Self {
        self.max_idle = count;
        self
    }

    /// How long a connection is kept open without work. Default 60 seconds; keep it below the server's.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Longest time to open a connection: name lookup, proxy and TLS included. Default 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Longest time from the start of sending a request to the head of its answer. Default 300 seconds: a model that
    /// has to be loaded first takes minutes. Waiting for a free connection does not count.
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.first_byte_timeout = timeout;
        self
    }

    /// Longest time between two pieces of an answer's body. Default 60 seconds.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Longest time for connecting, sending and the whole answer together; `None`, the default, sets no bound.
    /// Waiting for a free connection does not count.
    pub fn total_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Largest answer that is read, in bytes. Default 1 GiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Adds a header to every request. Its value is treated as a secret: it may be an `api-key`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Secret::new(value)));
        self
    }

    /// Sends `Authorization: Bearer TOKEN`. Replaces what the URL or an earlier call said.
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::Bearer(Secret::new(token)));
        self
    }

    /// Sends `Authorization: Basic …`. Replaces what the URL or an earlier call said.
    pub fn basic(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::Basic {
            user: Secret::new(user),
            password: Secret::new(password),
        });
        self
    }

    /// Trusts the certificates of this PEM file besides the system's. Read by `build`, and only for `https://`.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Whether connections go through a proxy. Default [`ProxyMode::Environment`].
    pub fn proxy(mut self, mode: ProxyMode) -> Self {
        self.proxy = mode;
        self
    }

    /// What the client calls itself. Default `embed-http/VERSION`.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Opens connections by `connector` instead of the operating system. Meant for tests and simulations.
    pub fn connector(mut self, connector: Arc<dyn Connect>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Makes the client. No connection is opened before the first request; at most the CA files are read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`](embed_core::ErrorKind::InvalidConfig) for a bad URL, header, proxy or CA file, and
    /// for `https://` in a build without the feature `tls`.
    pub fn build(self) -> Result<HttpClient> {
        HttpClient::from_builder(&self)
    }
}

impl fmt::Debug for HttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpClientBuilder")
            .field("base", &crate::address::without_userinfo(&self.base))
            .field("max_connections", &self.max_connections)
            .field("max_idle", &self.max_idle)
            .field("idle_timeout", &self.idle_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("first_byte_timeout", &self.first_byte_timeout)
            .field("body_timeout", &self.body_timeout)
            .field("total_timeout", &self.total_timeout)
            .field("max_body", &self.max_body)
            .field("headers", &headers)
            .field("credentials", &self.credentials)
            .field("ca_file", &self.ca_file)
            .field("proxy", &self.proxy)
            .field("user_agent", &self.user_agent)
            .field("connector", &self.connector)
            .finish()
    }
}
