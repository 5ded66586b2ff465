//! How much trying again is worth, over all calls together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What one retry costs. A call that succeeds at once earns 1.
const RETRY_COST: u32 = 5;

/// A purse that all clones share, so that in an outage N workers do not send N times as many requests in vain.
///
/// A retry takes 5 tokens; a call that succeeds gives back what its own retries took, and one more. So retries that pay
/// off cost nothing, one retry in vain is earned by five successes, and a server that answers nobody gets no more
/// retries than the purse holds at the start: 100 by default. What a server asks for by naming a wait is free, since
/// that wait already holds all workers back.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    /// `None` is a purse without bottom.
    purse: Option<Arc<Purse>>,
}

#[derive(Debug)]
struct Purse {
    tokens: AtomicU32,
    capacity: u32,
}

impl Default for RetryBudget {
    /// 100 retries.
    fn default() -> Self {
        Self::new(100)
    }
}

impl RetryBudget {
    /// A purse that starts with, and never holds more than, so many retries.
    pub fn new(retries: u32) -> Self {
        let capacity = retries.saturating_mul(RETRY_COST);
        Self {
            purse: Some(Arc::new(Purse {
                tokens: AtomicU32::new(capacity),
                capacity,
            })),
        }
    }

    /// No limit over all calls; each still has its own number of attempts.
    pub fn unlimited() -> Self {
        Self { purse: None }
    }

    /// How many retries are left, or `None` without a limit.
    pub fn left(&self) -> Option<u32> {
        let purse = self.purse.as_ref()?;
        Some(purse.tokens.load(Ordering::Relaxed) / RETRY_COST)
    }

    /// Pays for one retry, if there is enough.
    pub(super) fn take(&self) -> bool {
        self.change(|tokens, _| tokens.checked_sub(RETRY_COST))
    }

    /// Books a call that succeeded after so many paid retries.
    pub(super) fn earn(&self, retries: u32) {
        let earned = retries.saturating_mul(RETRY_COST).saturating_add(1);
        self.change(|tokens, capacity| Some(tokens.saturating_add(earned).min(capacity)));
    }

    fn change(&self, step: impl Fn(u32, u32) -> Option<u32>) -> bool {
        self.purse.as_ref().is_none_or(|purse| {
            // Relaxed: the number guards no other memory.
            purse
                .tokens
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                    step(tokens, purse.capacity)
                })
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_purse() {
        let budget = RetryBudget::new(2);
        let clone = budget.clone();
        assert!(budget.take() && clone.take());
        assert!(!budget.take() && !clone.take());
        assert_eq!(clone.left(), Some(0));
    }

    #[test]
    fn five_successes_earn_one_retry() {
        let budget = RetryBudget::new(1);
        assert!(budget.take());
        for _ in 0..4 {
            budget.earn(0);
        }
        assert!(!budget.take());
        budget.earn(0);
        assert!(budget.take());
    }

    #[test]
    fn retries_that_pay_off_cost_nothing_and_the_purse_never_overflows() {
        let budget = RetryBudget::new(4);
        for _ in 0..1000 {
            assert!(budget.take() && budget.take());
            budget.earn(2);
            assert_eq!(budget.left(), Some(4));
        }
    }

    #[test]
    fn without_a_limit_there_is_always_one_more() {
        let budget = RetryBudget::unlimited();
        assert!((0..1000).all(|_| budget.take()));
        assert_eq!(budget.left(), None);
    }
}
