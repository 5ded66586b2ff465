//! The rows of a batch in one allocation.

use crate::{AnswerFault, Error, ErrorKind, Result};

/// The rows of one batch, row-major in one buffer. A batch without rows has no width.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Parts", into = "Parts"))]
pub struct Embeddings {
    values: Vec<f32>, // Invariant: a whole number of rows, each `dimensions` wide; empty if and only if `dimensions` is 0.
    dimensions: usize,
}

impl Embeddings {
    /// No rows: what an empty batch gives.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Takes a row-major buffer of `rows` equal rows.
    ///
    /// # Errors
    /// `InvalidResponse` where the values do not make that many rows of at least one value.
    pub fn from_flat(values: Vec<f32>, rows: usize) -> Result<Self> {
        if rows == 0 && values.is_empty() {
            return Ok(Self::empty());
        }
        if rows == 0 || values.is_empty() || !values.len().is_multiple_of(rows) {
            let found = values.len();
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("{found} values do not make {rows} equal rows"),
            ));
        }
        Ok(Self {
            dimensions: values.len() / rows,
            values,
        })
    }

    /// Copies rows that lie apart.
    ///
    /// # Errors
    /// `InvalidResponse` naming the first row whose width differs from that of row 0.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self> {
        let Some(first) = rows.first() else {
            return Ok(Self::empty());
        };
        let width = first.as_ref().len();
        let mut values = Vec::with_capacity(width * rows.len());
        for (row, found) in rows.iter().map(AsRef::as_ref).enumerate() {
            if found.len() != width {
                return Err(AnswerFault::RaggedRow {
                    row,
                    expected: width,
                    found: found.len(),
                }
                .into());
            }
            values.extend_from_slice(found);
        }
        Self::from_flat(values, rows.len())
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.dimensions).unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values per row; 0 without rows.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// One row.
    ///
    /// # Panics
    /// Where `index` is not below [`rows`](Self::rows), as slices do.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimensions..][..self.dimensions]
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        // A width of 0 means no values, and `chunks_exact` refuses 0.
        self.values.chunks_exact(self.dimensions.max(1))
    }

    /// All values, row after row.
    pub fn as_flat(&self) -> &[f32] {
        &self.values
    }

    /// Gives up the buffer, row after row.
    pub fn into_flat(self) -> Vec<f32> {
        self.values
    }

    /// Gives up the buffer and the width of a row: `(values, dimensions)`.
    pub fn into_parts(self) -> (Vec<f32>, usize) {
        (self.values, self.dimensions)
    }

    /// Adds the rows of `other` below these.
    ///
    /// # Errors
    /// `InvalidResponse` where the widths differ; nothing is added then.
    pub fn append(&mut self, other: &Self) -> Result<()> {
        if other.is_empty() {
            return Ok(());
        }
        if self.is_empty() {
            self.dimensions = other.dimensions;
        } else if self.dimensions != other.dimensions {
            return Err(AnswerFault::Width {
                row: 0,
                expected: self.dimensions,
                found: other.dimensions,
            }
            .into());
        }
        self.values.extend_from_slice(&other.values);
        Ok(())
    }

    /// Scales every row to length 1; a row of zeros stays as it is.
    pub fn normalize(&mut self) {
        for row in self.values.chunks_exact_mut(self.dimensions.max(1)) {
            normalize(row);
        }
    }

    /// Cosine similarity of two of the rows: 1 is the same direction, 0 with a row of zeros.
    ///
    /// # Panics
    /// Where an index is not below [`rows`](Self::rows).
    pub fn cosine(&self, a: usize, b: usize) -> f32 {
        cosine(self.row(a), self.row(b))
    }
}

impl<'a> IntoIterator for &'a Embeddings {
    type Item = &'a [f32];
    type IntoIter = std::slice::ChunksExact<'a, f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Cosine similarity of two vectors: 1 is the same direction, -1 the opposite, 0 where either is all zeros.
///
/// Sums run in f64, so that long vectors of small values lose nothing.
///
/// # Panics
/// Where the widths differ: a cosine of unlike vectors has no meaning, and a silent prefix would hide a mix-up.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "cosine of vectors of unlike width");
    let (mut dot, mut aa, mut bb) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (f64::from(x), f64::from(y));
        dot += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa == 0.0 || bb == 0.0 {
        0.0
    } else {
        (dot / (aa.sqrt() * bb.sqrt())) as f32
    }
}

