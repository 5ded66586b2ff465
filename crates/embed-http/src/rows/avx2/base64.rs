//! Base64, 32 characters at a time: 24 bytes, six values.
//!
//! The halves of a character tell whether it is of the alphabet and what makes six bits of it: each is looked up in a
//! table of sixteen. Neighbours then join: to twelve bits, to 24, and the 24 are put in order.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_extract_epi64, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_permutevar8x32_epi32, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setr_epi32, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_testz_si256,
};

use super::super::base64::{NONE, SIX_BITS};
use super::thirty_two;

/// Characters that are read at a time.
const GROUP: usize = 32;
/// Values that they hold.
const VALUES: usize = 6;

/// For each high half of a byte, its bit in [`ABSENT`]. Halves without any character share the lowest.
const COLUMN: [u8; 32] = {
    let mut columns = [1; 32];
    let mut high = 2;
    while high < 8 {
        columns[high] = 1 << (high - 1);
        columns[16 + high] = columns[high];
        high += 1;
    }
    columns
};

/// For each low half of a byte, the bits of the high halves with which it is no character.
const ABSENT: [u8; 32] = {
    let mut absent = [0; 32];
    let mut byte = 0;
    while byte < 128 {
        let (high, low) = (byte / 16, byte % 16);
        if SIX_BITS[byte] == NONE {
            absent[low] |= COLUMN[high];
            absent[16 + low] = absent[low];
        }
        byte += 1;
    }
    absent
};

/// For each high half of a byte, what makes six bits of its characters when added; `/`, which is unlike `+`, has the
/// place before.
const SHIFT: [u8; 32] = {
    let firsts = *b"+0APap";
    let mut shifts = [0; 32];
    let mut at = 0;
    while at < firsts.len() {
        let first = firsts[at] as usize;
        shifts[first / 16] = SIX_BITS[first].wrapping_sub(firsts[at]);
        shifts[16 + first / 16] = shifts[first / 16];
        at += 1;
    }
    let slash = b'/' as usize;
    shifts[slash / 16 - 1] = SIX_BITS[slash].wrapping_sub(b'/');
    shifts[16 + slash / 16 - 1] = shifts[slash / 16 - 1];
    shifts
};

/// Of each four bytes that hold 24 bits, the three that count, the highest first; then room for the rest.
const IN_ORDER: [u8; 32] = {
    let mut order = [0x80; 32];
    let mut byte = 0;
    while byte < 24 {
        let (half, place) = (byte / 12, byte % 12);
        order[16 * half + place] = (4 * (place / 3) + 2 - place % 3) as u8;
        byte += 1;
    }
    order
};

/// Reads whole groups, as many as `room` values allow, up to the first that holds anything but the alphabet; gives the
/// length of their text.
#[target_feature(enable = "avx2")]
pub(super) fn read(bytes: &[u8], room: usize, values: &mut Vec<f32>) -> usize {
    let (groups, _) = bytes.as_chunks::<GROUP>();
    let groups = &groups[..groups.len().min(room / VALUES)];
    values.reserve(groups.len() * VALUES);
    for (number, group) in groups.iter().enumerate() {
        let Some(sixes) = six_bits(thirty_two(group)) else {
            return number * GROUP;
        };
        values.extend_from_slice(&joined(sixes));
    }
    groups.len() * GROUP
}

/// The six bits that each character stands for; `None` if one of them is not of the alphabet.
#[target_feature(enable = "avx2")]
fn six_bits(characters: __m256i) -> Option<__m256i> {
    let half = _mm256_set1_epi8(0xf);
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(characters), half);
    let low = _mm256_and_si256(characters, half);
    let column = _mm256_shuffle_epi8(thirty_two(&COLUMN), high);
    let absent = _mm256_shuffle_epi8(thirty_two(&ABSENT), low);
    let slash = _mm256_cmpeq_epi8(characters, _mm256_set1_epi8(b'/' as i8));
    let shift = _mm256_shuffle_epi8(thirty_two(&SHIFT), _mm256_add_epi8(high, slash));
    (_mm256_testz_si256(column, absent) == 1).then(|| _mm256_add_epi8(characters, shift))
}

/// The values that 32 times six bits make.
#[target_feature(enable = "avx2")]
fn joined(sixes: __m256i) -> [f32; VALUES] {
    let twelves = _mm256_maddubs_epi16(sixes, _mm256_set1_epi16(1 << 6 | 1 << 8));
    let all = _mm256_madd_epi16(twelves, _mm256_set1_epi32(1 << 12 | 1 << 16));
    let ordered = _mm256_shuffle_epi8(all, thirty_two(&IN_ORDER));
    let packed = _mm256_permutevar8x32_epi32(ordered, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
    let [first, second, third] = [
        _mm256_extract_epi64::<0>(packed) as u64,
        _mm256_extract_epi64::<1>(packed) as u64,
        _mm256_extract_epi64::<2>(packed) as u64,
    ];
    [first, first >> 32, second, second >> 32, third, third >> 32].map(|bits| f32::from_bits(bits as u32))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::super::{base64_groups, here};
    use super::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn each_character_stands_for_its_six_bits_and_no_other_for_any() {
        if !here() {
            return;
        }
        for place in 0..GROUP {
            for byte in 0..=u8::MAX {
                let mut text = [b'A'; GROUP];
                text[place] = byte;
                let mut values = Vec::new();
                let read = base64_groups(&text, VALUES, &mut values);
                let Some(bytes) = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 24) else {
                    assert_eq!((read, values.len()), (0, 0), "{byte} at {place}");
                    continue;
                };
                let (words, _) = bytes.as_chunks::<4>();
                let expected: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
                assert_eq!((read, bits(&values)), (GROUP, expected), "{byte} at {place}");
            }
        }
    }

    proptest! {
        /// Whatever is read is what the library reads, whole groups as far as the room and the alphabet go.
        #[test]
        fn groups_are_read_as_the_library_reads_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            spoiled in proptest::option::of((0_usize..800, "[ =\"\\\\~é]")),
            room in 0_usize..200,
        ) {
            let mut text = STANDARD.encode(&bytes);
            let mut sound = text.trim_end_matches('=').len();
            if let Some((place, other)) = spoiled && place <= text.len() {
                text.insert_str(place, &other);
                sound = sound.min(place);
            }
            let mut values = vec![1.5];
            let read = base64_groups(text.as_bytes(), room, &mut values);
            let groups = if here() { (sound / GROUP).min(room / VALUES) } else { 0 };
            prop_assert_eq!(read, groups * GROUP);
            let (words, _) = bytes.as_chunks::<4>();
            let expected = words.iter().map(|word| f32::from_le_bytes(*word));
            let expected: Vec<f32> = std::iter::once(1.5).chain(expected.take(groups * VALUES)).collect();
            prop_assert_eq!(bits(&values), bits(&expected));
        }
    }
}
