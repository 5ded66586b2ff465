//! What standard error carries beside the console's own lines: events of the program's parts, for those who set
//! `RUST_LOG`; and all of it as JSON, for `--log-format json`.
//!
//! With JSON the console's lines are events, too, so that every line has one form. Without either nobody listens, and
//! events cost nothing.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, registry};

use crate::args::Format;
use crate::console::{Console, Line};

const VARIABLE: &str = "RUST_LOG";
/// Marks what the console tells; the console itself knows how much that is.
const CONSOLE: &str = "console";

/// Begins to listen, where anybody wants to hear.
pub(crate) fn start(console: &Arc<Console>) {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    let is_json = console.format() == Format::Json;
    if wanted.is_empty() && !is_json {
        return;
    }
    let (filter, error) = filter(&wanted, is_json);
    let subscriber = registry().with(filter);
    let lines = Lines(Arc::clone(console));
    // Nobody else listens in this program, so neither call fails.
    let _ = if is_json {
        let layer = fmt::layer::<Layered>().with_writer(lines).json();
        let layer = layer.flatten_event(true).with_current_span(false);
        tracing::subscriber::set_global_default(subscriber.with(layer))
    } else {
        let layer = fmt::layer::<Layered>().with_writer(lines).with_ansi(false);
        tracing::subscriber::set_global_default(subscriber.with(layer))
    };
    if let Some(error) = error {
        // It may be meant for another program.
        console.warn(&format!("{VARIABLE} is no filter and is passed over: {error}"));
    }
}

type Layered = tracing_subscriber::layer::Layered<EnvFilter, Registry>;

/// What is heard: what was asked for, which is nothing where that is no filter; and the console, if its lines are
/// events.
fn filter(wanted: &str, with_console: bool) -> (EnvFilter, Option<String>) {
    let off = || EnvFilter::new("off");
    let (filter, error) = if wanted.is_empty() {
        (off(), None)
    } else {
        let builder = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into());
        match builder.parse(wanted) {
            Ok(filter) => (filter, None),
            Err(error) => (off(), Some(error.to_string())),
        }
    };
    let console = format!("{CONSOLE}=trace").parse();
    match console {
        Ok(console) if with_console => (filter.add_directive(console), error),
        _ => (filter, error),
    }
}

/// Tells a line of the console as an event.
pub(crate) fn tell(line: Line, message: &str) {
    match line {
        Line::Error => tracing::error!(target: CONSOLE, "{message}"),
        Line::Warning => tracing::warn!(target: CONSOLE, "{message}"),
        Line::Hint => tracing::info!(target: CONSOLE, hint = true, "{message}"),
        Line::Plain => tracing::info!(target: CONSOLE, "{message}"),
        Line::Detail => tracing::debug!(target: CONSOLE, "{message}"),
    }
}

/// Writes lines as the console does, so that they and the progress bars do not tear each other.
struct Lines(Arc<Console>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    /// Takes an event, which comes whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.log(&String::from_utf8_lossy(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_filter_is_told_and_nothing_is_heard() {
        let (heard, error) = filter("a=b=c", false);
        assert_eq!(heard.to_string(), "off");
        assert!(error.is_some());
        let (heard, error) = filter("ingest_store=debug", true);
        let heard = heard.to_string();
        assert!(
            heard.contains("ingest_store=debug") && heard.contains("console=trace"),
            "{heard}"
        );
        assert_eq!(error, None);
    }
}