/// Scales a vector to length 1; one of zeros stays as it is.
pub fn normalize(row: &mut [f32]) {
    let length = row
        .iter()
        .map(|&x| f64::from(x) * f64::from(x))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        for value in row {
            *value = (f64::from(*value) / length) as f32;
        }
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Parts {
    dimensions: usize,
    values: Vec<f32>,
}

#[cfg(feature = "serde")]
impl From<Embeddings> for Parts {
    fn from(embeddings: Embeddings) -> Self {
        let (values, dimensions) = embeddings.into_parts();
        Self { dimensions, values }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for Embeddings {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let rows = parts.values.len().checked_div(parts.dimensions).unwrap_or(0);
        if rows * parts.dimensions != parts.values.len() {
            let found = parts.values.len();
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("{found} values do not make rows of {}", parts.dimensions),
            ));
        }
        Self::from_flat(parts.values, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_makes_no_equal_rows_is_refused() {
        assert!(Embeddings::from_flat(vec![1.0; 5], 2).is_err());
        assert!(Embeddings::from_flat(vec![1.0], 0).is_err());
        assert!(Embeddings::from_flat(vec![], 2).is_err());
        assert_eq!(Embeddings::from_flat(vec![], 0).expect("no rows").rows(), 0);
    }

    #[test]
    fn rows_come_back_in_order() {
        let rows = Embeddings::from_flat(vec![1.0, 2.0, 3.0, 4.0], 2).expect("two rows");
        assert_eq!(rows.row(1), [3.0, 4.0]);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [&[1.0, 2.0][..], &[3.0, 4.0]]);
        assert_eq!(Embeddings::empty().iter().count(), 0);
    }

    #[test]
    fn append_keeps_order_and_refuses_another_width() {
        let mut rows = Embeddings::empty();
        rows.append(&Embeddings::from_flat(vec![1.0, 2.0], 1).expect("a row"))
            .expect("same width");
        rows.append(&Embeddings::from_flat(vec![3.0, 4.0], 1).expect("a row"))
            .expect("same width");
        assert_eq!(rows.as_flat(), [1.0, 2.0, 3.0, 4.0]);
        assert!(
            rows.append(&Embeddings::from_flat(vec![1.0], 1).expect("a row"))
                .is_err()
        );
        assert_eq!(rows.rows(), 2);
    }

    #[test]
    fn ragged_rows_are_named() {
        let error = Embeddings::from_rows(&[vec![1.0, 2.0], vec![1.0]]).expect_err("ragged");
        assert!(error.to_string().contains("row 1"), "{error}");
    }

    #[test]
    fn normalize_gives_length_one_and_leaves_zeros() {
        let mut rows = Embeddings::from_flat(vec![3.0, 4.0, 0.0, 0.0], 2).expect("two rows");
        rows.normalize();
        assert_eq!(rows.row(0), [0.6, 0.8]);
        assert_eq!(rows.row(1), [0.0, 0.0]);
        assert_eq!(rows.cosine(0, 1), 0.0);
        assert!((rows.cosine(0, 0) - 1.0).abs() < 1e-6);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_keeps_rows_and_refuses_what_makes_none() {
        let rows = Embeddings::from_flat(vec![0.5, 1.0, -2.0, 3.25], 2).expect("two rows");
        let json = serde_json::to_string(&rows).expect("JSON");
        assert_eq!(json, r#"{"dimensions":2,"values":[0.5,1.0,-2.0,3.25]}"#);
        assert_eq!(serde_json::from_str::<Embeddings>(&json).expect("rows"), rows);
        let empty = serde_json::to_string(&Embeddings::empty()).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Embeddings>(&empty).expect("no rows"),
            Embeddings::empty()
        );
        for bad in [
            r#"{"dimensions":3,"values":[1.0,2.0]}"#,
            r#"{"dimensions":0,"values":[1.0]}"#,
        ] {
            assert!(serde_json::from_str::<Embeddings>(bad).is_err(), "{bad}");
        }
    }
}
