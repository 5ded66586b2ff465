//! The vectors of the tokens, and the mean of some of them.

use crate::table::ENTRIES;

/// Values of an embedding.
pub(crate) const DIMENSIONS: usize = 256;

/// Columns that are summed at once: so many sums stay in registers.
const BLOCK: usize = 32;

/// A row of signed bytes for each token.
static VECTORS: &[u8; ENTRIES * DIMENSIONS] = include_bytes!("../model/vectors.i8");

/// For each token what its bytes are to be multiplied with: little-endian `f32`.
static SCALES: &[u8; ENTRIES * 4] = include_bytes!("../model/scales.f32");

/// The SHA-256 of the vectors.
pub(crate) const DIGEST: &str = "ad28c10e33c7a8b874d6add9492b7b805d3946890d376496711766292a89a05e";

/// The direction of the mean of the tokens' vectors, with length 1; `None` where there is none.
pub(crate) fn direction(ids: &[u32]) -> Option<[f32; DIMENSIONS]> {
    let mut sums = [0.0; DIMENSIONS];
    for (block, sums) in sums.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        *sums = sum(ids, block * BLOCK);
    }
    let length = sums
        .iter()
        .map(|sum| f64::from(*sum) * f64::from(*sum))
        .sum::<f64>()
        .sqrt();
    if length == 0.0 {
        return None;
    }
    let scale = (1.0 / length) as f32;
    Some(sums.map(|sum| sum * scale))
}

/// The sums of some columns, from `column` on.
#[inline]
fn sum(ids: &[u32], column: usize) -> [f32; BLOCK] {
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
