//! What the model does in any weather, and how a server says that it will do nothing more.

use embed_http::testing::Reply;

use super::answer::refusal;
use super::{Dialect, End, Kind, LONGEST_TEXT, Poison};

/// The refusal of a request because of one of its texts.
pub(super) fn refuse(dialect: Dialect, texts: &[String]) -> Option<(Kind, Reply)> {
    let holds = |poison| texts.iter().any(|text| Poison::of(text) == Some(poison));
    let refused = |kind, status, message| Some((kind, refusal(dialect, status, message)));
    if texts.iter().any(|text| text.len() > LONGEST_TEXT) {
        return refused(Kind::TooLong, 400, "the input length exceeds the context length");
    }
    if holds(Poison::Kills) {
        return Some((Kind::Crash, Reply::reset()));
    }
    if holds(Poison::Refused) {
        return refused(Kind::PoisonRefused, 400, "this input is not acceptable");
    }
    if holds(Poison::Fails) {
        return refused(Kind::PoisonFails, 500, "the model failed on this input");
    }
    None
}

/// Spoils the rows of texts that the model cannot deal with, and tells of each.
pub(super) fn poison(texts: &[String], rows: &mut [Vec<f32>]) -> Vec<Kind> {
    let spoilt = texts.iter().zip(rows).filter_map(|(text, row)| {
        let (kind, value) = match Poison::of(text)? {
            Poison::NaN => (Kind::PoisonNaN, f32::NAN),
            Poison::Zero => (Kind::PoisonZero, 0.0),
            Poison::Refused | Poison::Fails | Poison::Kills => return None,
        };
        row.fill(value);
        Some(kind)
    });
    spoilt.collect()
}

/// The last words; `None` where there are none.
pub(super) fn last_words(end: End, dialect: Dialect) -> Option<Reply> {
    let refused = |status, message| Some(refusal(dialect, status, message));
    match end {
        End::Unauthorized => refused(401, "invalid api key"),
        End::Forbidden => refused(403, "forbidden"),
        End::ModelGone => refused(404, "model \"m\" not found, try pulling it first"),
        End::QuotaSpent if dialect == Dialect::Ollama => refused(402, "payment required"),
        End::QuotaSpent => refused(429, "You exceeded your current quota, please check your plan"),
        End::LongWait => refused(429, "too many requests").map(|reply| reply.header("retry-after", "3600")),
        End::Outage => None,
    }
}
