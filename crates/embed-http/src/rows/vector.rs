//! The numbers of one vector, from pieces of text that end anywhere.

#[cfg(all(target_arch = "x86_64", not(embed_http_portable)))]
use super::avx2;
use super::error::{DecodeFault, excerpt};
use super::matrix::Matrix;
use super::number::{self, BLOCK, WINDOW};

/// Longest text of a number. Servers print at most 25 bytes; all of a halfway case of `f32` has some 150.
const LONGEST: usize = 1024;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    ValueOrEnd,
    Value,
    /// More of the number whose beginning is in `carry`.
    RestOfValue,
    CommaOrEnd,
}

/// Reads one vector after another. What it keeps between pieces is the number that was cut.
#[derive(Debug)]
pub(super) struct Vector {
    expect: Expect,
    carry: Vec<u8>,
}

impl Vector {
    pub(super) fn new() -> Self {
        Self {
            expect: Expect::ValueOrEnd,
            carry: Vec::new(),
        }
    }

    /// Reads on behind a `[`. Gives the bytes it took, and whether the last of them is the `]` of this vector.
    pub(super) fn push(&mut self, bytes: &[u8], matrix: &mut Matrix) -> Result<(usize, bool), DecodeFault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match (self.expect, byte) {
                (Expect::RestOfValue, _) => at += self.token(&bytes[at..], matrix)?,
                (_, b' ' | b'\n' | b'\r' | b'\t') => at += 1,
                (Expect::CommaOrEnd, b',') => {
                    self.expect = Expect::Value;
                    at += 1;
                }
                (Expect::CommaOrEnd | Expect::ValueOrEnd, b']') => {
                    self.expect = Expect::ValueOrEnd;
                    return Ok((at + 1, true));
                }
                (Expect::CommaOrEnd, other) => {
                    return Err(DecodeFault::NotSeparated {
                        row: matrix.rows(),
                        column: matrix.column() - 1,
                        found: excerpt(&[other]),
                    });
                }
                (Expect::Value | Expect::ValueOrEnd, _) => {
                    let taken = run(&bytes[at..], matrix);
                    if taken > 0 {
                        self.expect = Expect::Value;
                        at += taken;
                    } else {
                        at += self.token(&bytes[at..], matrix)?;
                    }
                }
            }
        }
        Ok((at, false))
    }

    /// Takes one number, or as much of it as there is.
    fn token(&mut self, bytes: &[u8], matrix: &mut Matrix) -> Result<usize, DecodeFault> {
        let length = bytes
            .iter()
            .position(|byte| !is_part_of_a_token(*byte))
            .unwrap_or(bytes.len());
        if self.carry.len() + length > LONGEST {
            return Err(DecodeFault::TooLarge {
                what: "the text of a number in bytes",
                limit: LONGEST,
            });
        }
        if length == bytes.len() {
            self.carry.extend_from_slice(bytes);
            self.expect = Expect::RestOfValue;
            return Ok(length);
        }
        if self.carry.is_empty() {
            // What is no part of a token, such as a quote, is a token of its own here.
            take(&bytes[..length.max(1)], matrix)?;
        } else {
            self.carry.extend_from_slice(&bytes[..length]);
            take(&self.carry, matrix)?;
            self.carry.clear();
        }
        self.expect = Expect::CommaOrEnd;
        Ok(length)
    }
}

/// Takes numbers in the usual form as long as each is followed by a comma and the row has room; gives the length of
/// their text with the commas and the blanks behind them.
#[inline]
fn run(bytes: &[u8], matrix: &mut Matrix) -> usize {
    // A buffer of its own, so that nothing in the loops can call the allocator.
    let mut values = [0.0; BLOCK];
    let mut rest = bytes;
    #[cfg(all(target_arch = "x86_64", not(embed_http_portable)))]
    let mut is_usual = true;
    loop {
        #[cfg(all(target_arch = "x86_64", not(embed_http_portable)))]
        if is_usual {
            let (count, length) = avx2::block(rest, matrix.room(), &mut values);
            matrix.values().extend_from_slice(&values[..count]);
            rest = &rest[length..];
            if count == BLOCK {
                continue;
            }
            is_usual = count > 0;
        }
        let mut count = 0;
        for slot in values.iter_mut().take(matrix.room()) {
            let Some(window) = rest.first_chunk::<WINDOW>() else {
                break;
            };
            let Some((value, length)) = number::leading(window) else {
                break;
            };
            *slot = value;
            count += 1;
            rest = &rest[length + 1..];
            while let [b' ' | b'\n' | b'\r' | b'\t', behind @ ..] = rest {
                rest = behind;
            }
        }
        matrix.values().extend_from_slice(&values[..count]);
        if count < values.len() {
            return bytes.len() - rest.len();
        }
    }
}

fn take(token: &[u8], matrix: &mut Matrix) -> Result<(), DecodeFault> {
    if matrix.room() == 0 {
        return Err(matrix.overfull());
    }
    match number::parse(token) {
        Some(value) if value.is_finite() => {
            matrix.values().push(value);
            Ok(())
        }
        Some(_) => Err(DecodeFault::NotFinite {
            row: matrix.rows(),
            column: matrix.column(),
            found: excerpt(token),
        }),
        None => Err(DecodeFault::NotANumber {
            row: matrix.rows(),
            column: matrix.column(),
            found: excerpt(token),
        }),
    }
}

/// Numbers, and the words that servers put in their place, so that an error can name them whole.
fn is_part_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
