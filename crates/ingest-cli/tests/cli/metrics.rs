//! `ingest run --metrics-file`: what Prometheus reads.

use std::collections::BTreeMap;

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::json;

use crate::server::{answer, texts};
use crate::work::{Work, closed_port, exists};

/// A file of metrics, read by the rules of the format.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn of(work: &Work) -> Self {
        Self::parse(&work.read("ingest.prom"))
    }

    /// Reads the file line by line: each family has its help, then its type, then its samples.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "{text:?}");
        let mut samples = BTreeMap::new();
        let mut families = Vec::new();
        let (mut helped, mut family) = ("", "");
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("a help");
                assert!(words.ends_with('.'), "{line}");
                helped = name;
            } else if let Some(of) = line.strip_prefix("# TYPE ") {
                let (name, kind) = of.split_once(' ').expect("a type");
                family = name;
                assert_eq!(family, helped, "{line}");
                assert!(!families.contains(&family), "{family} comes twice");
                assert_eq!(family.ends_with("_total"), kind == "counter", "{line}");
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                families.push(family);
            } else {
                let (name, value) = line.rsplit_once(' ').expect("a sample");
                assert_eq!(plain(name), family, "{line}");
                let value: f64 = value.parse().expect("a number");
                assert!(value.is_finite() && value >= 0.0, "{line}");
                assert!(samples.insert(name.to_owned(), value).is_none(), "{line}");
            }
        }
        Self(samples)
    }

    #[track_caller]
    fn get(&self, name: &str) -> f64 {
        *self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    fn is_over(&self, exit: f64) -> bool {
        self.get("ingest_run_in_progress") == 0.0 && self.get("ingest_run_exit_status") == exit
    }
}

/// The name of a sample without its labels, which are checked.
fn plain(name: &str) -> &str {
    let Some((plain, labels)) = name.split_once('{') else {
        return name;
    };
    let (label, value) = labels
        .strip_suffix("\"}")
        .and_then(|labels| labels.split_once("=\""))
        .expect("one label");
    assert!(["fate", "kind"].contains(&label), "{name}");
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(
        is_word(value) && plain.starts_with("ingest_") && is_word(plain),
        "{name}"
    );
    plain
}

fn with_metrics<'a>(host: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    crate::server::at(
        host,
        &[&["run", "docs", "--metrics-file", "ingest.prom"][..], more].concat(),
    )
}

#[test]
fn the_file_says_what_the_summary_says() {
    let work = Work::with_docs();
    work.write(
        "docs/copy.md",
        "# Boats\n\nA sailing boat needs wind to cross the water.\n",
    );
    work.write("docs/binary.md", "\0\0\0");
    let (server, other) = (crate::server::ollama(4), crate::server::ollama(4));
    let run = work
        .ingest(&with_metrics(
            server.url(),
            &["--host", other.url(), "--format", "json"],
        ))
        .expect(0)
        .json();
    let metrics = Metrics::of(&work);
    for fate in ["added", "updated", "removed", "unchanged", "failed", "skipped"] {
        let count = metrics.get(&format!("ingest_documents_total{{fate=\"{fate}\"}}"));
        assert_eq!(json!(count as u64), run["documents"][fate], "{fate}");
    }
    for fate in ["embedded", "reused", "failed", "text_only"] {
        let count = metrics.get(&format!("ingest_chunks_total{{fate=\"{fate}\"}}"));
        assert_eq!(json!(count as u64), run["chunks"][fate], "{fate}");
    }
    for (name, field) in [
        ("ingest_chunks_stored_total", &run["chunks"]["stored"]),
        ("ingest_requests_total", &run["requests"]),
        ("ingest_sent_bytes_total", &run["bytes_sent"]),
        ("ingest_received_bytes_total", &run["bytes_received"]),
    ] {
        assert!(*field != json!(0), "{name}");
        assert_eq!(json!(metrics.get(name) as u64), *field, "{name}");
    }
    assert_eq!(metrics.get("ingest_documents_total{fate=\"added\"}"), 4.0);
    assert_eq!(metrics.get("ingest_chunks_total{fate=\"reused\"}"), 1.0);
    assert!(metrics.is_over(0.0));
    assert!(metrics.get("ingest_run_duration_seconds") > 0.0);
    let started = metrics.get("ingest_run_start_timestamp_seconds");
    assert!(metrics.get("ingest_last_success_timestamp_seconds") >= started);
}

