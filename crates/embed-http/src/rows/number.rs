//! One JSON number to `f32`, each bit as `str::parse` gives it.
//!
//! A decimal number is `mantissa × 10^exponent`. With a mantissa of at most 19 digits and a small exponent, one
//! division (or multiplication) in `f64` comes within a few units in the last place of the true value; rounding that
//! to `f32` is right unless a boundary between two `f32` lies in between, which the low bits of the `f64` show. That
//! rare case, and all that is long, tiny or huge, goes to the standard library.

/// Bytes that [`leading`] looks at.
pub(super) const WINDOW: usize = 32;

/// Numbers that are read together.
pub(super) const BLOCK: usize = 64;

/// Most decimal digits that always fit a `u64`.
const MANTISSA_DIGITS: u32 = 19;

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

pub(super) const POWERS: [u64; 15] = {
    let mut powers = [1; 15];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

// Exact up to 10^22, correctly rounded beyond.
pub(super) const POWERS_F64: [f64; 39] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35,
    1e36, 1e37, 1e38,
];

/// Reads the number at the front of a window in the form that vectors are printed in: one digit, a point, 1 to 21
/// digits, no exponent, a comma. Gives the value and the length of its text without the comma.
///
/// `None` says nothing about the text, only that [`parse`] has to look at it.
// The next number can be looked at as soon as the comma of this one is found. So the comma is searched for first, in
// a way that waits for nothing, neither sign nor digits: what is done with those overlaps with the next number.
#[inline(always)]
pub(super) fn leading(window: &[u8; WINDOW]) -> Option<(f32, usize)> {
    let in_first = commas(eight(window, 0));
    let in_second = commas(eight(window, 8));
    let length = if in_first != 0 {
        first_byte(in_first)
    } else if in_second != 0 {
        8 + first_byte(in_second)
    } else {
        let in_third = commas(eight(window, 16));
        if in_third == 0 {
            return None;
        }
        16 + first_byte(in_third)
    };
    let negative = window[0] == b'-';
    let start = usize::from(negative);
    let lead = window[start].wrapping_sub(b'0');
    // Without a digit after the point this is 0 or wraps around.
    let fraction = length.wrapping_sub(start + 2);
    if lead > 9 || window[start + 1] != b'.' {
        return None;
    }
    let value = if (1..=14).contains(&fraction) {
        let in_low = fraction.min(8);
        let high = digits(eight(window, start + 2), fraction - in_low);
        let low = digits(eight(window, length - in_low), in_low);
        if (beyond_nine(high) | beyond_nine(low)) & TOPS != 0 {
            return None;
        }
        let mantissa = u64::from(lead) * POWERS[fraction] + value_of(high) * POWERS[8] + value_of(low);
        small_to_f64(mantissa) / POWERS_F64[fraction]
    } else {
        less_usual(window, start + 2, lead, fraction)?
    };
    Some((with_sign(round(value)?, negative), length))
}

/// The same for any number of digits after the point.
#[inline]
fn less_usual(window: &[u8; WINDOW], start: usize, lead: u8, fraction: usize) -> Option<f64> {
    if fraction.wrapping_sub(1) >= 21 {
        return None;
    }
    let counts = [
        fraction.min(8),
        fraction.saturating_sub(8).min(8),
        fraction.saturating_sub(16),
    ];
    let mut mantissa = u64::from(lead);
    let mut strange = 0;
    for (place, count) in counts.into_iter().enumerate() {
        let digits = digits(eight(window, start + 8 * place), count);
        strange |= beyond_nine(digits);
        mantissa = mantissa
            .checked_mul(POWERS[count])?
            .checked_add(value_of(digits))?;
    }
    if strange & TOPS != 0 {
        return None;
    }
    Some(mantissa as f64 / POWERS_F64[fraction])
}

/// Reads a whole token by the grammar of JSON. `None` where it is no number by that; the value may be infinite.
pub(super) fn parse(token: &[u8]) -> Option<f32> {
    let (negative, unsigned) = match token {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut digits = Digits::default();
    let (whole, rest) = digits.take(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return None;
    }
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => match digits.take(rest) {
            (0, _) => return None,
            taken => taken,
        },
        rest => (0, rest),
    };
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => exponent(rest)?,
        _ => return None,
    };
    let quick = if digits.significant <= MANTISSA_DIGITS {
        i64::try_from(fraction)
            .ok()
            .and_then(|fraction| scale(digits.mantissa, exponent.saturating_sub(fraction)))
    } else {
        None
    };
    match quick {
        Some(value) => Some(with_sign(value, negative)),
        // The grammar of JSON numbers is a part of what `parse` reads.
        None => str::from_utf8(token).ok()?.parse().ok(),
    }
}

