//! Pairs of runs, and the middle of them.

/// What one side measured over all its runs.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

pub(crate) fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// Both sides in turn, so that a machine that slows down slows both; the first pair warms up and does not count.
pub(crate) fn in_turn(
    pairs: usize,
    mut ours: impl FnMut() -> anyhow::Result<f64>,
    mut theirs: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Pairs> {
    let mut all = Pairs::default();
    for round in 0..=pairs {
        let (ours, theirs) = (ours()?, theirs()?);
        if round > 0 {
            all.ours.push(ours);
            all.theirs.push(theirs);
        }
    }
    Ok(all)
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Vec<f64>,
}

impl Pairs {
    /// Ours over theirs, pair by pair.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        self.ours
            .iter()
            .zip(&self.theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect()
    }

    /// The other way round, where more is better.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        self.ratios().into_iter().map(|ratio| 1.0 / ratio).collect()
    }
}
