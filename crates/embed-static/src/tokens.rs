//! From text to token ids: words, lower-cased and without accents, cut into the longest pieces the vocabulary has.

use unicode_normalization::UnicodeNormalization;

use crate::block::{Block, Mark};
use crate::characters::{self, ASCII, Ascii};
use crate::table::{LONGEST, Piece, Position, Table, WIDTH};

/// Characters of the longest word that is looked up.
const LONGEST_WORD: usize = 100;

/// Bytes that are taken one by one before blocks are tried again.
const WHILE: usize = 64;

/// Makes ids of texts. It keeps its buffers, so that one text after the other costs no allocation.
pub(crate) struct Tokenizer {
    table: &'static Table,
    limit: usize,
    ids: Vec<u32>,
    word: Vec<u8>,
    /// Characters of the word that is being gathered.
    characters: usize,
}

impl Tokenizer {
    /// A tokenizer that stops after `limit` ids.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            table: Table::shared(),
            limit,
            ids: Vec::new(),
            word: Vec::new(),
            characters: 0,
        }
    }

    /// The ids of a text; unknown words have none.
    pub(crate) fn ids(&mut self, text: &str) -> &[u32] {
        self.ids_by::<true>(text)
    }

    /// The same, with or without the way of blocks, which is the faster one.
    fn ids_by<const BLOCKS: bool>(&mut self, text: &str) -> &[u32] {
        self.ids.clear();
        let mut rest = text;
        while !rest.is_empty() && self.ids.len() < self.limit {
            if BLOCKS {
                rest = self.blocks(rest);
            }
            rest = self.ascii(rest);
            let (strange, behind) = rest.split_at(length_beyond_ascii(rest));
            self.beyond_ascii(strange);
            rest = behind;
        }
        self.end_word();
        self.ids.truncate(self.limit);
        &self.ids
    }

    /// Takes blocks of plain words, punctuation and blanks, as long as no word is open; gives what follows.
    fn blocks<'a>(&mut self, mut text: &'a str) -> &'a str {
        while self.characters == 0 && !text.is_empty() && self.ids.len() < self.limit {
            let Some(block) = Block::of(text.as_bytes()) else {
                break;
            };
            for mark in block.marks() {
                match mark {
                    Mark::Word(at, length) => self.plain_word(&block, at, length),
                    Mark::Punctuation(byte) => self.punctuation(byte.into()),
                }
            }
            text = &text[block.length(text.len())..];
        }
        text
    }

    /// Takes a word of ASCII letters and digits.
    #[inline]
    fn plain_word(&mut self, block: &Block, at: usize, length: usize) {
        let piece = (length <= LONGEST).then(|| Piece::lowercase(block.from(at), length));
        match piece.and_then(|piece| self.table.find(piece)) {
            Some(id) => self.ids.push(id),
            None => {
                self.letters(block.word(at, length));
                self.end_word();
            }
        }
    }

    /// Takes ASCII byte by byte, for a while: up to the first character that is not, or to where blocks may do again.
    /// Gives what follows.
    fn ascii<'a>(&mut self, text: &'a str) -> &'a str {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match ASCII.get(usize::from(byte)) {
                None => return &text[at..],
                Some(Ascii::Word) => {
                    at += self.letters(&bytes[at..]);
                    continue;
                }
                Some(Ascii::Blank) => self.end_word(),
                Some(Ascii::Punctuation) => self.punctuation(byte.into()),
                Some(Ascii::Nothing) => {}
            }
            at += 1;
            if at >= WHILE && self.characters == 0 {
                return &text[at..];
            }
        }
        ""
    }

    /// Takes a run of other characters.
    // Decomposition may bring marks into another order, but never across an ASCII character; so a run is enough.
    fn beyond_ascii(&mut self, run: &str) {
        let cleaned = run
            .chars()
            .filter(|character| !character.is_ascii() && !characters::is_removed(*character))
            .flat_map(|character| {
                let around = (characters::is_chinese(character) || character.is_whitespace()).then_some(' ');
                let itself = (!character.is_whitespace()).then_some(character);
                [around, itself, around].into_iter().flatten()
            });
        let bare = cleaned.nfd().filter(|character| !characters::is_mark(*character));
        for character in bare.flat_map(char::to_lowercase) {
            match ASCII.get(character as usize) {
                Some(Ascii::Blank) => self.end_word(),
                Some(Ascii::Punctuation) => self.punctuation(character),
                None if characters::is_punctuation(character) => self.punctuation(character),
                _ => self.letter(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            if self.ids.len() >= self.limit {
                return;
            }
        }
    }

    fn punctuation(&mut self, character: char) {
        self.end_word();
        self.letter(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.end_word();
    }

    /// Adds the ASCII letters and digits at the front to the word; gives their count.
    #[inline]
    fn letters(&mut self, bytes: &[u8]) -> usize {
        let before = self.word.len();
        // One more than are looked up are enough to know that it is too long.
        let room = (LONGEST_WORD + 1).saturating_sub(self.characters);
        let count = bytes
            .iter()
            .position(|byte| !matches!(ASCII.get(usize::from(*byte)), Some(Ascii::Word)))
            .unwrap_or(bytes.len());
        self.word.extend_from_slice(&bytes[..count.min(room)]);
        self.word[before..].make_ascii_lowercase();
        self.characters += count;
        count
    }

    /// Adds a character to the word. Of a word that is too long nothing more is kept.
    #[inline]
    fn letter(&mut self, bytes: &[u8]) {
        self.characters += 1;
        if self.characters <= LONGEST_WORD {
            self.word.extend_from_slice(bytes);
        }
    }

    /// Cuts the gathered word into pieces. If some part of it is in no piece, the whole word has no ids.
    #[inline]
    fn end_word(&mut self) {
        if self.characters == 0 {
            return;
        }
        let known = self.ids.len();
        let mut at = 0;
        let mut position = Position::Start;
        while at < self.word.len() && self.characters <= LONGEST_WORD {
            let Some((id, length)) = longest_piece(self.table, &self.word[at..], position) else {
                self.ids.truncate(known);
                break;
            };
            self.ids.push(id);
            at += length;
            position = Position::Inside;
        }
        self.word.clear();
        self.characters = 0;
    }
}

/// The longest entry of the vocabulary that the word begins with: its id and length.
#[inline]
fn longest_piece(table: &Table, word: &[u8], position: Position) -> Option<(u32, usize)> {
    let longest = word.len().min(LONGEST);
    let mut bytes = [0; WIDTH];
    bytes[..longest].copy_from_slice(&word[..longest]);
    let whole_characters = |length: &usize| word.get(*length).is_none_or(|byte| is_boundary(*byte));
    (1..=longest).rev().filter(whole_characters).find_map(|length| {
        let id = table.find(Piece::new(&bytes, length, position))?;
        Some((id, length))
    })
}

/// Whether a character of UTF-8 begins with this byte.
fn is_boundary(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// Bytes up to the first ASCII character that is not left out anyway.
fn length_beyond_ascii(text: &str) -> usize {
    text.bytes()
        .position(|byte| {
            ASCII
                .get(usize::from(byte))
                .is_some_and(|meaning| *meaning != Ascii::Nothing)
        })
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_give_what_a_look_at_each_character_gives(
            text in prop_oneof![
                any::<String>(),
                "[ -~]{0,300}",
                "([A-Za-z0-9]{1,12}[ .,\t\n\r]{1,2}){0,60}",
                "([a-z]{1,110}[ \u{1}\u{b}-]{0,2}){0,6}",
                "([a-zA-Z]{1,30}( |é|\u{301}|語|\u{0})){0,30}",
            ],
            limit in prop_oneof![Just(usize::MAX), 0..40_usize],
        ) {
            let mut tokenizer = Tokenizer::new(limit);
            let one_by_one = tokenizer.ids_by::<false>(&text).to_vec();
            prop_assert_eq!(tokenizer.ids(&text), one_by_one);
        }
    }
}
