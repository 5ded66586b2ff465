//! What the checks that cross crates share.
