//! The documents that took longest.

use std::time::Duration;

/// How many are kept.
const MOST: usize = 20;

/// A document and how long it took from being read to being stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slow {
    pub(super) source: String,
    pub(super) chunks: u64,
    pub(super) took: Duration,
}

/// The slowest first; of equally slow ones, the earlier.
#[derive(Clone, Debug, Default)]
pub(super) struct Slowest(Vec<Slow>);

impl Slowest {
    pub(super) fn add(&mut self, source: &str, chunks: u64, took: Duration) {
        let place = self.0.partition_point(|slow| slow.took >= took);
        if place == MOST {
            return;
        }
        self.0.truncate(MOST - 1);
        let source = source.to_owned();
        self.0.insert(place, Slow { source, chunks, took });
    }

    pub(super) fn list(&self) -> &[Slow] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_stay_in_order() {
        let mut slowest = Slowest::default();
        let mut times: Vec<u64> = (0..100).collect();
        fastrand::Rng::with_seed(5).shuffle(&mut times);
        for time in &times {
            slowest.add(&time.to_string(), 1, Duration::from_secs(*time));
        }
        let kept: Vec<u64> = slowest.list().iter().map(|slow| slow.took.as_secs()).collect();
        assert_eq!(kept, (80..100).rev().collect::<Vec<_>>());
        slowest.add("as slow", 1, Duration::from_secs(80));
        assert_eq!(slowest.list()[MOST - 1].source, "80");
    }
}
