//! How an embedder is made.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use embed_core::{Error, ErrorKind, ModelInfo, Result};
use embed_http::{Connect, HttpClient, HttpClientBuilder, ProxyMode};
use serde_json::{Map, Value};

use crate::embedder::OllamaEmbedder;
use crate::host::Host;
use crate::keep_alive::KeepAlive;

/// What the embedder calls itself at the server.
const USER_AGENT: &str = concat!("embed-ollama/", env!("CARGO_PKG_VERSION"));

/// Settings of an [`OllamaEmbedder`]. Setters cannot fail; [`build`](Self::build) checks everything at once.
#[derive(Clone)]
#[must_use]
pub struct OllamaBuilder {
    model: String,
    host: Option<String>,
    http: HttpClientBuilder,
    shared: Option<HttpClient>,
    request: Request,
}

/// What is said in every request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) truncate: bool,
    pub(crate) dimensions: Option<usize>,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) options: Map<String, Value>,
}

impl OllamaBuilder {
    pub(crate) fn new(model: String) -> Self {
        Self {
            model,
            host: None,
            http: HttpClient::builder("").user_agent(USER_AGENT),
            shared: None,
            request: Request::default(),
        }
    }

    /// Where the server listens, in any form that [`Host`] reads. Default `http://127.0.0.1:11434`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Takes the host from `OLLAMA_HOST` and the key from `OLLAMA_API_KEY`, as far as they are set and not blank.
    pub fn from_env(self) -> Self {
        self.with_variables(|name| std::env::var(name).ok())
    }

    fn with_variables(mut self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| lookup(name).filter(|value| !value.trim().is_empty());
        if let Some(host) = set("OLLAMA_HOST") {
            self = self.host(host);
        }
        if let Some(key) = set("OLLAMA_API_KEY") {
            self = self.api_key(key);
        }
        self
    }

    /// Cuts rows to so many values and scales them to unit length again, where the model allows that. Default: as wide
    /// as the model makes them. Servers of early 2025 do not know this setting: their rows are then refused.
    pub fn dimensions(mut self, dimensions: usize) -> Self {
        self.request.dimensions = Some(dimensions);
        self
    }

