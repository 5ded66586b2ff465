//! What becomes of one document or chunk, and why: for who misses something in a search.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use embed_core::Embedder;
use ingest_core::{
    Chunk, ChunkFailure, ContentHash, Error as StoreError, ErrorKind as StoreErrorKind, Store,
};

use crate::context::{self, Tokens};
use crate::source::Plan;
use crate::source::read::{FileReader, Outcome};
use crate::{Result, RunOptions};

/// Chunks asked of the store at a time.
const PAGE: usize = 256;

/// Where a file stands with regard to the sources of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A source has it.
    In {
        /// What the report calls the source.
        source: String,
    },
    /// It lies in a source, which passes it over.
    LeftOut {
        /// What the report calls the source.
        source: String,
        /// The rule, in words.
        reason: String,
    },
    /// No source has it.
    Outside,
}

/// What a run would read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A document of this [`revision`](ingest_core::DocumentState::revision).
    Revision(ContentHash),
    /// No document, such as a binary file; in words.
    NoDocument(String),
    /// It cannot be read, in words.
    Unreadable(String),
    /// There is no such file.
    Missing,
}

/// A file as a run would meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// What its document is called in a store.
    pub name: String,
    /// Whether a source has it.
    pub place: Place,
    /// What would be read.
    pub content: Content,
}

/// Finds out what a run with these options would do with a file, whose path is absolute or relative to the base. Only
/// this file is read, and nothing is changed. Blocks.
///
/// # Errors
/// `Usage` where the sources do not work.
pub fn locate(path: &Path, mut options: RunOptions) -> Result<Located> {
    let max = options.max_file_bytes;
    let plan = Arc::new(Plan::new(&mut options)?);
    let path = plan.naming.absolute(path);
    Ok(Located {
        name: plan.naming.name(&path),
        place: plan.locate(&path),
        content: content(&path, max),
    })
}

fn content(path: &Path, max: u64) -> Content {
    let read = FileReader::default().outcome(path, max, None);
    match read.map(|(outcome, _)| outcome) {
        Ok(Outcome::Loaded { revision, .. } | Outcome::Unchanged { revision }) => Content::Revision(revision),
        Ok(Outcome::Skipped { reason, .. }) => Content::NoDocument(reason),
        Ok(Outcome::Failed { reason, .. }) => Content::Unreadable(reason),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Missing,
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

/// The first digits of a content hash, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPrefix(Vec<u8>);

impl HashPrefix {
    /// Fewest digits: fewer would name half the store.
    pub const MIN_DIGITS: usize = 6;

    /// Reads 6 to 64 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if !(Self::MIN_DIGITS..=64).contains(&text.len()) {
            return None;
        }
        let digits = text
            .chars()
            .map(|digit| digit.to_digit(16).map(|digit| digit as u8));
        digits.collect::<Option<_>>().map(Self)
    }

    /// The least and the greatest hash that begin with these digits.
    fn bounds(&self) -> (ContentHash, ContentHash) {
        let filled = |with: u8| {
            let digits = self.0.iter().copied().chain(std::iter::repeat(with));
            let digits: Vec<_> = digits.take(64).collect();
            let mut bytes = [0; 32];
            for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair[0] << 4 | pair[1];
            }
            ContentHash::from_bytes(bytes)
        };
        (filled(0), filled(15))
    }

    /// Whether a hash begins with these digits.
    pub fn matches(&self, hash: &ContentHash) -> bool {
        let digits = hash.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        self.0.iter().copied().eq(digits.take(self.0.len()))
    }
}

/// Identifies how a run with these options makes chunks of documents: one that is stored with another
/// [`recipe`](ingest_core::DocumentState::recipe) is cut anew, though it did not change.
///
/// # Errors
/// `Usage` for a chunk size that does not work.
pub fn recipe(options: &RunOptions, embedder: &Arc<dyn Embedder>) -> Result<ContentHash> {
    let chunker = context::chunker(options, options.chunk_overlap)?;
    Ok(context::recipe(&chunker, &Tokens::new(embedder)))
}

