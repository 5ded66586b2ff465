//! Chunks that the model cannot read whole, and answers that take too long.

use std::time::Duration;

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::{Value, json};

use crate::server::{answer, texts};
use crate::work::{Done, Work, exists, text};

/// As many words as the server below reads.
const WORDS: usize = 40;

fn short_sighted() -> ScriptedServer {
    ScriptedServer::handler(|request| {
        let is_long = |text: &String| text.split_whitespace().count() > WORDS;
        if request.path == "/api/embed" && texts(request).iter().any(is_long) {
            return Reply::json(&json!({"error": "the input length exceeds the context length"})).status(400);
        }
        answer(request, 4)
    })
}

fn run(work: &Work, server: &ScriptedServer, more: &[&str]) -> Done {
    let run = [&["run", "docs", "--format", "json"][..], more].concat();
    work.ingest(&crate::server::at(server.url(), &run))
}

fn with_long_text() -> Work {
    let work = Work::new();
    let words: Vec<_> = (0..100).map(|word| format!("word{word}")).collect();
    work.write("docs/long.txt", &words.join(" "));
    work
}

fn stored(work: &Work) -> String {
    let lines: Vec<_> = work.exported().iter().map(|line| text(&line["text"])).collect();
    lines.join(" ")
}

#[test]
fn the_end_of_a_long_chunk_is_cut_off_on_demand_and_told() {
    let work = with_long_text();
    let done = run(&work, &short_sighted(), &["--on-too-long", "truncate"]).expect(0);
    let report: Value = done.json();
    assert_eq!(report["chunks"]["truncated"], 1, "{report}");
    assert_eq!(report["chunks"]["failed"], 0, "{report}");
    done.says("warning: docs/long.txt: chunk 0 is longer than the model reads; its end was cut off");
    let kept = stored(&work);
    assert!(
        kept.starts_with("word0 ") && kept.split_whitespace().count() <= WORDS,
        "{kept}"
    );
}

#[test]
fn nothing_of_a_long_chunk_is_lost_otherwise() {
    let work = with_long_text();
    let report = run(&work, &short_sighted(), &[]).expect(0).json();
    assert_eq!(report["chunks"]["truncated"], 0, "{report}");
    assert!(stored(&work).ends_with("word99"), "{}", stored(&work));
}

#[test]
fn an_answer_that_drips_for_ever_is_given_up_and_told() {
    let work = Work::with_docs();
    let server = ScriptedServer::handler(|request| match request.path.as_str() {
        "/api/embed" => Reply::new(200, " ".repeat(10_000)).drip(1, Duration::from_millis(100)),
        _ => answer(request, 4),
    });
    run(&work, &server, &["--timeout", "1s", "--wait", "0"])
        .expect(3)
        .says("the answer was not complete within 1s")
        .says("hint: `--timeout` gives a whole answer more time");
    assert!(!exists(work.path(".ingest")), "no store was made");
}
