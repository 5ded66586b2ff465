//! How many tokens a text has: the model's own count, or an estimate.

use std::fmt;

/// How tokens are counted while cutting.
#[derive(Clone, Copy, Default)]
pub enum TokenCount<'a> {
    /// By [`estimate_tokens`].
    #[default]
    Estimate,
    /// By the model's own tokenizer.
    Model(&'a (dyn Fn(&str) -> usize + Sync)),
}

impl TokenCount<'_> {
    /// The tokens of a text.
    pub fn of(&self, text: &str) -> usize {
        match self {
            Self::Estimate => estimate_tokens(text),
            Self::Model(count) => count(text),
        }
    }

    /// What a text adds to a chunk, in twelfths of a token.
    ///
    /// At least a token for every 32 bytes, whatever the tokenizer says: one that makes a single unknown token of a
    /// megabyte must not let it through.
    pub(super) fn cost(&self, text: &str) -> usize {
        let counted = match self {
            Self::Estimate => weight(text),
            Self::Model(count) => count(text).saturating_mul(TOKEN),
        };
        counted.max(self.blank_cost(text.len())).max(1)
    }

    /// What white space of so many bytes between two texts adds.
    pub(super) fn blank_cost(&self, bytes: usize) -> usize {
        bytes * TOKEN / MOST_BYTES_PER_TOKEN
    }

    /// The largest sum of costs that a chunk of so many tokens may have.
    ///
    /// Estimates are summed before they are rounded down: sums of rounded ones would be too small.
    pub(super) fn limit(&self, tokens: usize) -> usize {
        tokens.saturating_mul(TOKEN).saturating_add(TOKEN - 1)
    }

    /// Whether costs of texts parted by white space add up, so that a finished chunk needs no second look.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Estimate)
    }
}

impl fmt::Debug for TokenCount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Estimate => "Estimate",
            Self::Model(_) => "Model(..)",
        })
    }
}

/// The weight of one token; a twelfth of a token is the unit in which words, long words and characters are all whole.
pub(super) const TOKEN: usize = 12;
/// Running text has four to six bytes a token, source code with its white space up to ten.
const MOST_BYTES_PER_TOKEN: usize = 32;
/// An ordinary word: 1 / 0.75 tokens.
const WORD: usize = 16;
/// A character of a long word: a quarter of a token.
const LONG_WORD_CHARACTER: usize = TOKEN / 4;
/// The longest word, in characters, that still counts as one word.
const LONGEST_WORD: usize = 24;

/// Estimates how many tokens a text has: its words, parted by white space, divided by 0.75, rounded down.
///
/// That holds for running text. A text without white space would be a single word by it, so longer words count more:
/// a word of more than 24 characters (an address, encoded bytes, minified code) counts a token for every four, and every
/// character of a script written without spaces (Chinese, Japanese, Thai, …; emoji too) counts as a token of its own.
pub fn estimate_tokens(text: &str) -> usize {
    weight(text) / TOKEN
}

/// The estimate before it is rounded, in twelfths of a token: additive over texts parted by white space.
///
/// Eight bytes at a time as long as they are ASCII and no word is long, which is nearly always; else word by word.
pub(super) fn weight(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut total = 0;
    let mut at = 0;
    // Where the last careful look ended, behind white space: no word reaches back beyond it.
    let mut looked = 0;
    // 1 if the byte before is white space; the start of a text is as good as that.
    let mut blank_before = 1;
    let mut unbroken_before = false;
    while at < bytes.len() {
        let next = bytes[at..].first_chunk().map(|eight| u64::from_le_bytes(*eight));
        if let Some(eight) = next.filter(|eight| eight & HIGH_BITS == 0) {
            let blanks = ascii_blanks(eight);
            // A word of more than 24 bytes fills at least two eights in a row.
            let unbroken = blanks == 0;
            if !(unbroken && unbroken_before) {
                let first_letters = !blanks & HIGH_BITS & (blanks << 8 | blank_before << 7);
                total += ones(first_letters) * WORD;
                blank_before = blanks >> 63;
                unbroken_before = unbroken;
                at += 8;
                continue;
            }
        }
        // The word that reaches in here was taken for an ordinary one.
        let start = at
            - bytes[looked..at]
                .iter()
                .rev()
                .take_while(|byte| !is_ascii_blank(**byte))
                .count();
        if start < at {
            total -= WORD;
        }
        let (words, end) = words_through(text, start, at + 8);
        total += words;
        (at, looked, blank_before, unbroken_before) = (end, end, 1, false);
    }
    total
}