/// What a store does with a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkState {
    /// It is stored with its vector.
    Stored,
    /// It is stored for text search alone, since the model knows none of its words.
    TextOnly,
    /// It was set aside as failed.
    SetAside(ChunkFailure),
}

/// A place of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkPlace {
    /// The document.
    pub source: String,
    /// The chunk.
    pub chunk: Chunk,
    /// What the store does with it.
    pub state: ChunkState,
    /// When its document was stored as it is, where that is known.
    pub stored_at: Option<SystemTime>,
}

/// All places of the chunks whose hash begins so, in order of source and ordinal; those set aside come last.
///
/// # Errors
/// The store's own.
pub async fn places(store: &dyn Store, prefix: &HashPrefix) -> ingest_core::Result<Vec<ChunkPlace>> {
    let (first, last) = prefix.bounds();
    let found = store.with_hash(first, last).await?.into_iter();
    let mut places: Vec<_> = found
        .map(|found| ChunkPlace {
            source: found.source,
            chunk: found.chunk,
            state: if found.has_vector {
                ChunkState::Stored
            } else {
                ChunkState::TextOnly
            },
            stored_at: found.stored_at,
        })
        .collect();
    let set_aside = set_aside(store, |place| prefix.matches(&place.chunk.content_hash));
    places.extend(set_aside.await?);
    Ok(places)
}

/// Chunks of a document that were set aside, in order.
///
/// # Errors
/// The store's own.
pub async fn set_aside_of(store: &dyn Store, source: &str) -> ingest_core::Result<Vec<ChunkPlace>> {
    set_aside(store, |place| place.source == source).await
}

async fn set_aside(
    store: &dyn Store,
    wanted: impl Fn(&ChunkPlace) -> bool,
) -> ingest_core::Result<Vec<ChunkPlace>> {
    let mut places = Vec::new();
    let mut after = None;
    loop {
        let page = store.failed(as_ref(&after), PAGE).await?;
        let last = page.last().map(|last| (last.source.clone(), last.chunk.ordinal));
        if !advance(store, &mut after, last)? {
            return Ok(places);
        }
        let found = page.into_iter().map(|failed| ChunkPlace {
            source: failed.source,
            chunk: failed.chunk,
            state: ChunkState::SetAside(failed.failure),
            stored_at: None,
        });
        places.extend(found.filter(&wanted));
    }
}

/// Where the next page begins.
type After = Option<(String, u32)>;

fn as_ref(after: &After) -> Option<(&str, u32)> {
    after
        .as_ref()
        .map(|(source, ordinal)| (source.as_str(), *ordinal))
}

/// Goes to the end of a page; returns whether there was one.
///
/// # Errors
/// `Corrupt`, where a damaged index would send us round in circles.
fn advance(store: &dyn Store, after: &mut After, last: After) -> ingest_core::Result<bool> {
    if last.is_some() && last <= *after {
        let message = format!("the chunks in {} are out of order", store.location());
        return Err(StoreError::new(StoreErrorKind::Corrupt, message));
    }
    let goes_on = last.is_some();
    *after = last;
    Ok(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_some_digits_and_matches_the_hash_that_begins_so() {
        let hash = ContentHash::of_text("apples");
        let digits = hash.to_string();
        for length in [6, 7, 63, 64] {
            let prefix = HashPrefix::parse(&digits[..length]).expect("digits");
            assert!(prefix.matches(&hash), "{length}");
            assert!(!prefix.matches(&ContentHash::of_text("boats")), "{length}");
            let (first, last) = prefix.bounds();
            assert!(prefix.matches(&first) && prefix.matches(&last));
            assert!((first..=last).contains(&hash), "{length}");
            assert_eq!(first == last, length == 64);
        }
        let upper = HashPrefix::parse(&digits[..8].to_uppercase()).expect("digits");
        assert!(upper.matches(&hash));
        for wrong in ["", "abcde", "abcdeg", "docs/a.md", "ábcdef"] {
            assert_eq!(HashPrefix::parse(wrong), None, "{wrong}");
        }
        assert_eq!(HashPrefix::parse(&format!("{digits}0")), None);
    }
}
