//! When to try again, as arithmetic: no clock, no sleep, no random numbers of its own.

use std::time::Duration;

use crate::Error;

/// How a computed wait is spread, so that workers that failed together do not come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Jitter {
    /// Anywhere between nothing and the computed wait.
    #[default]
    Full,
    /// Exactly the computed wait.
    None,
}

/// How many times to try, and how long apart.
///
/// The wait before try `n + 1` is `base × factor^(n - 1)`, at most `max_wait`, spread by [`Jitter`]. A wait that the
/// server names is a floor below it.
///
/// ```
/// use std::time::Duration;
/// use embed_core::{Error, ErrorKind, Jitter, RetryPolicy};
///
/// let policy = RetryPolicy::default().with_jitter(Jitter::None);
/// let error = Error::new(ErrorKind::Busy, "the queue is full");
/// let wait = |attempt| policy.next_wait(attempt, &error, Duration::ZERO, 0.5);
/// assert_eq!(wait(1), Some(Duration::from_secs(1)));
/// assert_eq!(wait(2), Some(Duration::from_secs(2)));
/// assert_eq!(wait(3), None); // The third try was the last.
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    attempts: u32,
    base: Duration,
    factor: f64,
    max_wait: Duration,
    max_elapsed: Option<Duration>,
    max_retry_after: Duration,
    jitter: Jitter,
}

impl Default for RetryPolicy {
    /// Three tries, 1 s and 2 s apart with full jitter.
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_secs(1),
            factor: 2.0,
            max_wait: Duration::from_secs(60),
            max_elapsed: None,
            max_retry_after: Duration::from_secs(120),
            jitter: Jitter::Full,
        }
    }
}

impl RetryPolicy {
    /// One try, no retries.
    pub fn never() -> Self {
        Self::default().with_attempts(1)
    }

    /// Sets how many tries there are in all. Default 3; 0 is taken as 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the wait after the first failure. Default 1 s.
    #[must_use]
    pub fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets by how much each wait is longer than the one before. Default 2; what is below 1 (or NaN) is taken as 1.
    #[must_use]
    pub fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// Sets the longest computed wait. Default 60 s. A wait that the server names has a limit of its own.
    #[must_use]
    pub fn with_max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Sets how long after its start a call may still begin a try. Default `None`: no limit. A try that has begun is
    /// left to the timeouts of the embedder.
    #[must_use]
    pub fn with_max_elapsed(mut self, limit: Option<Duration>) -> Self {
        self.max_elapsed = limit;
        self
    }

    /// Sets the longest wait that a server may ask for. Default 120 s; asked for more, the call fails at once, so that
    /// a person sees it rather than a program that seems to hang.
    #[must_use]
    pub fn with_max_retry_after(mut self, limit: Duration) -> Self {
        self.max_retry_after = limit;
        self
    }

    /// Sets how waits are spread. Default [`Jitter::Full`].
    #[must_use]
    pub fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many tries there are in all; at least 1.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long to wait after `attempt` (the first is 1) ended with `error`, or `None` where trying again is over or
    /// cannot help.
    ///
    /// `elapsed` is the time since the first attempt began, `random` a number from 0 to 1.
    pub fn next_wait(&self, attempt: u32, error: &Error, elapsed: Duration, random: f64) -> Option<Duration> {
        if !error.is_retryable() || attempt >= self.attempts || !self.heeds(error) {
            return None;
        }
        let computed = match self.jitter {
            Jitter::Full => scale(self.backoff(attempt), random),
            Jitter::None => self.backoff(attempt),
        };
        let wait = computed.max(error.retry_after().unwrap_or_default());
        self.allows(elapsed.saturating_add(wait)).then_some(wait)
    }

    /// Whether the server asks for no longer a wait than this policy accepts.
    pub(super) fn heeds(&self, error: &Error) -> bool {
        error
            .retry_after()
            .is_none_or(|asked| asked <= self.max_retry_after)
    }

    /// Whether a try may begin so long after the first one.
    pub(super) fn allows(&self, elapsed: Duration) -> bool {
        self.max_elapsed.is_none_or(|limit| elapsed <= limit)
    }

    /// The wait after `attempt`, before jitter.
    fn backoff(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.base.as_secs_f64() * self.factor.powi(exponent);
        // Too large for a duration, infinite, or 0 × infinity.
        Duration::try_from_secs_f64(seconds).map_or(self.max_wait, |wait| wait.min(self.max_wait))
    }
}

