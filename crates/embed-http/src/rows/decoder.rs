//! The decoder: passes each piece of the answer to whoever reads that part of it.

use std::fmt;

use embed_core::Embeddings;
use serde_json::Value;

use super::base64::Base64;
use super::error::{DecodeError, DecodeFault};
use super::matrix::Matrix;
use super::order;
use super::outside::{Led, Outside};
use super::vector::Vector;

/// How much of the beginning of an answer an error shows.
const HEAD: usize = 160;

/// Where the vectors stand in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `{"embeddings": [[…], …]}`: Ollama's `/api/embed`.
    Ollama,
    /// `{"embedding": […]}`: Ollama's `/api/embeddings`, one row; an empty array is no row.
    OllamaLegacy,
    /// `{"data": [{"embedding": […], "index": 0}, …]}`, each vector an array or a base64 string of little-endian
    /// `f32`: `/v1/embeddings` of OpenAI and all that speak like it.
    OpenAi,
}

impl Layout {
    /// The top-level member that holds the vectors.
    pub(super) fn rows_member(self) -> &'static str {
        match self {
            Self::Ollama => "embeddings",
            Self::OllamaLegacy => "embedding",
            Self::OpenAi => "data",
        }
    }

    /// The member of a row that holds its vector, where rows are objects.
    pub(super) fn vector_member(self) -> &'static str {
        "embedding"
    }
}

/// A decoded answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The vectors: by their `index` for [`Layout::OpenAi`], else in the order of the answer. Not yet checked against
    /// the number of inputs and the promised width: see [`Embeddings::check`].
    pub embeddings: Embeddings,
    /// The answer with each vector replaced by its number of values: model, usage, perhaps an `error`.
    pub rest: Value,
}

/// Decodes an answer while it arrives. It holds the rows, what stands around them, and at most one number that was
/// cut at the end of a piece; never the text of a vector.
///
/// ```
/// use embed_http::{Layout, RowsDecoder};
///
/// let mut decoder = RowsDecoder::new(Layout::Ollama, 2, Some(3));
/// decoder.push(br#"{"model":"m","embeddings":[[0.25,-1.5e"#)?;
/// decoder.push(br#"-1,1],[0,2,4]]}"#)?;
/// let answer = decoder.finish()?;
/// assert_eq!(answer.embeddings.as_flat(), [0.25, -0.15, 1.0, 0.0, 2.0, 4.0]);
/// assert_eq!(answer.rest["model"], "m");
/// # Ok::<(), embed_http::DecodeError>(())
/// ```
pub struct RowsDecoder {
    part: Part,
    outside: Outside,
    vector: Vector,
    base64: Base64,
    matrix: Matrix,
    layout: Layout,
    head: Vec<u8>,
    failed: Option<DecodeError>,
}

/// Who reads the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Outside,
    Vector,
    Base64,
}

impl RowsDecoder {
    /// A decoder for an answer of at most `rows` rows: more are an error at once, and bound what is allocated.
    /// `dimensions` is a hint for the first allocation; rows of another width are taken too, if all are alike.
    pub fn new(layout: Layout, rows: usize, dimensions: Option<usize>) -> Self {
        Self {
            part: Part::Outside,
            outside: Outside::new(layout, rows),
            vector: Vector::new(),
            base64: Base64::default(),
            matrix: Matrix::new(rows, dimensions),
            layout,
            head: Vec::new(),
            failed: None,
        }
    }

    /// Reads the next piece of the answer. Any split of an answer into pieces gives the same
    /// result; only [`DecodeError::head`] shows no more than what had come.
    ///
    /// # Errors
    /// At the first byte that cannot be part of such an answer; the decoder then gives this error for ever. What
    /// strings, numbers and literals outside the vectors look like is checked by [`finish`](Self::finish).
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let missing = HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.step(rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(fault) => {
                    let error = DecodeError::new(fault, &self.head, None);
                    return Err(self.failed.insert(error).clone());
                }
            }
        }
        Ok(())
    }

    /// Ends the answer.
    ///
    /// An answer without the member that holds the vectors, but with a member `error`, gives no rows, and
    /// [`Answer::rest`] has the error: some servers send one with status 200. Where the member is `null` there are no
    /// rows either.
    ///
    /// # Errors
    /// Where `push` gave one; where the answer is not complete, is not valid JSON, or lacks the member that holds the
    /// vectors; where `index` members make no order.
    pub fn finish(self) -> Result<Answer, DecodeError> {
        let Self {
            outside,
            mut matrix,
            layout,
            head,
            failed,
            ..
        } = self;
        if let Some(error) = failed {
            return Err(error);
        }
        let fail = |fault| DecodeError::new(fault, &head, None);
        if !outside.is_complete() {
            return Err(fail(match outside.offset() {
                0 => DecodeFault::Empty,
                bytes => DecodeFault::Truncated {
                    bytes,
                    rows: matrix.rows(),
                },
            }));
        }
        let found = outside.found_rows();
        let rest = outside.finish().map_err(fail)?;
        if !found && rest.get("error").is_none_or(Value::is_null) {
            let fault = DecodeFault::MissingMember {
                member: layout.rows_member(),
                row: None,
            };
            return Err(DecodeError::new(fault, &head, Some(rest)));
        }
        if layout == Layout::OpenAi
            && let Some(places) = order::places(&rest[layout.rows_member()]).map_err(fail)?
        {
            matrix.rearrange(places);
        }
        Ok(Answer {
            embeddings: matrix.into_embeddings(),
            rest,
        })
    }

    /// Reads up to the end of the part that the bytes begin with.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, DecodeFault> {
        let (taken, ended) = match self.part {
            Part::Outside => {
                let (taken, led) = self.outside.push(bytes, self.matrix.rows())?;
                self.part = match led {
                    Led::On => return Ok(taken),
                    Led::ToVector => Part::Vector,
                    Led::ToBase64 => Part::Base64,
                };
                self.matrix.begin()?;
                return Ok(taken);
            }
            Part::Vector => self.vector.push(bytes, &mut self.matrix)?,
            Part::Base64 => self.base64.push(bytes, &mut self.matrix)?,
        };
        self.outside.skipped(taken);
        if ended {
            self.part = Part::Outside;
            let no_row = self.layout == Layout::OllamaLegacy && self.matrix.column() == 0;
            let values = if no_row { 0 } else { self.matrix.end()? };
            self.outside.resume(values)?;
        }
        Ok(taken)
    }
}

impl fmt::Debug for RowsDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsDecoder")
            .field("layout", &self.layout)
            .field("part", &self.part)
            .field("rows", &self.matrix.rows())
            .field("bytes", &self.outside.offset())
            .finish_non_exhaustive()
    }
}
