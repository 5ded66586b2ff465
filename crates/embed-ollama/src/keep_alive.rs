//! How long the server keeps a model loaded after a request.

use std::time::Duration;

use embed_core::{Error, ErrorKind, Result};
use serde::Serialize;

/// How long the server keeps the model loaded after a request. Servers take 5 minutes when it is not said.
///
/// Made from a [`Duration`], from seconds (`-1`: for ever, `0`: unload at once), or from a text: seconds, or a duration
/// as Ollama writes it, such as `5m`, `1h30m` or `250ms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeepAlive(Value);

// Ollama reads a number as seconds and a string as a Go duration; a string of bare digits it refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Value {
    Seconds(i64),
    Text(String),
}

impl KeepAlive {
    /// Keeps the model until the server ends.
    pub const FOREVER: Self = Self(Value::Seconds(-1));

    /// Refuses a text that the server could not read.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.0 {
            Value::Text(text) if !is_duration(text) => Err(Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "`{}` is not a keep_alive: give seconds, or a duration such as `5m`",
                    text.escape_debug()
                ),
            )),
            _ => Ok(()),
        }
    }
}

impl From<&str> for KeepAlive {
    fn from(text: &str) -> Self {
        let text = text.trim();
        Self(match text.parse() {
            Ok(seconds) => Value::Seconds(seconds),
            Err(_) => Value::Text(text.to_owned()),
        })
    }
}

impl From<String> for KeepAlive {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<i64> for KeepAlive {
    fn from(seconds: i64) -> Self {
        Self(Value::Seconds(seconds))
    }
}

impl From<Duration> for KeepAlive {
    fn from(duration: Duration) -> Self {
        if duration.subsec_nanos() == 0 {
            return Self(Value::Seconds(i64::try_from(duration.as_secs()).unwrap_or(-1)));
        }
        Self(Value::Text(format!("{}ms", duration.as_millis())))
    }
}

/// Whether Go's `time.ParseDuration` takes it: a sign, then numbers with units.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let well_formed = digits.bytes().any(|b| b.is_ascii_digit()) && digits.matches('.').count() <= 1;
        let unit = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if !well_formed || !matches!(unit, "ns" | "us" | "µs" | "ms" | "s" | "m" | "h") {
            return false;
        }
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(keep_alive: impl Into<KeepAlive>) -> String {
        serde_json::to_string(&keep_alive.into()).expect("plain data")
    }

    #[test]
    fn numbers_are_seconds_and_texts_are_durations() {
        assert_eq!(json("5m"), "\"5m\"");
        assert_eq!(json(" 300 "), "300");
        assert_eq!(json("-1"), "-1");
        assert_eq!(json(0), "0");
        assert_eq!(json(Duration::from_secs(90)), "90");
        assert_eq!(json(Duration::from_millis(1500)), "\"1500ms\"");
        assert_eq!(json(KeepAlive::FOREVER), "-1");
    }

    #[test]
    fn a_text_the_server_could_not_read_is_refused() {
        for good in ["5m", "1h30m", "-1s", "1.5h", "250ms", "10µs", "300"] {
            assert!(KeepAlive::from(good).check().is_ok(), "{good}");
        }
        for bad in ["", "-", "5 minutes", "m", "5", ".s", "1.2.3s", "5x", "5m3"] {
            let outcome = KeepAlive(Value::Text(bad.to_owned())).check();
            assert_eq!(outcome.expect_err(bad).kind(), ErrorKind::InvalidConfig);
        }
    }
}
