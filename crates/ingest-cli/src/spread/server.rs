//! One of several servers: how busy it is, whether to ask it now, and whether its model is that of the others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embed_core::{Embedder, Error, ErrorKind, TimeoutPhase};
use tokio::time::Instant;

/// How long a server that could not be reached is asked last.
const AWAY: Duration = Duration::from_secs(10);
/// How long one that was reached and failed is asked last. It doubles with each failure in a row, up to the second.
const TROUBLED: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(64)];

/// Whether a server's model is that of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// To be found out before it gets a batch: nobody asked yet, or it was away and may have changed.
    #[default]
    Unknown,
    Good,
    /// It has another model, and gets no batch any more.
    Refused,
}

#[derive(Debug)]
pub(super) struct Server {
    /// Its address, for messages.
    pub(super) name: String,
    pub(super) embedder: Arc<dyn Embedder>,
    /// Held by the one that finds out about the model.
    pub(super) checking: tokio::sync::Mutex<()>,
    busy: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    /// Failures since it last answered well.
    failures: u32,
    /// Until when it is asked last.
    aside: Option<Instant>,
    /// Until when it asked not to be asked.
    paused: Option<Instant>,
}

impl Server {
    pub(super) fn new(name: String, embedder: Arc<dyn Embedder>) -> Self {
        Self {
            name,
            embedder,
            checking: tokio::sync::Mutex::default(),
            busy: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.state().standing
    }

    pub(super) fn stands(&self, standing: Standing) {
        self.state().standing = standing;
    }

    /// Whether others are to be asked first, and how busy it is: servers are asked in this order.
    pub(super) fn rank(&self) -> (bool, usize) {
        (self.is_aside(), self.busy.load(Ordering::Relaxed))
    }

    pub(super) fn is_aside(&self) -> bool {
        self.state().aside.is_some_and(|until| until > Instant::now())
    }

    /// How long it wants not to be asked; `None` if it may be.
    pub(super) fn pause(&self) -> Option<Duration> {
        let left = self.state().paused?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Counts a call until the guard is dropped.
    pub(super) fn enter(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(&self.busy)
    }

    /// Notes an answer: anything but a trouble of its own is a good one.
    pub(super) fn heard(&self, error: Option<&Error>) {
        let now = Instant::now();
        let mut state = self.state();
        match error {
            Some(error) if is_unreachable(error) => {
                state.standing = match state.standing {
                    Standing::Refused => Standing::Refused,
                    Standing::Unknown | Standing::Good => Standing::Unknown,
                };
                state.aside = Some(now + AWAY);
            }
            Some(error) if error.is_retryable() => {
                let [first, most] = TROUBLED;
                let time = first * 2_u32.saturating_pow(state.failures.min(16));
                state.failures += 1;
                state.aside = Some(now + time.min(most));
                let asked = error.retry_after().and_then(|wait| now.checked_add(wait));
                state.paused = asked.max(state.paused);
            }
            _ => {
                state.failures = 0;
                state.aside = None;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call as long as it lasts, even if it is dropped half way.
pub(super) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether nothing was answered that the request could have been the reason of.
pub(super) fn is_unreachable(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect | ErrorKind::Timeout(TimeoutPhase::Connect)
    )
}
