//! The flat buffer that the rows of an answer go into, with the bounds on what an answer may claim.

use embed_core::Embeddings;

use super::error::DecodeFault;

/// Most values in one row. No model comes near it.
pub(super) const WIDEST: usize = 1 << 20;

/// Most values (64 MiB) to reserve on a promise; beyond that, memory follows what really arrives.
const RESERVED: usize = 16 << 20;

/// Rows of one width, the last of which may still be growing.
#[derive(Debug)]
pub(super) struct Matrix {
    values: Vec<f32>,
    /// Complete rows.
    rows: usize,
    /// Width of every row; 0 until row 0 is complete.
    width: usize,
    /// Where the growing row begins.
    start: usize,
    /// Rows that were asked for.
    expected: usize,
}

impl Matrix {
    pub(super) fn new(expected: usize, dimensions: Option<usize>) -> Self {
        let promised = expected.saturating_mul(dimensions.unwrap_or(0).min(WIDEST));
        Self {
            values: Vec::with_capacity(promised.min(RESERVED)),
            rows: 0,
            width: 0,
            start: 0,
            expected,
        }
    }

    /// Complete rows; also the number of the row that is growing.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Values that the growing row has so far.
    pub(super) fn column(&self) -> usize {
        self.values.len() - self.start
    }

    /// Values that the growing row has room for.
    #[inline]
    pub(super) fn room(&self) -> usize {
        let most = if self.width == 0 { WIDEST } else { self.width };
        most - self.column()
    }

    /// The buffer, for adding at most [`room`](Self::room) values.
    #[inline]
    pub(super) fn values(&mut self) -> &mut Vec<f32> {
        &mut self.values
    }

    /// Why a row without room can take no more.
    pub(super) fn overfull(&self) -> DecodeFault {
        if self.width == 0 {
            DecodeFault::TooLarge {
                what: "the number of values in a row",
                limit: WIDEST,
            }
        } else {
            DecodeFault::LongRow {
                row: self.rows,
                expected: self.width,
            }
        }
    }

    /// Begins a row.
    pub(super) fn begin(&mut self) -> Result<(), DecodeFault> {
        if self.rows == self.expected {
            return Err(DecodeFault::TooManyRows {
                expected: self.expected,
            });
        }
        Ok(())
    }

    /// Completes the growing row; gives its width.
    pub(super) fn end(&mut self) -> Result<usize, DecodeFault> {
        let found = self.column();
        if found == 0 {
            return Err(DecodeFault::EmptyRow { row: self.rows });
        }
        if self.width == 0 {
            self.width = found;
            let missing = (self.expected - 1).saturating_mul(found);
            self.values.reserve_exact(missing.min(RESERVED));
        } else if found != self.width {
            return Err(DecodeFault::ShortRow {
                row: self.rows,
                expected: self.width,
                found,
            });
        }
        self.rows += 1;
        self.start = self.values.len();
        Ok(found)
    }

    /// The values of the growing row.
    pub(super) fn growing(&self) -> &[f32] {
        &self.values[self.start..]
    }

    /// Puts each row where `places` says. `places` has one entry for each row and is a permutation.
    pub(super) fn rearrange(&mut self, mut places: Vec<usize>) {
        for row in 0..places.len() {
            while places[row] != row {
                let place = places[row];
                let (low, high) = (row.min(place), row.max(place));
                let (before, after) = self.values.split_at_mut(high * self.width);
                before[low * self.width..][..self.width].swap_with_slice(&mut after[..self.width]);
                places.swap(row, place);
            }
        }
    }

    /// Gives up the rows. All of them must be complete.
    pub(super) fn into_embeddings(self) -> Embeddings {
        // Complete rows of one width always make embeddings.
        Embeddings::from_flat(self.values, self.rows).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_to_their_places() {
        let mut matrix = Matrix::new(4, None);
        for row in [3.0, 0.0, 2.0, 1.0] {
            matrix.begin().expect("expected");
            matrix.values().extend([row, row + 0.5]);
            matrix.end().expect("equal width");
        }
        matrix.rearrange(vec![3, 0, 2, 1]);
        let rows = matrix.into_embeddings();
        assert_eq!(rows.as_flat(), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]);
    }

    #[test]
    fn promises_do_not_claim_memory_without_end() {
        assert_eq!(
            Matrix::new(usize::MAX, Some(usize::MAX)).values.capacity(),
            RESERVED
        );
        let mut matrix = Matrix::new(usize::MAX, None);
        matrix.values().resize(1000, 1.0);
        matrix.end().expect("a row");
        assert!(matrix.values.capacity() <= RESERVED + 1000);
    }
}
