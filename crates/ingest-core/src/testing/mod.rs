//! What tests of stores, and of what uses stores, share.
//!
//! [`store_suite`] says what every store promises; [`FaultyStore`] makes any store fail where a test wants it to.

mod faulty;
pub mod samples;
pub mod store_suite;

pub use faulty::{Fault, FaultyStore};
