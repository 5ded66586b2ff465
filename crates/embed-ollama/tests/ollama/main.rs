//! The crate as its users see it, against scripted servers.

mod embedder;
mod fake;
mod models;
mod refusals;
