//! The way to end a run early.

use std::sync::Arc;

use tokio::sync::watch;

/// Ends a run early: what is in flight gets a moment, whole documents are stored, the rest is left for the next run.
///
/// Clones are the same token; it can't be taken back.
#[derive(Clone, Debug)]
pub struct Cancel {
    cancelled: Arc<watch::Sender<bool>>,
}

impl Cancel {
    /// A token that nobody has pulled yet.
    pub fn new() -> Self {
        Self {
            cancelled: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Asks the run to end.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Whether the run was asked to end.
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Waits until the run is asked to end.
    pub async fn cancelled(&self) {
        let mut watch = self.cancelled.subscribe();
        // The sender lives as long as `self`, so this ends only with the value.
        let _ = watch.wait_for(|cancelled| *cancelled).await;
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_of_it() {
        let cancel = Cancel::new();
        let other = cancel.clone();
        let heard = tokio::spawn(async move { other.cancelled().await });
        assert!(!cancel.is_cancelled());
        cancel.cancel();
        heard.await.expect("the waiter ends");
        assert!(cancel.clone().is_cancelled());
        cancel.cancelled().await;
    }
}
