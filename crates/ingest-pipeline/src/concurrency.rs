//! How many batches are under way at once: so many as were asked for, or as many as are found to help.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embed_core::{Error, ErrorKind};
use tokio::time::Instant;

use crate::climb::Climb;
use crate::tally::Tally;
use crate::{Event, RunOptions};

/// Answers, for each worker, that a number of workers is judged by.
const ROUNDS: usize = 4;
/// The shortest time that it is judged by.
const LEAST_TIME: Duration = Duration::from_millis(200);

/// How many batches may be under way.
#[derive(Debug)]
pub(crate) struct Concurrency {
    now: AtomicUsize,
    /// After a refusal or a failure batches rest for about so long, and the number in use is not what it seems.
    rest: Duration,
    /// `None` where the number was given.
    period: Option<Mutex<Period>>,
}

/// What was seen at the number of workers that holds now.
#[derive(Debug)]
struct Period {
    climb: Climb,
    /// From when on batches are sent as the number says: earlier ones say nothing of it.
    set: Instant,
    /// The first answer to a batch sent since; from then on all answers count.
    began: Option<Instant>,
    answers: usize,
    texts: usize,
    /// The number that was told last.
    told: Option<usize>,
}

/// A number of workers that was settled on, and the texts a second it reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settled {
    pub(crate) workers: usize,
    pub(crate) rate: f64,
}

impl Concurrency {
    pub(crate) fn new(options: &RunOptions) -> Self {
        let most = options.workers.max(1);
        let climb = options
            .adapt_from
            .map(|first| Climb::new(first.clamp(1, most), most));
        Self {
            now: AtomicUsize::new(climb.as_ref().map_or(most, Climb::workers)),
            rest: options.retry_base,
            period: climb.map(|climb| {
                Mutex::new(Period {
                    climb,
                    set: Instant::now(),
                    began: None,
                    answers: 0,
                    texts: 0,
                    told: None,
                })
            }),
        }
    }

    /// The number that holds now.
    pub(crate) fn workers(&self) -> usize {
        self.now.load(Ordering::Acquire)
    }

    /// The least number found to reach as much as any so far; another one may be tried just now.
    pub(crate) fn found(&self) -> usize {
        self.period()
            .map_or_else(|| self.workers(), |period| period.climb.found())
    }

    /// Whether another batch may be handed out beside so many. A fixed number needs no care: there are no more workers.
    pub(crate) fn has_room(&self, under_way: usize) -> bool {
        self.period.is_none() || under_way < self.workers()
    }

    /// Whether no number was settled on, although batches were answered.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.period().is_some_and(|period| {
            period.told.is_none() && (period.began.is_some() || period.climb.found() > 1)
        })
    }

    /// Takes note of what an answer to so many texts, sent then, says of the number; tells what was settled on.
    pub(crate) fn heard(&self, tally: &Tally, sent: Instant, texts: usize, error: Option<&Error>) {
        match error.map(Error::kind) {
            None => {
                if let Some(Settled { workers, rate }) = self.answered(sent, texts) {
                    let rate = Some(rate);
                    tally.event(&Event::Workers { workers, rate });
                }
            }
            Some(ErrorKind::Busy | ErrorKind::RateLimited) => self.refused(sent),
            Some(_) => self.disturbed(),
        }
    }

    /// A batch that was sent then was answered. Returns what was settled on, when that is news.
    fn answered(&self, sent: Instant, texts: usize) -> Option<Settled> {
        let mut period = self.period()?;
        let now = Instant::now();
        let Some(began) = period.began else {
            if sent >= period.set {
                period.began = Some(now);
            }
            return None;
        };
        period.answers += 1;
        period.texts += texts;
        let time = now - began;
        if period.answers < ROUNDS * period.climb.workers() || time < LEAST_TIME {
            return None;
        }
        let rate = period.texts as f64 / time.as_secs_f64();
        period.climb.measured(rate);
        self.begin(&mut period, Duration::ZERO);
        let settled = period.climb.settled()?;
        (period.told.replace(settled.workers) != Some(settled.workers)).then_some(settled)
    }

    /// A batch that was sent then was refused since the server is too busy.
    fn refused(&self, sent: Instant) {
        // Those that were sent before the number was lowered say nothing new.
        if let Some(mut period) = self.period()
            && sent >= period.set
        {
            period.climb.refused();
            self.begin(&mut period, self.rest);
        }
    }

    /// Something else went wrong: the time it took says nothing of the number.
    fn disturbed(&self) {
        if let Some(mut period) = self.period() {
            self.begin(&mut period, self.rest);
        }
    }

    fn begin(&self, period: &mut Period, rest: Duration) {
        self.now.store(period.climb.workers(), Ordering::Release);
        period.set = Instant::now() + rest;
        period.began = None;
        (period.answers, period.texts) = (0, 0);
    }

    fn period(&self) -> Option<MutexGuard<'_, Period>> {
        let period = self.period.as_ref()?;
        Some(period.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
