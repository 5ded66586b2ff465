//! What came of it, for the terminal and as JSON.

use std::fmt;
use std::path::Path;

use serde::Serialize;

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Passed,
    Failed,
    Skipped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

/// A cell that was run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Done {
    pub(crate) cell: String,
    pub(crate) status: Status,
    pub(crate) seconds: f64,
    /// What was seen, or what went wrong.
    pub(crate) note: String,
}

/// All cells of one server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServerReport {
    pub(crate) version: String,
    pub(crate) model: String,
    pub(crate) digest: String,
    /// Whether it was installed for this.
    pub(crate) provisioned: bool,
    /// Documents of the end-to-end runs.
    pub(crate) documents: usize,
    pub(crate) seconds: f64,
    pub(crate) cells: Vec<Done>,
}

impl ServerReport {
    pub(crate) fn count(&self, status: Status) -> usize {
        self.cells.iter().filter(|done| done.status == status).count()
    }

    /// What must not be: on a server that was installed for this, nothing may be skipped.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &Done> {
        self.cells.iter().filter(|done| match done.status {
            Status::Passed => false,
            Status::Failed => true,
            Status::Skipped => self.provisioned,
        })
    }
}

/// The whole.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The day, `2026-01-31`, in UTC.
    pub(crate) date: String,
    pub(crate) processors: usize,
    pub(crate) seconds: f64,
    pub(crate) servers: Vec<ServerReport>,
}

impl Report {
    pub(crate) fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{:10} {:>6} {:>6} {:>6} {:>7} {:>8}",
            "Ollama", "cells", "passed", "failed", "skipped", "seconds"
        );
        for server in &self.servers {
            println!(
                "{:10} {:6} {:6} {:6} {:7} {:8.0}",
                server.version,
                server.cells.len(),
                server.count(Status::Passed),
                server.count(Status::Failed),
                server.count(Status::Skipped),
                server.seconds
            );
        }
        for server in &self.servers {
            for done in server.faults() {
                println!("{}: {} {}: {}", server.version, done.cell, done.status, done.note);
            }
        }
        println!();
    }

    pub(crate) fn faults(&self) -> usize {
        self.servers.iter().map(|server| server.faults().count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_cell_is_a_fault_where_nothing_had_to_be_skipped() {
        let report = |provisioned| ServerReport {
            version: String::new(),
            model: String::new(),
            digest: String::new(),
            provisioned,
            documents: 0,
            seconds: 0.0,
            cells: [Status::Passed, Status::Skipped, Status::Failed]
                .map(|status| Done {
                    cell: String::new(),
                    status,
                    seconds: 0.0,
                    note: String::new(),
                })
                .to_vec(),
        };
        assert_eq!(report(true).faults().count(), 2);
        assert_eq!(report(false).faults().count(), 1);
    }
}
