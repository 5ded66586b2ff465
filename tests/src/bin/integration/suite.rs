//! The conformance suite of `embed-core`, live.

use embed_core::testing::conformance::CHECKS;

use crate::axes::{Endpoint, Mode, Width};
use crate::target::Target;

/// Runs every check; one that does not hold panics, which whoever runs cells turns into a failure.
pub(crate) async fn run(target: &Target, endpoint: Endpoint, width: Width) -> anyhow::Result<String> {
    let embedder = target.embedder(Mode::of(endpoint), width)?;
    for check in CHECKS {
        check.run(&embedder).await;
    }
    Ok(format!("{} checks", CHECKS.len()))
}
