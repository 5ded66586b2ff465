//! Numbers in the form that vectors are printed in, many at a time, on processors with AVX2.
//!
//! Three passes over a block of numbers, so that none waits for the one before it: commas are found 32 bytes at a time;
//! each number's digits are moved to the end of a register and multiplied up to one integer; all integers are divided by
//! their powers of ten and rounded together. What is unlike the others (an exponent, a `]`, a long or a doubtful number)
//! spoils the block, which is then left to the portable way: [`number`](super::number) decides what is right.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_adds_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setzero_si128,
    _mm_shuffle_epi8, _mm_sub_epi8, _mm256_add_epi64, _mm256_cmpeq_epi8, _mm256_extract_epi64,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_movemask_epi8, _mm256_mul_epu32, _mm256_packus_epi32,
    _mm256_permute4x64_epi64, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_srli_epi64,
};

use super::super::number::{self, BLOCK};
use super::{sixteen, thirty_two};

/// Bytes in which commas are looked for at once.
const STRIDE: usize = 64;
/// Most bytes that are read behind such a stretch: a sign, a digit, a point and 16 more.
const BEHIND: usize = 32;
/// Most digits after the point.
const MOST: usize = 14;

/// Most commas that a stretch of usual numbers holds.
const USUAL: usize = 6;

/// Moves the digit in front of the point and the first `n` behind it to the end of a register, behind zeros: row `n`.
const TO_THE_END: [[u8; 16]; 16] = {
    let mut rows = [[0x80; 16]; 16];
    let mut count = 0;
    while count <= MOST {
        rows[count][15 - count] = 0;
        let mut digit = 0;
        while digit < count {
            rows[count][16 - count + digit] = 2 + digit as u8;
            digit += 1;
        }
        count += 1;
    }
    rows
};

/// Reads up to [`BLOCK`] and at most `room` numbers, each followed by a comma; gives their count and the length of
/// their text with the commas. Zero where this is not the way to read them.
#[target_feature(enable = "avx2,bmi1,popcnt")]
pub(super) fn read(bytes: &[u8], room: usize, values: &mut [f32; BLOCK]) -> (usize, usize) {
    if bytes.len() < STRIDE + BEHIND {
        return (0, 0);
    }
    let mut ends = [0_u32; BLOCK + STRIDE];
    let count = find_commas(bytes, &mut ends).min(room).min(BLOCK);
    let mut digits = [_mm_setzero_si128(); BLOCK];
    let mut powers = [1_f64; BLOCK];
    let mut signs = [0_u32; BLOCK];
    let mut strange = false;
    let mut beyond = _mm_setzero_si128();
    let mut begin = 0;
    let columns = digits.iter_mut().zip(&mut powers).zip(&mut signs);
    for (((digits, power), sign), end) in columns.zip(&ends[..count]) {
        let end = *end as usize;
        let negative = usize::from(bytes[begin] == b'-');
        let Some(text) = bytes[begin + negative..].first_chunk::<16>() else {
            return (0, 0);
        };
        // Without a digit after the point this is 0 or wraps around.
        let fraction = end.wrapping_sub(begin + negative + 2);
        strange |= (text[1] != b'.') | (fraction.wrapping_sub(1) >= MOST);
        let fraction = fraction % 16;
        *digits = to_the_end(text, fraction);
        beyond = _mm_or_si128(beyond, _mm_adds_epu8(*digits, _mm_set1_epi8(0x7f - 9)));
        *power = number::POWERS_F64[fraction];
        *sign = (negative as u32) << 31;
        begin = end + 1;
    }
    if strange || _mm_movemask_epi8(beyond) != 0 {
        return (0, 0);
    }
    let mut doubtful = false;
    let (digits, _) = digits.as_chunks::<4>();
    let (powers, _) = powers.as_chunks::<4>();
    let (signs, _) = signs.as_chunks::<4>();
    let (quads, _) = values.as_chunks_mut::<4>();
    for (((values, digits), powers), signs) in quads.iter_mut().zip(digits).zip(powers).zip(signs) {
        let mantissas = values_of(digits);
        for (((value, mantissa), power), sign) in values.iter_mut().zip(mantissas).zip(powers).zip(signs) {
            let quotient = number::small_to_f64(mantissa) / power;
            doubtful |= number::is_doubtful(quotient);
            *value = f32::from_bits((quotient as f32).to_bits() | sign);
        }
    }
    if doubtful { (0, 0) } else { (count, begin) }
}

/// Finds the first [`BLOCK`] commas or a few more, as long as all that is read behind them is there; gives their count.
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn find_commas(bytes: &[u8], ends: &mut [u32; BLOCK + STRIDE]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while count < BLOCK
        && let Some(stretch) = bytes.get(at..at + STRIDE + BEHIND)
    {
        let mut commas = commas(stretch);
        let found = commas.count_ones() as usize;
        // As many as are usual, without asking whether they are there: asking costs more than writing them.
        for place in &mut ends[count..][..USUAL] {
            *place = at as u32 + commas.trailing_zeros();
            commas &= commas.wrapping_sub(1);
        }
        for place in &mut ends[count..][..found.max(USUAL)][USUAL..] {
            *place = at as u32 + commas.trailing_zeros();
            commas &= commas.wrapping_sub(1);
        }
        count += found;
        at += STRIDE;
    }
    count
}

