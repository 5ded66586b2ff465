//! Colors, and texts made safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::IsTerminal;

use crate::args::Color;

/// How to mark text: with escape sequences, or not at all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    colors: bool,
}

impl Style {
    /// The style for a stream.
    pub(crate) fn of(stream: &impl IsTerminal, color: Color) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let colors = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                stream.is_terminal()
                    && variable("NO_COLOR").is_none()
                    && variable("TERM").is_none_or(|terminal| terminal != "dumb")
            }
        };
        Self { colors }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.mark("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.mark("2", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.mark("1;31", text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.mark("1;33", text)
    }

    pub(crate) fn accent(self, text: &str) -> String {
        self.mark("36", text)
    }

    fn mark(self, code: &str, text: &str) -> String {
        if self.colors && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Whether a character could steer a terminal or turn text around instead of showing itself.
pub(crate) fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

/// A name or message on one line: what could steer a terminal is written as an escape.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// A text of several lines, line ends and tabs kept.
pub(crate) fn many_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| matches!(character, '\n' | '\t'))
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let unfit = |character: char| is_unfit(character) && !kept(character);
    if !text.contains(unfit) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if unfit(character) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "{}", character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_never_reach_a_terminal() {
        assert_eq!(
            one_line("a\x1b[31mb\nc\u{9b}d\u{202e}e"),
            r"a\u{1b}[31mb\u{a}c\u{9b}d\u{202e}e"
        );
        assert_eq!(many_lines("a\n\tb\r\x07"), "a\n\tb\\u{d}\\u{7}");
        assert!(matches!(one_line("plain ünïcödé 👋"), Cow::Borrowed(_)));
    }

    #[test]
    fn without_colors_a_text_stays_as_it_is() {
        assert_eq!(Style::default().bad("error"), "error");
        assert_eq!(Style { colors: true }.dim("ok"), "\x1b[2mok\x1b[0m");
    }
}
