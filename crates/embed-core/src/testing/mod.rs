//! For the tests of providers and of what is built on them; feature `testing`.
//!
//! [`FakeEmbedder`] answers by itself and can be told to fail, [`MockEmbedder`] checks which calls are made, and
//! [`conformance`] is what every provider must pass.

pub mod conformance;
mod fake;

pub use fake::{Call, FakeEmbedder};

pub use crate::embedder::MockEmbedder;
