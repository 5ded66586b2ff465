//! What was found, why it matters, and what to do about it.

use serde::Serialize;

use crate::failure::{Failure, Status};
use crate::output::{Output, counted};
use crate::style::one_line;

/// How bad it is. Each level is worse than those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and could do better.
    Advice,
    /// It works now, and may not for long or not as meant.
    Warning,
    /// It does not work.
    Fault,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// A stable name of the check.
    pub(super) id: &'static str,
    pub(super) level: Level,
    /// What was found.
    pub(super) what: String,
    /// Why it matters.
    pub(super) why: &'static str,
    /// The command or the line that helps; `None` where there is nothing to do.
    pub(super) fix: Option<String>,
    /// Whether the settings are to blame rather than what they point to.
    #[serde(skip)]
    misuse: bool,
}

impl Finding {
    fn new(id: &'static str, level: Level, what: impl Into<String>, why: &'static str) -> Self {
        Self {
            id,
            level,
            what: what.into(),
            why,
            fix: None,
            misuse: false,
        }
    }

    pub(super) fn ok(id: &'static str, what: impl Into<String>, why: &'static str) -> Self {
        Self::new(id, Level::Ok, what, why)
    }

    pub(super) fn advice(id: &'static str, what: impl Into<String>, why: &'static str) -> Self {
        Self::new(id, Level::Advice, what, why)
    }

    pub(super) fn warning(id: &'static str, what: impl Into<String>, why: &'static str) -> Self {
        Self::new(id, Level::Warning, what, why)
    }

    pub(super) fn fault(id: &'static str, what: impl Into<String>, why: &'static str) -> Self {
        Self::new(id, Level::Fault, what, why)
    }

    /// A fault by what an error says.
    pub(super) fn failed(id: &'static str, failure: impl Into<Failure>, why: &'static str) -> Self {
        let failure = failure.into();
        Self {
            fix: failure.hint,
            ..Self::fault(id, failure.message.unwrap_or_default(), why)
        }
    }

    /// A fault by what an error says of the settings, if it is one of these.
    pub(super) fn refused(id: &'static str, failure: impl Into<Failure>, why: &'static str) -> Self {
        let failure = failure.into();
        Self {
            misuse: failure.status == Status::Usage,
            ..Self::failed(id, failure, why)
        }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// The exit status that the worst of them has.
pub(super) fn status(findings: &[Finding]) -> Status {
    let faults = || findings.iter().filter(|finding| finding.level == Level::Fault);
    if faults().any(|finding| finding.misuse) {
        Status::Usage
    } else if faults().next().is_some() {
        Status::Fault
    } else {
        Status::Done
    }
}

/// Writes them as an array, or as lines with a sentence at the end.
pub(super) fn write(findings: &[Finding], output: &mut Output) -> std::io::Result<()> {
    match output.format {
        crate::args::Format::Json => output.json(&findings)?,
        crate::args::Format::Text => {
            for finding in findings {
                line(finding, output)?;
            }
            output.line("")?;
            output.line(&sentence(findings))?;
        }
    }
    output.finish()
}

fn line(finding: &Finding, output: &mut Output) -> std::io::Result<()> {
    let (style, word) = (output.style, format!("{:<8}", finding.level.as_str()));
    let word = match finding.level {
        Level::Ok => style.dim(&word),
        Level::Advice => style.accent(&word),
        Level::Warning => style.warn(&word),
        Level::Fault => style.bad(&word),
    };
    let id = style.bold(&format!("{:<14}", finding.id));
    output.line(&format!("{word} {id} {}", one_line(&finding.what)))?;
    if finding.level == Level::Ok {
        return Ok(());
    }
    let indent = " ".repeat(24);
    output.line(&format!("{indent}why: {}", finding.why))?;
    match &finding.fix {
        Some(fix) => output.line(&format!("{indent}fix: {}", one_line(fix))),
        None => Ok(()),
    }
}

fn sentence(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    let mut parts = Vec::new();
    for (level, noun) in [(Level::Fault, "fault"), (Level::Warning, "warning")] {
        match count(level) {
            0 => {}
            some => parts.push(counted(some, noun)),
        }
    }
    match count(Level::Advice) {
        0 => {}
        1 => parts.push("1 piece of advice".to_owned()),
        some => parts.push(format!("{some} pieces of advice")),
    }
    let sound = counted(count(Level::Ok), "check");
    if parts.is_empty() {
        format!("{sound}, all in order.")
    } else {
        format!("{}; {sound} in order.", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides_the_status() {
        let ok = Finding::ok("a", "", "");
        let warning = Finding::warning("b", "", "");
        let fault = Finding::fault("c", "", "");
        let misuse = Finding::refused("d", Failure::usage("no number"), "");
        assert_eq!(status(&[ok.clone(), warning.clone()]), Status::Done);
        assert_eq!(status(&[fault.clone(), ok]), Status::Fault);
        assert_eq!(status(&[fault, misuse, warning]), Status::Usage);
    }

    #[test]
    fn the_sentence_counts_what_is_there() {
        let ok = Finding::ok("a", "", "");
        assert_eq!(sentence(&[ok.clone(), ok.clone()]), "2 checks, all in order.");
        let findings = [
            ok,
            Finding::advice("b", "", ""),
            Finding::fault("c", "", ""),
            Finding::fault("d", "", ""),
        ];
        assert_eq!(
            sentence(&findings),
            "2 faults, 1 piece of advice; 1 check in order."
        );
    }
}