/// A random source is outside code: whatever it gives, the result is between nothing and `wait`.
fn scale(wait: Duration, random: f64) -> Duration {
    Duration::try_from_secs_f64(wait.as_secs_f64() * random.max(0.0)).map_or(wait, |part| part.min(wait))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ErrorKind, TimeoutPhase};

    const NOW: Duration = Duration::ZERO;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn busy() -> Error {
        Error::new(ErrorKind::Busy, "busy")
    }

    fn exact() -> RetryPolicy {
        RetryPolicy::default().with_jitter(Jitter::None)
    }

    #[test]
    fn three_tries_wait_one_and_two_seconds() {
        let waits: Vec<_> = (1..=3)
            .map(|attempt| exact().next_wait(attempt, &busy(), NOW, 0.0))
            .collect();
        assert_eq!(waits, [Some(seconds(1)), Some(seconds(2)), None]);
    }

    #[test]
    fn each_wait_is_longer_by_the_factor_up_to_the_longest() {
        let policy = exact()
            .with_attempts(9)
            .with_base(seconds(3))
            .with_factor(4.0)
            .with_max_wait(seconds(40));
        let waits = [1, 2, 3, 4].map(|attempt| policy.next_wait(attempt, &busy(), NOW, 0.0));
        assert_eq!(waits, [3, 12, 40, 40].map(|wait| Some(seconds(wait))));
        let policy = exact().with_max_retry_after(seconds(5));
        let asks = |wait| busy().with_retry_after(seconds(wait));
        assert_eq!(policy.next_wait(1, &asks(5), NOW, 0.0), Some(seconds(5)));
        assert_eq!(policy.next_wait(1, &asks(6), NOW, 0.0), None);
    }

    #[test]
    fn full_jitter_spreads_from_nothing_to_the_whole_wait() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next_wait(2, &busy(), NOW, 0.0), Some(NOW));
        assert_eq!(policy.next_wait(2, &busy(), NOW, 0.25), Some(seconds(2) / 4));
        assert_eq!(policy.next_wait(2, &busy(), NOW, 1.0), Some(seconds(2)));
        assert_eq!(policy.next_wait(2, &busy(), NOW, 7.0), Some(seconds(2)));
        assert_eq!(policy.next_wait(2, &busy(), NOW, f64::NAN), Some(NOW));
    }

    #[test]
    fn what_cannot_help_is_not_tried_again() {
        for kind in [
            ErrorKind::Unauthorized,
            ErrorKind::QuotaSpent,
            ErrorKind::InputTooLong,
        ] {
            assert_eq!(exact().next_wait(1, &Error::new(kind, "no"), NOW, 0.0), None);
        }
        let timeout = Error::new(ErrorKind::Timeout(TimeoutPhase::Body), "stalled");
        assert!(exact().next_wait(1, &timeout, NOW, 0.0).is_some());
    }

    #[test]
    fn retry_after_is_a_floor_and_has_a_limit() {
        let asks = |wait| busy().with_retry_after(seconds(wait));
        assert_eq!(exact().next_wait(1, &asks(30), NOW, 0.0), Some(seconds(30)));
        assert_eq!(exact().next_wait(2, &asks(1), NOW, 0.0), Some(seconds(2)));
        assert_eq!(exact().next_wait(1, &asks(120), NOW, 0.0), Some(seconds(120)));
        assert_eq!(exact().next_wait(1, &asks(121), NOW, 0.0), None);
    }

    #[test]
    fn no_try_begins_after_the_time_for_all_of_them() {
        let policy = exact().with_max_elapsed(Some(seconds(10)));
        assert_eq!(policy.next_wait(2, &busy(), seconds(8), 0.0), Some(seconds(2)));
        assert_eq!(policy.next_wait(2, &busy(), seconds(9), 0.0), None);
    }

    #[test]
    fn zero_attempts_is_one_and_never_is_one() {
        assert_eq!(RetryPolicy::default().with_attempts(0).attempts(), 1);
        assert_eq!(RetryPolicy::never().next_wait(1, &busy(), NOW, 0.0), None);
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic_or_wait_longer_than_allowed(
            attempts: u32,
            attempt: u32,
            base: u64,
            factor: f64,
            max_wait: u64,
            elapsed: u64,
            random: f64,
        ) {
            let policy = RetryPolicy::default()
                .with_attempts(attempts)
                .with_base(seconds(base))
                .with_factor(factor)
                .with_max_wait(seconds(max_wait));
            if let Some(wait) = policy.next_wait(attempt, &busy(), seconds(elapsed), random) {
                prop_assert!(attempt < attempts);
                prop_assert!(wait <= seconds(max_wait));
            }
        }
    }
}
