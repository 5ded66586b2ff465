//! Standard error: messages, kept apart from the progress bars that may stand there.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::args::Global;
use crate::failure::Failure;
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

/// Where messages go.
#[derive(Debug)]
pub(crate) struct Console {
    level: Level,
    style: Style,
    bars: Option<MultiProgress>,
}

impl Console {
    pub(crate) fn new(global: &Global) -> Self {
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Errors,
            (_, 0) => Level::Normal,
            (_, 1) => Level::More,
            _ => Level::All,
        };
        let terminal = stderr().is_terminal() && level > Level::Errors;
        Self {
            level,
            style: Style::of(&stderr(), global.color),
            bars: terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
        }
    }

    /// Where bars are drawn; `None` where there is no terminal to draw on.
    pub(crate) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
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
        self.write(&format!("{} {}", self.style.bad("error:"), one_line(message)));
    }

    pub(crate) fn warn(&self, message: &str) {
        if self.tells(Level::Normal) {
            self.write(&format!("{} {}", self.style.warn("warning:"), one_line(message)));
        }
    }

    /// Tells what to do about an error; told whenever the error is.
    pub(crate) fn hint(&self, message: &str) {
        self.write(&format!("{} {}", self.style.accent("hint:"), one_line(message)));
    }

    /// Tells something at a level.
    pub(crate) fn tell(&self, level: Level, message: &str) {
        if self.tells(level) {
            let line = one_line(message);
            self.write(&if level > Level::Normal {
                self.style.dim(&line)
            } else {
                line.into_owned()
            });
        }
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