/// The weight of the words from `start` on, up to the first white space at or behind `until`; and where that ends.
fn words_through(text: &str, start: usize, until: usize) -> (usize, usize) {
    let mut total = 0;
    let mut word = Word::default();
    for (at, character) in text[start..].char_indices() {
        if character.is_whitespace() {
            total += word.weight();
            word = Word::default();
            if start + at >= until {
                return (total, start + at + character.len_utf8());
            }
        } else {
            word.push(character);
        }
    }
    (total + word.weight(), text.len())
}

/// The highest bit of each of eight bytes.
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

/// Which of eight ASCII bytes are white space, as the highest bits of the bytes.
fn ascii_blanks(eight: u64) -> u64 {
    // No sum or difference of a byte and these constants leaves the byte, since its highest bit is free.
    let is_space = HIGH_BITS.wrapping_sub(eight ^ u64::from_le_bytes([b' '; 8]));
    let from_tab_on = eight.wrapping_add(u64::from_le_bytes([0x80 - b'\t'; 8]));
    let behind_return = eight.wrapping_add(u64::from_le_bytes([0x80 - b'\r' - 1; 8]));
    (is_space | from_tab_on & !behind_return) & HIGH_BITS
}

/// How many of the highest bits are set: their sum, gathered in the top byte. (Counting all bits is no single instruction
/// on the oldest x86-64.)
fn ones(high_bits: u64) -> usize {
    ((high_bits >> 7).wrapping_mul(u64::from_le_bytes([1; 8])) >> 56) as usize
}

/// Whether a byte is one of the six ASCII characters of white space.
fn is_ascii_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// A word while its characters arrive.
#[derive(Clone, Copy, Default)]
pub(super) struct Word {
    narrow: usize,
    wide: usize,
}

impl Word {
    pub(super) fn push(&mut self, character: char) {
        if is_wide(character) {
            self.wide += 1;
        } else {
            self.narrow += 1;
        }
    }

    pub(super) fn weight(self) -> usize {
        let narrow = match self.narrow {
            0 => 0,
            1..=LONGEST_WORD => WORD,
            longer => longer * LONG_WORD_CHARACTER,
        };
        (narrow + self.wide * TOKEN).max(if self.wide > 0 { WORD } else { 0 })
    }
}

/// Whether a character is one of a script without spaces, or a pictogram: about a token each.
fn is_wide(character: char) -> bool {
    matches!(character, '\u{0E00}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{2E80}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn running_text_counts_as_in_the_reference() {
        for (text, tokens) in [
            ("", 0),
            (" \n\t", 0),
            ("one", 1),
            ("one two", 2),
            ("one two three", 4),
        ] {
            assert_eq!(estimate_tokens(text), tokens, "{text:?}");
        }
        let prose =
            "It was the best of times, it was the worst of times; Donaudampfschiffahrt – naïveté, мир! ";
        let words = prose.split_whitespace().count() * 100;
        assert_eq!(estimate_tokens(&prose.repeat(100)), words * 4 / 3);
    }

    #[test]
    fn a_text_without_white_space_is_not_a_single_token() {
        assert_eq!(estimate_tokens(&"x".repeat(24)), 1);
        assert_eq!(estimate_tokens(&"x".repeat(4_000)), 1_000);
        assert_eq!(estimate_tokens("日本語のテキスト"), 8);
        assert_eq!(estimate_tokens("日 本"), 2);
    }

    proptest! {
        /// The way that skips along eights at a time gives what a look at each character gives.
        #[test]
        fn the_fast_way_counts_as_the_plain_one(
            text in prop_oneof![
                any::<String>(),
                "[ -~\t\n\r\x0b\x0c\x1c\x1f]{0,200}",
                "([a-z]{1,9} ){0,30}",
                "([a-z]{1,40}( |\n|\u{a0}|\u{3000}|é|語)){0,20}",
            ],
        ) {
            prop_assert_eq!(weight(&text), words_through(&text, 0, usize::MAX).0);
        }
    }
}
