//! Counts by a name that comes with the event, with a few examples of each.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// Names told apart; what comes under further ones is counted together.
const MOST_NAMES: usize = 24;
/// Examples kept of each.
const EXAMPLES: usize = 3;
/// Where the further ones are counted.
const OTHERS: &str = "other";

/// What came under one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cause {
    pub(super) count: u64,
    /// Time that it cost, where that is told.
    pub(super) cost: Duration,
    /// The first few.
    pub(super) examples: Vec<String>,
}

/// Causes by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes(BTreeMap<String, Cause>);

impl Causes {
    pub(super) fn add(&mut self, name: &str, cost: Duration, example: impl FnOnce() -> String) {
        let known = self.0.contains_key(name) || self.0.len() < MOST_NAMES;
        let cause = self
            .0
            .entry(if known { name } else { OTHERS }.to_owned())
            .or_default();
        cause.count += 1;
        cause.cost += cost;
        if cause.examples.len() < EXAMPLES {
            cause.examples.push(example());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The most frequent first.
    pub(super) fn by_count(&self) -> Vec<(&str, &Cause)> {
        let mut causes: Vec<_> = self
            .0
            .iter()
            .map(|(name, cause)| (name.as_str(), cause))
            .collect();
        causes.sort_by_key(|(_, cause)| Reverse(cause.count));
        causes
    }

    /// What all of them cost.
    pub(super) fn cost(&self) -> Duration {
        self.0.values().map(|cause| cause.cost).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_examples_are_bounded() {
        let mut causes = Causes::default();
        for number in 0..1_000 {
            let second = Duration::from_secs(1);
            causes.add("busy", second, || format!("example {number}"));
            causes.add(&format!("name {number}"), Duration::ZERO, String::new);
        }
        let listed = causes.by_count();
        assert_eq!(listed.len(), MOST_NAMES + 1);
        assert_eq!(listed[0].0, "busy");
        assert_eq!(listed[0].1.examples, ["example 0", "example 1", "example 2"]);
        let further = 1_000 - (MOST_NAMES as u64 - 1);
        assert_eq!((listed[1].0, listed[1].1.count), (OTHERS, further));
        assert_eq!(causes.cost(), Duration::from_secs(1_000));
    }
}