/// Digits of a mantissa, gathered from both sides of the point.
#[derive(Default)]
struct Digits {
    mantissa: u64,
    // Digits from the first that is not 0; `mantissa` is meaningless beyond what fits.
    significant: u32,
}

impl Digits {
    /// Takes the digits at the front; gives their count and what follows them.
    fn take<'a>(&mut self, text: &'a [u8]) -> (usize, &'a [u8]) {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = text.split_at(count);
        for digit in digits {
            self.mantissa = self
                .mantissa
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit - b'0'));
            self.significant = self
                .significant
                .saturating_add(u32::from(self.significant > 0 || *digit != b'0'));
        }
        (count, rest)
    }
}

/// The text after `e`, saturating; `None` where it is no whole number.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -value } else { value })
}

/// `mantissa × 10^exponent`, where that can be told for certain.
fn scale(mantissa: u64, exponent: i64) -> Option<f32> {
    if mantissa == 0 {
        return Some(0.0);
    }
    let power = POWERS_F64.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    let value = if exponent < 0 {
        mantissa as f64 / power
    } else {
        mantissa as f64 * power
    };
    // Below lie the subnormals, which have fewer bits than `round` thinks; above, what may be infinite.
    if value < 2.0 * f64::from(f32::MIN_POSITIVE) || value > f64::from(f32::MAX) {
        return None;
    }
    round(value)
}

/// Rounds to `f32` a value whose error is at most 3 units in its last place; `None` where that leaves two choices.
#[inline(always)]
fn round(value: f64) -> Option<f32> {
    (!is_doubtful(value)).then_some(value as f32)
}

/// Whether a value whose error is at most 3 units in its last place may round to either of two `f32`.
#[inline(always)]
pub(super) fn is_doubtful(value: f64) -> bool {
    // Of the 52 bits after the leading one, `f32` keeps 23. The boundary between two `f32` is where the other 29 are
    // a one and zeros: if that lies within the error, the side on which the true value stands is not known.
    const LOW: u64 = (1 << 29) - 1;
    const BOUNDARY: u64 = 1 << 28;
    const ERROR: u64 = 4;
    let low = value.to_bits() & LOW;
    low.wrapping_sub(BOUNDARY - ERROR) <= 2 * ERROR
}

/// Converts a number below 2^52.
// `as f64` would do. But on x86-64 its instruction keeps half of its target register, and so waits for whoever wrote
// that last: the division of the number before. This one makes the numbers independent of each other.
#[inline(always)]
pub(super) fn small_to_f64(mantissa: u64) -> f64 {
    const TWO_TO_52: f64 = (1_u64 << 52) as f64;
    f64::from_bits(TWO_TO_52.to_bits() | mantissa) - TWO_TO_52
}

#[inline(always)]
fn with_sign(value: f32, negative: bool) -> f32 {
    f32::from_bits(value.to_bits() | (u32::from(negative) << 31))
}

#[inline(always)]
fn eight(window: &[u8; WINDOW], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&window[at..at + 8]);
    u64::from_le_bytes(bytes)
}

/// Which of eight bytes are commas: the top bit of the first of them is set, and none before it.
#[inline(always)]
fn commas(bytes: u64) -> u64 {
    let differences = bytes ^ (ONES * b',' as u64);
    differences.wrapping_sub(ONES) & !differences & TOPS
}

/// The place of the first byte whose top bit is set, the lowest byte being 0.
#[inline(always)]
fn first_byte(tops: u64) -> usize {
    tops.trailing_zeros() as usize / 8
}

/// The values of the first `count` of eight digits, moved to the end behind zeros.
#[inline(always)]
fn digits(bytes: u64, count: usize) -> u64 {
    (bytes ^ (ONES * b'0' as u64)).unbounded_shl(64 - 8 * count as u32)
}

/// Some top bit is set where any of eight bytes is above 9; the other bits mean nothing.
#[inline(always)]
fn beyond_nine(digits: u64) -> u64 {
    // 10 and more set the top bit with 0x76 added, 0x80 and more have it. Only what is beyond 9 itself carries over.
    digits.wrapping_add(ONES * 0x76) | digits
}

/// The number that eight digits make.
#[inline(always)]
fn value_of(digits: u64) -> u64 {
    const EVEN: u64 = 0x0000_00ff_0000_00ff;
    // Neighbours join: to tens, to hundreds, to ten thousands.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & EVEN).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & EVEN).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

#[cfg(test)]
mod tests;
