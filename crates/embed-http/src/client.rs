//! The client: one server, one pool, one exchange after another or many at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use embed_core::{ErrorKind, Result, Usage};
use http::{HeaderMap, HeaderValue, Method};

use crate::address::Address;
use crate::builder::HttpClientBuilder;
use crate::classify::Named;
use crate::dial::Dialer;
use crate::exchange::Outgoing;
use crate::headers;
use crate::metered::Counters;
use crate::pool::Pool;
use crate::redirect;
use crate::response::Response;
use crate::secret::Scrubber;

/// A client of one server. Clones share its connections and counters; the last one dropped closes them.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

/// What clones of a client, and the answers they are reading, have in common.
pub(crate) struct Shared {
    address: Address,
    /// The base URL without credentials.
    pub(crate) base: String,
    /// Sent with every request, credentials included.
    pub(crate) headers: HeaderMap,
    pub(crate) dialer: Dialer,
    pub(crate) connect_timeout: Duration,
    pub(crate) first_byte_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) total_timeout: Option<Duration>,
    pub(crate) max_body: u64,
    pub(crate) pool: Arc<Pool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) scrubber: Scrubber,
}

impl HttpClient {
    /// A builder for the server at `base`: `http://host:port/prefix`, `https://…` (feature `tls`) or
    /// `unix:/path/to.sock`. A user and password in the URL become basic credentials.
    pub fn builder(base: impl Into<String>) -> HttpClientBuilder {
        HttpClientBuilder::new(base.into())
    }

    pub(crate) fn from_builder(builder: &HttpClientBuilder) -> Result<Self> {
        let address = Address::parse(&builder.base)?;
        let dialer = Dialer::new(&address, builder)?;
        let (headers, scrubber) = headers::common(&address, builder, &dialer)?;
        let pool = Pool::new(builder.max_connections, builder.max_idle, builder.idle_timeout);
        let shared = Shared {
            base: address.shown(),
            address,
            headers,
            dialer,
            connect_timeout: builder.connect_timeout,
            first_byte_timeout: builder.first_byte_timeout,
            body_timeout: builder.body_timeout,
            total_timeout: builder.total_timeout,
            max_body: builder.max_body as u64,
            pool: Arc::new(pool),
            counters: Arc::default(),
            scrubber,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Words of the server without control characters and without the client's credentials: fit to be shown.
    /// [`Failure`](crate::Failure) holds such words already.
    pub fn scrub(&self, words: &str) -> String {
        self.shared.scrubber.clean(words)
    }

    /// The base URL without credentials: fit to be shown.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// Asks for `path`, such as `/api/tags`; the base's prefix comes before it, and it may end in `?query`.
    ///
    /// # Errors
    ///
    /// Every failure to get the head of an answer. A status that is not a success is an answer.
    pub async fn get(&self, path: &str) -> Result<Response> {
        self.send(Method::GET, path, None).await
    }

    /// Like [`get`](Self::get), without a body in the answer.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub async fn head(&self, path: &str) -> Result<Response> {
        self.send(Method::HEAD, path, None).await
    }

    /// Sends `body`, which is JSON already.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub async fn post_json(&self, path: &str, body: Bytes) -> Result<Response> {
        self.send(
            Method::POST,
            path,
            Some((HeaderValue::from_static("application/json"), body)),
        )
        .await
    }

    /// Sends `body` as `content_type`.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get), and `InvalidConfig` for a content type that cannot stand in a header.
    pub async fn post_bytes(&self, path: &str, content_type: &str, body: Bytes) -> Result<Response> {
        let content_type = headers::value("content-type", content_type)?;
        self.send(Method::POST, path, Some((content_type, body))).await
    }

    /// What this client and its clones have done so far. `retries` stays zero: the transport makes none that count.
    pub fn usage(&self) -> Usage {
        self.shared.counters.usage()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<(HeaderValue, Bytes)>,
    ) -> Result<Response> {
        let address = &self.shared.address;
        let mut path = address.join(path)?;
        let mut redirects = 0;
        loop {
            let named = Named {
                method: method.clone(),
                url: address.shown_with(&path),
            };
            let outgoing = Outgoing {
                named: Arc::new(named),
                path,
                content: content.clone(),
            };
            let response = self.shared.exchange(&outgoing).await?;
            let Some(next) = redirect::follow(&response, address, &outgoing.path)? else {
                return Ok(response);
            };
            if redirects == redirect::MOST {
                let what = format!(
                    "redirected more than {} times, at last to `{}`",
                    redirect::MOST,
                    next.path()
                );
                return Err(response.error(ErrorKind::InvalidConfig, what));
            }
            response.discard().await;
            redirects += 1;
            path = next;
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("base", &self.shared.base)
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}
