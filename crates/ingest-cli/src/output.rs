//! Standard output: the result, as text or JSON.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Stdout, Write, stdout};

use serde::Serialize;

use crate::args::{Format, Global};
use crate::style::{Style, is_unfit};

/// Where the result goes. Nothing is seen of it before [`Output::finish`], or before there is much of it.
#[derive(Debug)]
pub(crate) struct Output {
    stream: BufWriter<Stdout>,
    /// How to mark text for people.
    pub(crate) style: Style,
    /// Text or JSON.
    pub(crate) format: Format,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            stream: BufWriter::with_capacity(64 * 1024, stdout()),
            style: Style::of(&stdout(), global.color),
            format: global.format,
        }
    }

    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(line.as_bytes())?;
        self.stream.write_all(b"\n")
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        self.line(&harmless(text))
    }

    /// Writes rows under a heading, columns aligned; the columns named in `right` to the right.
    pub(crate) fn table(
        &mut self,
        heading: &[&str],
        rows: &[Vec<String>],
        right: &[usize],
    ) -> io::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([heading[column].len()]).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..heading.len()).map(width).collect();
        let aligned = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (column, cell) in cells.enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                let padding = " ".repeat(widths[column] - cell.chars().count());
                let (before, after) = if right.contains(&column) {
                    (padding, String::new())
                } else {
                    (String::new(), padding)
                };
                // Writing to a String cannot fail.
                let _ = write!(line, "{gap}{before}{cell}{after}");
            }
            line.trim_end().to_owned()
        };
        let heading = aligned(&mut heading.iter().copied());
        self.line(&self.style.bold(&heading))?;
        for row in rows {
            self.line(&aligned(&mut row.iter().map(String::as_str)))?;
        }
        Ok(())
    }

    /// Hands over what is still held back.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// JSON in which no character can steer a terminal. `serde_json` escapes those below space alone; all others of the
/// kind can only stand within strings, so they may be escaped where they are.
pub(crate) fn harmless(json: String) -> String {
    if !json.contains(is_unfit) {
        return json;
    }
    let mut safe = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if is_unfit(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A count and its noun: `1 file`, `1,234 files`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// A number with a comma between each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that suits them: `512 B`, `1.5 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" {
                format!("{count} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// A length of time as a person says it: `0.4s`, `12s`, `3m 05s`, `2h 03m`.
pub(crate) fn lasted(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn json_stays_the_same_value_without_steering_characters() {
        let value = "a\u{9b}31m\u{7f}\u{202e}\u{e0041} ü\n";
        let json = harmless(serde_json::to_string(value).unwrap());
        assert!(!json.contains(is_unfit), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(1_234_567, "file"), "1,234,567 files");
        assert_eq!(
            (bytes(999), bytes(1_500_000)),
            ("999 B".to_owned(), "1.5 MB".to_owned())
        );
        assert_eq!(lasted(Duration::from_millis(420)), "0.4s");
        assert_eq!(lasted(Duration::from_secs(185)), "3m 05s");
        assert_eq!(lasted(Duration::from_secs(7_400)), "2h 03m");
    }
}
