//! How often values of each size came, from the smallest to the largest by the same relative step.

/// Buckets until a value is twice as large: a quantile is known to within 4.5 %.
const PER_DOUBLING: usize = 16;
/// From the first bound to 2²⁸ times as much: from 10 µs to 45 minutes.
const BUCKETS: usize = 28 * PER_DOUBLING;

/// Counts values; as large for a million as for one.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    /// Where the first bucket begins; what is smaller is counted there, too.
    first: f64,
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
}

/// Neighbouring buckets taken together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) count: u64,
}

impl Histogram {
    /// Counts nothing yet; values below `first`, which is greater than 0, are told apart no further.
    pub(super) fn from(first: f64) -> Self {
        Self {
            first,
            buckets: vec![0; BUCKETS],
            count: 0,
            sum: 0.0,
            least: f64::INFINITY,
            most: 0.0,
        }
    }

    pub(super) fn add(&mut self, value: f64) {
        let place = (value / self.first).log2() * PER_DOUBLING as f64;
        // Casts of what is no place, or below the first, give 0.
        let bucket = (place as usize).min(BUCKETS - 1);
        self.buckets[bucket] += 1;
        self.count += 1;
        self.sum += value;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all values.
    pub(super) fn sum(&self) -> f64 {
        self.sum
    }

    /// The largest value; 0 where there is none.
    pub(super) fn most(&self) -> f64 {
        self.most
    }

    /// The value that this share of all values does not exceed; `None` where there is none.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut below = 0;
        let bucket = self.buckets.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        let middle = self.bound(bucket as f64 + 0.5);
        Some(middle.clamp(self.least, self.most))
    }

    /// The buckets from the first to the last that counted anything, so many to a doubling; a divisor of 16.
    pub(super) fn coarse(&self, per_doubling: usize) -> Vec<Bucket> {
        let step = PER_DOUBLING / per_doubling;
        let together: Vec<u64> = self.buckets.chunks(step).map(|part| part.iter().sum()).collect();
        let first = together.iter().position(|count| *count > 0);
        let last = together.iter().rposition(|count| *count > 0);
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        (first..=last)
            .map(|at| Bucket {
                from: self.bound((at * step) as f64),
                to: self.bound(((at + 1) * step) as f64),
                count: together[at],
            })
            .collect()
    }

    fn bound(&self, bucket: f64) -> f64 {
        self.first * (bucket / PER_DOUBLING as f64).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_the_true_ones() {
        let mut histogram = Histogram::from(1e-5);
        let mut random = fastrand::Rng::with_seed(7);
        let mut values: Vec<f64> = (0..10_000).map(|_| 0.001 * (random.f64() * 8.0).exp()).collect();
        values.iter().for_each(|value| histogram.add(*value));
        values.sort_by(f64::total_cmp);
        for share in [0.5, 0.9, 0.99, 1.0] {
            let exact = values[((values.len() as f64 * share).ceil() as usize).max(1) - 1];
            let found = histogram.quantile(share).expect("values");
            assert!(
                (found / exact - 1.0).abs() < 0.045,
                "{share}: {found}, not {exact}"
            );
        }
        assert_eq!(histogram.most(), values[9_999]);
        assert_eq!(histogram.count(), 10_000);
    }

    #[test]
    fn one_value_is_every_quantile_and_none_has_no_quantile() {
        let mut histogram = Histogram::from(1.0);
        assert_eq!(histogram.quantile(0.5), None);
        assert!(histogram.coarse(2).is_empty());
        histogram.add(300.0);
        assert_eq!(
            (histogram.quantile(0.01), histogram.quantile(1.0)),
            (Some(300.0), Some(300.0))
        );
    }

    #[test]
    fn values_out_of_range_are_counted_at_the_ends() {
        let mut histogram = Histogram::from(1.0);
        for value in [0.0, -3.0, 0.5, 1e30, f64::INFINITY] {
            histogram.add(value);
        }
        let coarse = histogram.coarse(1);
        assert_eq!(coarse.len(), 28);
        assert_eq!((coarse[0].count, coarse[27].count), (3, 2));
        assert_eq!((coarse[0].from, coarse[0].to, coarse[1].to), (1.0, 2.0, 4.0));
    }
}
