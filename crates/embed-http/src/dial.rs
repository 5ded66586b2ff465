//! From an address to an open stream: directly or through a proxy, plain or by TLS.

use std::sync::Arc;

use embed_core::{Error, ErrorKind, Result};
use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme, Uri};

use crate::address::{Address, Scheme};
use crate::builder::HttpClientBuilder;
use crate::classify::{Named, cannot_connect};
use crate::connect::{Connect, Io, Target};
use crate::proxy::{self, Proxy};
use crate::tcp::SystemConnector;

/// Opens the streams of one client.
pub(crate) struct Dialer {
    connector: Arc<dyn Connect>,
    target: Target,
    proxy: Option<Proxy>,
    /// Set where a proxy passes plain requests on: it must be told for whom.
    forwarded_to: Option<Authority>,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Tls>,
}

impl Dialer {
    pub(crate) fn new(address: &Address, builder: &HttpClientBuilder) -> Result<Self> {
        #[cfg(not(feature = "tls"))]
        if address.scheme == Scheme::Https {
            let message = format!(
                "{}: https:// needs the feature `tls`, which is not in this build",
                address.shown()
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let proxy = proxy::of(address, &builder.proxy)?;
        let forwarded_to = match (&proxy, address.scheme) {
            (Some(_), Scheme::Http) => Some(authority(&address.authority)?),
            _ => None,
        };
        Ok(Self {
            connector: builder
                .connector
                .clone()
                .unwrap_or_else(|| Arc::new(SystemConnector)),
            target: address.target.clone(),
            proxy,
            forwarded_to,
            #[cfg(feature = "tls")]
            tls: crate::tls::Tls::new(address, builder.ca_file.as_deref())?,
        })
    }

    /// What the request line says: the path alone, or all of the URL for a proxy that passes requests on.
    pub(crate) fn uri(&self, path: &PathAndQuery) -> Result<Uri> {
        let Some(authority) = &self.forwarded_to else {
            return Ok(Uri::from(path.clone()));
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(UriScheme::HTTP);
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(path.clone());
        Uri::from_parts(parts).map_err(|cause| {
            let message = format!("`{}` cannot be asked for through a proxy", path.path());
            Error::new(ErrorKind::InvalidConfig, message).with_source(cause)
        })
    }

    /// What each request must carry for the proxy that passes it on. A tunnel gets it once, and the server never.
    pub(crate) fn proxy_authorization(&self) -> Option<&HeaderValue> {
        self.proxy
            .as_ref()
            .filter(|_| self.forwarded_to.is_some())?
            .authorization
            .as_ref()
    }

    /// Opens a stream over which HTTP can be spoken.
    pub(crate) async fn dial(&self, named: &Named) -> Result<Box<dyn Io>> {
        let proxy = self.proxy.as_ref().map(|proxy| &proxy.target);
        let target = proxy.unwrap_or(&self.target);
        let io = self
            .connector
            .connect(target)
            .await
            .map_err(|cause| cannot_connect(named, proxy, cause))?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let io = match &self.proxy {
                Some(proxy) => crate::tunnel::open(io, proxy, &self.target, named).await?,
                None => io,
            };
            return tls.wrap(io, named).await;
        }
        Ok(io)
    }
}

fn authority(text: &str) -> Result<Authority> {
    text.parse().map_err(|cause| {
        Error::new(
            ErrorKind::InvalidConfig,
            format!("`{text}` is not a host a proxy can be asked for"),
        )
        .with_source(cause)
    })
}
