//! `ingest run`: what it does with the documents it is given.

use serde_json::json;

use crate::work::{Work, exists, text};

#[test]
fn the_first_run_stores_everything_and_the_second_embeds_nothing() {
    let work = Work::with_docs();
    let first = work
        .with_static(&["run", "docs", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(first["documents"]["added"], 3);
    assert_eq!(first["documents"]["seen"], 3);
    assert_eq!(first["chunks"]["embedded"], 3);
    assert_eq!(first["interrupted"], false);
    let second = work
        .with_static(&["run", "docs", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(second["documents"]["unchanged"], 3);
    assert_eq!(second["chunks"]["embedded"], 0);
    assert!(!exists(work.path(".ingestion-failures.json")));
}

#[test]
fn the_object_has_every_field_that_scripts_rely_on() {
    let work = Work::with_docs();
    let report = work
        .with_static(&["run", "docs", "--format", "json"])
        .expect(0)
        .json();
    for field in [
        "mode",
        "workers",
        "provider",
        "model",
        "dimensions",
        "store",
        "requests",
        "retries",
        "connections",
        "bytes_sent",
        "bytes_received",
        "seconds",
        "interrupted",
        "sources",
        "failures",
    ] {
        assert!(!report[field].is_null(), "{field}: {report}");
    }
    for field in [
        "seen",
        "added",
        "updated",
        "removed",
        "unchanged",
        "failed",
        "skipped",
    ] {
        assert!(report["documents"][field].is_u64(), "{field}: {report}");
    }
    for field in ["embedded", "reused", "stored", "removed", "failed", "truncated"] {
        assert!(report["chunks"][field].is_u64(), "{field}: {report}");
    }
    assert_eq!(report["provider"], "static");
    assert_eq!(report["dimensions"], 256);
    assert_eq!(report["sources"][0]["name"], "docs");
    assert_eq!(report["sources"][0]["status"], "OK");
}

#[test]
fn the_table_and_one_sentence_are_for_people() {
    let work = Work::with_docs();
    let run = work.with_static(&["run", "docs"]).expect(0);
    let lines: Vec<_> = run.stdout.lines().collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words(lines[0]),
        ["Source", "Files", "Chunks", "Duration", "Mode", "Status"]
    );
    let row = words(lines[1]);
    assert_eq!(
        (row[0].as_str(), row[1].as_str(), row[2].as_str()),
        ("docs", "3", "3")
    );
    assert_eq!(row.last().map(String::as_str), Some("OK"));
    let sentence = lines.last().expect("a sentence");
    assert!(
        sentence.starts_with(
            "3 files: 3 added, 0 updated, 0 removed, 0 unchanged, 0 failed; 3 chunks embedded in "
        ),
        "{sentence}"
    );
}

#[test]
fn changed_and_vanished_documents_are_followed() {
    let work = Work::with_docs().filled();
    work.write("docs/apples.md", "# Apples\n\nNow about pears.\n");
    std::fs::remove_file(work.path("docs/boats.md")).expect("removed");
    let report = work
        .with_static(&["run", "docs", "--format", "json"])
        .expect(0)
        .json();
    let documents = &report["documents"];
    assert_eq!(
        (
            &documents["updated"],
            &documents["removed"],
            &documents["unchanged"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(work.sources(), ["docs/apples.md", "docs/deep/coffee.txt"]);
}

#[test]
fn a_run_that_would_remove_too_much_is_refused() {
    let work = Work::with_docs().filled();
    std::fs::remove_file(work.path("docs/apples.md")).expect("removed");
    std::fs::remove_file(work.path("docs/boats.md")).expect("removed");
    work.with_static(&["run", "docs"])
        .expect(1)
        .says("error: 2 of 3 documents of `docs` have vanished");
    assert_eq!(work.sources().len(), 3);
    work.with_static(&["run", "docs", "--no-delete"]).expect(0);
    assert_eq!(work.sources().len(), 3);
    work.with_static(&["run", "docs", "--max-delete", "2"]).expect(0);
    assert_eq!(work.sources(), ["docs/deep/coffee.txt"]);
}

#[test]
fn a_dry_run_changes_nothing_and_makes_no_store() {
    let work = Work::with_docs();
    let dry = work
        .with_static(&["run", "docs", "--dry-run", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(dry["documents"]["added"], 3);
    assert!(!exists(work.path(".ingest")));
    let told = work.with_static(&["run", "docs", "--dry-run"]).expect(0);
    assert!(
        told.stdout.contains("Dry run, nothing was changed: 3 files"),
        "{told:?}"
    );
}

#[test]
fn clean_forgets_the_sources_first() {
    let work = Work::with_docs().filled();
    let report = work
        .with_static(&["run", "docs", "--clean", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["documents"]["added"], 3, "{report}");
    assert_eq!(work.sources().len(), 3);
}

#[test]
fn workers_are_capped_with_a_warning_and_sequential_is_one() {
    let work = Work::with_docs();
    let mode = |arguments: &[&str]| {
        let mut line = vec!["run", "docs", "--dry-run", "--format", "json"];
        line.extend(arguments);
        let done = work.with_static(&line).expect(0);
        (text(&done.json()["mode"]), done.stderr)
    };
    assert!(mode(&[]).0.contains("parallel (4w)"));
    let (capped, warning) = mode(&["--workers", "20"]);
    assert!(capped.contains("parallel (8w)"), "{capped}");
    assert!(
        warning.contains("20 workers were asked for (--workers), 8 are used"),
        "{warning}"
    );
    assert!(mode(&["--sequential", "--workers", "3"]).0.contains("sequential"));
}

#[test]
fn a_sequential_run_and_a_parallel_one_leave_equal_stores() {
    let (one, many) = (Work::with_docs(), Work::with_docs());
    one.with_static(&["run", "docs", "--sequential"]).expect(0);
    many.with_static(&["run", "docs", "--workers", "8", "--batch-size", "1"])
        .expect(0);
    assert_eq!(one.exported(), many.exported());
}

#[test]
fn chunk_flags_reach_the_chunker() {
    let work = Work::new();
    let sentences = (0..60).map(|number| format!("Sentence number {number} of several words stands here. "));
    work.write("docs/long.txt", &sentences.collect::<String>());
    let chunks = |arguments: &[&str]| {
        let mut line = vec!["run", "docs", "--dry-run", "--format", "json"];
        line.extend(arguments);
        work.with_static(&line).expect(0).json()["chunks"]["embedded"]
            .as_u64()
            .expect("a number")
    };
    assert!(chunks(&["--chunk-size", "60", "--chunk-overlap", "0"]) > chunks(&[]) + 5);
}

#[test]
fn the_store_can_be_named_and_its_folder_is_made() {
    let work = Work::with_docs();
    work.with_static(&["run", "docs", "--store", "sqlite:a/b/index.db"])
        .expect(0);
    assert!(exists(work.path("a/b/index.db")) && !exists(work.path(".ingest")));
    work.with_static(&["run", "docs", "--store", "mysql://me:hush@db/x"])
        .expect(2)
        .says("sqlite:FILE");
}

#[test]
fn quiet_tells_errors_only_and_verbose_every_document() {
    let work = Work::with_docs();
    let quiet = work.with_static(&["-q", "run", "docs"]).expect(0);
    assert_eq!(quiet.stderr, "");
    work.write("docs/new.md", "# New\n\nSomething new.\n");
    let verbose = work
        .with_static(&["-v", "run", "docs"])
        .expect(0)
        .says("added docs/new.md");
    assert!(!verbose.stderr.contains("unchanged docs/"), "{verbose:?}");
    work.with_static(&["-vv", "run", "docs"])
        .expect(0)
        .says("unchanged docs/apples.md");
}

#[cfg(unix)]
#[test]
fn names_that_would_steer_a_terminal_are_escaped() {
    let work = Work::new();
    work.write("docs/evil\x1b[31m\n.md", "# Title\n\nWords about apples.\n");
    let run = work
        .with_static(&["-v", "run", "docs"])
        .expect(0)
        .says(r"evil\u{1b}[31m\u{a}.md");
    assert!(
        !run.stderr.contains('\x1b') && !run.stdout.contains('\x1b'),
        "{run:?}"
    );
    let found = work.with_static(&["search", "apples"]).expect(0);
    assert!(
        found.stdout.contains(r"evil\u{1b}[31m\u{a}.md") && !found.stdout.contains('\x1b'),
        "{found:?}"
    );
}

#[test]
fn the_store_of_another_model_is_refused_with_the_remedy() {
    let work = Work::with_docs().filled();
    let server = crate::server::ollama(4);
    let run = work.ingest(&crate::server::at(server.url(), &["run", "docs"]));
    run.expect(3).says("`m`").says("--clean");
    assert_eq!(work.sources().len(), 3);
}

#[test]
fn the_model_of_the_store_is_taken_when_none_is_named() {
    let work = Work::with_docs().filled();
    work.ingest(&["run", "docs"]).expect(0).says("provider `static`");
}
