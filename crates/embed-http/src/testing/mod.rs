//! Servers and connectors for tests, of this crate and of whoever builds on it.
//!
//! [`ScriptedServer`] listens on 127.0.0.1 (or a Unix socket) from a thread of its own, so that it serves blocking
//! tests, several runtimes and paused clocks alike. [`MemoryServer`] is the same without sockets: with tokio's paused
//! clock, hours of timeouts pass in no time and nothing depends on the machine. [`CountingConnector`] tells how many
//! connections a client really opened. What is answered is a [`Reply`]: an ordinary one, one that goes wrong at a
//! chosen byte, or exact [`Step`]s.
//!
//! ```
//! # use embed_http::HttpClient;
//! use embed_http::testing::{Reply, ScriptedServer};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> embed_core::Result<()> {
//! let server = ScriptedServer::handler(|request| match request.path.as_str() {
//!     "/api/version" => Reply::json(&serde_json::json!({"version": "0.17.4"})),
//!     _ => Reply::new(404, "no such page"),
//! });
//! let client = HttpClient::builder(server.url()).build()?;
//! let answer: serde_json::Value = client.get("/api/version").await?.json().await?;
//! assert_eq!(answer["version"], "0.17.4");
//! assert_eq!(client.get("/else").await?.failure().await.body, "no such page");
//! assert_eq!(server.stats().accepted, 1);
//! # Ok(())
//! # }
//! ```

mod counting;
mod memory;
mod reply;
mod request;
mod serve;
mod server;
mod signal;

pub use counting::CountingConnector;
pub use memory::MemoryServer;
pub use reply::{Reply, Step};
pub use request::Request;
pub use serve::Stats;
pub use server::ScriptedServer;
pub use signal::Signal;