/// Which of 64 bytes are commas, the first byte being the lowest bit.
#[target_feature(enable = "avx2")]
fn commas(stretch: &[u8]) -> u64 {
    let ([low, high, ..], _) = stretch.as_chunks::<32>() else {
        return 0;
    };
    let comma = _mm256_set1_epi8(b',' as i8);
    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(thirty_two(low), comma)) as u32;
    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(thirty_two(high), comma)) as u32;
    u64::from(low) | u64::from(high) << 32
}

/// The digits of a text such as `0.123`, as values at the end behind zeros; `count` of them are behind the point.
#[target_feature(enable = "avx2")]
fn to_the_end(text: &[u8; 16], count: usize) -> __m128i {
    let values = _mm_sub_epi8(sixteen(text), _mm_set1_epi8(b'0' as i8));
    _mm_shuffle_epi8(values, sixteen(&TO_THE_END[count]))
}

/// The numbers that four times sixteen digits make.
#[target_feature(enable = "avx2")]
fn values_of(&[first, second, third, fourth]: &[__m128i; 4]) -> [u64; 4] {
    // Neighbours join: to tens, to ten thousands, to two numbers of eight digits, to one.
    let front = ten_thousands(_mm256_set_m128i(second, first));
    let back = ten_thousands(_mm256_set_m128i(fourth, third));
    // Packing works on halves of a register, which leaves the second and the third exchanged.
    let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(front, back));
    let eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(10_000 | 1 << 16));
    let high = _mm256_mul_epu32(eights, _mm256_set1_epi64x(100_000_000));
    let values = _mm256_add_epi64(high, _mm256_srli_epi64::<32>(eights));
    [
        _mm256_extract_epi64::<0>(values) as u64,
        _mm256_extract_epi64::<1>(values) as u64,
        _mm256_extract_epi64::<2>(values) as u64,
        _mm256_extract_epi64::<3>(values) as u64,
    ]
}

#[target_feature(enable = "avx2")]
fn ten_thousands(digits: __m256i) -> __m256i {
    let tens = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(10 | 1 << 8));
    _mm256_madd_epi16(tens, _mm256_set1_epi32(100 | 1 << 16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{block, here};
    use super::*;

    /// Reads the block as the standard library would; `None` where that cannot be by this way.
    fn plain(text: &str, count: usize) -> Option<(Vec<u32>, usize)> {
        let mut length = 0;
        let values = text.split_inclusive(',').take(count).map(|token| {
            length += token.len();
            Some(token.strip_suffix(',')?.parse::<f32>().ok()?.to_bits())
        });
        let values = values.collect::<Option<Vec<u32>>>()?;
        Some((values, length))
    }

    /// What was read is what the standard library reads; gives its count.
    fn agrees(text: &str, room: usize) -> usize {
        let mut values = [f32::NAN; BLOCK];
        let (count, length) = block(text.as_bytes(), room, &mut values);
        assert!(count <= room.min(BLOCK));
        let found: Vec<u32> = values[..count].iter().map(|value| value.to_bits()).collect();
        assert_eq!(Some((found, length)), plain(text, count), "{text}");
        count
    }

    #[test]
    fn usual_numbers_are_read_a_block_at_a_time() {
        let text: String = (0..200)
            .map(|number| {
                format!(
                    "{}0.0{}",
                    if number % 3 == 0 { "-" } else { "" },
                    1_234_567 + number
                )
            })
            .map(|number| number + ",")
            .collect();
        if here() {
            assert_eq!(agrees(&text, usize::MAX), BLOCK);
            assert_eq!(agrees(&text, 5), 5);
        }
        assert_eq!(agrees(&text, 0), 0);
    }

    #[test]
    fn what_is_unlike_a_number_is_left_to_others() {
        let usual = "0.1234567,".repeat(60);
        for other in [
            "1e-7",
            "12.5",
            "-",
            "",
            "0.",
            ".5",
            "0.1]",
            "]",
            "null",
            "0.12345678901234567",
            "0.1 ",
            "--0.1",
            "0x1",
            "0.1:",
        ] {
            for place in [0, 10, 30, 100, 300] {
                let mut text = usual.clone();
                text.insert_str(place, &format!("{other},"));
                let mut values = [0.0; BLOCK];
                assert_eq!(
                    block(text.as_bytes(), BLOCK, &mut values),
                    (0, 0),
                    "{other} at {place}"
                );
            }
        }
    }

    #[test]
    fn a_number_that_rounding_twice_would_spoil_is_left_to_others() {
        // Halfway between two `f32`, and so near that the quotient in `f64` is the halfway point itself.
        for number in 0..20_000 {
            let value = f32::from_bits(8.0_f32.to_bits() + 97 * number);
            let halfway = f64::midpoint(f64::from(value), f64::from(value.next_up()));
            let text = format!("{halfway:.14},").repeat(10);
            agrees(&text, BLOCK);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn numbers_of_any_length_are_met(
            numbers in proptest::collection::vec("-?[0-9]\\.[0-9]{1,14}", 0..120),
            room in 0_usize..200,
        ) {
            let text: String = numbers.into_iter().map(|number| number + ",").collect();
            agrees(&text, room);
        }

        #[test]
        fn any_text_is_met(text in "([-0-9.,e\\]]|0\\.[0-9]{6,9},){60,200}") {
            agrees(&text, BLOCK);
        }
    }
}
