//! From the text or number of a layer to the value of a setting.

use std::path::PathBuf;
use std::time::Duration;

use config::{Value, ValueKind};
use serde_json::json;

use crate::{Address, Key, Kind, MaxDelete, Secret, SourceSettings, source};

/// A value of the right kind and within its range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Typed {
    Text(String),
    Secret(Secret),
    Address(Address),
    Path(PathBuf),
    Integer(u64),
    Number(f64),
    Duration(Duration),
    MaxDelete(MaxDelete),
    Sources(Vec<SourceSettings>),
}

impl Typed {
    /// As it may be shown to anyone.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Secret(_) => json!("***"),
            Self::Address(address) => json!(address.to_string()),
            Self::Path(path) => json!(path.to_string_lossy()),
            Self::Integer(number) => json!(number),
            Self::Number(number) => json!(number),
            Self::Duration(duration) => json!(format_duration(*duration)),
            Self::MaxDelete(limit) => json!(limit.to_string()),
            Self::Sources(sources) => sources.iter().map(SourceSettings::to_json).collect(),
        }
    }
}

/// Reads a layer's value for a setting; `None` for one that counts as not set.
///
/// # Errors
/// What the value would have to be, as the rest of a sentence that begins "must be".
pub(crate) fn decode(key: &Key, value: &Value) -> Result<Option<Typed>, String> {
    if let Kind::Sources = key.kind {
        return source::decode(value).map(|sources| Some(Typed::Sources(sources)));
    }
    let text = scalar(value).ok_or_else(|| allowed(key))?;
    let trimmed = text.trim();
    let typed = match key.kind {
        Kind::Text { blank: true } => Some(Typed::Text(text)),
        Kind::Secret { blank: true } => Some(Typed::Secret(text.into())),
        _ if trimmed.is_empty() => return Ok(None),
        Kind::Text { .. } => Some(Typed::Text(trimmed.to_owned())),
        Kind::Secret { .. } => Some(Typed::Secret(trimmed.into())),
        Kind::Address => Some(Typed::Address(trimmed.into())),
        Kind::Path => Some(Typed::Path(trimmed.into())),
        Kind::Integer { min, max } => whole(trimmed, min, max),
        Kind::WordOrInteger { word, .. } if word.eq_ignore_ascii_case(trimmed) => {
            Some(Typed::Text(word.to_owned()))
        }
        Kind::WordOrInteger { min, max, .. } => whole(trimmed, min, max),
        Kind::Number { min, max } => trimmed
            .parse()
            .ok()
            .filter(|number| (min..=max).contains(number))
            .map(Typed::Number),
        Kind::Duration { min, max } => parse_duration(trimmed)
            .filter(|duration| (min..=max).contains(duration))
            .map(Typed::Duration),
        Kind::Choice(words) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(trimmed))
            .map(|word| Typed::Text((*word).to_owned())),
        Kind::MaxDelete => MaxDelete::parse(trimmed).map(Typed::MaxDelete),
        Kind::KeepAlive => keep_alive(trimmed).map(Typed::Text),
        Kind::Sources => None,
    };
    typed.map(Some).ok_or_else(|| allowed(key))
}

fn whole(text: &str, min: u64, max: u64) -> Option<Typed> {
    let number = text.parse().ok().filter(|number| (min..=max).contains(number));
    number.map(Typed::Integer)
}

/// What values a setting takes, as the rest of a sentence that begins "must be".
pub(crate) fn allowed(key: &Key) -> String {
    match key.kind {
        Kind::Text { .. } | Kind::Secret { .. } => "a text".to_owned(),
        Kind::Address => "an address".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Integer { min, max } => numbers(key, min, max),
        Kind::WordOrInteger { word, min, max } => format!("`{word}`, or {}", numbers(key, min, max)),
        Kind::Number { min, max } => format!("a number from {min} to {max}"),
        Kind::Duration { min, max } => format!(
            "a duration from {} to {}, such as `300s`, `5m` or `250ms`",
            format_duration(min),
            format_duration(max)
        ),
        Kind::Choice(words) => {
            let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("one of {}", quoted.join(", "))
        }
        Kind::MaxDelete => "a number of documents, or a percentage from 0% to 100%".to_owned(),
        Kind::KeepAlive => "a duration such as `5m`, a number of seconds, `0` or `-1`".to_owned(),
        Kind::Sources => "a list of tables".to_owned(),
    }
}

