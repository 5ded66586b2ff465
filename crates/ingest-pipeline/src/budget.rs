//! Bounds the bytes a run holds, whatever it is made of: text read, chunks, vectors waiting for the rest of their
//! document.
//!
//! There is one place that waits, before a document is read; behind it a document may only grow. So nothing that could
//! free memory ever waits for memory. What can still stand in the way is a batch that is not full: its chunks' documents
//! hold memory that the next document waits for. [`Budget::starved`] tells when that is so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A limit that all documents share.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    high: usize,
    waiting: usize,
    /// Documents let in that have not reached the batcher or ended before it.
    moving: usize,
}

/// A document's share.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
    moving: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits until so many bytes are free, or all of them: what is larger than the limit is let in alone.
    pub(crate) async fn acquire(self: &Arc<Self>, bytes: usize, documents: usize) -> Permit {
        let mut waiting = Waiting {
            budget: self,
            counted: false,
        };
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that no change is missed between the two.
            changed.as_mut().enable();
            if let Some(permit) = self.try_acquire(bytes, documents) {
                return permit;
            }
            if !waiting.counted {
                waiting.counted = true;
                self.state().waiting += 1;
                self.changed.notify_waiters();
                // That woke this one, too.
                continue;
            }
            changed.await;
        }
    }

    /// The same without waiting; `None` where it would have to.
    pub(crate) fn try_acquire(self: &Arc<Self>, bytes: usize, documents: usize) -> Option<Permit> {
        let mut state = self.state();
        let fits = state.used == 0 || state.used.saturating_add(bytes) <= self.limit;
        fits.then(|| {
            state.used += bytes;
            state.high = state.high.max(state.used);
            state.moving += documents;
            Permit {
                budget: Arc::clone(self),
                bytes,
                moving: documents,
            }
        })
    }

    /// Waits until somebody waits for memory and nothing that was let in is still on its way to the batcher.
    pub(crate) async fn starved(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.state();
                if state.waiting > 0 && state.moving == 0 {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Says, until what is returned is dropped, that something is waited for that only a commit can bring.
    pub(crate) fn hunger(&self) -> impl Drop + '_ {
        self.state().waiting += 1;
        self.changed.notify_waiters();
        Waiting {
            budget: self,
            counted: true,
        }
    }

    /// Most bytes that were held at once.
    pub(crate) fn high(&self) -> usize {
        self.state().high
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change to the state is a single assignment or a pair that cannot fail between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a waiter off the count, also when its wait is given up.
struct Waiting<'a> {
    budget: &'a Budget,
    counted: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.counted {
            self.budget.state().waiting -= 1;
        }
    }
}

impl Permit {
    /// Gives part of a group's share to one of its documents.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        let moving = self.moving.min(1);
        self.bytes -= bytes;
        self.moving -= moving;
        Self {
            budget: Arc::clone(&self.budget),
            bytes,
            moving,
        }
    }

    /// Takes note of what the document really holds. Never waits.
    pub(crate) fn resize(&mut self, bytes: usize) {
        let mut state = self.budget.state();
        state.used = state.used - self.bytes + bytes;
        state.high = state.high.max(state.used);
        let freed = bytes < self.bytes;
        self.bytes = bytes;
        drop(state);
        if freed {
            self.budget.changed.notify_waiters();
        }
    }

    /// The document holds so many bytes less.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.resize(self.bytes.saturating_sub(bytes));
    }

    /// The document has reached the batcher.
    pub(crate) fn arrived(&mut self) {
        self.budget.state().moving -= std::mem::take(&mut self.moving);
        self.budget.changed.notify_waiters();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.used -= self.bytes;
        state.moving -= self.moving;
        drop(state);
        self.budget.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn who_comes_late_waits_and_what_is_too_large_goes_alone() {
        let budget = Budget::new(10);
        let mut first = budget.acquire(8, 1).await;
        assert!(timeout(SOON, budget.acquire(3, 1)).await.is_err());
        first.resize(7);
        let second = budget.acquire(3, 1).await;
        assert!(timeout(SOON, budget.acquire(100, 1)).await.is_err());
        drop((first, second));
        let large = budget.acquire(100, 1).await;
        assert_eq!(budget.high(), 100);
        drop(large);
        assert_eq!(budget.state().used, 0);
        assert_eq!(budget.state().moving, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn starving_is_told_once_all_that_was_let_in_has_arrived() {
        let budget = Budget::new(10);
        let mut group = budget.acquire(10, 2).await;
        let (mut a, b) = (group.split(5), group.split(5));
        let waiter = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { drop(budget.acquire(1, 1).await) }
        });
        assert!(
            timeout(SOON, budget.starved()).await.is_err(),
            "two are on their way"
        );
        a.arrived();
        assert!(timeout(SOON, budget.starved()).await.is_err(), "one is");
        let mut b = b;
        b.arrived();
        timeout(SOON, budget.starved()).await.expect("starved");
        drop(b);
        waiter.await.expect("let in");
        assert!(timeout(SOON, budget.starved()).await.is_err(), "nobody waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_given_up_is_not_counted() {
        let budget = Budget::new(1);
        let mut held = budget.acquire(1, 1).await;
        held.arrived();
        assert!(timeout(SOON, budget.acquire(1, 1)).await.is_err());
        assert!(timeout(SOON, budget.starved()).await.is_err());
    }
}
