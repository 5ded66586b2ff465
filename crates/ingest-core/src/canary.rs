//! A text whose vector is kept beside a store's model: another vector for it means that the model is another.

use embed_core::cosine;

/// A text that every model has an embedding for.
pub const CANARY: &str = "test";

/// The least cosine similarity of two vectors that one model gives for [`CANARY`]. Other hardware, other batches and
/// other arithmetic of the same weights stay above it; other weights, and the same at another precision of a few bits, do
/// not.
pub const SAME_MODEL: f32 = 0.999;

/// Whether two vectors of [`CANARY`] are of one model, by their cosine similarity; that of unlike widths is 0.
///
/// # Errors
/// The cosine similarity, where it is below [`SAME_MODEL`].
pub fn same_model(kept: &[f32], answer: &[f32]) -> Result<f32, f32> {
    let cosine = if kept.len() == answer.len() {
        cosine(kept, answer)
    } else {
        0.0
    };
    // A cosine that is no number is of no model.
    if cosine >= SAME_MODEL {
        Ok(cosine)
    } else {
        Err(cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_of_one_model_and_others_are_not() {
        let kept = [1.0, 0.0];
        let at = |cosine: f32| [cosine, (1.0 - cosine * cosine).sqrt()];
        assert!(same_model(&kept, &at(0.9995)).is_ok());
        assert!(same_model(&kept, &[3.0, 0.0]).is_ok(), "length is no matter");
        assert!(same_model(&kept, &at(0.9985)).is_err());
        assert!(same_model(&kept, &[f32::NAN, 0.0]).is_err());
        assert_eq!(same_model(&kept, &[1.0]), Err(0.0));
    }
}
