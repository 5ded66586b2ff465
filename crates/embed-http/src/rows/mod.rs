//! Vectors decoded from an answer while it arrives: digits go straight into one flat buffer, and neither the body nor
//! a vector's text is ever held.
//!
//! Three readers share the work, each for its part of the answer: [`outside`] finds the vectors and keeps what is
//! around them, [`vector`] reads arrays of numbers, [`base64`] reads strings. [`matrix`] takes the values and holds
//! the bounds. All of it is fed in pieces that may end anywhere.

#[cfg(all(target_arch = "x86_64", not(embed_http_portable)))]
mod avx2;
mod base64;
mod decoder;
mod error;
mod matrix;
mod number;
mod order;
mod outside;
mod read;
mod surrogates;
mod vector;

pub use decoder::{Answer, Layout, RowsDecoder};
pub use error::{DecodeError, DecodeFault};
pub use read::read_rows;