fn numbers(key: &Key, min: u64, max: u64) -> String {
    match key.unit {
        Some(unit) => format!("a whole number of {unit} from {min} to {max}"),
        None => format!("a whole number from {min} to {max}"),
    }
}

/// A value of one piece as text; tables and lists are none.
fn scalar(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Nil => Some(String::new()),
        ValueKind::Table(_) | ValueKind::Array(_) => None,
        kind => Some(kind.to_string()),
    }
}

/// Reads a duration: numbers with the units `ms`, `s`, `m`, `h` or `d`, one or several (`1h30m`); a plain number is
/// seconds. `None` for anything else.
///
/// ```
/// use std::time::Duration;
/// use ingest_config::parse_duration;
///
/// assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
/// assert_eq!(parse_duration("1.5"), Some(Duration::from_millis(1500)));
/// assert_eq!(parse_duration("soon"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
    {
        return seconds(text, 1.0);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number_ends = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_ends);
        let unit_ends = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_ends);
        let factor = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(seconds(number, factor)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Up to here an `f64` counts exactly; some 285,000 years.
const MOST_MILLIS: f64 = 9_007_199_254_740_992.0;

fn seconds(number: &str, factor: f64) -> Option<Duration> {
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    // Whole milliseconds, so that `0.1s` is not 100.000001 ms.
    let millis = (number.parse::<f64>().ok()? * factor * 1e3).round();
    (millis <= MOST_MILLIS).then(|| Duration::from_millis(millis as u64))
}

/// Writes a duration the way [`parse_duration`] reads it, in the largest unit that leaves no remainder.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis.is_multiple_of(86_400_000) => format!("{}d", millis / 86_400_000),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        // Up to ten minutes are shown in seconds, as servers' documentation does.
        _ if millis.is_multiple_of(60_000) && millis >= 600_000 => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

fn keep_alive(text: &str) -> Option<String> {
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    parse_duration(magnitude).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_shown_in_the_largest_unit_that_fits() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (1_500, "1500ms"),
            (30_000, "30s"),
            (300_000, "300s"),
            (540_000, "540s"),
            (600_000, "10m"),
            (601_000, "601s"),
            (5_400_000, "90m"),
            (7_200_000, "2h"),
            (86_400_000, "1d"),
            (90_000_000, "25h"),
            (172_800_000, "2d"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(format_duration(duration), text);
            assert_eq!(parse_duration(text), Some(duration));
        }
    }

    #[test]
    fn durations_are_read_in_every_form() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("300s"), Some(300_000));
        assert_eq!(millis("300"), Some(300_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("0"), Some(0));
        assert_eq!(millis("0.1s"), Some(100));
        for wrong in [
            "",
            "s",
            "5x",
            "-5s",
            "5 5",
            "1e3",
            "inf",
            "NaN",
            "1.2.3s",
            "5m garbage",
            "9e99d",
        ] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keep_alive_may_be_for_ever() {
        assert_eq!(keep_alive("-1"), Some("-1".to_owned()));
        assert_eq!(keep_alive("5m"), Some("5m".to_owned()));
        assert_eq!(keep_alive("always"), None);
    }

    proptest! {
        #[test]
        fn a_duration_goes_there_and_back(millis in 0_u64..100_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,40}") {
            let _ = parse_duration(&text);
            for key in crate::KEYS {
                let _ = decode(key, &Value::new(None, text.clone()));
            }
        }
    }
}
