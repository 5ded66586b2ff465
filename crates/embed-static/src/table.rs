//! The vocabulary, and finding a piece of text in it.

use std::sync::LazyLock;

/// One entry a line; the line number, from 0, is the token id. What begins with `##` continues a word.
static TEXT: &[u8] = include_bytes!("../model/vocab.txt");

/// Longest entry in bytes, `##` not counted.
pub(crate) const LONGEST: usize = 20;

/// Bytes that a [`Piece`] is made of; more than the longest one, so that there is room for its position.
pub(crate) const WIDTH: usize = 24;

/// Entries of the vocabulary.
pub(crate) const ENTRIES: usize = 31_454;

/// Some two slots for each entry, so that a search that finds nothing ends soon.
const SLOTS: usize = (2 * ENTRIES).next_power_of_two();

/// What an empty slot holds in place of an id.
const EMPTY: u16 = u16::MAX;

/// Where in a word a piece stands: the same letters are another entry there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    Start,
    Inside,
}

/// A piece of a word as three numbers: its bytes, zeros behind them, and in the last byte its position. Two pieces are
/// the same if these are, for no entry holds a zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece([u64; 3]);

impl Piece {
    /// The first `length` bytes, at most [`LONGEST`].
    #[inline]
    pub(crate) fn new(bytes: &[u8; WIDTH], length: usize, position: Position) -> Self {
        let mut numbers = numbers(bytes, length, 0);
        if position == Position::Inside {
            numbers[2] |= 1 << 63;
        }
        Self(numbers)
    }

    /// The first `length` bytes, all ASCII letters and digits, in lower case, at the start of a word.
    #[inline]
    pub(crate) fn lowercase(bytes: &[u8; WIDTH], length: usize) -> Self {
        // Digits have the bit that tells lower from upper case.
        Self(numbers(bytes, length, 0x2020_2020_2020_2020))
    }

    #[inline]
    fn hash(self) -> u64 {
        let [first, second, third] = self.0;
        let factors = (
            first ^ third.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15,
            second ^ 0xd1b5_4a32_d192_ed03,
        );
        let product = u128::from(factors.0) * u128::from(factors.1);
        product as u64 ^ (product >> 64) as u64
    }
}

/// The first `length` bytes, with some more bits set in each eight of them, and zeros behind them.
#[inline]
fn numbers(bytes: &[u8; WIDTH], length: usize, bits: u64) -> [u64; 3] {
    /// For each length what remains of each number.
    const MASKS: [[u64; 3]; WIDTH + 1] = {
        let mut masks = [[0; 3]; WIDTH + 1];
        let mut length = 0;
        while length <= WIDTH {
            let mut byte = 0;
            while byte < length {
                masks[length][byte / 8] |= 0xff << (8 * (byte % 8));
                byte += 1;
            }
            length += 1;
        }
        masks
    };
    let (eights, _) = bytes.as_chunks::<8>();
    let masks = &MASKS[length];
    std::array::from_fn(|place| (u64::from_le_bytes(eights[place]) | bits) & masks[place])
}

/// A hash table with open addressing over the entries. It is filled on first use, in about a millisecond.
pub(crate) struct Table {
    slots: Vec<Slot>,
    /// By id.
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The upper end of the hash: tells nearly all unlike entries apart without a look at them.
    check: u16,
    id: u16,
}

impl Table {
    /// The one table, shared by all embedders.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Table> = LazyLock::new(Table::new);
        &SHARED
    }

    fn new() -> Self {
        const { assert!(ENTRIES < EMPTY as usize, "all ids fit a slot") };
        let empty = Slot { check: 0, id: EMPTY };
        let mut table = Self {
            slots: vec![empty; SLOTS],
            pieces: Vec::with_capacity(ENTRIES),
        };
        for (id, line) in (0..).zip(TEXT.trim_ascii_end().split(|byte| *byte == b'\n')) {
            let (position, entry) = match line {
                [b'#', b'#', entry @ ..] => (Position::Inside, entry),
                entry => (Position::Start, entry),
            };
            let mut bytes = [0; WIDTH];
            bytes[..entry.len()].copy_from_slice(entry);
            let piece = Piece::new(&bytes, entry.len(), position);
            table.pieces.push(piece);
            let (mut place, check) = split(piece.hash());
            while table.slots[place].id != EMPTY {
                place = (place + 1) % SLOTS;
            }
            table.slots[place] = Slot { check, id };
        }
        table
    }

    /// The id of a piece.
    #[inline]
    pub(crate) fn find(&self, piece: Piece) -> Option<u32> {
        let (mut place, check) = split(piece.hash());
        loop {
            let slot = self.slots[place];
            if slot.id == EMPTY {
                return None;
            }
            if slot.check == check && self.pieces[usize::from(slot.id)] == piece {
                return Some(slot.id.into());
            }
            place = (place + 1) % SLOTS;
        }
    }
}

/// Where to begin looking, and what to compare with.
#[inline]
fn split(hash: u64) -> (usize, u16) {
    (hash as usize % SLOTS, (hash >> 48) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(piece: &str, position: Position) -> Option<u32> {
        let mut bytes = [0xff; WIDTH];
        bytes[..piece.len()].copy_from_slice(piece.as_bytes());
        Table::shared().find(Piece::new(&bytes, piece.len(), position))
    }

    #[test]
    fn every_entry_is_found_under_its_line() {
        let text = str::from_utf8(TEXT).expect("UTF-8");
        assert_eq!(text.lines().count(), ENTRIES);
        let mut longest = 0;
        for (id, line) in text.lines().enumerate() {
            let (piece, position) = match line.strip_prefix("##") {
                Some(piece) => (piece, Position::Inside),
                None => (line, Position::Start),
            };
            assert_eq!(find(piece, position), Some(id as u32), "{line}");
            longest = longest.max(piece.len());
            assert!(!piece.contains('\0'), "{line:?}");
        }
        assert_eq!(longest, LONGEST);
    }

    #[test]
    fn what_is_no_entry_is_not_found() {
        for piece in ["", "zzzzzz", "Hello", "hello ", "\n", "!\n\"", "##s"] {
            assert_eq!(find(piece, Position::Start), None, "{piece:?}");
            assert_eq!(find(piece, Position::Inside), None, "{piece:?}");
        }
    }

    #[test]
    fn upper_case_is_found_as_lower() {
        let found = Table::shared().find(Piece::lowercase(b"HeLLo2 and whatever else", 5));
        assert!(found.is_some());
        assert_eq!(found, find("hello", Position::Start));
    }
}
