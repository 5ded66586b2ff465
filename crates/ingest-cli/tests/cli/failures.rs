//! What fails, where it is noted, and how it is taken up again.

use std::sync::atomic::{AtomicUsize, Ordering};

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::{Value, json};

use crate::server::{answer, inputs, texts};
use crate::work::{Work, closed_port, exists, text};

const LOG: &str = ".ingestion-failures.json";

/// A server that refuses any batch with this word in it.
fn refusing(word: &'static str) -> ScriptedServer {
    ScriptedServer::handler(move |request| {
        if request.path == "/api/embed" && texts(request).iter().any(|text| text.contains(word)) {
            return Reply::json(&json!({"error": "cannot embed this text"})).status(400);
        }
        answer(request, 4)
    })
}

/// A server that embeds so often, and from then on gives this reply to everything.
fn turning(answers: usize, then: Reply) -> ScriptedServer {
    let asked = AtomicUsize::new(0);
    ScriptedServer::handler(move |request| {
        let embeds = usize::from(request.path == "/api/embed");
        if asked.fetch_add(embeds, Ordering::SeqCst) + embeds > answers {
            return then.clone();
        }
        answer(request, 4)
    })
}

fn with_host<'a>(arguments: &[&'a str], host: &'a str) -> Vec<&'a str> {
    crate::server::at(host, &[arguments, &["--wait", "0"]].concat())
}

#[test]
fn a_chunk_that_fails_is_named_and_noted_and_the_others_are_stored() {
    let work = Work::with_docs();
    let server = refusing("sailing");
    let run = work.ingest(&with_host(&["run", "docs"], server.url())).expect(1);
    assert!(run.stdout.contains("PARTIAL"), "{run:?}");
    run.says("error: docs/boats.md")
        .says("hint: 1 failure is noted in .ingestion-failures.json; `ingest run --retry-failed`");
    assert_eq!(work.sources(), ["docs/apples.md", "docs/deep/coffee.txt"]);
    let line: Value = serde_json::from_str(work.read(LOG).lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["source_url"], "docs/boats.md");
    assert_eq!(text(&line["content_hash"]).len(), 64);
    assert!(text(&line["error"]).contains("cannot embed this text"), "{line}");
    work.ingest(&["status"])
        .expect(0)
        .says("1 chunk failed: `ingest run --retry-failed` tries again");
}

#[test]
fn retry_failed_takes_up_what_failed_and_leaves_no_log() {
    let work = Work::with_docs();
    work.ingest(&with_host(&["run", "docs"], refusing("sailing").url()))
        .expect(1);
    let better = crate::server::ollama(4);
    let report = work
        .ingest(&with_host(
            &["run", "--retry-failed", "--format", "json"],
            better.url(),
        ))
        .expect(0)
        .json();
    assert_eq!(report["chunks"]["embedded"], 1, "{report}");
    assert!(text(&report["mode"]).contains("retry"), "{report}");
    assert_eq!(work.sources().len(), 3);
    assert!(!exists(work.path(LOG)));
    work.ingest(&with_host(&["run", "--retry-failed"], better.url()))
        .expect(0);
}

#[test]
fn retry_failed_without_a_store_has_nothing_to_do() {
    Work::new()
        .ingest(&["run", "--retry-failed"])
        .expect(0)
        .says("there is nothing to try again");
}

#[test]
fn the_failure_log_can_be_named() {
    let work = Work::with_docs();
    let server = refusing("sailing");
    work.ingest(&with_host(
        &["run", "docs", "--failure-log", "logs/mine.json"],
        server.url(),
    ))
    .expect(1)
    .says("logs/mine.json");
    assert!(exists(work.path("logs/mine.json")) && !exists(work.path(LOG)));
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let work = Work::with_docs();
    let server = refusing("a");
    let arguments = [
        "run",
        "docs",
        "--fail-fast",
        "--sequential",
        "--batch-size",
        "1",
        "--format",
        "json",
    ];
    let report = work.ingest(&with_host(&arguments, server.url()));
    assert_ne!(report.code, Some(0), "{report:?}");
}

