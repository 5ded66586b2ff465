//! What a character means to the tokenizer.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// What becomes of an ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ascii {
    /// Part of a word: a letter or digit.
    Word,
    /// A word of its own.
    Punctuation,
    /// Between words.
    Blank,
    /// As if it were not there: the control characters that are no blanks.
    Nothing,
}

/// For each ASCII character what becomes of it.
pub(crate) const ASCII: [Ascii; 128] = {
    let mut table = [Ascii::Nothing; 128];
    let mut byte = 0;
    while byte < 128 {
        let character = byte as u8;
        table[byte] = match character {
            b'\t' | b'\n' | b'\r' | b' ' => Ascii::Blank,
            _ if character.is_ascii_punctuation() => Ascii::Punctuation,
            _ if character.is_ascii_control() => Ascii::Nothing,
            _ => Ascii::Word,
        };
        byte += 1;
    }
    table
};

/// Whether a character beyond ASCII is left out: controls, format and private use characters, and the replacement of
/// what could not be decoded.
pub(crate) fn is_removed(character: char) -> bool {
    character == '\u{fffd}'
        || matches!(
            character.general_category(),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        )
}

/// Whether a character is one of those that stand alone, as Chinese is written without blanks.
pub(crate) fn is_chinese(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}'
        | '\u{2b920}'..='\u{2ceaf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{2f800}'..='\u{2fa1f}')
}

/// Whether a character is an accent or the like, which decomposition has taken off its letter.
pub(crate) fn is_mark(character: char) -> bool {
    character.general_category() == GeneralCategory::NonspacingMark
}

/// Whether a character beyond ASCII is a word of its own.
pub(crate) fn is_punctuation(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Punctuation
}
