//! Opening the byte stream of a connection: the seam that tests and simulations replace.

use std::fmt::{self, Debug};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// The byte stream of one connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Where a connection goes: the server, or the proxy before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// A host name or an address (IPv6 without brackets), and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port, never 0.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What [`Connect::connect`] returns.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// Opens the byte stream of one connection. The client bounds it by its connect timeout and counts what it opens;
/// TLS and HTTP come on top.
pub trait Connect: Debug + Send + Sync + 'static {
    /// Opens a stream to `target`. Dropping the future gives the attempt up.
    ///
    /// # Errors
    ///
    /// What the operating system says; the client adds the method and the URL.
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a>;
}
