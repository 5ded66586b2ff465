//! Why an answer could not be decoded.

use std::error::Error as StdError;
use std::fmt;

use serde_json::Value;

/// What is wrong with an answer. Rows and columns count from 0.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DecodeFault {
    /// Not one byte came.
    Empty,
    /// The answer ends before it is complete.
    Truncated {
        /// Bytes that came.
        bytes: u64,
        /// Rows that were complete.
        rows: usize,
    },
    /// The answer is no JSON, outside the vectors.
    Syntax {
        /// What is wrong, and where.
        message: String,
    },
    /// The member that holds the vectors is not there; [`DecodeError::rest`] has the others.
    MissingMember {
        /// Its name.
        member: &'static str,
        /// The row that lacks it; `None` at the top level.
        row: Option<usize>,
    },
    /// The member that holds the vectors is there twice.
    DuplicateMember {
        /// Its name.
        member: &'static str,
        /// The row that has it twice; `None` at the top level.
        row: Option<usize>,
    },
    /// Something else stands where the rows should.
    NotRows {
        /// The name of the member.
        member: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// Something else stands where a vector should.
    NotARow {
        /// The row.
        row: usize,
        /// What stands there.
        found: &'static str,
    },
    /// Something that is no JSON number stands in a vector.
    NotANumber {
        /// The row.
        row: usize,
        /// Its place in the row.
        column: usize,
        /// What stands there, cut to a readable length.
        found: String,
    },
    /// Neither a comma nor the end of the vector follows a value.
    NotSeparated {
        /// The row.
        row: usize,
        /// The place of the value in its row.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A value is NaN, infinite, or too large for `f32`.
    NotFinite {
        /// The row.
        row: usize,
        /// Its place in the row.
        column: usize,
        /// The value as it was sent, cut to a readable length.
        found: String,
    },
    /// A vector without values.
    EmptyRow {
        /// The row.
        row: usize,
    },
    /// A row is shorter than row 0.
    ShortRow {
        /// The row.
        row: usize,
        /// Width of row 0.
        expected: usize,
        /// Width of this row.
        found: usize,
    },
    /// A row is longer than row 0; how long was not waited for.
    LongRow {
        /// The row.
        row: usize,
        /// Width of row 0.
        expected: usize,
    },
    /// There are more rows than were asked for; how many was not waited for.
    TooManyRows {
        /// Rows that were asked for.
        expected: usize,
    },
    /// A vector in base64 that is none.
    Base64 {
        /// The row.
        row: usize,
        /// What is wrong with it.
        message: String,
    },
    /// The rows cannot be put in order.
    Index {
        /// What is wrong with their `index` members.
        message: String,
    },
    /// Something is larger than any server has reason to make it.
    TooLarge {
        /// What it is.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the answer is empty"),
            Self::Truncated { bytes, rows } => {
                write!(
                    f,
                    "the answer ends too early, after {bytes} bytes and {rows} complete rows"
                )
            }
            Self::Syntax { message } => write!(f, "the answer is not valid JSON: {message}"),
            Self::MissingMember { member, row: None } => write!(f, "the answer has no member `{member}`"),
            Self::MissingMember {
                member,
                row: Some(row),
            } => write!(f, "row {row} has no member `{member}`"),
            Self::DuplicateMember { member, row: None } => {
                write!(f, "the answer has the member `{member}` twice")
            }
            Self::DuplicateMember {
                member,
                row: Some(row),
            } => write!(f, "row {row} has the member `{member}` twice"),
            Self::NotRows { member, found } => write!(f, "member `{member}` is {found} instead of an array"),
            Self::NotARow { row, found } => write!(f, "row {row} is {found} instead of a vector"),
            Self::NotANumber { row, column, found } => {
                write!(
                    f,
                    "row {row} has `{found}` at value {column}, which is not a number"
                )
            }
            Self::NotSeparated { row, column, found } => {
                write!(
                    f,
                    "row {row} has `{found}` after value {column}, not a comma or the end"
                )
            }
            Self::NotFinite { row, column, found } => {
                write!(
                    f,
                    "row {row} has `{found}` at value {column}, which is not finite as a 32-bit float"
                )
            }
            Self::EmptyRow { row } => write!(f, "row {row} has no values"),
            Self::ShortRow { row, expected, found } => {
                write!(f, "row {row} has {found} values, row 0 has {expected}")
            }
            Self::LongRow { row, expected } => {
                write!(f, "row {row} has more values than the {expected} of row 0")
            }
            Self::TooManyRows { expected } => {
                write!(f, "the answer has more rows than the {expected} asked for")
            }
            Self::Base64 { row, message } => write!(f, "row {row} is not a vector in base64: {message}"),
            Self::Index { message } => write!(f, "the rows have no order: {message}"),
            Self::TooLarge { what, limit } => write!(f, "{what} is larger than {limit}"),
        }
    }
}

/// An answer could not be decoded: the fault, and what the answer began with.
#[derive(Clone, PartialEq)]
pub struct DecodeError {
    // Boxed: errors are rare, and the results of the hot path stay small.
    inner: Box<Inner>,
}

#[derive(Clone, PartialEq)]
struct Inner {
    fault: DecodeFault,
    head: String,
    rest: Option<Value>,
}

impl DecodeError {
    pub(super) fn new(fault: DecodeFault, head: &[u8], rest: Option<Value>) -> Self {
        Self {
            inner: Box::new(Inner {
                fault,
                head: printable(head),
                rest,
            }),
        }
    }

    /// The same without a word of the answer.
    pub(super) fn without_excerpts(mut self) -> Self {
        self.inner.head.clear();
        if !matches!(self.inner.fault, DecodeFault::MissingMember { .. }) {
            self.inner.fault = DecodeFault::Syntax {
                message: "it repeats credentials, so nothing of it is shown".to_owned(),
            };
        }
        self
    }

    /// What is wrong.
    pub fn fault(&self) -> &DecodeFault {
        &self.inner.fault
    }

    /// The first bytes of the answer, at most 160, fit to be printed.
    pub fn head(&self) -> &str {
        &self.inner.head
    }

    /// What the answer holds instead, where it is complete and valid JSON but lacks the member with the vectors.
    pub fn rest(&self) -> Option<&Value> {
        self.inner.rest.as_ref()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner.fault)?;
        if self.inner.head.is_empty() {
            return Ok(());
        }
        write!(f, "; the answer begins with `{}`", self.inner.head)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError")
            .field("fault", &self.inner.fault)
            .field("head", &self.inner.head)
            .finish_non_exhaustive()
    }
}

impl StdError for DecodeError {}

/// Bytes of a server made fit for one line of a message.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

/// Up to 40 bytes of a token, fit to be printed.
pub(super) fn excerpt(token: &[u8]) -> String {
    const LONGEST: usize = 40;
    if token.len() <= LONGEST {
        printable(token)
    } else {
        printable(&token[..LONGEST]) + "…"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_printable_line() {
        let error = DecodeError::new(
            DecodeFault::TooManyRows { expected: 2 },
            b"{\x1b[31m\n\"a\xff",
            None,
        );
        assert_eq!(
            error.to_string(),
            "the answer has more rows than the 2 asked for; the answer begins with `{ [31m \"a\u{fffd}`"
        );
        assert_eq!(excerpt(&[b'1'; 50]), "1".repeat(40) + "…");
    }
}
