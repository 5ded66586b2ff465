//! What a store does, for programs that listen to `tracing`: how long it took, and never what it is about.

use std::time::Instant;

use ingest_core::Result;
use tracing::debug;

/// Does some work, and tells at `debug` how long it took.
pub(crate) async fn timed<T>(doing: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let began = Instant::now();
    let outcome = work.await;
    let tenths = (began.elapsed().as_secs_f64() * 1e4).round();
    debug!(ms = tenths / 10.0, is_ok = outcome.is_ok(), "{doing}");
    outcome
}
