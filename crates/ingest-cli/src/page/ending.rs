//! How a run ended, in words for the head of the page.

use ingest_pipeline::RunReport;

use super::figures::Figures;
use crate::failure::{Failure, Status, embedder_hint, goes_on_after};

const GOES_ON: &str = "What is finished is stored, and the next run goes on from there.";

/// How it ended, and what to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ending {
    pub(super) word: &'static str,
    pub(super) tone: Tone,
    /// What happened, where something did.
    pub(super) message: Option<String>,
    /// What to do next, the most useful first.
    pub(super) next: Vec<String>,
}

/// Whether a person has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    /// Something is left to do.
    Fair,
    Bad,
}

impl Tone {
    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Bad => "bad",
        }
    }
}

impl Ending {
    /// What stands there until the run is over, and stays there when it is killed.
    pub(super) fn open() -> Self {
        Self {
            word: "Not ended",
            tone: Tone::Fair,
            message: Some(
                "This page is written anew when the run ends. If none is going on, it was killed.".to_owned(),
            ),
            next: vec![format!("If it was killed, run again: {}", lower(GOES_ON))],
        }
    }

    pub(super) fn of(result: Result<Status, &Failure>, figures: &Figures) -> Self {
        let report = figures.report.as_ref();
        let stop = report.and_then(|report| report.stopped.as_ref());
        let mut next = Vec::new();
        let (word, tone, message) = match result {
            Ok(Status::Done) => ("All done", Tone::Good, nothing_to_do(figures)),
            Ok(Status::Signal(_)) => {
                next.push(GOES_ON.to_owned());
                ("Interrupted", Tone::Fair, None)
            }
            Ok(Status::Stopped) => {
                next.extend(stop.and_then(|stop| embedder_hint(&stop.kind)).map(sentence));
                if stop.is_none_or(|stop| goes_on_after(&stop.kind)) {
                    next.push(GOES_ON.to_owned());
                }
                (
                    "Stopped before its end",
                    Tone::Bad,
                    stop.map(|stop| sentence(&stop.message)),
                )
            }
            Ok(_) => (
                "Finished, but something failed",
                Tone::Fair,
                report.and_then(trouble).map(|trouble| sentence(&trouble)),
            ),
            Err(failure) => {
                next.extend(failure.hint.as_deref().map(sentence));
                let word = match failure.status {
                    Status::Usage => "Nothing was done: wrong usage or settings",
                    _ => "Could not run",
                };
                (word, Tone::Bad, failure.message.as_deref().map(sentence))
            }
        };
        next.extend(about_failures(figures));
        next.dedup();
        Self {
            word,
            tone,
            message,
            next,
        }
    }
}

fn nothing_to_do(figures: &Figures) -> Option<String> {
    match &figures.report {
        None => Some("There was nothing to try again.".to_owned()),
        Some(report) if report.documents.seen == 0 && !report.sources.is_empty() => {
            Some("No documents were found.".to_owned())
        }
        Some(_) => None,
    }
}

/// What failed besides documents and chunks.
fn trouble(report: &RunReport) -> Option<String> {
    let source = || {
        let failed = report
            .sources
            .iter()
            .find_map(|source| Some((source, source.error.as_ref()?)));
        failed.map(|(source, error)| format!("{}: {error}", source.name))
    };
    let stopped = report.stopped.as_ref().map(|stop| stop.message.clone());
    stopped.or_else(|| report.refused.clone()).or_else(source)
}

/// What helps against the failures that there were, by their kinds.
fn about_failures(figures: &Figures) -> Vec<String> {
    if figures.failures.is_empty() {
        return Vec::new();
    }
    let kinds = figures.failures.by_count();
    let hints = kinds
        .iter()
        .filter_map(|(kind, _)| embedder_hint(kind))
        .map(sentence);
    let again = "`ingest run --retry-failed` tries again what failed, and nothing else.".to_owned();
    hints.chain([again]).collect()
}

/// A message of the console as a sentence of a page.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let end = if message.ends_with(['.', '!', '?', '…']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.unwrap_or_default(), characters.as_str())
}

fn lower(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|first| first.to_lowercase().to_string());
    format!("{}{}", first.unwrap_or_default(), characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_failure_to_start_says_why_and_what_helps() {
        let failure = Failure::new(Status::Stopped, "cannot reach http://gpu:1").hint("start the server");
        let ending = Ending::of(Err(&failure), &Figures::new());
        assert_eq!((ending.word, ending.tone), ("Could not run", Tone::Bad));
        assert_eq!(ending.message.as_deref(), Some("Cannot reach http://gpu:1."));
        assert_eq!(ending.next, ["Start the server."]);
    }

    #[test]
    fn failures_name_their_remedies_and_the_next_command() {
        let mut figures = Figures::new();
        for kind in ["timeout_total", "timeout_total", "odd"] {
            figures.failures.add(kind, Duration::ZERO, String::new);
        }
        figures.report = Some(RunReport::default());
        let ending = Ending::of(Ok(Status::Fault), &figures);
        assert_eq!(ending.tone, Tone::Fair);
        assert_eq!(ending.next.len(), 2, "{ending:?}");
        assert!(ending.next[0].contains("--timeout") && ending.next[1].contains("--retry-failed"));
    }

    #[test]
    fn an_interrupted_run_goes_on_later() {
        let ending = Ending::of(Ok(Status::Signal(15)), &Figures::new());
        assert_eq!(
            (ending.word, ending.next),
            ("Interrupted", vec![GOES_ON.to_owned()])
        );
    }
}
