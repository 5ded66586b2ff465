//! What is left of a batch while it is taken to pieces to find the text that is to blame, or that none is.

use crate::caps::{Cap, Caps, bytes_of};
use crate::embed::Batch;

/// A batch or a part of one.
pub(crate) struct Part {
    pub(crate) texts: Batch,
    /// How often these texts were tried before, in a larger part.
    pub(crate) tried: u32,
    /// Whether one of them is under suspicion, so that a single failure is enough to halve again.
    pub(crate) suspect: bool,
}

/// A part that was refused as a whole.
struct Refusal {
    /// Texts of it that have not passed yet.
    left: usize,
    /// Whether it was refused for its bytes.
    for_bytes: bool,
    /// The largest of its parts that passed: texts, or bytes.
    passed: usize,
}

/// The parts that are left, the next one last, and the refusals that they come from, each within the one before it.
#[derive(Default)]
pub(crate) struct Suspects {
    parts: Vec<Part>,
    refusals: Vec<Refusal>,
}

impl Suspects {
    /// Nobody is suspected yet.
    pub(crate) fn new(batch: Batch) -> Self {
        let mut suspects = Self::default();
        suspects.push(Part {
            texts: batch,
            tried: 0,
            suspect: false,
        });
        suspects
    }

    pub(crate) fn push(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// The next part, no larger than what is known of the server allows.
    pub(crate) fn next(&mut self, caps: &Caps) -> Option<Part> {
        let Part {
            texts,
            tried,
            suspect,
        } = self.parts.pop()?;
        let pieces = caps.parts(texts).into_iter().rev();
        self.parts.extend(pieces.map(|texts| Part {
            texts,
            tried,
            suspect,
        }));
        self.parts.pop()
    }

    /// Takes note that a part is refused and will be taken to pieces.
    pub(crate) fn refused(&mut self, texts: &Batch, for_bytes: bool) {
        self.refusals.push(Refusal {
            left: texts.len(),
            for_bytes,
            passed: 0,
        });
    }

    /// Takes note that a part passed. Where all parts of a refused one have, it was refused for its size: gives the
    /// size that passed.
    pub(crate) fn passed(&mut self, texts: &Batch) -> Option<Cap> {
        let bytes = bytes_of(texts);
        for refusal in &mut self.refusals {
            refusal.left = refusal.left.saturating_sub(texts.len());
            let size = if refusal.for_bytes { bytes } else { texts.len() };
            refusal.passed = refusal.passed.max(size);
        }
        let mut cap = None;
        while let Some(refusal) = self.refusals.pop_if(|refusal| refusal.left == 0) {
            // The innermost one knows best.
            cap = cap.or(Some(if refusal.for_bytes {
                Cap::Bytes(refusal.passed)
            } else {
                Cap::Texts(refusal.passed)
            }));
        }
        cap
    }

    /// Takes note that a text was to blame, so that sizes were not.
    pub(crate) fn convicted(&mut self) {
        self.refusals.clear();
    }

    /// Puts what is left together again: the text that was looked for is found.
    pub(crate) fn rejoin(&mut self) {
        let tried = self.parts.iter().map(|part| part.tried).max();
        let suspect = self.parts.iter().any(|part| part.suspect);
        let texts: Batch = self.parts.drain(..).rev().flat_map(|part| part.texts).collect();
        if let Some(tried) = tried {
            self.parts.push(Part {
                texts,
                tried,
                suspect,
            });
        }
    }
}
