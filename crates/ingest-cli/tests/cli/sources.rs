//! Which documents `ingest run` takes.

use std::process::Stdio;

use serde_json::json;

use crate::work::{Done, Work, exists, length};

#[test]
fn include_exclude_and_ignore_rules_choose_files() {
    let work = Work::with_docs();
    work.write("docs/.ignore", "boats.md\n");
    let seen = |arguments: &[&str]| {
        let mut line = vec!["run", "docs", "--dry-run", "--format", "json"];
        line.extend(arguments);
        work.with_static(&line).expect(0).json()["documents"]["added"].clone()
    };
    assert_eq!(seen(&[]), 2);
    assert_eq!(seen(&["--no-ignore"]), 3);
    assert_eq!(seen(&["--include", "*.md"]), 1);
    assert_eq!(seen(&["--exclude", "*.md"]), 1);
    assert_eq!(seen(&["--no-ignore", "--exclude", "deep"]), 2);
}

#[test]
fn files_globs_and_several_paths_are_taken() {
    let work = Work::with_docs();
    let report = work
        .with_static(&["run", "docs/apples.md", "docs/**/*.txt", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["documents"]["added"], 2, "{report}");
    assert_eq!(length(&report["sources"]), 2);
    assert_eq!(work.sources(), ["docs/apples.md", "docs/deep/coffee.txt"]);
}

#[test]
fn a_path_that_is_missing_has_status_2_and_touches_nothing() {
    let work = Work::with_docs();
    work.with_static(&["run", "dosc"]).expect(2).says("dosc");
    work.with_static(&["run"])
        .expect(2)
        .says("there is nothing to run on")
        .says("ingest run DIR");
    work.with_static(&["run", "--jsonl", "no.jsonl"])
        .expect(2)
        .says("no.jsonl");
    assert!(!exists(work.path(".ingest")));
}

#[test]
fn an_empty_folder_is_no_error_but_is_told() {
    let work = Work::new();
    std::fs::create_dir(work.path("empty")).expect("a folder");
    work.with_static(&["run", "empty"])
        .expect(0)
        .says("warning: no documents were found");
}

#[test]
fn named_sources_of_the_file_are_run() {
    let work = Work::with_docs();
    work.write(
        "config.toml",
        "data_dir = 'docs'\n[[sources]]\nname = 'texts'\npaths = ['deep']\nparser = 'mdx'\n\
         [[sources]]\nname = 'fruit'\npaths = ['apples.md']\n[[sources]]\nname = 'off'\npaths = ['.']\nenabled = false\n",
    );
    let all = work.with_static(&["run", "--format", "json"]).expect(0).json();
    assert_eq!(all["sources"][0]["name"], "texts");
    assert_eq!(all["sources"][1]["name"], "fruit");
    assert_eq!(work.sources(), ["apples.md", "deep/coffee.txt"]);
    let one = work
        .with_static(&["run", "--source", "fruit", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (length(&one["sources"]), &one["documents"]["unchanged"]),
        (1, &json!(1))
    );
    work.with_static(&["run", "--source", "fruits"])
        .expect(2)
        .says("hint: the configuration has `fruit`, `off`, `texts`");
    work.with_static(&["run", "--source", "off"])
        .expect(2)
        .says("source `off` is disabled");
    work.with_static(&["run", "--data-dir", "nowhere"])
        .expect(2)
        .says("`data_dir` is nowhere (--data-dir), which is not a folder");
    let moved = Done::of(
        work.command(&["run", "--source", "fruit", "--provider", "static"])
            .env("DATA_DIR", work.path("docs").as_os_str()),
    );
    moved.expect(0);
}

#[test]
fn a_line_that_is_no_document_is_told_once_with_what_follows_from_it() {
    let work = Work::new();
    work.write("ready.jsonl", "{\"source\":\"a\",\"text\":\"b\"}\n{broken\n");
    let done = work.with_static(&["run", "--jsonl", "ready.jsonl"]).expect(1);
    let told = done.stderr.matches("the line is not a document").count();
    assert_eq!(told, 1, "{done:#?}");
    done.says("error: ready.jsonl: nothing of it is removed, since ");
}

#[test]
fn json_lines_come_from_a_file_or_standard_input() {
    let work = Work::new();
    let line = |source: &str, words: &str| {
        json!({"source": source, "text": words, "title": "T", "doc_type": "web"}).to_string()
    };
    work.write(
        "ready.jsonl",
        &format!(
            "{}\n{}\n",
            line("flare://a", "All about apples."),
            line("flare://b", "Some boats.")
        ),
    );
    work.with_static(&["run", "--jsonl", "ready.jsonl"]).expect(0);
    assert_eq!(work.sources(), ["flare://a", "flare://b"]);

    let mut command = work.command(&[
        "run",
        "--jsonl",
        "-",
        "--provider",
        "static",
        "--store",
        "sqlite:other.db",
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, line("kb://c", "Coffee is brewed.").as_bytes()).expect("written");
    drop(stdin);
    Done::awaited(child).expect(0);
    let hits = work.ingest(&[
        "search",
        "coffee",
        "--mode",
        "text",
        "--store",
        "sqlite:other.db",
        "--format",
        "json",
    ]);
    assert_eq!(hits.expect(0).json()[0]["source"], "kb://c");
    work.with_static(&["run", "--jsonl", "-", "--jsonl", "-"])
        .expect(2)
        .says("standard input is read once");
}
