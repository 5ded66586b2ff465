//! The search for the least number of workers that reaches as much as any: a function of what was measured, without a clock.
//!
//! The number is doubled while that gains something. Then the interval is halved in which the best one must lie: upwards
//! to the least number that was too many, downwards to the largest that was too few. A server that is too busy for a
//! number makes it too many at once.

use crate::concurrency::Settled;

/// A rate this many times the best is a gain; rates vary by nearly as much on their own.
const GAIN: f64 = 1.1;
/// A rate this many times the best is equal to it.
const EQUAL: f64 = 0.95;
/// Measurements after which a settled number is doubted, since servers change.
const REST: u32 = 100;

/// The state of the search.
#[derive(Clone, Debug)]
pub(crate) struct Climb {
    most: usize,
    /// The number that is being measured.
    at: usize,
    /// The least number known to reach as much as any.
    good: usize,
    /// The best rate so far, in texts a second; 0 where `good` is a guess.
    rate: f64,
    /// The largest number known to reach less; 0 for none.
    too_few: usize,
    /// The least number known to gain nothing or to be refused; above `most` for none.
    too_many: usize,
    /// Measurements since it was settled.
    rested: Option<u32>,
}

impl Climb {
    /// Begins with `first` workers; there are never more than `most`, nor fewer than one.
    pub(crate) fn new(first: usize, most: usize) -> Self {
        Self {
            most,
            at: first,
            good: first,
            rate: 0.0,
            too_few: 0,
            too_many: most + 1,
            rested: None,
        }
    }

    /// The number to work with now.
    pub(crate) fn workers(&self) -> usize {
        self.at
    }

    /// The best number so far.
    pub(crate) fn found(&self) -> usize {
        self.good
    }

    /// The number that was found, once it is.
    pub(crate) fn settled(&self) -> Option<Settled> {
        self.rested.map(|_| Settled {
            workers: self.good,
            rate: self.rate,
        })
    }

    /// Takes the rate that the number reached.
    pub(crate) fn measured(&mut self, rate: f64) {
        if self.rested.is_some() {
            self.rest(rate);
            return;
        }
        if self.at == self.good {
            self.rate = rate;
        } else if self.at > self.good {
            if rate >= self.rate * GAIN {
                self.too_few = self.good;
                (self.good, self.rate) = (self.at, rate);
            } else {
                self.too_many = self.at;
            }
        } else if rate >= self.rate * EQUAL {
            self.too_many = self.good;
            (self.good, self.rate) = (self.at, rate.max(self.rate));
        } else {
            self.too_few = self.at;
        }
        self.choose();
    }

    /// The server is too busy for the number.
    pub(crate) fn refused(&mut self) {
        if self.at == 1 {
            // Fewer there are none: it is busy with others.
            return;
        }
        self.too_many = self.too_many.min(self.at);
        if self.good >= self.at {
            self.good = (self.at * 3 / 4).clamp(1, self.at - 1);
            self.rate = 0.0;
            self.too_few = self.too_few.min(self.good - 1);
        }
        self.at = self.good;
        self.rested = None;
    }

    fn rest(&mut self, rate: f64) {
        let rested = self.rested.map_or(0, |rested| rested + 1);
        self.rested = Some(rested);
        // An average, so that no single slow moment is what others are held against.
        self.rate += (rate - self.rate) / 8.0;
        if rested >= REST {
            (self.too_few, self.too_many) = (0, self.most + 1);
            self.rested = None;
            self.choose();
        }
    }

    /// The number to measure next, or the one to stay at.
    fn choose(&mut self) {
        let next = self.above().or_else(|| self.below());
        if next.is_none() {
            self.rested = Some(0);
        }
        self.at = next.unwrap_or(self.good);
    }

    fn above(&self) -> Option<usize> {
        if self.too_many > self.most {
            let next = (2 * self.good).min(self.most);
            return (next > self.good).then_some(next);
        }
        self.between(self.good, self.too_many)
    }

