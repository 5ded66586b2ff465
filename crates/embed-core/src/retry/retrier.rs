//! A policy put to work: the clock, the waiting, and what workers share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{RetryBudget, RetryPolicy};
use crate::{Error, Result};

type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Drives the attempts of calls to one server. Clones share the budget and the pause that the server last asked for,
/// so every worker of a server should hold a clone of the same one.
///
/// ```
/// # use embed_core::{Error, ErrorKind, Jitter, Retrier, RetryPolicy};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let retrier = Retrier::new(RetryPolicy::default());
/// let answer = retrier
///     .run(async |attempt| match attempt {
///         1 => Err(Error::new(ErrorKind::Busy, "loading the model")),
///         _ => Ok("done"),
///     })
///     .await;
/// assert_eq!(answer.expect("the second try"), "done");
/// # }
/// ```
#[derive(Clone)]
pub struct Retrier {
    policy: RetryPolicy,
    budget: RetryBudget,
    random: Random,
    /// No request before this instant, whoever sends it.
    pause: Arc<Mutex<Option<Instant>>>,
}

impl Retrier {
    /// Follows `policy`, with the default budget.
    pub fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            budget: RetryBudget::default(),
            random: Arc::new(fastrand::f64),
            pause: Arc::default(),
        }
    }

    /// Sets the budget, which may be shared with others. Default: one of its own with 100 retries.
    #[must_use]
    pub fn with_budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets where jitter comes from: numbers from 0 to 1. Default: a generator of the thread.
    #[must_use]
    pub fn with_random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// The policy it follows.
    pub fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// The budget it spends.
    pub fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Starts a call whose attempts the caller makes itself. [`run`](Self::run) is this with the loop around it.
    pub fn begin(&self) -> Attempts {
        Attempts {
            retrier: self.clone(),
            started: Instant::now(),
            not_before: None,
            number: 1,
            paid: 0,
        }
    }

    /// Calls `operation` with the number of the attempt until it succeeds or trying again is over.
    ///
    /// # Errors
    /// That of the last attempt, which then knows how many there were: [`Error::attempts`].
    pub async fn run<T, F, Fut>(&self, mut operation: F) -> Result<T>
    where
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut attempts = self.begin();
        loop {
            attempts.ready().await;
            match operation(attempts.number()).await {
                Ok(value) => {
                    attempts.succeeded();
                    return Ok(value);
                }
                Err(error) if attempts.failed(&error).is_none() => {
                    return Err(error.with_attempts(attempts.number()));
                }
                Err(_) => {}
            }
        }
    }

    fn pause(&self) -> MutexGuard<'_, Option<Instant>> {
        // An instant is whole whatever happened to the thread that held the lock.
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<RetryPolicy> for Retrier {
    fn from(policy: RetryPolicy) -> Self {
        Self::new(policy)
    }
}

impl fmt::Debug for Retrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrier")
            .field("policy", &self.policy)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// The attempts of one call: wait until [`ready`](Self::ready), try, say how it went.
#[derive(Debug)]
pub struct Attempts {
    retrier: Retrier,
    started: Instant,
    not_before: Option<Instant>,
    number: u32,
    /// Retries that were paid for.
    paid: u32,
}

impl Attempts {
    /// The attempt that is next or under way; the first is 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Waits until the next attempt may begin: the wait after a failure, and a pause that any worker was told to make.
    pub async fn ready(&self) {
        loop {
            let until = (*self.retrier.pause()).max(self.not_before);
            match until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                // The pause may have grown while this one slept, hence the loop.
                _ => return,
            }
        }
    }

    /// Books a success.
    pub fn succeeded(self) {
        self.retrier.budget.earn(self.paid);
    }

    /// Books a failure. `Some` is the wait before the next attempt, which [`ready`](Self::ready) keeps; with `None` the
    /// error is final.
    pub fn failed(&mut self, error: &Error) -> Option<Duration> {
        let policy = &self.retrier.policy;
        let now = Instant::now();
        let pause_left = self.share_pause(error, now);
        let elapsed = now.duration_since(self.started);
        let wait = policy
            .next_wait(self.number, error, elapsed, (self.retrier.random)())?
            .max(pause_left);
        if !policy.allows(elapsed.saturating_add(wait)) {
            return None;
        }
        // A wait of nothing holds nobody back, so it is not free.
        if error.retry_after().is_none_or(|asked| asked.is_zero()) {
            if !self.retrier.budget.take() {
                return None;
            }
            self.paid += 1;
        }
        self.number += 1;
        self.not_before = now.checked_add(wait);
        Some(wait)
    }

    /// Tells all workers of a wait that the server asked for, even where this call ends here; returns how much of the
    /// longest pause is left.
    fn share_pause(&self, error: &Error, now: Instant) -> Duration {
        let mut pause = self.retrier.pause();
        if let Some(asked) = error.retry_after()
            && error.is_retryable()
            && self.retrier.policy.heeds(error)
        {
            *pause = (*pause).max(now.checked_add(asked));
        }
        pause.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}