#[test]
fn a_document_that_cannot_be_read_fails_alone() {
    let work = Work::new();
    work.write(
        "ready.jsonl",
        "{\"source\": \"a\", \"text\": \"About apples.\"}\n{\"source\": \n",
    );
    let run = work.with_static(&["run", "--jsonl", "ready.jsonl"]).expect(1);
    run.says("error: ready.jsonl");
    assert_eq!(work.sources(), ["a"]);
}

#[test]
fn a_dead_server_has_status_3_and_touches_nothing() {
    let work = Work::with_docs();
    let gone = closed_port();
    let run = work.ingest(&with_host(&["run", "docs"], &gone)).expect(3);
    run.says(gone.trim_start_matches("http://"))
        .says("hint: start the server");
    assert!(!exists(work.path(".ingest")), "no store was made");
    assert!(!exists(work.path(LOG)));
}

#[test]
fn a_model_that_is_missing_has_status_3_and_touches_nothing() {
    let work = Work::with_docs();
    let server = crate::server::without_model();
    work.ingest(&with_host(&["run", "docs"], server.url()))
        .expect(3)
        .says("ollama pull");
    assert!(!exists(work.path(".ingest")), "no store was made");
}

/// The server turns after the test embedding and two of three documents.
#[track_caller]
fn assert_stopped_and_gone_on_with(then: Reply, reason: &str) {
    let work = Work::with_docs();
    let turning = turning(3, then);
    let one_by_one = ["run", "docs", "--workers", "1", "--batch-size", "1"];
    work.ingest(&with_host(&one_by_one, turning.url()))
        .expect(3)
        .says("error: the run stopped: ")
        .says(reason)
        .says("what is finished is stored, and the next run goes on from there");
    assert_eq!(work.sources(), ["docs/apples.md", "docs/boats.md"]);
    assert!(!exists(work.path(LOG)), "nothing of the rest has failed");
    let sound = crate::server::ollama(4);
    work.ingest(&with_host(&one_by_one, sound.url())).expect(0);
    assert_eq!(work.sources().len(), 3);
    let sent = inputs(&sound);
    assert!(sent.len() == 2 && sent[1].contains("Coffee"), "{sent:?}");
}

#[test]
fn a_key_refused_in_the_midst_of_a_run_has_status_3_and_the_next_goes_on() {
    let refused = Reply::json(&json!({"error": "this key was withdrawn"})).status(401);
    assert_stopped_and_gone_on_with(refused, "this key was withdrawn");
}

#[test]
fn a_server_gone_in_the_midst_of_a_run_has_status_3_and_the_next_goes_on() {
    assert_stopped_and_gone_on_with(Reply::reset(), "hint: ");
}

#[cfg(unix)]
#[test]
fn a_store_folder_that_cannot_be_written_has_status_3() {
    use std::os::unix::fs::PermissionsExt;
    let work = Work::with_docs();
    // A file in the place of the folder stops everyone, also those whom permissions do not.
    work.write("blocked", "");
    work.with_static(&["run", "docs", "--store", "sqlite:blocked/index.db"])
        .expect(3)
        .says("blocked");
    let closed = work.path("closed");
    std::fs::create_dir(&closed).expect("a folder");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).expect("permissions");
    if std::fs::write(closed.join("probe"), "").is_err() {
        work.with_static(&["run", "docs", "--store", "sqlite:closed/index.db"])
            .expect(3)
            .says("closed");
    }
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let work = Work::with_docs();
    work.write(
        "notes.txt",
        "my notes, not a store at all, and long enough to look at",
    );
    for arguments in [&["run", "docs"][..], &["search", "x"], &["status"], &["export"]] {
        let mut line = arguments.to_vec();
        line.extend(["--store", "sqlite:notes.txt"]);
        work.with_static(&line).expect(3).says("notes.txt");
    }
    assert!(work.read("notes.txt").starts_with("my notes"));
}
