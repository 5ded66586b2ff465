//! The text format of Prometheus.

use std::fmt::{Display, Write};

use super::Figures;

const LAST_SUCCESS: &str = "ingest_last_success_timestamp_seconds";

/// The file, each family with its help and type.
pub(super) fn render(figures: &Figures) -> String {
    let mut page = Page::default();
    page.documents(figures);
    page.chunks(figures);
    page.traffic(figures);
    page.run(figures);
    page.0
}

/// When a run last succeeded, by a file that was written earlier.
pub(super) fn last_success(file: &str) -> Option<f64> {
    let value = file.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS))?;
    value.trim().parse().ok().filter(|at: &f64| at.is_finite())
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn documents(&mut self, figures: &Figures) {
        let counts = &figures.documents;
        self.counters(
            "ingest_documents_total",
            "Documents of this run by what became of them.",
            "fate",
            [
                ("added", counts.added),
                ("updated", counts.updated),
                ("removed", counts.removed),
                ("unchanged", counts.unchanged),
                ("failed", counts.failed),
                ("skipped", counts.skipped),
            ],
        );
    }

    fn chunks(&mut self, figures: &Figures) {
        let counts = &figures.chunks;
        self.counters(
            "ingest_chunks_total",
            "Chunks of this run by where their vector came from, if any did.",
            "fate",
            [
                ("embedded", counts.embedded),
                ("reused", counts.reused),
                ("text_only", counts.text_only),
                ("failed", counts.failed),
            ],
        );
        for (name, help, count) in [
            (
                "ingest_chunks_stored_total",
                "Chunks written to the store.",
                counts.stored,
            ),
            (
                "ingest_chunks_removed_total",
                "Chunks removed from the store.",
                counts.removed,
            ),
            (
                "ingest_chunks_truncated_total",
                "Chunks cut because the model reads no more.",
                counts.truncated,
            ),
        ] {
            self.counter(name, help, count);
        }
    }

    fn traffic(&mut self, figures: &Figures) {
        let usage = &figures.usage;
        self.counter(
            "ingest_requests_total",
            "Requests sent to the provider.",
            usage.requests,
        );
        let retries = figures.retries.iter().map(|(kind, count)| (*kind, *count));
        self.counters(
            "ingest_retries_total",
            "Batches sent again, by the kind of error before.",
            "kind",
            retries,
        );
        self.counter(
            "ingest_outages_total",
            "Times that no server answered.",
            figures.outages,
        );
        self.counter(
            "ingest_outage_seconds_total",
            "Time that outages lasted which ended.",
            figures.outage.as_secs_f64(),
        );
        self.counter(
            "ingest_connections_opened_total",
            "Connections opened to the provider.",
            usage.connections_opened,
        );
        self.counter(
            "ingest_sent_bytes_total",
            "Bytes sent to the provider.",
            usage.bytes_sent,
        );
        self.counter(
            "ingest_received_bytes_total",
            "Bytes received from the provider.",
            usage.bytes_received,
        );
    }

    fn run(&mut self, figures: &Figures) {
        self.gauge(
            "ingest_run_start_timestamp_seconds",
            "When this run began, in seconds since 1970.",
            figures.started,
        );
        self.gauge(
            "ingest_run_duration_seconds",
            "How long this run has taken so far, or in all.",
            figures.duration.as_secs_f64(),
        );
        self.gauge(
            "ingest_run_in_progress",
            "1 while this run goes on; it stays 1 when the run is killed.",
            u8::from(figures.exit.is_none()),
        );
        if let Some(exit) = figures.exit {
            self.gauge("ingest_run_exit_status", "The exit status of this run.", exit);
        }
        self.gauge(
            LAST_SUCCESS,
            "When a run last ended with status 0, in seconds since 1970; 0: never.",
            figures.last_success,
        );
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(format_args!("{name} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(format_args!("{name} {value}"));
    }

    /// One sample for each value of a label, all of which are words of this program.
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        self.family(name, "counter", help);
        for (value, count) in values {
            self.sample(format_args!("{name}{{{label}=\"{value}\"}} {count}"));
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.sample(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn sample(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_success_is_found_again() {
        let figures = Figures {
            last_success: 1_700_000_000.125,
            ..Figures::default()
        };
        assert_eq!(last_success(&render(&figures)), Some(1_700_000_000.125));
        assert_eq!(last_success("something else\n"), None);
        let broken = format!("{LAST_SUCCESS} NaN\n");
        assert_eq!(last_success(&broken), None);
    }

    #[test]
    fn the_exit_status_is_there_once_it_is_known() {
        let mut figures = Figures::default();
        assert!(render(&figures).contains("\ningest_run_in_progress 1\n"));
        assert!(!render(&figures).contains("exit_status"));
        figures.exit = Some(130);
        assert!(render(&figures).contains("\ningest_run_in_progress 0\n"));
        assert!(render(&figures).contains("\ningest_run_exit_status 130\n"));
    }

    #[test]
    fn every_family_is_in_the_readme() {
        let readme = include_str!("../../README.md");
        let figures = Figures {
            exit: Some(0),
            ..Figures::default()
        };
        for line in render(&figures).lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let name = family.split(' ').next().expect("a name");
                assert!(readme.contains(&format!("`{name}")), "{name}");
            }
        }
    }
}
