//! What processors with AVX2 read many at a time: [`numbers`] and [`base64`].
//!
//! This is the one module with `unsafe` code: the calls of functions that need the instructions, behind the check that
//! they are there. All loads are of arrays. Each way gives what the portable one gives, or leaves the text to it.

use std::arch::x86_64::{__m128i, __m256i, _mm_set_epi64x, _mm256_set_epi64x};

use super::number::BLOCK;

mod base64;
mod numbers;

/// Whether the processor has the instructions.
#[inline]
fn here() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt")
}

/// Reads up to [`BLOCK`] and at most `room` numbers, each followed by a comma; gives their count and the length of
/// their text with the commas. Zero where this is not the way to read them.
#[inline]
pub(super) fn block(bytes: &[u8], room: usize, values: &mut [f32; BLOCK]) -> (usize, usize) {
    if !here() {
        return (0, 0);
    }
    // SAFETY: the processor has what the function needs, as was asked just now.
    #[allow(unsafe_code)]
    unsafe {
        numbers::read(bytes, room, values)
    }
}

/// Reads base64 of little-endian values, many characters at a time, up to `room` values; gives the length of the
/// text read. Zero where this is not the way to read it.
#[inline]
pub(super) fn base64_groups(bytes: &[u8], room: usize, values: &mut Vec<f32>) -> usize {
    if !here() {
        return 0;
    }
    // SAFETY: the processor has what the function needs, as was asked just now.
    #[allow(unsafe_code)]
    unsafe {
        base64::read(bytes, room, values)
    }
}

// Loads of one instruction each; written so that they need no pointer.

#[target_feature(enable = "avx2")]
fn sixteen(bytes: &[u8; 16]) -> __m128i {
    let [low, high] = eights(bytes);
    _mm_set_epi64x(high, low)
}

#[target_feature(enable = "avx2")]
fn thirty_two(bytes: &[u8; 32]) -> __m256i {
    let [first, second, third, fourth] = eights(bytes);
    _mm256_set_epi64x(fourth, third, second, first)
}

#[inline(always)]
fn eights<const N: usize>(bytes: &[u8]) -> [i64; N] {
    let (eights, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|place| i64::from_le_bytes(eights[place]))
}
