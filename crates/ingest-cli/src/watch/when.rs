//! When the next round is due. Nothing here knows of files.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long nothing must have changed: programs save in several steps.
const QUIET: Duration = Duration::from_secs(1);
/// How long changes that never end are waited out.
const LONGEST: Duration = Duration::from_secs(10);
/// A round takes place this long after the last one, whatever was heard: no system promises to tell of every change.
pub(super) const FULL: Duration = Duration::from_secs(600);
/// The same where changes are not told.
pub(super) const POLL: Duration = Duration::from_secs(30);
/// The first pause after a round that failed; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Waits until changes have settled, or for `longest` from now without any.
pub(super) async fn due(changes: &Notify, longest: Duration) {
    let mut deadline = Instant::now() + longest;
    let mut latest = deadline;
    let mut is_first = true;
    loop {
        tokio::select! {
            () = changes.notified() => {
                let now = Instant::now();
                if std::mem::take(&mut is_first) {
                    latest = latest.min(now + LONGEST);
                }
                deadline = latest.min(now + QUIET);
            }
            () = sleep_until(deadline) => return,
        }
    }
}

/// The pauses between rounds that fail.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// The pause after a round that failed.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// A round went well.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When the next round is due if something changes at these seconds.
    async fn due_after(changes: &[f64]) -> f64 {
        let told = Arc::new(Notify::new());
        let begin = Instant::now();
        let teller = {
            let (told, changes) = (Arc::clone(&told), changes.to_vec());
            tokio::spawn(async move {
                for at in changes {
                    sleep_until(begin + SECOND.mul_f64(at)).await;
                    told.notify_one();
                }
            })
        };
        due(&told, FULL).await;
        let after = begin.elapsed().as_secs_f64();
        teller.abort();
        (after * 10.0).round() / 10.0
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_waits_for_quiet_but_not_for_ever() {
        assert_eq!(due_after(&[5.0]).await, 6.0);
        assert_eq!(due_after(&[5.0, 5.5, 6.2]).await, 7.2);
        let constant: Vec<_> = (0..100).map(|at| 5.0 + f64::from(at) / 2.0).collect();
        assert_eq!(due_after(&constant).await, 15.0);
        assert_eq!(due_after(&[]).await, 600.0);
        assert_eq!(due_after(&[599.5]).await, 600.0, "the full round is due anyway");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_during_a_round_is_not_lost() {
        let told = Notify::new();
        told.notify_one();
        sleep(SECOND).await;
        let begin = Instant::now();
        due(&told, FULL).await;
        assert_eq!(begin.elapsed().as_secs(), 1);
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let mut pauses = Pauses::new();
        let seconds: Vec<_> = (0..8).map(|_| pauses.next().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        pauses.reset();
        assert_eq!(pauses.next().as_secs(), 1);
    }
}
