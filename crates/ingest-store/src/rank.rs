//! Scores and the order of hits, the same in every store that searches in this process.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::RangeInclusive;

/// Candidates each half brings to a hybrid search, where fewer hits are wanted.
pub(crate) const CANDIDATES: usize = 100;

/// How slowly a rank loses its worth in reciprocal rank fusion.
const FUSION_K: f64 = 50.0;

/// Independent sums, so that additions need not wait for each other and fill whole vector registers.
const LANES: usize = 32;

/// One over the product of two lengths, where sums in f32 neither overflow nor vanish; beyond, f64 is taken.
const PLAIN_SCALES: RangeInclusive<f64> = 1e-20..=1e20;

/// The dot product of a stored vector, as its little-endian bytes, with a question of the same width.
///
/// The sums run in `LANES` fixed columns: the result is the same on every machine and for every store.
pub(crate) fn dot(stored: &[u8], question: &[f32]) -> f32 {
    let (values, _) = stored.as_chunks::<4>();
    let (blocks, rest) = values.as_chunks::<LANES>();
    let (question_blocks, question_rest) = question.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (block, other) in blocks.iter().zip(question_blocks) {
        for lane in 0..LANES {
            sums[lane] += f32::from_le_bytes(block[lane]) * other[lane];
        }
    }
    let tail: f32 = rest
        .iter()
        .zip(question_rest)
        .map(|(&value, other)| f32::from_le_bytes(value) * other)
        .sum();
    sums.iter().sum::<f32>() + tail
}

/// One over the length of a vector, computed without overflow for any finite values.
pub(crate) fn inverse_length(values: &[f32]) -> f64 {
    values
        .iter()
        .map(|&value| f64::from(value).powi(2))
        .sum::<f64>()
        .sqrt()
        .recip()
}

/// A question's vector, ready to be compared with many.
#[derive(Debug)]
pub(crate) struct Needle<'a> {
    values: &'a [f32],
    scale: f64,
}

impl<'a> Needle<'a> {
    pub(crate) fn new(values: &'a [f32]) -> Self {
        Self {
            values,
            scale: inverse_length(values),
        }
    }

    /// The cosine similarity to a stored vector whose [`inverse_length`] is `scale`.
    pub(crate) fn cosine(&self, stored: &[u8], scale: f64) -> f64 {
        let scale = scale * self.scale;
        let product = if PLAIN_SCALES.contains(&scale) {
            f64::from(dot(stored, self.values))
        } else {
            let (values, _) = stored.as_chunks::<4>();
            let pairs = values
                .iter()
                .map(|&value| f32::from_le_bytes(value))
                .zip(self.values);
            pairs
                .map(|(value, &other)| f64::from(value) * f64::from(other))
                .sum()
        };
        (product * scale).clamp(-1.0, 1.0)
    }
}

/// A vector as it is stored: little-endian.
pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The best of a stream of scores in bounded space. All that tie with the last one are kept, since who of them comes
/// first is decided by names that the stream does not know.
#[derive(Debug)]
pub(crate) struct Best<T> {
    wanted: usize,
    floor: f64,
    kept: Vec<(f64, T)>,
    prune_at: usize,
}

impl<T> Best<T> {
    pub(crate) fn new(wanted: usize) -> Self {
        Self {
            wanted,
            floor: f64::NEG_INFINITY,
            kept: Vec::new(),
            prune_at: wanted.saturating_mul(2).max(64),
        }
    }

    /// Whether such a score would be kept: a cheap question before a dear one.
    pub(crate) fn takes(&self, score: f64) -> bool {
        score >= self.floor && self.wanted > 0
    }

    pub(crate) fn push(&mut self, score: f64, item: T) {
        if !self.takes(score) {
            return;
        }
        self.kept.push((score, item));
        if self.kept.len() >= self.prune_at {
            self.prune();
            self.prune_at = self.kept.len().saturating_mul(2).max(64);
        }
    }

    fn prune(&mut self) {
        if self.wanted == 0 || self.kept.len() < self.wanted {
            return;
        }
        let (_, last, _) = self
            .kept
            .select_nth_unstable_by(self.wanted - 1, |one, other| other.0.total_cmp(&one.0));
        self.floor = last.0;
        self.kept.retain(|(score, _)| *score >= self.floor);
    }

    /// The score that the last of the wanted number has, or minus infinity while they are fewer.
    #[cfg(feature = "sqlite")]
    pub(crate) fn floor(&mut self) -> f64 {
        self.prune();
        self.floor
    }

    /// What was kept, in no order: the wanted number, and ties with the last.
    pub(crate) fn into_kept(mut self) -> Vec<(f64, T)> {
        self.prune();
        self.kept
    }
}

/// Larger scores first, equal ones in the order of their places.
pub(crate) fn by_score<P: Ord>(one: &(f64, P), other: &(f64, P)) -> Ordering {
    other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1))
}

/// Reciprocal rank fusion: each list gives `weight / (50 + rank)` to what it holds, the first rank being 1.
pub(crate) fn fuse<T: Copy + Eq + Hash>(lists: [(&[T], f64); 2]) -> HashMap<T, f64> {
    let mut scores = HashMap::new();
    for (list, weight) in lists {
        for (index, &item) in list.iter().enumerate() {
            *scores.entry(item).or_default() += weight / (FUSION_K + (index + 1) as f64);
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_with_the_last_one_are_kept() {
        let mut best = Best::new(2);
        for (score, item) in [(1.0, 'a'), (3.0, 'b'), (2.0, 'c'), (2.0, 'd'), (0.0, 'e')] {
            best.push(score, item);
        }
        let mut kept: Vec<char> = best.into_kept().into_iter().map(|(_, item)| item).collect();
        kept.sort_unstable();
        assert_eq!(kept, ['b', 'c', 'd']);
    }

    #[test]
    fn fusion_weighs_ranks() {
        let scores = fuse([(&[1, 2], 1.0), (&[2, 3], 0.5)]);
        assert!((scores[&1] - 1.0 / 51.0).abs() < 1e-12);
        assert!((scores[&2] - (1.0 / 52.0 + 0.5 / 51.0)).abs() < 1e-12);
        assert!((scores[&3] - 0.5 / 52.0).abs() < 1e-12);
    }

    #[test]
    fn neither_huge_nor_tiny_values_spoil_a_cosine() {
        for size in [f32::MAX, f32::MIN_POSITIVE, 1e-45] {
            let values = vec![size; 40];
            let cosine = Needle::new(&values).cosine(&to_bytes(&values), inverse_length(&values));
            assert!((cosine - 1.0).abs() < 1e-9, "{size}: {cosine}");
        }
    }

    proptest! {
        #[test]
        fn best_equals_a_full_sort(scores in prop::collection::vec(0u8..20, 0..400), wanted in 0usize..30) {
            let mut best = Best::new(wanted);
            for (index, &score) in scores.iter().enumerate() {
                best.push(f64::from(score), index);
            }
            let mut kept = best.into_kept();
            kept.sort_by(by_score);
            kept.truncate(wanted);
            let mut plain: Vec<(f64, usize)> = scores.iter().map(|&score| f64::from(score)).zip(0..).collect();
            plain.sort_by(by_score);
            plain.truncate(wanted);
            prop_assert_eq!(kept, plain);
        }

        #[test]
        fn the_fast_dot_product_agrees_with_a_plain_one(
            pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 1..200)
        ) {
            let (stored, question): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let plain: f64 = stored.iter().zip(&question).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            prop_assert!((f64::from(dot(&to_bytes(&stored), &question)) - plain).abs() < 1e-4);
        }
    }
}
