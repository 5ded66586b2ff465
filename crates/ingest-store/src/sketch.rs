//! Vectors in a quarter of their bytes, to find out by reading those which vectors can be among the nearest at all.
//!
//! A sketch rounds each value to one of 255 steps and keeps how far that took it from the vector. By Cauchy and Schwarz
//! two cosines can then differ by no more than the distances moved, so a search that leaves out only what is too far
//! even with that in its favour misses nothing: it reads every sketch, and few vectors.

use crate::rank::inverse_length;

/// The largest code; -128 is not used, so that codes are symmetric.
const STEPS: f32 = 127.0;

/// Independent sums, as for the dot product of vectors; one register of 16-bit values each holds eight.
const LANES: usize = 32;

/// What rounding to f32, here and in the sums of the exact cosine, may add for any sensible width.
const ROUNDING: f64 = 1e-4;

/// Bytes before the codes: what turns codes into parts of a vector of length 1, and the distance between that and the
/// vector scaled alike, both as little-endian f32.
const HEAD: usize = 8;

/// A vector that has a direction, roughly: eight bytes, and one a value.
pub(crate) fn sketch(values: &[f32]) -> Vec<u8> {
    let rounded = Rounded::of(values, STEPS);
    let mut bytes = Vec::with_capacity(HEAD + values.len());
    bytes.extend((rounded.scale as f32).to_le_bytes());
    bytes.extend((rounded.error as f32).to_le_bytes());
    bytes.extend(rounded.codes.iter().map(|&code| code as u8));
    bytes
}

/// A question's vector, ready to be compared with sketches. It is read from memory again and again, so that it can have
/// finer steps.
#[derive(Debug)]
pub(crate) struct Outline(Rounded);

impl Outline {
    pub(crate) fn of(values: &[f32]) -> Self {
        // As many steps as keep the sum of all products below 2^31.
        let room = i32::MAX as usize / (STEPS as usize * values.len().max(1));
        Self(Rounded::of(values, room.clamp(1, i16::MAX as usize) as f32))
    }

    /// Bounds between which the cosine of the question and the sketched vector lies; all there are, for no sketch.
    pub(crate) fn bounds(&self, sketch: &[u8]) -> (f64, f64) {
        let Some((&[a, b, c, d, e, f, g, h], codes)) = sketch.split_first_chunk::<HEAD>() else {
            return (-1.0, 1.0);
        };
        let scale = f64::from(f32::from_le_bytes([a, b, c, d]));
        let error = f64::from(f32::from_le_bytes([e, f, g, h]));
        let near = f64::from(dot(codes, &self.0.codes)) * scale * self.0.scale;
        let margin = error + self.0.error * (1.0 + error) + ROUNDING;
        (near - margin, near + margin)
    }
}

#[derive(Debug)]
struct Rounded {
    codes: Vec<i16>,
    scale: f64,
    error: f64,
}

impl Rounded {
    fn of(values: &[f32], steps: f32) -> Self {
        let inverse = inverse_length(values);
        let largest = values
            .iter()
            .fold(0.0f32, |largest, value| largest.max(value.abs()));
        let step = f64::from(largest) / f64::from(steps);
        let codes: Vec<i16> = values
            .iter()
            .map(|&value| (f64::from(value) / step).round() as i16)
            .collect();
        let moved: f64 = values
            .iter()
            .zip(&codes)
            .map(|(&value, &code)| (f64::from(value) - f64::from(code) * step).powi(2))
            .sum();
        Self {
            codes,
            scale: step * inverse,
            error: moved.sqrt() * inverse,
        }
    }
}

fn dot(codes: &[u8], question: &[i16]) -> i32 {
    let product = |code: u8, other: i16| i32::from(i16::from(code.cast_signed())) * i32::from(other);
    let (blocks, rest) = codes.as_chunks::<LANES>();
    let (question_blocks, question_rest) = question.as_chunks::<LANES>();
    let mut total = 0;
    for (block, other) in blocks.iter().zip(question_blocks) {
        total += (0..LANES)
            .map(|lane| product(block[lane], other[lane]))
            .sum::<i32>();
    }
    total
        + rest
            .iter()
            .zip(question_rest)
            .map(|(&code, &other)| product(code, other))
            .sum::<i32>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rank::{Needle, to_bytes};

    fn assert_bounded(stored: &[f32], question: &[f32]) {
        let (low, high) = Outline::of(question).bounds(&sketch(stored));
        let exact = Needle::new(question).cosine(&to_bytes(stored), inverse_length(stored));
        assert!(low <= exact && exact <= high, "{low} {exact} {high}");
    }

    #[test]
    fn bounds_hold_at_the_edges() {
        let ramp: Vec<f32> = (0..4096).map(|index| index as f32 - 2000.0).collect();
        let spike: Vec<f32> = (0..4096)
            .map(|index| if index == 7 { 1e9 } else { 1.0 })
            .collect();
        let ones = vec![-1.0; 4096];
        let tiny = vec![1e-38; 4096];
        let huge = vec![f32::MAX; 4096];
        for stored in [&ramp, &spike, &ones, &tiny, &huge] {
            for question in [&ramp, &spike, &ones, &tiny, &huge] {
                assert_bounded(stored, question);
            }
        }
        assert_bounded(&[3.0], &[-0.5]);
    }

    #[test]
    fn bounds_are_close_enough_to_be_of_use() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut vector = || (0..1024).map(|_| random.f32() - 0.5).collect::<Vec<f32>>();
        let (low, high) = Outline::of(&vector()).bounds(&sketch(&vector()));
        assert!(high - low < 0.02, "{low} {high}");
    }

    proptest! {
        #[test]
        fn bounds_always_hold(
            pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 1..300),
            size in -20i32..20,
        ) {
            let (mut stored, question): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            stored.iter_mut().for_each(|value| *value *= 2f32.powi(size));
            prop_assume!(stored.iter().any(|&value| value != 0.0) && question.iter().any(|&value| value != 0.0));
            assert_bounded(&stored, &question);
        }
    }
}
