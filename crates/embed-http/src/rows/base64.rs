//! A vector as a JSON string of base64 over little-endian `f32`, from pieces of text that end anywhere.

use super::error::{DecodeFault, excerpt};
use super::matrix::Matrix;

/// Of the table: the byte stands for no six bits.
pub(super) const NONE: u8 = 0xff;

/// The six bits that each byte of the standard alphabet stands for.
pub(super) const SIX_BITS: [u8; 256] = {
    let alphabet = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Reads one string after another. What it keeps between pieces is a value that was cut and an escape that was cut.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    /// Bits of the value that is not complete, the first in the highest place; their count is `held`.
    bits: u64,
    held: u32,
    /// Characters of the alphabet, modulo 4, and `=` signs so far.
    characters: u32,
    padding: u32,
    /// A JSON escape from its backslash on; empty outside of one.
    escape: Vec<u8>,
}

impl Base64 {
    /// Reads on behind the opening quote. Gives the bytes it took, and whether the last of them is the closing quote.
    pub(super) fn push(&mut self, bytes: &[u8], matrix: &mut Matrix) -> Result<(usize, bool), DecodeFault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.held == 0 && self.characters == 0 && self.padding == 0 && self.escape.is_empty() {
                let taken = run(&bytes[at..], matrix);
                if taken > 0 {
                    at += taken;
                    continue;
                }
            }
            at += 1;
            if !self.escape.is_empty() {
                self.escape.push(byte);
                if let Some(meant) = unescape(&self.escape, matrix.rows())? {
                    self.escape.clear();
                    self.character(meant, matrix)?;
                }
            } else if byte == b'\\' {
                self.escape.push(byte);
            } else if byte == b'"' {
                self.end(matrix)?;
                return Ok((at, true));
            } else {
                self.character(byte, matrix)?;
            }
        }
        Ok((at, false))
    }

    fn character(&mut self, byte: u8, matrix: &mut Matrix) -> Result<(), DecodeFault> {
        let six = SIX_BITS[usize::from(byte)];
        if byte == b'=' && self.padding < 2 {
            self.padding += 1;
            return Ok(());
        }
        if six == NONE || self.padding > 0 {
            return Err(fault(matrix, format!("it holds `{}`", excerpt(&[byte]))));
        }
        self.bits = self.bits << 6 | u64::from(six);
        self.held += 6;
        self.characters = (self.characters + 1) % 4;
        if self.held >= 32 {
            self.held -= 32;
            if matrix.room() == 0 {
                return Err(matrix.overfull());
            }
            let value = (self.bits >> self.held) as u32;
            matrix.values().push(f32::from_bits(value.swap_bytes()));
            self.bits &= (1 << self.held) - 1;
        }
        Ok(())
    }

    /// Checks what is left at the closing quote, and gets ready for the next string.
    fn end(&mut self, matrix: &Matrix) -> Result<(), DecodeFault> {
        let Self {
            bits,
            held,
            characters,
            padding,
            ..
        } = std::mem::take(self);
        if characters == 1 || (padding > 0 && (characters + padding) != 4) {
            return Err(fault(
                matrix,
                "its length is wrong: characters are missing".to_owned(),
            ));
        }
        // What base64 leaves over is less than a byte and zero; a whole byte is part of a value.
        if held >= 8 {
            return Err(fault(
                matrix,
                "its length in bytes is not a multiple of 4".to_owned(),
            ));
        }
        if bits != 0 {
            return Err(fault(
                matrix,
                "its last character has bits beyond the last byte".to_owned(),
            ));
        }
        match first_not_finite(matrix.growing()) {
            None => Ok(()),
            Some(column) => Err(DecodeFault::NotFinite {
                row: matrix.rows(),
                column,
                found: matrix.growing()[column].to_string(),
            }),
        }
    }
}

fn first_not_finite(values: &[f32]) -> Option<usize> {
    const INFINITY: u32 = f32::INFINITY.to_bits();
    // Nearly always there is none, which many at a time can tell: an exponent of ones carries into the sign.
    let carried = values.iter().fold(0, |carried, value| {
        carried | ((value.to_bits() & INFINITY) + (1 << 23))
    });
    if carried >> 31 == 0 {
        return None;
    }
    values.iter().position(|value| !value.is_finite())
}

/// Takes characters, whole values at a time, while all are of the alphabet and the row has room; gives their count.
fn run(bytes: &[u8], matrix: &mut Matrix) -> usize {
    #[cfg(all(target_arch = "x86_64", not(embed_http_portable)))]
    let taken = super::avx2::base64_groups(bytes, matrix.room(), matrix.values());
    #[cfg(not(all(target_arch = "x86_64", not(embed_http_portable))))]
    let taken = 0;
    taken + portable_run(&bytes[taken..], matrix)
}

/// The same on any processor: 16 characters at a time, three values.
fn portable_run(bytes: &[u8], matrix: &mut Matrix) -> usize {
    let room = matrix.room() / 3;
    let values = matrix.values();
    let mut taken = 0;
    for group in bytes.chunks_exact(16).take(room) {
        let (mut high, mut low, mut seen) = (0_u64, 0_u64, 0_u8);
        for &byte in &group[..8] {
            let six = SIX_BITS[usize::from(byte)];
            seen |= six;
            high = high << 6 | u64::from(six);
        }
        for &byte in &group[8..] {
            let six = SIX_BITS[usize::from(byte)];
            seen |= six;
            low = low << 6 | u64::from(six);
        }
        if seen == NONE {
            break;
        }
        // Twice 48 bits: a value and a half each.
        let words = [(high >> 16) as u32, (high << 16 | low >> 32) as u32, low as u32];
        values.extend(words.map(|word| f32::from_bits(word.swap_bytes())));
        taken += 16;
    }
    taken
}

/// The character that a JSON escape means, once it is complete.
fn unescape(escape: &[u8], row: usize) -> Result<Option<u8>, DecodeFault> {
    let character = match escape {
        [_, b'/'] => b'/',
        [_, b'u'] => return Ok(None),
        [_, b'u', hex @ ..] if hex.iter().all(u8::is_ascii_hexdigit) => {
            if hex.len() < 4 {
                return Ok(None);
            }
            let value = hex.iter().fold(0, |value, digit| {
                value * 16 + char::from(*digit).to_digit(16).unwrap_or(0)
            });
            // Beyond ASCII there is nothing in the alphabet; 0 is not in it either.
            u8::try_from(value).unwrap_or(0)
        }
        other => {
            return Err(DecodeFault::Base64 {
                row,
                message: format!("it holds `{}`", excerpt(other)),
            });
        }
    };
    Ok(Some(character))
}

fn fault(matrix: &Matrix, message: String) -> DecodeFault {
    DecodeFault::Base64 {
        row: matrix.rows(),
        message,
    }
}
