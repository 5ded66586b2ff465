//! How many tokens a text has: the model's own count, or an estimate.

use std::fmt;
use std::ops::Range;

use super::marks::{self, BLOCK, first_block};

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
        self.cost_of(text, 0..text.len())
    }

    /// The cost of a part of a text.
    pub(super) fn cost_of(&self, text: &str, part: Range<usize>) -> usize {
        self.cost_within(text, part, usize::MAX).unwrap_or(usize::MAX)
    }

    /// The same if that is at most `limit`; a part that costs more is not looked at to its end.
    pub(super) fn cost_within(&self, text: &str, part: Range<usize>, limit: usize) -> Option<usize> {
        let least = self.blank_cost(part.len());
        if least > limit {
            return None;
        }
        let counted = match self {
            Self::Estimate => weight_within(text, part, limit)?,
            Self::Model(count) => count(&text[part]).saturating_mul(TOKEN),
        };
        Some(counted.max(least).max(1)).filter(|cost| *cost <= limit)
    }

    /// The most that a text of so many bytes may cost, if that can be known without a look at it.
    pub(super) fn most(&self, bytes: usize) -> Option<usize> {
        match self {
            // A letter and a blank are the shortest word.
            Self::Estimate => Some(WORD.div_ceil(2) * (bytes + 1)),
            Self::Model(_) => None,
        }
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
/// Blocks of ASCII, which nearly all are, are counted by the bits that tell white space; from a block with other
/// characters on it goes character by character to the next white space.
pub(super) fn weight(text: &str) -> usize {
    weight_within(text, 0..text.len(), usize::MAX).unwrap_or(usize::MAX)
}

/// The weight of a part of a text; `None` as soon as it is known to be more than `limit`.
fn weight_within(text: &str, part: Range<usize>, limit: usize) -> Option<usize> {
    let Range { start: mut at, end } = part;
    let mut total = 0;
    // Bytes of the word that reaches up to here, all ASCII.
    let mut open = 0;
    while at < end {
        if total > limit {
            return None;
        }
        if let Some(blanks) = Blanks::of(&text.as_bytes()[at..], end - at) {
            total += blanks.weigh(&mut open);
            at += BLOCK;
        } else {
            let (words, end) = words_through(&text[..end], at, at + BLOCK, Word::narrow(open));
            total += words;
            (at, open) = (end, 0);
        }
    }
    Some(total + Word::narrow(open).weight()).filter(|total| *total <= limit)
}

/// Which bytes of a block are white space, the first byte being the lowest bit.
#[derive(Clone, Copy)]
struct Blanks(u64);

impl Blanks {
    /// The block that a text begins with; behind its first `length` bytes it is taken for white space. `None` if these
    /// are not all ASCII.
    #[inline]
    fn of(bytes: &[u8], length: usize) -> Option<Self> {
        let behind = u64::MAX.checked_shl(length.min(BLOCK) as u32).unwrap_or(0);
        let (blanks, beyond_ascii) = first_block(bytes, marks::blanks);
        (beyond_ascii & !behind == 0).then_some(Self(blanks | behind))
    }

    /// The weight of the words that end in this block. `open` is the length of the word that reaches into it, and then
    /// of the one that reaches out.
    fn weigh(self, open: &mut usize) -> usize {
        let letters = !self.0;
        let leading = letters.trailing_ones() as usize;
        if leading == BLOCK {
            *open += BLOCK;
            return 0;
        }
        let trailing = letters.leading_ones() as usize;
        let mut total = Word::narrow(*open + leading).weight();
        *open = trailing;
        // Between the first white space and the last.
        let within = letters & (u64::MAX << leading) & (u64::MAX >> trailing);
        let starts = within & !(within << 1);
        total += starts.count_ones() as usize * WORD;
        let mut long = starts_of_long(within) & starts;
        while long != 0 {
            let length = (within >> long.trailing_zeros()).trailing_ones() as usize;
            total += Word::narrow(length).weight() - WORD;
            long &= long - 1;
        }
        total
    }
}

/// Where more than [`LONGEST_WORD`] bits in a row are set, from there on.
fn starts_of_long(bits: u64) -> u64 {
    let two = bits & bits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let sixteen = eight & eight >> 8;
    sixteen & sixteen >> (LONGEST_WORD + 1 - 16)
}

/// The weight of a word that has begun and of those behind it, up to the first white space at or behind `until`; and
/// where that ends.
fn words_through(text: &str, start: usize, until: usize, mut word: Word) -> (usize, usize) {
    let mut total = 0;
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

/// A word while its characters arrive.
#[derive(Clone, Copy, Default)]
pub(super) struct Word {
    narrow: usize,
    wide: usize,
}

impl Word {
    /// A word of so many ASCII characters.
    fn narrow(characters: usize) -> Self {
        Self {
            narrow: characters,
            wide: 0,
        }
    }

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
        /// Counting by bits gives what a look at each character gives.
        #[test]
        fn the_fast_way_counts_as_the_plain_one(
            text in prop_oneof![
                any::<String>(),
                "[ -~\t\n\r\x0b\x0c\x1c\x1f]{0,200}",
                "([a-z]{1,9} ){0,30}",
                "([a-z]{1,40}( |\n|\u{a0}|\u{3000}|é|語)){0,20}",
                "([!-~]{1,90}[ \t]{1,3}){0,12}",
                "[a-z]{0,200}é?[a-z]{0,200}",
                "([a語] ?){0,30}",
            ],
        ) {
            let plain = words_through(&text, 0, usize::MAX, Word::default()).0;
            prop_assert_eq!(weight(&text), plain);
            prop_assert!(TokenCount::Estimate.most(text.len()) >= Some(TokenCount::Estimate.cost(&text)));
            for limit in [0, plain / 2, plain.saturating_sub(1), plain, plain + 1] {
                let all = || 0..text.len();
                prop_assert_eq!(weight_within(&text, all(), limit), (plain <= limit).then_some(plain));
                let cost = TokenCount::Estimate.cost(&text);
                let within = TokenCount::Estimate.cost_within(&text, all(), limit);
                prop_assert_eq!(within, (cost <= limit).then_some(cost));
            }
            // What stands around a part does not count.
            let around = format!("é1 {text}x {text} ");
            let part = 4..4 + text.len();
            prop_assert_eq!(weight_within(&around, part, usize::MAX), Some(plain));
        }
    }
}
