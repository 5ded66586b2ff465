//! `ingest export`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::work::{Done, Work, length};

#[test]
fn every_chunk_is_a_line_in_order_of_source_and_place() {
    let work = Work::with_docs();
    work.write(
        "docs/boats.md",
        "# Boats\n\n## Sail\n\nWind in the sail.\n\n## Oar\n\nArms at the oar.\n",
    );
    let work = work.filled();
    let lines = work.exported();
    let places: Vec<_> = lines
        .iter()
        .map(|line| (line["source"].to_string(), line["ordinal"].as_u64()))
        .collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
    for line in &lines {
        assert_eq!(length(&line["vector"]), 256);
        assert_eq!(line["content_hash"].as_str().map(str::len), Some(64));
        assert_eq!(line["model"], "minilm-static-256");
        for field in ["title", "context_header", "text"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        assert!(line["heading_path"].is_array());
    }
    let oar = lines
        .iter()
        .find(|line| line["text"].as_str().is_some_and(|text| text.contains("Arms")));
    let oar = oar.expect("the section");
    // What is embedded begins with the header, as the search for it does.
    let header = oar["context_header"].as_str().expect("a header");
    assert!(
        header.ends_with("Oar") && oar["text"].as_str().is_some_and(|text| text.starts_with(header)),
        "{oar}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let work = Work::new();
    // More than a pipe holds, so that the tool must notice.
    for number in 0..200 {
        work.write(
            &format!("docs/{number:03}.txt"),
            &format!("Text number {number} about apples."),
        );
    }
    let work = work.filled();
    let mut command = work.command(&["export"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_line(&mut first).expect("a line");
    drop(reader);
    let done = Done::awaited(child).expect(0);
    assert!(first.starts_with(r#"{"source":"docs/000.txt""#), "{first}");
    assert_eq!(done.stderr, "");
}
