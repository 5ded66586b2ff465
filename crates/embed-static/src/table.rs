//! The vocabulary, and finding a piece of text in it.

use std::sync::LazyLock;

/// One entry a line; the line number, from 0, is the token id. What begins with `##` continues a word.
static TEXT: &[u8] = include_bytes!("../model/vocab.txt");

/// Longest entry in characters, `##` not counted.
pub(crate) const LONGEST: usize = 20;

/// Entries of the vocabulary.
pub(crate) const ENTRIES: usize = 31_454;

/// Some two slots for each entry, so that a search that finds nothing ends soon.
const SLOTS: usize = (2 * ENTRIES).next_power_of_two();

/// What an empty slot holds in place of an id.
const EMPTY: u32 = u32::MAX;

/// A hash table with open addressing over the entries. It is filled on first use, in less than a millisecond.
pub(crate) struct Table {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The upper half of the hash: tells nearly all unlike entries apart without a look at their text.
    check: u32,
    id: u32,
    /// Where the entry stands in `TEXT`, without `##`.
    start: u32,
    length: u32,
}

/// Where in a word a piece stands: the same letters are another entry there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    Start,
    Inside,
}

/// A hash that grows byte by byte, so that all beginnings of a word cost one pass.
#[derive(Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new(position: Position) -> Self {
        match position {
            Position::Start => Self(0),
            Position::Inside => Self(0x2545_f491_4f6c_dd1d),
        }
    }

    #[inline]
    pub(crate) fn add(self, byte: u8) -> Self {
        Self((self.0.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95))
    }

    /// Where to begin looking, and what to compare with.
    fn split(self) -> (usize, u32) {
        // The upper bits of a product are the well mixed ones.
        let mixed = self.0 ^ (self.0 >> 32);
        (mixed as usize % SLOTS, (self.0 >> 32) as u32)
    }
}

impl Table {
    /// The one table, shared by all embedders.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Table> = LazyLock::new(Table::new);
        &SHARED
    }

    fn new() -> Self {
        let empty = Slot {
            check: 0,
            id: EMPTY,
            start: 0,
            length: 0,
        };
        let mut table = Self {
            slots: vec![empty; SLOTS],
        };
        let mut start = 0;
        for (id, line) in TEXT.trim_ascii_end().split(|byte| *byte == b'\n').enumerate() {
            let (position, entry) = match line {
                [b'#', b'#', entry @ ..] => (Position::Inside, entry),
                entry => (Position::Start, entry),
            };
            let hash = entry
                .iter()
                .fold(Hash::new(position), |hash, byte| hash.add(*byte));
            let (mut place, check) = hash.split();
            while table.slots[place].id != EMPTY {
                place = (place + 1) % SLOTS;
            }
            table.slots[place] = Slot {
                check,
                id: id as u32,
                start: (start + line.len() - entry.len()) as u32,
                length: entry.len() as u32,
            };
            start += line.len() + 1;
        }
        table
    }

    /// The id of a piece, whose hash is known.
    #[inline]
    pub(crate) fn find(&self, piece: &[u8], position: Position, hash: Hash) -> Option<u32> {
        let (mut place, check) = hash.split();
        loop {
            let slot = self.slots[place];
            if slot.id == EMPTY {
                return None;
            }
            if slot.check == check && self.is(slot, piece, position) {
                return Some(slot.id);
            }
            place = (place + 1) % SLOTS;
        }
    }

    fn is(&self, slot: Slot, piece: &[u8], position: Position) -> bool {
        let start = slot.start as usize;
        let before = &TEXT[..start];
        TEXT[start..].get(..slot.length as usize) == Some(piece)
            && (position == Position::Inside) == before.ends_with(b"##")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(piece: &str, position: Position) -> Option<u32> {
        let hash = piece.bytes().fold(Hash::new(position), Hash::add);
        Table::shared().find(piece.as_bytes(), position, hash)
    }

    #[test]
    fn every_entry_is_found_under_its_line() {
        let text = str::from_utf8(TEXT).expect("UTF-8");
        assert_eq!(text.lines().count(), ENTRIES);
        for (id, line) in text.lines().enumerate() {
            let (piece, position) = match line.strip_prefix("##") {
                Some(piece) => (piece, Position::Inside),
                None => (line, Position::Start),
            };
            assert_eq!(find(piece, position), Some(id as u32), "{line}");
            assert!(piece.chars().count() <= LONGEST, "{line}");
        }
    }

    #[test]
    fn what_is_no_entry_is_not_found() {
        for piece in ["", "zzzzzz", "Hello", "hello ", "\n", "!\n\"", "##s"] {
            assert_eq!(find(piece, Position::Start), None, "{piece:?}");
            assert_eq!(find(piece, Position::Inside), None, "{piece:?}");
        }
    }
}
