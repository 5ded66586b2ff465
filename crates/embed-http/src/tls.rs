//! `https://` by rustls with ring: the system's roots, and a CA file for servers of one's own.

use std::io;
use std::path::Path;
use std::sync::Arc;

use embed_core::{Error, ErrorKind, Result};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::address::{Address, Scheme};
use crate::classify::{Named, io_kind};
use crate::connect::{Io, Target};

/// TLS to one server.
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    host: String,
}

impl Tls {
    /// Reads the roots; `None` for an address without TLS.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] for a CA file that cannot be read or holds no certificate, and if there is no
    /// root at all.
    pub(crate) fn new(address: &Address, ca_file: Option<&Path>) -> Result<Option<Self>> {
        let (Scheme::Https, Target::Tcp { host, .. }) = (address.scheme, &address.target) else {
            return Ok(None);
        };
        let name = ServerName::try_from(host.clone()).map_err(|cause| {
            let message = format!("`{host}` is not a name a certificate can have");
            Error::new(ErrorKind::InvalidConfig, message).with_source(cause)
        })?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::new(ErrorKind::InvalidConfig, "TLS cannot be set up").with_source(cause))?
            .with_root_certificates(roots(ca_file)?)
            .with_no_client_auth();
        Ok(Some(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
            host: host.clone(),
        }))
    }

    /// Speaks TLS over a stream.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] for a certificate that is not to be trusted or a port that does not speak TLS,
    /// [`ErrorKind::Connect`] if the connection broke.
    pub(crate) async fn wrap(&self, io: Box<dyn Io>, named: &Named) -> Result<Box<dyn Io>> {
        match self.connector.connect(self.name.clone(), io).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(cause) => {
                let (kind, what) = self.explain(&cause);
                Err(Error::new(kind, format!("{named}: {what}")).with_source(cause))
            }
        }
    }

    fn explain(&self, cause: &io::Error) -> (ErrorKind, String) {
        use CertificateError as Bad;
        let host = &self.host;
        let told = match cause
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            Some(rustls::Error::InvalidCertificate(bad)) => match bad {
                // A bad signature is that of another authority of the same name.
                Bad::UnknownIssuer | Bad::BadSignature => {
                    format!(
                        "the certificate of `{host}` comes from an unknown authority; name its CA file if you trust it"
                    )
                }
                Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                    format!("the certificate is not for `{host}`; use the name it was made for")
                }
                Bad::Expired
                | Bad::ExpiredContext { .. }
                | Bad::NotValidYet
                | Bad::NotValidYetContext { .. } => {
                    format!(
                        "the certificate of `{host}` is not valid today; renew it, or set this machine's clock"
                    )
                }
                // rustls has no variant of its own for what `openssl req -x509` makes by default.
                Bad::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => format!(
                    "the certificate of `{host}` is marked as an authority's own; make one for the server (CA:FALSE)"
                ),
                _ => format!("the certificate of `{host}` cannot be accepted; see the cause"),
            },
            Some(rustls::Error::InvalidMessage(_)) => {
                "the server does not speak TLS on this port; write http:// or name its TLS port".to_owned()
            }
            Some(_) => "no TLS session can be agreed on; see the cause".to_owned(),
            None => {
                let how = match io_kind(cause) {
                    Some(io::ErrorKind::ConnectionReset) => "reset",
                    _ => "closed",
                };
                return (
                    ErrorKind::Connect,
                    format!("the server {how} the connection while TLS was set up"),
                );
            }
        };
        (ErrorKind::InvalidConfig, told)
    }
}

/// The system's roots, and those of a CA file.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // Single certificates of a system's store may be unreadable; what matters is whether any are left.
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let refuse = |why: &str| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("the CA file `{}` {why}", path.display()),
            )
        };
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|cause| refuse("cannot be read as PEM").with_source(cause))?;
        if certificates.is_empty() {
            return Err(refuse("holds no certificate"));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|cause| refuse("holds a bad certificate").with_source(cause))?;
        }
    }
    if roots.is_empty() {
        let message = "this system has no root certificates; install them or name a CA file";
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    Ok(roots)
}
