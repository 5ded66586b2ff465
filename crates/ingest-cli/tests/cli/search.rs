//! `ingest search` and `ingest status`.

use crate::server;
use crate::work::{Work, closed_port, length};

#[test]
fn the_best_chunk_comes_first_in_every_mode() {
    let work = Work::with_docs().filled();
    for mode in ["hybrid", "vector", "text"] {
        let hits = work
            .ingest(&["search", "sailing boat", "--mode", mode, "--format", "json"])
            .expect(0)
            .json();
        assert_eq!(hits[0]["source"], "docs/boats.md", "{mode}: {hits}");
        assert_eq!(hits[0]["rank"], 1);
    }
}

#[test]
fn a_hit_has_every_field_that_scripts_rely_on() {
    let work = Work::with_docs().filled();
    let hits = work
        .ingest(&["search", "sailing", "boat", "--format", "json"])
        .expect(0)
        .json();
    let hit = &hits[0];
    assert!(hit["score"].is_f64(), "{hit}");
    assert_eq!(hit["heading_path"][0], "Boats");
    assert_eq!(
        (hit["chunk"].as_u64(), hit["line_start"].as_u64()),
        (Some(0), Some(1))
    );
    assert!(hit["line_end"].as_u64() >= Some(3), "{hit}");
    assert!(
        hit["text"]
            .as_str()
            .is_some_and(|text| text.contains("needs wind")),
        "{hit}"
    );
    assert!(hit["title"].is_string(), "{hit}");
}

#[test]
fn flags_bound_the_hits() {
    let work = Work::with_docs().filled();
    let count = |arguments: &[&str]| {
        let mut line = vec!["search", "apples boat coffee", "--format", "json"];
        line.extend(arguments);
        length(&work.ingest(&line).expect(0).json())
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--top-k", "1"]), 1);
    assert_eq!(count(&["--source", "docs/deep/*"]), 1);
    assert_eq!(count(&["--source", "nowhere/*"]), 0);
}

#[test]
fn text_for_people_has_place_and_score_and_full_has_whole_chunks() {
    let work = Work::new();
    work.write(
        "docs/long.md",
        &format!(
            "# Long\n\n{}\n\nThe very end.\n",
            "apple words go on and on. ".repeat(30)
        ),
    );
    let work = work.filled();
    let short = work.ingest(&["search", "apple"]).expect(0).stdout;
    assert!(short.starts_with(" 1. docs/long.md:1  "), "{short}");
    assert!(short.contains('…') && !short.contains("The very end."), "{short}");
    let full = work.ingest(&["search", "apple", "--full"]).expect(0).stdout;
    assert!(full.contains("The very end."), "{full}");
}

#[test]
fn nothing_found_is_told_and_no_error() {
    let work = Work::with_docs().filled();
    let none = work
        .ingest(&["search", "zeppelin", "--mode", "text"])
        .expect(0)
        .says("nothing was found");
    assert_eq!(none.stdout, "");
    work.ingest(&["search", "  "])
        .expect(2)
        .says("the question is blank");
}

#[test]
fn without_a_store_there_is_nothing_to_search_and_none_is_made() {
    let work = Work::new();
    for arguments in [&["search", "x"][..], &["status"], &["export"]] {
        work.ingest(arguments)
            .expect(3)
            .says("there is no store at sqlite:.ingest/index.db")
            .says("hint: `ingest run DIR`");
    }
    assert!(!crate::work::exists(work.path(".ingest")));
}

#[test]
fn a_search_by_words_needs_no_server_and_one_by_vectors_says_that_it_is_gone() {
    let work = Work::with_docs();
    let server = server::ollama(4);
    work.ingest(&server::at(server.url(), &["run", "docs"])).expect(0);
    drop(server);
    let gone = closed_port();
    work.ingest(&["search", "boat", "--mode", "text", "--host", &gone])
        .expect(0);
    work.ingest(&["search", "boat", "--host", &gone])
        .expect(3)
        .says("hint: start the server");
}

#[test]
fn status_tells_what_the_store_holds() {
    let work = Work::with_docs().filled();
    let status = work.ingest(&["status", "--format", "json"]).expect(0).json();
    assert_eq!(
        (status["documents"].as_u64(), status["chunks"].as_u64()),
        (Some(3), Some(3))
    );
    assert_eq!(
        (status["failed"].as_u64(), status["dimensions"].as_u64()),
        (Some(0), Some(256))
    );
    assert_eq!(status["provider"], "static");
    assert_eq!(status["last_run"]["outcome"], "ok");
    assert!(status["bytes"].as_u64() > Some(0), "{status}");
    let text = work.ingest(&["status"]).expect(0).stdout;
    for word in [
        "store",
        "model",
        "dimensions",
        "documents",
        "chunks",
        "failures",
        "size",
        "last run",
    ] {
        assert!(text.lines().any(|line| line.starts_with(word)), "{word}: {text}");
    }
}
