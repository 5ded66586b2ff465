//! Amounts along an axis whose end nobody knows, in a fixed number of bins.

/// Most bins; even, since they are merged in pairs.
const BINS: usize = 120;

/// Bins of equal width from 0 on. When one more is needed than there may be, neighbours are merged and all are twice as
/// wide.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    width: f64,
    amounts: Vec<f64>,
}

impl Bins {
    /// No amounts, in bins of this width, which is greater than 0.
    pub(super) fn of_width(width: f64) -> Self {
        Self {
            width,
            amounts: Vec::new(),
        }
    }

    /// Adds an amount at a place. What is no place on the axis is passed over.
    pub(super) fn add(&mut self, at: f64, amount: f64) {
        if !at.is_finite() || at < 0.0 {
            return;
        }
        while at >= self.width * BINS as f64 {
            self.merge();
        }
        let bin = (at / self.width) as usize;
        if self.amounts.len() <= bin {
            self.amounts.resize(bin + 1, 0.0);
        }
        self.amounts[bin] += amount;
    }

    /// Adds an amount that came evenly from one place to another.
    pub(super) fn spread(&mut self, from: f64, to: f64, amount: f64) {
        self.add(to, 0.0);
        let from = from.max(0.0);
        let steps = ((to - from) / self.width).ceil().clamp(1.0, BINS as f64);
        // Each part is put in its middle, which is in one bin as long as no part is wider than a bin.
        let part = (to - from) / steps;
        for step in 0..steps as u32 {
            self.add(from + part * (f64::from(step) + 0.5), amount / steps);
        }
    }

    /// How wide each bin is.
    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// The amounts, from the bin at 0 on.
    pub(super) fn amounts(&self) -> &[f64] {
        &self.amounts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.amounts.iter().all(|amount| *amount == 0.0)
    }

    fn merge(&mut self) {
        self.width *= 2.0;
        self.amounts = self.amounts.chunks(2).map(|pair| pair.iter().sum()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_widen_and_nothing_is_lost() {
        let mut bins = Bins::of_width(0.5);
        for at in 0..1_000 {
            bins.add(f64::from(at), 2.0);
        }
        assert_eq!(bins.width(), 16.0);
        assert_eq!(bins.amounts().len(), 63, "1,000 in steps of 16");
        assert_eq!(bins.amounts()[0], 32.0);
        assert_eq!(bins.amounts().iter().sum::<f64>(), 2_000.0);
    }

    #[test]
    fn the_order_does_not_matter() {
        let places = [700.0, 0.0, 3.5, 59.9, 60.0, 119.0];
        let mut forward = Bins::of_width(1.0);
        let mut back = Bins::of_width(1.0);
        places.iter().for_each(|at| forward.add(*at, 1.0));
        places.iter().rev().for_each(|at| back.add(*at, 1.0));
        assert_eq!(forward, back);
        assert_eq!(forward.width(), 8.0);
    }

    #[test]
    fn an_amount_may_be_spread() {
        let mut bins = Bins::of_width(1.0);
        bins.spread(1.0, 5.0, 8.0);
        assert_eq!(bins.amounts(), [0.0, 2.0, 2.0, 2.0, 2.0, 0.0]);
        bins.spread(0.5, 0.5, 1.0);
        bins.spread(-2.0, 1.0, 3.0);
        assert_eq!(bins.amounts()[0], 4.0);
        bins.spread(0.0, 480.0, 480.0);
        assert_eq!(bins.width(), 8.0);
        assert_eq!(bins.amounts().iter().sum::<f64>(), 492.0);
        assert!(
            bins.amounts()[1..60]
                .iter()
                .all(|amount| (amount - 8.0).abs() < 1e-6),
            "{bins:?}"
        );
    }

    #[test]
    fn what_is_no_place_is_passed_over() {
        let mut bins = Bins::of_width(1.0);
        for at in [f64::NAN, f64::INFINITY, -1.0] {
            bins.add(at, 1.0);
        }
        assert!(bins.is_empty());
        bins.add(0.0, 1.0);
        assert!(!bins.is_empty());
    }
}
