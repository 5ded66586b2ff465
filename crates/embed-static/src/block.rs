//! ASCII by the block: where words and punctuation stand, told for many bytes at a time.

use wide::u8x64;

use crate::table::WIDTH;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// The beginning of a text, all of it words, punctuation and blanks. In the marks the first byte is the lowest bit.
pub(crate) struct Block {
    /// Blanks stand where the text has ended, and behind the block.
    bytes: [u8; BLOCK + WIDTH],
    words: u64,
    punctuation: u64,
    /// How many bytes hold whole words only.
    whole: usize,
}

/// What stands in a block.
pub(crate) enum Mark {
    /// A word: where it begins, and its length.
    Word(usize, usize),
    /// A punctuation mark.
    Punctuation(u8),
}

impl Block {
    /// The block that a text begins with; `None` if anything else stands in it, or a word that fills it.
    #[inline]
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        let mut bytes = [b' '; BLOCK + WIDTH];
        match text.first_chunk::<BLOCK>() {
            Some(block) => bytes[..BLOCK].copy_from_slice(block),
            None => bytes[..text.len()].copy_from_slice(text),
        }
        let block = u8x64::new(*bytes.first_chunk()?);
        let words = within(block, b'0', b'9') | within(block | u8x64::splat(0x20), b'a', b'z');
        let blanks = [b' ', b'\n', b'\r', b'\t'].map(|blank| block.simd_eq(u8x64::splat(blank)));
        let known = within(block, b'!', b'~') | blanks[0] | blanks[1] | blanks[2] | blanks[3];
        let words = words.to_bitmask();
        // A word at the end may go on in what follows.
        let whole = BLOCK - words.leading_ones() as usize;
        (known.to_bitmask() == u64::MAX && whole > 0).then(|| Self {
            bytes,
            words,
            punctuation: within(block, b'!', b'~').to_bitmask() & !words,
            whole,
        })
    }

    /// How many bytes of a text of so many it tells about.
    #[inline]
    pub(crate) fn length(&self, text: usize) -> usize {
        self.whole.min(text)
    }

    /// What stands in it, in order.
    #[inline]
    pub(crate) fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        let starts = self.words & !(self.words << 1);
        let mut left = (starts | self.punctuation) & (u64::MAX >> (BLOCK - self.whole));
        std::iter::from_fn(move || {
            let at = left.trailing_zeros() as usize;
            if at == BLOCK {
                return None;
            }
            left &= left - 1;
            Some(match (self.words >> at).trailing_ones() as usize {
                0 => Mark::Punctuation(self.bytes[at]),
                length => Mark::Word(at, length),
            })
        })
    }

    /// The bytes from `at` on.
    #[inline]
    pub(crate) fn from(&self, at: usize) -> &[u8; WIDTH] {
        let (from, _) = self.bytes[at..]
            .split_first_chunk()
            .unwrap_or((&[b' '; WIDTH], &[]));
        from
    }

    /// The bytes of a word.
    pub(crate) fn word(&self, at: usize, length: usize) -> &[u8] {
        &self.bytes[at..at + length]
    }
}

/// All bits of each byte from `first` to `last`, none of the others.
#[inline]
fn within(block: u8x64, first: u8, last: u8) -> u8x64 {
    let from_first = block - u8x64::splat(first);
    from_first.min(u8x64::splat(last - first)).simd_eq(from_first)
}
