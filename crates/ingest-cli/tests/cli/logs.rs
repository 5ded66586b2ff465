//! `RUST_LOG` and `--log-format json`: what the program's parts tell, for those who look for a fault.

use serde_json::Value;

use crate::work::{Done, Work, closed_port, text};

/// Standard error as JSON, a line each.
fn lines(done: &Done) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let lines: Vec<Value> = done.stderr.lines().map(line).collect();
    for line in &lines {
        for key in ["timestamp", "level", "message", "target"] {
            assert!(line[key].is_string(), "no {key} in {line}");
        }
    }
    assert!(!done.stderr.contains('\x1b'), "{}", done.stderr);
    lines
}

fn spans(line: &Value) -> Vec<String> {
    let spans = line["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    spans.iter().map(|span| text(&span["name"])).collect()
}

fn with_message<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

/// Runs over the documents with these flags and this filter.
fn run(work: &Work, host: &str, filter: &str, more: &[&str]) -> Done {
    let arguments = crate::server::at(host, &[&["run", "docs"][..], more].concat());
    Done::of(work.command(&arguments).env("RUST_LOG", filter))
}

#[test]
fn spans_of_the_parts_lie_in_each_other() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    let done = run(&work, server.url(), "debug", &["--log-format", "json"]).expect(0);
    let lines = lines(&done);
    let answered = with_message(&lines, "answered");
    let nested = answered
        .iter()
        .find(|line| spans(line) == ["run", "batch", "request"]);
    let nested = nested.unwrap_or_else(|| panic!("{}", done.stderr));
    let [run, batch, request] = [0, 1, 2].map(|at| &nested["spans"][at]);
    assert_eq!(run["workers"], 4);
    assert_eq!((&batch["texts"], &batch["attempt"]), (&3.into(), &1.into()));
    assert_eq!(
        (&request["path"], &request["status"]),
        (&"/api/embed".into(), &200.into())
    );
    assert_eq!(
        (&request["host"], &request["reused"]),
        (&server.url().into(), &true.into())
    );
    for key in ["ms", "sent_bytes", "received_bytes"] {
        assert!(
            request[key].as_f64().is_some_and(|value| value > 0.0),
            "{key}: {request}"
        );
    }
}

#[test]
fn each_commit_and_each_document_has_a_line() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    let done = run(&work, server.url(), "ingest=debug", &["--log-format", "json"]).expect(0);
    let lines = lines(&done);
    let committed = with_message(&lines, "committed");
    let sum = |key: &str| {
        committed
            .iter()
            .filter_map(|line| line[key].as_u64())
            .sum::<u64>()
    };
    assert_eq!((sum("documents"), sum("vectors")), (3, 3), "{}", done.stderr);
    assert!(
        committed
            .iter()
            .all(|line| spans(line) == ["run", "commit"] && line["level"] == "DEBUG")
    );
    let replaced = with_message(&lines, "documents replaced");
    assert_eq!(replaced.len(), committed.len(), "the store tells it, too");
    assert_eq!(with_message(&lines, "document").len(), 3);
    assert!(
        with_message(&lines, "answered").is_empty(),
        "embed-http was not asked for"
    );
}

#[test]
fn every_line_of_standard_error_is_json_and_standard_output_stays() {
    let work = Work::with_docs();
    work.write("docs/binary.md", "\0\0\0");
    let json = ["--log-format", "json", "--color", "always"];
    let with = |arguments: &[&str]| work.with_static(&[arguments, &json].concat());
    let done = with(&["run", "docs", "-vv"]).expect(0);
    assert!(done.stdout.contains("4 files: 3 added"), "{}", done.stdout);
    let told = lines(&done);
    assert!(
        told.iter()
            .any(|line| text(&line["message"]).starts_with("skipped docs/binary.md"))
    );
    let failed = with(&["status", "--store", "sqlite:none.db"]).expect(3);
    let told = lines(&failed);
    assert_eq!(
        (&told[0]["level"], &told[0]["target"]),
        (&"ERROR".into(), &"console".into())
    );
    assert_eq!(
        (&told[1]["level"], &told[1]["hint"]),
        (&"INFO".into(), &true.into())
    );
    for wrong in [
        &["run", "docs", "--workers", "0"][..],
        &["run", "--worker"],
        &["rum"],
        &["search"],
    ] {
        let told = lines(&with(wrong).expect(2));
        assert_eq!(told[0]["level"], "ERROR", "{told:?}");
    }
    let dead = closed_port();
    let flags = [&["run", "docs", "--wait", "0"][..], &json].concat();
    let stopped = work.ingest(&crate::server::at(&dead, &flags)).expect(3);
    assert_eq!(lines(&stopped)[0]["level"], "ERROR");
}

#[test]
fn without_a_filter_nothing_is_added_and_with_one_people_can_read_it() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    let plain = run(&work, server.url(), "", &[]).expect(0);
    assert!(!plain.stderr.contains("run{"), "{}", plain.stderr);
    work.write("docs/new.md", "# New\n\nSomething new.\n");
    let done = run(&work, server.url(), "embed_http=debug,ingest_pipeline=info", &[]).expect(0);
    let request = done.stderr.lines().find(|line| line.contains("run{workers=4"));
    let request = request.unwrap_or_else(|| panic!("{}", done.stderr));
    assert!(
        request.contains("DEBUG") && request.contains("status=200"),
        "{request}"
    );
    assert!(
        !done.stderr.contains('\x1b') && !done.stderr.contains("committed"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_is_no_filter_is_told_and_the_run_goes_on() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    run(&work, server.url(), "a=b=c", &[])
        .expect(0)
        .says("warning: RUST_LOG is no filter and is passed over:");
}

#[test]
fn the_text_of_documents_is_never_told() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    let done = run(&work, server.url(), "trace", &["--log-format", "json", "-vv"]).expect(0);
    assert!(done.stderr.contains("docs/deep/coffee.txt"));
    for words in ["roasted before brewing", "grow on trees", "cross the water"] {
        assert!(!done.stderr.contains(words), "{}", done.stderr);
    }
}
