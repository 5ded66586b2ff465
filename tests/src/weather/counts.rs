//! How often each kind of weather was met.

use std::collections::BTreeMap;
use std::fmt;

use crate::weather::Kind;

/// How often each kind of weather was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Kind, u64>);

impl Counts {
    /// How often this kind was met.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// Kinds that were never met.
    pub fn missing(&self) -> Vec<Kind> {
        let never = |kind: &Kind| self.of(*kind) == 0;
        Kind::ALL.iter().copied().filter(never).collect()
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(*kind).or_default() += count;
        }
    }

    pub(super) fn count(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.0 {
            writeln!(f, "{count:>8} {kind:?}")?;
        }
        Ok(())
    }
}
