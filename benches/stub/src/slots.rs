//! Slots that embed one text at a time, as a server's do, kept as an account: no slot ever waits for a timer to fire, so
//! that time in which none is at work is the client's doing alone.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Slots {
    /// When each slot is free again.
    free: Vec<Instant>,
    per_text: Duration,
}

impl Slots {
    pub(crate) fn new(count: usize, per_text: Duration) -> Self {
        Self {
            free: vec![Instant::now(); count.max(1)],
            per_text,
        }
    }

    /// Gives so many texts to the slots that are free first. Tells when the last of them is done, where that takes time,
    /// and how long slots are at work for them.
    pub(crate) fn take(&mut self, texts: usize) -> (Option<Instant>, Duration) {
        if self.per_text.is_zero() {
            return (None, Duration::ZERO);
        }
        let now = Instant::now();
        let mut last = now;
        for _ in 0..texts {
            let Some(slot) = self.free.iter_mut().min() else {
                break;
            };
            *slot = (*slot).max(now) + self.per_text;
            last = last.max(*slot);
        }
        (Some(last), self.per_text * texts as u32)
    }
}
