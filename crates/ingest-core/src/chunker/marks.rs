//! What 64 bytes are, in the bits of one number: the first byte is the lowest bit.

use wide::u8x64;

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// The line ends of a block.
#[inline]
fn line_ends(block: &[u8; BLOCK]) -> u64 {
    u8x64::new(*block).simd_eq(u8x64::splat(b'\n')).to_bitmask()
}

/// The ASCII white space of a block, and its bytes that are not ASCII.
#[inline]
pub(super) fn blanks(block: &[u8; BLOCK]) -> (u64, u64) {
    let bytes = u8x64::new(*block);
    let from_tab = bytes - u8x64::splat(b'\t');
    let controls = from_tab.min(u8x64::splat(b'\r' - b'\t')).simd_eq(from_tab);
    let blanks = controls | bytes.simd_eq(u8x64::splat(b' '));
    (blanks.to_bitmask(), bytes.to_bitmask())
}

/// The bytes of a block at which a sentence may end: marks and line ends, and of the marks beyond ASCII the first byte.
#[inline]
pub(super) fn sentence_marks(block: &[u8; BLOCK]) -> u64 {
    let bytes = u8x64::new(*block);
    let is = |byte| bytes.simd_eq(u8x64::splat(byte));
    (is(b'.') | is(b'!') | is(b'?') | is(b'\n') | is(0xE3) | is(0xEF)).to_bitmask()
}

/// What the block is that a text begins with; behind a shorter one stand zeros.
#[inline]
pub(super) fn first_block<T>(bytes: &[u8], what: impl Fn(&[u8; BLOCK]) -> T) -> T {
    match bytes.first_chunk() {
        Some(block) => what(block),
        None => what(&last_block(bytes)),
    }
}

/// The end of a text, less than a block, with zeros behind it.
#[cold]
fn last_block(bytes: &[u8]) -> [u8; BLOCK] {
    let mut last = [0; BLOCK];
    last[..bytes.len()].copy_from_slice(bytes);
    last
}

/// Finds line ends along a text: looks at each block once, however many lines stand in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineEnds {
    /// Where the block stands, and its line ends.
    start: usize,
    ends: u64,
    /// Behind the block; zero before there is one.
    end: usize,
}

impl LineEnds {
    /// The first line end at a byte or behind it.
    #[inline]
    pub(super) fn at_or_behind(&mut self, text: &[u8], at: usize) -> Option<usize> {
        if at < self.start || at >= self.end {
            self.look_at(text, at);
        }
        let mut left = self.ends & (u64::MAX << (at - self.start));
        while left == 0 {
            if self.end >= text.len() {
                return None;
            }
            self.look_at(text, self.end);
            left = self.ends;
        }
        Some(self.start + left.trailing_zeros() as usize)
    }

    #[inline]
    fn look_at(&mut self, text: &[u8], start: usize) {
        let text = &text[start..];
        *self = Self {
            start,
            ends: first_block(text, line_ends),
            end: start + BLOCK,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bit_stands_for_its_byte(text in "([\u{1}-\u{7f}]|[ \n]|é|。|！){64}") {
            let block = text.as_bytes().first_chunk().expect("64 characters");
            let bits = |is: fn(u8) -> bool| (0..BLOCK).fold(0, |bits, place| bits | u64::from(is(block[place])) << place);
            prop_assert_eq!(line_ends(block), bits(|byte| byte == b'\n'));
            let blank = bits(|byte| byte.is_ascii() && char::from(byte).is_whitespace());
            prop_assert_eq!(blanks(block), (blank, bits(|byte| !byte.is_ascii())));
            prop_assert_eq!(sentence_marks(block), bits(|byte| b".!?\n\xE3\xEF".contains(&byte)));
        }

        #[test]
        fn line_ends_are_found_from_anywhere(text in "([a-z]{0,90}\n){0,9}[a-z]{0,90}", starts in proptest::collection::vec(any::<prop::sample::Index>(), 1..9)) {
            let mut ends = LineEnds::default();
            for start in starts {
                let start = start.index(text.len() + 1);
                let plain = text[start..].find('\n').map(|length| start + length);
                prop_assert_eq!(ends.at_or_behind(text.as_bytes(), start), plain);
            }
        }
    }
}