#[test]
fn it_is_written_when_the_server_is_dead_and_keeps_the_last_success() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    work.ingest(&with_metrics(server.url(), &[])).expect(0);
    let success = Metrics::of(&work).get("ingest_last_success_timestamp_seconds");
    assert!(success > 0.0);
    work.write("docs/new.md", "# New\n\nSomething to embed.\n");
    let dead = closed_port();
    work.ingest(&with_metrics(&dead, &["--wait", "0"])).expect(3);
    let metrics = Metrics::of(&work);
    assert!(metrics.is_over(3.0));
    assert_eq!(metrics.get("ingest_last_success_timestamp_seconds"), success);
    assert_eq!(metrics.get("ingest_documents_total{fate=\"added\"}"), 0.0);
    let fresh = Work::with_docs();
    fresh.ingest(&with_metrics(&dead, &["--wait", "0"])).expect(3);
    assert_eq!(
        Metrics::of(&fresh).get("ingest_last_success_timestamp_seconds"),
        0.0
    );
}

#[test]
fn retries_are_counted_by_kind_and_failures_are_no_success() {
    let work = Work::with_docs();
    let server = ScriptedServer::handler(|request| {
        if request.path == "/api/embed" && texts(request).iter().any(|text| text.contains("sailing")) {
            return Reply::json(&json!({"error": "out of patience"})).status(503);
        }
        answer(request, 4)
    });
    let run = work
        .ingest(&with_metrics(
            server.url(),
            &["--batch-size", "1", "--sequential", "--format", "json"],
        ))
        .expect(1)
        .json();
    let metrics = Metrics::of(&work);
    let retries: f64 = metrics
        .0
        .iter()
        .filter(|(name, _)| name.starts_with("ingest_retries_total"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(json!(retries as u64), run["retries"]);
    let connections = metrics.get("ingest_connections_opened_total");
    assert!(connections > 0.0 && json!(connections as u64) == run["connections"]);
    assert!(
        metrics.get("ingest_retries_total{kind=\"busy\"}") > 0.0,
        "{:#?}",
        metrics.0
    );
    assert_eq!(metrics.get("ingest_chunks_total{fate=\"failed\"}"), 1.0);
    assert!(metrics.is_over(1.0));
    assert_eq!(metrics.get("ingest_last_success_timestamp_seconds"), 0.0);
}

#[test]
fn a_dry_run_is_no_success_and_the_file_is_no_document() {
    let work = Work::with_docs();
    let arguments = ["run", "docs", "--metrics-file", "docs/ingest.prom", "--dry-run"];
    work.with_static(&arguments).expect(0);
    let text = work.read("docs/ingest.prom");
    assert_eq!(
        Metrics::parse(&text).get("ingest_last_success_timestamp_seconds"),
        0.0
    );
    work.with_static(&arguments[..4]).expect(0);
    assert_eq!(work.sources().len(), 3);
}

#[test]
fn a_file_that_cannot_be_written_has_status_2_and_touches_nothing() {
    let work = Work::with_docs();
    work.with_static(&["run", "docs", "--metrics-file", "none/ingest.prom"])
        .expect(2)
        .says("cannot write the metrics to none/ingest.prom")
        .says("hint: `--metrics-file` names a file in a folder that is there");
    assert!(!exists(work.path(".ingest")));
}

#[test]
fn wrong_settings_are_told_with_their_status() {
    let work = Work::with_docs();
    work.with_static(&["run", "docs", "--metrics-file", "ingest.prom", "--workers", "0"])
        .expect(2);
    assert!(Metrics::of(&work).is_over(2.0));
}