    fn below(&self) -> Option<usize> {
        self.between(self.too_few, self.good)
    }

    /// The middle, where it is worth a measurement.
    fn between(&self, low: usize, high: usize) -> Option<usize> {
        let worth = (self.good / 4).max(1);
        (high > low + worth).then_some(low + (high - low) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server does with so many batches at once: the rate, or `None` where it is too busy.
    type Server = fn(usize) -> Option<f64>;

    fn slots(slots: usize, workers: usize) -> Option<f64> {
        Some(100.0 * workers.min(slots) as f64)
    }

    /// The number found, and how many measurements that took.
    fn search(first: usize, most: usize, server: Server) -> (usize, usize) {
        let mut climb = Climb::new(first, most);
        for step in 0..50 {
            if let Some(settled) = climb.settled() {
                return (settled.workers, step);
            }
            assert!((1..=most).contains(&climb.workers()), "{climb:?}");
            match server(climb.workers()) {
                Some(rate) => climb.measured(rate),
                None => climb.refused(),
            }
        }
        panic!("never settled: {climb:?}");
    }

    #[test]
    fn a_server_with_one_slot_gets_one_worker() {
        assert_eq!(search(1, 8, |workers| slots(1, workers)), (1, 2));
        assert_eq!(search(4, 8, |workers| slots(1, workers)).0, 1, "also from above");
    }

    #[test]
    fn each_slot_gets_a_worker() {
        assert_eq!(search(1, 8, |workers| slots(4, workers)).0, 4);
        assert_eq!(search(2, 8, |workers| slots(3, workers)).0, 3);
        assert_eq!(search(1, 8, |workers| slots(8, workers)).0, 8);
        assert_eq!(
            search(1, 8, |workers| slots(100, workers)).0,
            8,
            "never more than allowed"
        );
        assert_eq!(search(1, 1, |workers| slots(4, workers)), (1, 1));
        let (many, steps) = search(1, 64, |workers| slots(16, workers));
        assert!((15..=18).contains(&many) && steps < 12, "{many} after {steps}");
    }

    #[test]
    fn a_busy_server_is_asked_no_more_than_it_takes() {
        let of_four = |workers: usize| (workers <= 6).then(|| 100.0 * workers.min(4) as f64);
        assert_eq!(search(1, 8, of_four).0, 4);
        let of_six = |workers: usize| (workers <= 6).then_some(100.0 * workers as f64);
        assert_eq!(search(1, 8, of_six).0, 6);
        assert_eq!(search(8, 8, of_six).0, 6, "also from above");
    }

    #[test]
    fn longer_answers_without_more_of_them_are_no_gain() {
        // Each one more makes all slower, so that the sum stays.
        assert_eq!(search(1, 16, |_| Some(250.0)).0, 1);
        // It even falls.
        assert_eq!(search(2, 16, |workers| Some(500.0 / workers as f64)).0, 1);
    }

    #[test]
    fn what_was_settled_is_given_up_when_the_server_is_too_busy_and_doubted_after_long() {
        let mut climb = Climb::new(1, 8);
        while climb.settled().is_none() {
            climb.measured(100.0 * climb.workers() as f64);
        }
        assert_eq!(climb.workers(), 8);
        climb.refused();
        assert_eq!((climb.workers(), climb.settled()), (6, None));
        climb.refused();
        assert_eq!(climb.workers(), 4);
        while climb.settled().is_none() {
            climb.measured(100.0 * climb.workers().min(4) as f64);
        }
        assert_eq!(climb.workers(), 4);
        for _ in 0..REST {
            assert_eq!(climb.workers(), 4);
            climb.measured(400.0);
        }
        assert_eq!(climb.workers(), 8, "the server may have more slots by now");
    }

    #[test]
    fn one_worker_is_never_given_up() {
        let mut climb = Climb::new(1, 8);
        climb.refused();
        climb.measured(100.0);
        assert_eq!(climb.workers(), 2);
    }
}
