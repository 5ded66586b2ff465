//! What the checks that cross crates share.

pub mod weather;
