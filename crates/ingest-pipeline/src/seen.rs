//! Which documents a run has come across: what vanished is what it has not.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use ingest_core::ContentHash;

/// A set of names, 16 bytes each, whatever their length: a million documents take about 35 MB.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    names: Mutex<HashSet<u128>>,
}

impl Seen {
    /// Adds a name; false if it was there.
    pub(crate) fn insert(&self, name: &str) -> bool {
        self.with(|names| names.insert(key(name)))
    }

    /// Takes a name out again.
    pub(crate) fn forget(&self, name: &str) {
        self.with(|names| names.remove(&key(name)));
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.with(|names| names.contains(&key(name)))
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashSet<u128>) -> T) -> T {
        change(&mut self.names.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Half of a SHA-256: two names never share it by chance.
fn key(name: &str) -> u128 {
    let hash = ContentHash::of_bytes(name.as_bytes());
    let (half, _) = hash.as_bytes().split_at(16);
    half.iter().fold(0, |key, &byte| key << 8 | u128::from(byte))
}