    /// Whether the server may cut an input that is longer than the model reads. Default `false`: such an input is an
    /// error, so that nothing is lost unseen. Servers without `/api/embed` cut all the same.
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.request.truncate = truncate;
        self
    }

    /// How long the server keeps the model loaded after a request: `"5m"`, seconds, or a [`Duration`]. Default: the
    /// server's own, 5 minutes.
    pub fn keep_alive(mut self, keep_alive: impl Into<KeepAlive>) -> Self {
        self.request.keep_alive = Some(keep_alive.into());
        self
    }

    /// Sets a model option such as `num_ctx` (tokens read of an input). A server reloads a model whose options differ
    /// from those it was loaded with.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.request.options.insert(name.into(), value.into());
        self
    }

    /// The key for a cloud or proxied host, sent as `Authorization: Bearer`. Local servers need none.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        // A key that was read from a file or a variable often ends in a line break.
        self.http = self.http.bearer(key.into().trim());
        self
    }

    /// Adds a header to every request. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.http = self.http.header(name, value);
        self
    }

    /// Longest time for a whole request, its answer included. Default: no bound.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.total_timeout(Some(timeout));
        self
    }

    /// Longest time to open a connection. Default 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.connect_timeout(timeout);
        self
    }

    /// Longest wait for an answer to begin. Default 300 seconds: a cold model is loaded first, and a server that is
    /// left meanwhile gives the load up.
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.first_byte_timeout(timeout);
        self
    }

    /// Longest time between two pieces of an answer. Default 60 seconds.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.body_timeout(timeout);
        self
    }

    /// Most connections open at once. Default 10.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.http = self.http.max_connections(count);
        self
    }

    /// Connections kept open without work. Default 5.
    pub fn max_idle(mut self, count: usize) -> Self {
        self.http = self.http.max_idle(count);
        self
    }

    /// Trusts the certificates of this PEM file besides the system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.http = self.http.ca_file(path);
        self
    }

    /// Whether connections go through a proxy. Default: as the environment tells.
    pub fn proxy(mut self, mode: ProxyMode) -> Self {
        self.http = self.http.proxy(mode);
        self
    }

    /// Opens connections by `connector` instead of the operating system. Meant for tests and simulations.
    pub fn connector(mut self, connector: Arc<dyn Connect>) -> Self {
        self.http = self.http.connector(connector);
        self
    }

    /// Uses an existing client, pool and counters included. The host and all settings of the transport are then those
    /// of that client; what was said of them here is not used.
    pub fn http_client(mut self, client: HttpClient) -> Self {
        self.shared = Some(client);
        self
    }

    /// Makes the embedder. Nothing is asked of the server.
    ///
    /// # Errors
    /// `InvalidConfig` for a model without a name, 0 dimensions, a `keep_alive` that is no duration, and for what the
    /// transport cannot use: host, key, header, CA file, `https://` without the feature `tls`.
    pub fn build(self) -> Result<OllamaEmbedder> {
        let model = self.model.trim();
        if model.is_empty() {
            return Err(invalid(
                "an embedding model must be named, such as `nomic-embed-text`",
            ));
        }
        if self.request.dimensions == Some(0) {
            return Err(invalid("`dimensions` must be at least 1"));
        }
        if let Some(keep_alive) = &self.request.keep_alive {
            keep_alive.check()?;
        }
        let mut info = ModelInfo::new("ollama", model);
        info.dimensions = self.request.dimensions;
        let (http, warning) = match self.shared {
            Some(http) => (http, None),
            None => {
                let host = self
                    .host
                    .as_deref()
                    .map(Host::parse)
                    .transpose()?
                    .unwrap_or_default();
                (
                    self.http.base(host.url()).build()?,
                    host.warning().map(str::to_owned),
                )
            }
        };
        Ok(OllamaEmbedder::new(http, info, self.request, warning))
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

impl fmt::Debug for OllamaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OllamaBuilder")
            .field("model", &self.model)
            // As it was typed, it may hold a password.
            .field("host", &self.host.as_deref().map(|host| Host::parse(host).ok()))
            .field("request", &self.request)
            .field("http", &self.http)
            .field("shared", &self.shared)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(builder: OllamaBuilder) -> Error {
        let error = builder.build().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error
    }

    #[test]
    fn what_cannot_work_is_refused_before_anyone_is_asked() {
        refused(OllamaBuilder::new("  ".to_owned()));
        let builder = OllamaBuilder::new("m".to_owned());
        refused(builder.clone().dimensions(0));
        refused(builder.clone().keep_alive("5 minutes"));
        refused(builder.clone().host("htpp://gpu-box"));
        refused(builder.clone().header("bad name", "x"));
        refused(builder.api_key("two\nlines"));
    }

    #[test]
    fn a_typo_in_the_port_is_told_and_the_default_taken() {
        let embedder = OllamaBuilder::new("m".to_owned())
            .host("gpu-box:114340")
            .build()
            .expect("an embedder");
        assert_eq!(embedder.client().http().base(), "http://gpu-box:11434");
        assert!(
            embedder
                .warning()
                .is_some_and(|warning| warning.contains("114340"))
        );
    }

    #[test]
    fn the_environment_names_host_and_key_unless_it_is_blank() {
        let base = |builder: OllamaBuilder| {
            builder
                .build()
                .expect("an embedder")
                .client()
                .http()
                .base()
                .to_owned()
        };
        let builder = || OllamaBuilder::new("m".to_owned()).host("first:1");
        let set = |name: &str| Some(format!("{}-key", name.to_lowercase().replace('_', "-")));
        assert_eq!(
            base(builder().with_variables(set)),
            "http://ollama-host-key:11434"
        );
        assert_eq!(
            base(builder().with_variables(|_| Some(" ".to_owned()))),
            "http://first:1"
        );
        assert_eq!(base(builder().with_variables(|_| None)), "http://first:1");
        let with_key =
            builder().with_variables(|name| (name == "OLLAMA_API_KEY").then(|| "k\ney".to_owned()));
        refused(with_key);
    }

    #[test]
    fn no_key_or_password_is_printed() {
        let builder = OllamaBuilder::new("m".to_owned())
            .host("http://ann:pa55word@gpu-box")
            .api_key("top-secret-key\n")
            .header("x-api-key", "another-key");
        let embedder = builder.clone().build().expect("an embedder");
        for shown in [format!("{builder:?}"), format!("{embedder:?}")] {
            for secret in ["pa55word", "top-secret", "another-key"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
