//! What the HTTP providers share: a client of one server that opens no more connections than it needs, errors that say
//! what to do, and a decoder that turns an answer into vectors while it arrives. Depend on this to write a provider;
//! to use one, depend on the provider.
//!
//! The client stands on hyper's HTTP/1.1 connection, with a pool of its own: N workers use exactly N connections, at
//! most [10](HttpClientBuilder::max_connections), and waiting for one is first come, first served. A reused connection
//! that turns out to be dead is replaced once, unseen. Nothing else is tried again here: attempts are counted in one
//! place, `embed_core::Retry`.
//!
//! Whatever goes wrong is an [`embed_core::Error`] that names method and URL and tells refused, slow, cut and
//! unintelligible apart. Credentials are sent to the server they are meant for and shown to nobody.
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use embed_http::testing::{Reply, ScriptedServer};
//! use embed_http::{HttpClient, Layout, kind_of_status, read_rows};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let server = ScriptedServer::handler(|_| Reply::new(200, r#"{"model":"m","embeddings":[[0.6,0.8],[1,0]]}"#));
//! let client = HttpClient::builder(server.url()).build()?;
//!
//! let response = client.post_json("/api/embed", r#"{"model":"m","input":["a","b"]}"#.into()).await?;
//! if !response.status().is_success() {
//!     let failure = response.failure().await;
//!     let (kind, told) = (kind_of_status(failure.status), failure.body.clone());
//!     return Err(failure.into_error(kind, &told));
//! }
//! let answer = read_rows(response, Layout::Ollama, 2, None).await?;
//! assert_eq!(answer.embeddings.row(0), [0.6, 0.8]);
//! assert_eq!(answer.rest["model"], "m");
//! # Ok(()) }).unwrap();
//! # }
//! ```
//!
//! | Feature | Default | What it adds |
//! | --- | --- | --- |
//! | `tls` | no | `https://` by rustls with ring: the system's roots, and [a CA file](HttpClientBuilder::ca_file) of one's own |
//! | `testing` | no | `testing`: scripted servers on sockets and in memory, and a connector that counts |

mod address;
mod builder;
mod classify;
mod client;
mod connect;
mod connection;
mod dial;
mod exchange;
mod failure;
mod headers;
mod metered;
mod pool;
mod proxy;
mod redirect;
mod response;
mod retry_after;
mod rows;
mod secret;
mod tcp;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tls")]
mod tls;
mod trace;
#[cfg(feature = "tls")]
mod tunnel;

pub use builder::{HttpClientBuilder, ProxyMode};
pub use classify::kind_of_status;
pub use client::HttpClient;
pub use connect::{Connect, Connecting, Io, Target};
pub use failure::Failure;
pub use response::Response;
pub use retry_after::retry_after;
pub use rows::{Answer, DecodeError, DecodeFault, Layout, RowsDecoder, read_rows};
