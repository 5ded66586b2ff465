//! Looks now and then whether the server still has the model whose vectors the store holds: the canary is embedded again,
//! and held against its first vector.
//!
//! The probe that finds a server back after an outage is such a look, at no cost. Beside that, the worker that is about to
//! send the 256th batch since the last look embeds the canary first, and so does the first one after five minutes. The
//! others go on meanwhile, and one short text in so many batches is less than a hundredth of a percent of the work; what
//! may get mixed is bounded by it, so that looking less often would save nothing worth having.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ingest_core::{CANARY, SAME_MODEL, same_model};
use tokio::time::Instant;

use crate::context::Context;

/// Batches between two looks.
const BATCHES: u64 = 256;
/// Time between two looks, where batches take long.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// The kind of the stop that a changed model is.
const CHANGED: &str = "model_changed";

/// The canary of a run.
#[derive(Debug)]
pub(crate) struct Canary {
    /// `None` where nobody is asked: in a dry run.
    first: Option<Vec<f32>>,
    watch: Mutex<Watch>,
    changed: AtomicBool,
}

/// What happened since the last look.
#[derive(Debug)]
struct Watch {
    batches: u64,
    since: Instant,
    /// Texts that were embedded before it.
    embedded: u64,
    /// Whether one is under way.
    looking: bool,
}

/// The right to look; others get it when it is dropped.
#[derive(Debug)]
pub(crate) struct Look<'a>(&'a Canary);

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.watch().looking = false;
    }
}

impl Canary {
    /// Expects answers like `first`, which was given just now or is the store's.
    pub(crate) fn new(first: Option<Vec<f32>>) -> Self {
        Self {
            first,
            watch: Mutex::new(Watch {
                batches: 0,
                since: Instant::now(),
                embedded: 0,
                looking: false,
            }),
            changed: AtomicBool::new(false),
        }
    }

    /// Whether the model was found to be another. What it embedded must not come into the store.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    /// Counts a batch that is about to be sent; gives the right to look if it is time for that and nobody does.
    pub(crate) fn due(&self) -> Option<Look<'_>> {
        self.first.as_ref()?;
        let mut watch = self.watch();
        watch.batches += 1;
        let due = watch.batches >= BATCHES || watch.since.elapsed() >= PERIOD;
        if watch.looking || !due {
            return None;
        }
        watch.looking = true;
        drop(watch);
        Some(Look(self))
    }

    /// Holds an answer for the canary against the first one, and stops the run if they are of different models.
    pub(crate) fn compare(&self, context: &Context, answer: &[f32]) {
        let Some(first) = &self.first else {
            return;
        };
        let embedded = context.tally.counts().chunks.embedded;
        let mut watch = self.watch();
        let Err(cosine) = same_model(first, answer) else {
            watch.batches = 0;
            watch.since = Instant::now();
            watch.embedded = embedded;
            return;
        };
        let doubtful = embedded.saturating_sub(watch.embedded);
        drop(watch);
        // Before the halt: whoever sees that one must not take this run's last vectors for good ones.
        self.changed.store(true, Ordering::Release);
        let (info, server) = (context.embedder.model(), context.options.server.as_deref());
        let message = format!(
            "{} has changed: {}. Nothing that came since is stored; of what is stored, {doubtful} texts embedded since \
             the last look may be of another version",
            named(&info.provider, &info.model, server),
            unlike(cosine),
        );
        context.halt.stop(CHANGED, message);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names a model and where it is asked for.
pub(crate) fn named(provider: &str, model: &str, server: Option<&str>) -> String {
    let at = server.map(|server| format!(" at {server}")).unwrap_or_default();
    format!("model `{model}` of provider `{provider}`{at}")
}

/// Says how unlike the first one a vector of the canary is.
pub(crate) fn unlike(cosine: f32) -> String {
    format!(
        "the text `{CANARY}` has another embedding than at first (cosine {cosine:.4}, the same model gives {SAME_MODEL} or \
         more)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_time_to_look_after_many_batches_or_long() {
        let canary = Canary::new(Some(vec![1.0]));
        let early = (1..BATCHES).find(|_| canary.due().is_some());
        assert_eq!(early, None);
        let look = canary.due().expect("the 256th batch");
        assert!(canary.due().is_none(), "one looks, the others go on");
        drop(look);
        assert!(canary.due().is_some(), "a look in vain is made up for");
        let canary = Canary::new(Some(vec![1.0]));
        tokio::time::advance(PERIOD).await;
        assert!(canary.due().is_some());
        let nobody = Canary::new(None);
        tokio::time::advance(PERIOD).await;
        assert!(nobody.due().is_none(), "a dry run asks nobody");
    }
}
