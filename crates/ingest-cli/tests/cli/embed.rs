//! `ingest embed`.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::server;
use crate::work::{Done, Work, closed_port, exists, length};

fn lines(done: &Done) -> Vec<Value> {
    done.stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Runs `ingest embed` with these bytes as standard input.
fn piped(work: &Work, arguments: &[&str], input: &[u8]) -> Done {
    let mut command = work.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input)
        .expect("written");
    Done::awaited(child)
}

#[test]
fn arguments_become_vectors_in_order_without_a_store() {
    let work = Work::new();
    let done = work.with_static(&["embed", "an apple", "a boat"]).expect(0);
    let lines = lines(&done);
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[1]["index"], &lines[1]["text"]),
        (&1.into(), &"a boat".into())
    );
    assert_eq!(
        (&lines[0]["model"], length(&lines[0]["vector"])),
        (&"minilm-static-256".into(), 256)
    );
    assert!(!exists(work.path(".ingest")));
}

#[test]
fn lines_of_standard_input_become_vectors_in_order() {
    let work = Work::new();
    let input: String = (0..150)
        .map(|number| format!("apple number {number}\r\n"))
        .collect();
    let done = piped(&work, &["embed", "--provider", "static"], input.as_bytes()).expect(0);
    let lines = lines(&done);
    assert_eq!(lines.len(), 150);
    assert_eq!(
        (&lines[149]["index"], &lines[149]["text"]),
        (&149.into(), &"apple number 149".into())
    );
}

#[test]
fn a_text_that_cannot_be_embedded_is_named_and_the_others_go_on() {
    let work = Work::new();
    let done = piped(
        &work,
        &["embed", "--provider", "static"],
        "apples\n\n\u{1}\u{2}\nboats\n".as_bytes(),
    )
    .expect(1);
    let lines = lines(&done);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["index"], &lines[1]["index"]), (&0.into(), &3.into()));
    done.says("error: text 1: the text is blank")
        .says("error: text 2: ")
        .says("2 texts could not be embedded");
}

#[test]
fn input_that_is_not_unicode_has_status_2() {
    let work = Work::new();
    piped(&work, &["embed", "--provider", "static"], b"apples\n\xff\xfe\n")
        .expect(2)
        .says("line 2 of standard input is not valid UTF-8");
}

#[test]
fn questions_get_the_prefix_of_questions() {
    let work = Work::new();
    let server = server::ollama(4);
    let arguments = [
        "--provider",
        "ollama",
        "--model",
        "nomic-embed-text",
        "--host",
        server.url(),
    ];
    for line in [&["embed", "apples"][..], &["embed", "--query", "apples"]] {
        let mut line = line.to_vec();
        line.extend(arguments);
        work.ingest(&line).expect(0);
    }
    assert_eq!(
        server::inputs(&server),
        ["search_document: apples", "search_query: apples"]
    );
}

#[test]
fn several_hosts_share_the_work_and_one_that_is_gone_costs_nothing() {
    let work = Work::new();
    let server = server::ollama(4);
    let gone = closed_port();
    let arguments = [
        "embed",
        "apples",
        "--provider",
        "ollama",
        "--model",
        "m",
        "--host",
        &gone,
        "--host",
        server.url(),
    ];
    let done = work.ingest(&arguments).expect(0);
    assert_eq!(lines(&done).len(), 1);
}

#[test]
fn a_server_that_is_gone_has_status_3_and_a_hint() {
    let work = Work::new();
    let gone = closed_port();
    let done = Done::of(work.command(&["embed", "apples"]).env("OLLAMA_HOST", &gone)).expect(3);
    assert!(done.stderr.starts_with("provider `ollama`"), "{done:?}");
    done.says("`ollama_host` is set by environment variable OLLAMA_HOST")
        .says("error: ")
        .says("hint: start the server");
}

#[test]
fn a_model_that_is_missing_has_status_3_and_says_how_to_get_it() {
    let work = Work::new();
    let server = server::without_model();
    let done = work
        .ingest(&[
            "embed",
            "x",
            "--provider",
            "ollama",
            "--model",
            "nope",
            "--host",
            server.url(),
        ])
        .expect(3);
    done.says("nope").says("ollama pull");
}
