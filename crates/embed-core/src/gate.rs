//! The answer gate: what every provider's rows pass before anyone relies on them.

use std::error::Error as StdError;
use std::fmt;

use crate::{Embeddings, Error, ErrorKind, Result};

/// The bit of an `f32` that is its sign.
const SIGN: u32 = 1 << 31;
/// An exponent of one, where the bits of an `f32` have it.
const LEAST_EXPONENT: u32 = 1 << 23;

/// What is wrong with an answer. It is the [`source`](StdError::source) of the error that the gate gives.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnswerFault {
    /// More or fewer rows than inputs.
    RowCount {
        /// Inputs that were sent.
        expected: usize,
        /// Rows that came back.
        found: usize,
    },
    /// A row is not as wide as the first one.
    RaggedRow {
        /// The row, from 0.
        row: usize,
        /// Width of row 0.
        expected: usize,
        /// Width of this row.
        found: usize,
    },
    /// The rows are not as wide as the model promises.
    Width {
        /// The row, from 0.
        row: usize,
        /// The width that was promised.
        expected: usize,
        /// The width that came.
        found: usize,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The value's place in its row, from 0.
        column: usize,
    },
    /// A row is all zeros: no direction, so no embedding.
    ZeroRow {
        /// The row, from 0.
        row: usize,
    },
}

impl fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RowCount { expected, found } => write!(f, "{found} rows for {expected} inputs"),
            Self::RaggedRow { row, expected, found } => {
                write!(f, "row {row} has {found} values, row 0 has {expected}")
            }
            Self::Width { row, expected, found } => {
                write!(f, "row {row} has {found} values instead of {expected}")
            }
            Self::NotFinite { row, column } => write!(f, "row {row} holds NaN or infinity at value {column}"),
            Self::ZeroRow { row } => write!(f, "row {row} is all zeros"),
        }
    }
}

impl StdError for AnswerFault {}

impl From<AnswerFault> for Error {
    fn from(fault: AnswerFault) -> Self {
        Self::new(ErrorKind::InvalidResponse, fault.to_string()).with_source(fault)
    }
}

impl Embeddings {
    /// The answer gate: as many rows as inputs, of the promised width, finite, none all zero.
    ///
    /// # Errors
    /// `InvalidResponse` with an [`AnswerFault`] as its source, for the first fault found.
    pub fn check(&self, inputs: usize, dimensions: Option<usize>) -> Result<()> {
        if self.rows() != inputs {
            return Err(AnswerFault::RowCount {
                expected: inputs,
                found: self.rows(),
            }
            .into());
        }
        if let Some(expected) = dimensions
            && inputs > 0
            && self.dimensions() != expected
        {
            return Err(AnswerFault::Width {
                row: 0,
                expected,
                found: self.dimensions(),
            }
            .into());
        }
        for (row, values) in self.iter().enumerate() {
            // One pass without branches, many values at a time: NaN and infinity have an exponent of ones, which carries
            // into the sign when one is added; a row of zeros has no bit but signs.
            let (mut carried, mut any) = (0, 0);
            for value in values {
                let magnitude = value.to_bits() & !SIGN;
                carried |= magnitude + LEAST_EXPONENT;
                any |= magnitude;
            }
            if carried & SIGN != 0 {
                let column = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
                return Err(AnswerFault::NotFinite { row, column }.into());
            }
            if any == 0 {
                return Err(AnswerFault::ZeroRow { row }.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(values: &[f32], rows: usize, inputs: usize, dimensions: Option<usize>) -> Option<AnswerFault> {
        let rows = Embeddings::from_flat(values.to_vec(), rows).expect("equal rows");
        let error = rows.check(inputs, dimensions).err()?;
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        error.source()?.downcast_ref::<AnswerFault>().copied()
    }

    #[test]
    fn each_fault_is_its_own_and_names_the_row() {
        assert_eq!(fault(&[1.0, 2.0], 2, 2, Some(1)), None);
        assert_eq!(
            fault(&[1.0, 2.0], 2, 3, None),
            Some(AnswerFault::RowCount {
                expected: 3,
                found: 2
            })
        );
        assert_eq!(
            fault(&[1.0, 2.0], 2, 2, Some(4)),
            Some(AnswerFault::Width {
                row: 0,
                expected: 4,
                found: 1
            })
        );
        assert_eq!(
            fault(&[1.0, 2.0, 3.0, f32::NAN], 2, 2, None),
            Some(AnswerFault::NotFinite { row: 1, column: 1 })
        );
        for (value, sound) in [
            (f32::MAX, true),
            (f32::MIN, true),
            (f32::MIN_POSITIVE, true),
            (-1e-45, true),
            (f32::INFINITY, false),
            (-f32::NAN, false),
            (f32::from_bits(0x7f80_0001), false),
        ] {
            let found = fault(&[0.0, value, 0.0], 1, 1, None);
            assert_eq!(found.is_none(), sound, "{value:e}: {found:?}");
        }
        assert_eq!(
            fault(&[f32::NEG_INFINITY, 2.0], 1, 1, None),
            Some(AnswerFault::NotFinite { row: 0, column: 0 })
        );
        assert_eq!(
            fault(&[1.0, 2.0, 0.0, -0.0], 2, 2, None),
            Some(AnswerFault::ZeroRow { row: 1 })
        );
    }

    #[test]
    fn no_rows_for_no_inputs_passes() {
        assert!(Embeddings::empty().check(0, Some(8)).is_ok());
        assert!(Embeddings::empty().check(1, None).is_err());
    }
}
