//! The vectors of the tokens, and the mean of some of them.

use crate::table::ENTRIES;

/// Values of an embedding.
pub(crate) const DIMENSIONS: usize = 256;

/// A row of signed bytes for each token.
static VECTORS: &[u8; ENTRIES * DIMENSIONS] = include_bytes!("../model/vectors.i8");

/// For each token what its bytes are to be multiplied with: little-endian `f32`.
static SCALES: &[u8; ENTRIES * 4] = include_bytes!("../model/scales.f32");

/// The SHA-256 of the vectors.
pub(crate) const DIGEST: &str = "ad28c10e33c7a8b874d6add9492b7b805d3946890d376496711766292a89a05e";

/// Appends the direction of the mean of the tokens' vectors, with length 1; nothing, and false, where there is none.
pub(crate) fn push_direction(ids: &[u32], values: &mut Vec<f32>) -> bool {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has what the function needs, as was asked just now.
            return unsafe { push_direction_avx512(ids, values) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { push_direction_avx2(ids, values) };
        }
    }
    push_direction_by::<32>(ids, values)
}

/// The same code, compiled for registers of four times the width; the same operations in the same order, so the same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn push_direction_avx512(ids: &[u32], values: &mut Vec<f32>) -> bool {
    push_direction_by::<DIMENSIONS>(ids, values)
}

/// The same for registers of twice the width.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn push_direction_avx2(ids: &[u32], values: &mut Vec<f32>) -> bool {
    push_direction_by::<64>(ids, values)
}

/// Sums `BLOCK` columns at once: as many as stay in registers.
#[inline(always)]
fn push_direction_by<const BLOCK: usize>(ids: &[u32], values: &mut Vec<f32>) -> bool {
    let mut sums = [0.0; DIMENSIONS];
    for (block, sums) in sums.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        *sums = sum(ids, block * BLOCK);
    }
    let length = squared_length(&sums).sqrt();
    if length == 0.0 {
        return false;
    }
    let scale = (1.0 / length) as f32;
    values.extend(sums.iter().map(|sum| sum * scale));
    true
}

/// The sums of some columns, from `column` on.
#[inline(always)]
fn sum<const BLOCK: usize>(ids: &[u32], column: usize) -> [f32; BLOCK] {
    let mut sums = [0.0; BLOCK];
    let rows = VECTORS.as_chunks::<DIMENSIONS>().0;
    let scales = SCALES.as_chunks::<4>().0;
    for &id in ids {
        let scale = f32::from_le_bytes(scales[id as usize]);
        let row = &rows[id as usize][column..][..BLOCK];
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += scale * f32::from(value.cast_signed());
        }
    }
    sums
}

/// In several sums side by side: one would wait for itself at every value.
#[inline(always)]
fn squared_length(values: &[f32; DIMENSIONS]) -> f64 {
    const LANES: usize = 16;
    let mut lanes = [0.0; LANES];
    for values in values.as_chunks::<LANES>().0 {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_widths_of_registers_give_the_same_bits() {
        let mut random = 1_u32;
        for count in [0, 1, 2, 100, 512] {
            let ids: Vec<u32> = (0..count)
                .map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    random % ENTRIES as u32
                })
                .collect();
            let bits = |push: &dyn Fn(&[u32], &mut Vec<f32>) -> bool| {
                let mut values = Vec::new();
                assert_eq!(push(&ids, &mut values), count > 0);
                values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let narrow = bits(&push_direction_by::<32>);
            assert_eq!(narrow.len(), if count > 0 { DIMENSIONS } else { 0 });
            assert_eq!(bits(&push_direction), narrow, "{count} tokens");
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has what the function needs, as was asked just now.
                #[allow(unsafe_code)]
                let middle = bits(&|ids, values| unsafe { push_direction_avx2(ids, values) });
                assert_eq!(middle, narrow, "{count} tokens");
            }
        }
    }
}
