//! Standard error: messages, kept apart from the progress bars that may stand there.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::logs;
use crate::output::harmless;
use crate::style::{Style, one_line};

/// How much is told. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// `-q`: errors.
    Errors,
    /// Warnings, progress and what to do next.
    Normal,
    /// `-v`: what happens to each document that changed, retries.
    More,
    /// `-vv`: everything.
    All,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Error,
    Warning,
    /// What to do about an error.
    Hint,
    Plain,
    /// What is told to those who asked for more.
    Detail,
}

/// Where messages go.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    level: Level,
    style: Style,
    bars: Option<MultiProgress>,
    /// Lines for people, or events that come back as JSON.
    format: Format,
}

impl Console {
    /// A console for what is told before the flags are known, as JSON.
    pub(crate) fn json() -> Self {
        Self {
            level: Level::Normal,
            style: Style::default(),
            bars: None,
            format: Format::Json,
        }
    }

    pub(crate) fn new(global: &Global) -> Self {
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Errors,
            (_, 0) => Level::Normal,
            (_, 1) => Level::More,
            _ => Level::All,
        };
        let is_text = global.log_format == Format::Text;
        let terminal = stderr().is_terminal() && level > Level::Errors && is_text;
        Self {
            level,
            style: Style::of(&stderr(), global.color),
            bars: terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            format: global.log_format,
        }
    }

    /// The same console for what need not be told, if `asides` is true: errors alone are.
    pub(crate) fn quieter(&self, asides: bool) -> Self {
        Self {
            level: if asides { Level::Errors } else { self.level },
            ..self.clone()
        }
    }

    /// Where bars are drawn; `None` where there is no terminal to draw on.
    pub(crate) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    /// What lines look like.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether messages of this level are told.
    pub(crate) fn tells(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Tells an error and its hint.
    pub(crate) fn failure(&self, failure: &Failure) {
        if let Some(message) = &failure.message {
            self.error(message);
        }
        if let Some(hint) = &failure.hint {
            self.hint(hint);
        }
    }

    pub(crate) fn error(&self, message: &str) {
        self.say(Line::Error, message);
    }

    pub(crate) fn warn(&self, message: &str) {
        if self.tells(Level::Normal) {
            self.say(Line::Warning, message);
        }
    }

    /// Tells what to do about an error; told whenever the error is.
    pub(crate) fn hint(&self, message: &str) {
        self.say(Line::Hint, message);
    }

    /// Tells something at a level.
    pub(crate) fn tell(&self, level: Level, message: &str) {
        if self.tells(level) {
            let line = if level > Level::Normal {
                Line::Detail
            } else {
                Line::Plain
            };
            self.say(line, message);
        }
    }

    /// Writes an event of the program's parts, as it was formatted.
    pub(crate) fn log(&self, event: &str) {
        let event = event.trim_end();
        match self.format {
            Format::Json => self.write(&harmless(event.to_owned())),
            Format::Text => self.write(&one_line(event)),
        }
    }

    fn say(&self, line: Line, message: &str) {
        if self.format == Format::Json {
            return logs::tell(line, message);
        }
        let (style, message) = (self.style, one_line(message));
        self.write(&match line {
            Line::Error => format!("{} {message}", style.bad("error:")),
            Line::Warning => format!("{} {message}", style.warn("warning:")),
            Line::Hint => format!("{} {message}", style.accent("hint:")),
            Line::Plain => message.into_owned(),
            Line::Detail => style.dim(&message),
        });
    }

    fn write(&self, line: &str) {
        // Standard error may be closed; there is nobody left to tell of it then.
        let write = || {
            let _ = writeln!(stderr().lock(), "{line}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}
