//! What the ranks of the right answers say.

/// Reciprocal ranks, one a question: 0 where the answer was not among the hits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scores(Vec<f64>);

impl Scores {
    /// Adds a question whose answer stood at this place, from 1.
    pub(crate) fn add(&mut self, rank: Option<usize>) {
        self.0.push(rank.map_or(0.0, |rank| 1.0 / rank as f64));
    }

    /// The share of questions whose answer is among the first `top_k` hits.
    pub(crate) fn recall(&self, top_k: usize) -> f64 {
        let least = 1.0 / top_k as f64 - 1e-9;
        mean(self.0.iter().map(|score| f64::from(u8::from(*score >= least))))
    }

    /// The mean reciprocal rank.
    pub(crate) fn mrr(&self) -> f64 {
        mean(self.0.iter().copied())
    }

    /// How much larger the mean is than another's over the same questions, and how much of that may be chance: half the
    /// width of the 95 % interval of the paired difference.
    pub(crate) fn gain(&self, other: &Self) -> (f64, f64) {
        let differences = || self.0.iter().zip(&other.0).map(|(own, other)| own - other);
        let gain = mean(differences());
        let variance = mean(differences().map(|difference| (difference - gain).powi(2)));
        (gain, 1.96 * (variance / self.0.len().max(1) as f64).sqrt())
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(ranks: &[Option<usize>]) -> Scores {
        let mut scores = Scores::default();
        ranks.iter().for_each(|rank| scores.add(*rank));
        scores
    }

    #[test]
    fn recall_and_reciprocal_rank_are_means_over_the_questions() {
        let scores = scores(&[Some(1), Some(2), Some(10), Some(11), None]);
        assert!((scores.recall(1) - 0.2).abs() < 1e-9);
        assert!((scores.recall(10) - 0.6).abs() < 1e-9);
        assert!((scores.mrr() - (1.0 + 0.5 + 0.1 + 1.0 / 11.0) / 5.0).abs() < 1e-9);
    }

    #[test]
    fn equal_scores_differ_by_nothing_and_opposite_ones_by_chance() {
        let one = scores(&[Some(1), None, Some(1), None]);
        assert_eq!(one.gain(&one), (0.0, 0.0));
        let (gain, noise) = one.gain(&scores(&[None, Some(1), None, Some(1)]));
        assert!(gain.abs() < 1e-9 && noise > 0.5);
    }
}
