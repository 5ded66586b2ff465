//! What a server takes at once, as far as its refusals tell: learned in a run, and forgotten with it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::embed::Batch;

/// A bound on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    Texts(usize),
    /// Bytes of all texts together.
    Bytes(usize),
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texts(texts) => write!(f, "{texts} texts"),
            Self::Bytes(bytes) => write!(f, "{bytes} bytes of text"),
        }
    }
}

/// The bounds that are known. Those who send keep to them.
#[derive(Debug)]
pub(crate) struct Caps {
    texts: AtomicUsize,
    bytes: AtomicUsize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            texts: AtomicUsize::new(usize::MAX),
            bytes: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Caps {
    pub(crate) fn texts(&self) -> usize {
        self.texts.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes note of a bound; returns whether it is lower than what was known.
    pub(crate) fn learn(&self, cap: Cap) -> bool {
        let (known, value) = match cap {
            Cap::Texts(texts) => (&self.texts, texts.max(1)),
            Cap::Bytes(bytes) => (&self.bytes, bytes.max(1)),
        };
        known.fetch_min(value, Ordering::Relaxed) > value
    }

    /// Parts of a batch that keep to the bounds, in its order. A text that is too large for them alone stands alone.
    pub(crate) fn parts(&self, batch: Batch) -> Vec<Batch> {
        let (most_texts, most_bytes) = (self.texts(), self.bytes());
        let mut parts: Vec<Batch> = Vec::new();
        let mut bytes = 0_usize;
        for chunk in batch {
            bytes += chunk.text.len();
            match parts.last_mut() {
                Some(part) if part.len() < most_texts && bytes <= most_bytes => part.push(chunk),
                _ => {
                    bytes = chunk.text.len();
                    parts.push(vec![chunk]);
                }
            }
        }
        parts
    }
}

/// Bytes of the texts of a batch.
pub(crate) fn bytes_of(batch: &Batch) -> usize {
    batch.iter().map(|chunk| chunk.text.len()).sum()
}

/// The bound that a refusal names, if it names one below what was sent.
///
/// Servers say it in many ways ("batch size 64 > maximum allowed batch size 32", "array too long. Expected an array with
/// maximum length 2048", "limit of 2097152 bytes"), but always by a word for what is bounded, a word for a bound, and the
/// number. Bounds on tokens are another matter.
pub(crate) fn named(message: &str, texts: usize, bytes: usize) -> Option<Cap> {
    // An address has numbers of its own.
    let words = message.split_whitespace().filter(|word| !word.contains("://"));
    let lower = words.collect::<Vec<_>>().join(" ").to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let bounds = [
        "maximum",
        "max ",
        "max_",
        "at most",
        "limit",
        "exceed",
        "too large",
        "too long",
        "too many",
    ];
    if !holds(&bounds) || holds(&["token"]) {
        return None;
    }
    let numbers = || numbers_of(&lower);
    if holds(&["byte", "body", "payload", "kib", "mib"]) {
        return numbers()
            .filter(|number| (1024..bytes).contains(number))
            .max()
            .map(Cap::Bytes);
    }
    if holds(&["batch", "array", "input", "item", "list", "text"]) {
        return numbers()
            .filter(|number| (1..texts).contains(number))
            .max()
            .map(Cap::Texts);
    }
    None
}

/// The whole numbers of a text, which stand between blanks and punctuation; `2 MB` and `2mib` count as bytes.
fn numbers_of(lower: &str) -> impl Iterator<Item = usize> {
    let mut rest = lower;
    std::iter::from_fn(move || {
        let start = rest.find(|next: char| next.is_ascii_digit())?;
        let glued = rest[..start].ends_with(|before: char| before.is_alphanumeric() || before == '.');
        let tail = &rest[start..];
        let length = tail
            .find(|next: char| !next.is_ascii_digit())
            .unwrap_or(tail.len());
        let number = tail[..length].parse::<usize>().ok().filter(|_| !glued);
        rest = &tail[length..];
        let unit = rest.trim_start();
        let factor = match unit.get(..1) {
            Some("k") if unit[1..].starts_with(['b', 'i']) => 1 << 10,
            Some("m") if unit[1..].starts_with(['b', 'i']) => 1 << 20,
            _ => 1,
        };
        Some(number.map_or(0, |number| number.saturating_mul(factor)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_from_what_servers_say() {
        for (message, cap) in [
            (
                "batch size 64 > maximum allowed batch size 32",
                Some(Cap::Texts(32)),
            ),
            (
                "Expected an array with maximum length 48, but got an array with length 64",
                Some(Cap::Texts(48)),
            ),
            ("too many inputs in list: 64, limit is 16", Some(Cap::Texts(16))),
            (
                "request body exceeds the limit of 20000 bytes",
                Some(Cap::Bytes(20_000)),
            ),
            ("Payload too large: at most 16 KB", Some(Cap::Bytes(16_384))),
            ("payload limit 2 MB", None),
            ("maximum context length is 8192 tokens", None),
            ("batch size 64 is not supported", None),
            ("invalid input: model v2 limit", None),
            ("too many inputs", None),
        ] {
            assert_eq!(named(message, 64, 50_000), cap, "{message}");
        }
        assert_eq!(
            named("at most 2 MB of payload", 64, 3 << 20),
            Some(Cap::Bytes(2 << 20))
        );
    }

    #[test]
    fn only_a_lower_bound_is_news() {
        let caps = Caps::default();
        assert!(caps.learn(Cap::Texts(32)));
        assert!(!caps.learn(Cap::Texts(40)) && !caps.learn(Cap::Texts(32)));
        assert!(caps.learn(Cap::Texts(8)) && caps.learn(Cap::Bytes(100)));
        assert_eq!((caps.texts(), caps.bytes()), (8, 100));
    }

    #[test]
    fn parts_keep_to_both_bounds_and_to_the_order() {
        let chunk = |text: &str| {
            std::sync::Arc::new(ingest_core::Chunk {
                ordinal: 0,
                span: ingest_core::Span::default(),
                heading_path: Vec::new(),
                context_header: String::new(),
                text: text.to_owned(),
                content_hash: ingest_core::ContentHash::of_text(text),
            })
        };
        let parts = |caps: &Caps| {
            let batch = ["a", "bb", "ccc", "dddddddddd", "e"].map(chunk).to_vec();
            let parts = caps.parts(batch).into_iter();
            let texts = |part: Batch| part.iter().map(|chunk| chunk.text.clone()).collect::<Vec<_>>();
            parts.map(texts).map(|part| part.join("+")).collect::<Vec<_>>()
        };
        let caps = Caps::default();
        assert_eq!(parts(&caps), ["a+bb+ccc+dddddddddd+e"]);
        caps.learn(Cap::Texts(3));
        assert_eq!(parts(&caps), ["a+bb+ccc", "dddddddddd+e"]);
        caps.learn(Cap::Bytes(5));
        assert_eq!(parts(&caps), ["a+bb", "ccc", "dddddddddd", "e"]);
    }
}
