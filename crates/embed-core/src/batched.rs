//! Any number of texts, in requests that the server accepts.

use std::num::NonZeroUsize;
use std::ops::Range;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::{AnswerFault, Embedder, Embeddings, Error, InputKind, ModelInfo, Result, Usage};

const DEFAULT_MAX_TEXTS: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");
const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");

/// Cuts a batch of any length into requests and puts the rows together again, in order.
///
/// Wrap in this order: `Prefixed<Batched<Retry<provider>>>`. Then prefixes count as bytes, and only the request that
/// failed is tried again. The first error ends the whole: no further request starts, those under way are dropped, and
/// the [`input`](Error::input) it names is the caller's index.
///
/// ```
/// # use embed_core::{Batched, Embedder, EmbedderExt, InputKind, Result};
/// # async fn all(provider: impl Embedder, texts: &[&str]) -> Result<()> {
/// let rows = Batched::new(provider).embed_batch(texts, InputKind::Document).await?;
/// assert_eq!(rows.rows(), texts.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Batched<E> {
    inner: E,
    max_texts: NonZeroUsize,
    max_bytes: Option<NonZeroUsize>,
    concurrency: NonZeroUsize,
}

impl<E: Embedder> Batched<E> {
    /// Takes its limits from the model; where that names no number of texts, 64 go into a request.
    pub fn new(inner: E) -> Self {
        let model = inner.model();
        Self {
            max_texts: model.max_batch.unwrap_or(DEFAULT_MAX_TEXTS),
            max_bytes: model.max_batch_bytes,
            concurrency: DEFAULT_CONCURRENCY,
            inner,
        }
    }

    /// Sets the most texts in a request. The model's own limit still holds. Default: that limit, else 64.
    #[must_use]
    pub fn with_max_texts(mut self, texts: NonZeroUsize) -> Self {
        self.max_texts = self
            .inner
            .model()
            .max_batch
            .map_or(texts, |limit| limit.min(texts));
        self
    }

    /// Sets the most bytes of text in a request; a longer text goes alone. The model's own limit still holds.
    /// Default: that limit, else none.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: NonZeroUsize) -> Self {
        let limit = self.inner.model().max_batch_bytes;
        self.max_bytes = Some(limit.map_or(bytes, |limit| limit.min(bytes)));
        self
    }

    /// Sets how many requests of one call may be under way at once. Default 4.
    #[must_use]
    pub fn with_concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.concurrency = requests;
        self
    }

    /// The embedder within.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// One request: its rows, checked for their number, or an error in the caller's numbering.
    async fn request(&self, inputs: &[&str], range: Range<usize>, kind: InputKind) -> Result<Part> {
        let part = &inputs[range.clone()];
        let rows = self
            .inner
            .embed_batch(part, kind)
            .await
            .map_err(|error| match error.input() {
                Some(index) => error.with_input(range.start + index),
                None => error,
            })?;
        if rows.rows() == part.len() {
            Ok(Part {
                start: range.start,
                rows,
            })
        } else {
            Err(AnswerFault::RowCount {
                expected: part.len(),
                found: rows.rows(),
            }
            .into())
        }
    }
}

#[async_trait]
impl<E: Embedder> Embedder for Batched<E> {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        let mut ranges = split_batch(inputs, self.max_texts, self.max_bytes);
        let mut whole = Whole::new(inputs.len());
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.concurrency.get()
                && let Some(range) = ranges.next()
            {
                under_way.push(self.request(inputs, range, kind));
            }
            match under_way.next().await {
                Some(part) => whole.put(part?)?,
                None => return whole.finish(),
            }
        }
    }

    async fn describe(&self) -> Result<ModelInfo> {
        self.inner.describe().await
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.inner.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

struct Part {
    /// Index of its first row in the whole.
    start: usize,
    rows: Embeddings,
}

/// The whole answer, allocated once, when the first part shows how wide rows are.
struct Whole {
    inputs: usize,
    dimensions: usize,
    values: Vec<f32>,
}

impl Whole {
    fn new(inputs: usize) -> Self {
        Self {
            inputs,
            dimensions: 0,
            values: Vec::new(),
        }
    }

    fn put(&mut self, part: Part) -> Result<()> {
        let Part { start, rows } = part;
        let found = rows.dimensions();
        if self.dimensions == 0 {
            self.dimensions = found;
            if rows.rows() == self.inputs {
                // One request was enough: no copy.
                self.values = rows.into_flat();
                return Ok(());
            }
            self.values = vec![0.0; self.inputs * found];
        }
        if found != self.dimensions {
            return Err(Error::from(AnswerFault::Width {
                row: start,
                expected: self.dimensions,
                found,
            }));
        }
        let flat = rows.as_flat();
        self.values[start * found..][..flat.len()].copy_from_slice(flat);
        Ok(())
    }

    fn finish(self) -> Result<Embeddings> {
        Embeddings::from_flat(self.values, self.inputs)
    }
}

/// Cuts `inputs` into consecutive ranges of at most `max_texts` texts and `max_bytes` bytes, each as long as it can be.
/// A text that is longer than `max_bytes` goes alone.
pub fn split_batch(
    inputs: &[&str],
    max_texts: NonZeroUsize,
    max_bytes: Option<NonZeroUsize>,
) -> impl Iterator<Item = Range<usize>> {
    let max_bytes = max_bytes.map_or(usize::MAX, NonZeroUsize::get);
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = inputs.get(start)?;
        let mut bytes = first.len();
        let more = inputs[start + 1..]
            .iter()
            .take(max_texts.get() - 1)
            .take_while(|input| {
                bytes = bytes.saturating_add(input.len());
                bytes <= max_bytes
            })
            .count();
        let range = start..start + 1 + more;
        start = range.end;
        Some(range)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(limit: usize) -> NonZeroUsize {
        NonZeroUsize::new(limit).expect("not 0")
    }

    fn split(inputs: &[&str], texts: usize, bytes: usize) -> Vec<Range<usize>> {
        split_batch(inputs, limit(texts), Some(limit(bytes))).collect()
    }

    #[test]
    fn texts_are_cut_by_count_and_by_bytes() {
        assert_eq!(split(&["aa", "bb", "cc"], 2, 100), [0..2, 2..3]);
        assert_eq!(split(&["aa", "bb", "cc"], 9, 4), [0..2, 2..3]);
        assert_eq!(split(&[], 2, 4), []);
    }

    #[test]
    fn a_text_above_the_byte_limit_goes_alone() {
        assert_eq!(split(&["a", "far too long", "b", "c"], 9, 4), [0..1, 1..2, 2..4]);
    }

    proptest! {
        #[test]
        fn parts_join_to_the_whole_keep_the_limits_and_could_not_be_longer(
            inputs in prop::collection::vec("[a-zé]{0,12}", 0..40),
            texts in 1_usize..9,
            bytes in 1_usize..40,
        ) {
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let size = |range: &Range<usize>| inputs[range.clone()].iter().map(|text| text.len()).sum::<usize>();
            let parts = split(&inputs, texts, bytes);
            let joined: Vec<usize> = parts.iter().cloned().flatten().collect();
            prop_assert_eq!(joined, (0..inputs.len()).collect::<Vec<_>>());
            for part in &parts {
                prop_assert!(!part.is_empty() && part.len() <= texts);
                prop_assert!(part.len() == 1 || size(part) <= bytes);
            }
            for pair in parts.windows(2) {
                let longer = pair[0].start..pair[0].end + 1;
                prop_assert!(longer.len() > texts || size(&longer) > bytes);
            }
        }
    }
}
