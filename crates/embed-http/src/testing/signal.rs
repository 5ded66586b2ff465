//! A moment that a test brings about.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// Something that happens once, when a test says so; what waits for it goes on then. Clones are the same signal, and
/// it works across threads and runtimes.
#[derive(Clone)]
pub struct Signal {
    fired: Arc<watch::Sender<bool>>,
}

impl Signal {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self {
            fired: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Gives the signal, for all who wait and all who will.
    pub fn fire(&self) {
        self.fired.send_replace(true);
    }

    /// Whether it was given.
    pub fn is_fired(&self) -> bool {
        *self.fired.borrow()
    }

    /// Waits until it is given.
    pub async fn wait(&self) {
        // An error would mean that the sender is gone, but `self` holds it.
        let _ = self.fired.subscribe().wait_for(|&fired| fired).await;
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({})", self.is_fired())
    }
}
