//! The crate as its users see it, against scripted servers.

mod azure;
mod embedder;
mod fake;
mod profiles;
mod secrets;
