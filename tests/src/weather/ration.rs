//! How many faults a text may meet.

use std::collections::HashMap;

use super::{Effect, Kind};

/// The faults that texts have met.
#[derive(Debug, Default)]
pub(super) struct Ration(HashMap<String, Hits>);

#[derive(Clone, Copy, Debug, Default)]
struct Hits {
    all: u32,
    accused: bool,
}

impl Ration {
    /// Whether all texts may meet one more fault, which is then noted. No text is accused twice: that would rightly be
    /// taken for its own doing.
    pub(super) fn grant(&mut self, limit: u32, kind: Kind, texts: &[String], accused: usize) -> bool {
        let met = |text: &String| self.0.get(text).copied().unwrap_or_default();
        let accuses = kind.effect() == Effect::Accusation;
        if texts.iter().any(|text| met(text).all >= limit) || (accuses && met(&texts[accused]).accused) {
            return false;
        }
        for (row, text) in texts.iter().enumerate() {
            let hits = self.0.entry(text.clone()).or_default();
            hits.all += 1;
            hits.accused |= accuses && row == accused;
        }
        true
    }

    /// Whether one of these texts may meet no more.
    pub(super) fn is_spent(&self, limit: u32, which: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(text, hits)| hits.all >= limit && which(text))
    }
}
