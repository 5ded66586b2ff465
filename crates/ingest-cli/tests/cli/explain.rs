//! `ingest explain`: what became of a document or a chunk.

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::{Value, json};

use crate::server::{answer, texts};
use crate::work::{Done, Work, exists, length, text};

fn explained(work: &Work, what: &str) -> Value {
    work.ingest(&["explain", what, "--format", "json"])
        .expect(0)
        .json()
}

fn shown(work: &Work, what: &str) -> String {
    work.ingest(&["explain", what]).expect(0).stdout
}

/// The value behind a name in text for people.
#[track_caller]
fn line<'a>(shown: &'a str, name: &str) -> &'a str {
    let line = shown
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name:<11} ")));
    line.unwrap_or_else(|| panic!("no {name} in {shown}"))
}

#[test]
fn a_document_is_followed_from_new_to_gone() {
    let work = Work::with_docs().filled();
    let stored = explained(&work, "docs/apples.md");
    assert_eq!(
        stored,
        json!({
            "document": "docs/apples.md",
            "source": {"place": "in", "name": "docs", "reason": null},
            "file": {"state": "document", "reason": null, "as_stored": true},
            "store": {"state": "stored", "origin": "files:docs", "chunks": 1, "set_aside": []},
            "failures": [],
            "next_run": "nothing",
        })
    );
    assert_eq!(
        line(&shown(&work, "./docs/../docs/apples.md"), "file"),
        "as it is stored"
    );

    work.write("docs/apples.md", "# Apples\n\nThey are blue.\n");
    let changed = explained(&work, "docs/apples.md");
    assert_eq!(changed["next_run"], "embed_again");
    assert_eq!(changed["file"]["as_stored"], false);

    work.write("docs/new.md", "# New\n");
    let new = explained(&work, "docs/new.md");
    assert_eq!(
        (&new["next_run"], &new["store"]["state"]),
        (&json!("embed"), &json!("absent"))
    );

    std::fs::remove_file(work.path("docs/boats.md")).expect("removed");
    assert_eq!(explained(&work, "docs/boats.md")["next_run"], "remove");
    let gone = shown(&work, "docs/boats.md");
    assert_eq!(line(&gone, "file"), "gone: the next run removes it");
    assert_eq!(line(&gone, "store"), "1 chunk");

    // What is foretold is what happens.
    work.with_static(&["run", "docs"]).expect(0);
    assert_eq!(explained(&work, "docs/apples.md")["next_run"], "nothing");
    assert_eq!(explained(&work, "docs/new.md")["store"]["state"], "stored");
    work.ingest(&["explain", "docs/boats.md"])
        .expect(1)
        .says("nothing is known of docs/boats.md");
}

#[test]
fn other_chunk_settings_are_a_reason_to_embed_again() {
    let work = Work::with_docs().filled();
    work.write("config.toml", "chunk_size = 300\n");
    let cut_otherwise = explained(&work, "docs/apples.md");
    assert_eq!(cut_otherwise["next_run"], "embed_again");
    assert_eq!(cut_otherwise["file"]["as_stored"], true);
    let shown = shown(&work, "docs/apples.md");
    assert!(line(&shown, "file").contains("cut by other settings"), "{shown}");
    work.with_static(&["run", "docs"]).expect(0);
    assert_eq!(explained(&work, "docs/apples.md")["next_run"], "nothing");
}

#[test]
fn what_leaves_a_file_out_is_named() {
    let work = Work::with_docs();
    work.write("docs/.gitignore", "drafts/\n*.bak\n!kept.bak\n");
    for name in ["drafts/a.md", "a.bak", "kept.bak", ".secret/a.md", "binary.md"] {
        work.write(&format!("docs/{name}"), "text\n");
    }
    work.write("docs/binary.md", "\0\0");
    work.write("elsewhere.md", "text\n");
    let work = work.filled();
    for (name, source) in [
        (
            "docs/drafts/a.md",
            "left out of docs: `drafts/` in docs/.gitignore leaves out docs/drafts",
        ),
        (
            "docs/a.bak",
            "left out of docs: `*.bak` in docs/.gitignore leaves out docs/a.bak",
        ),
        ("docs/.secret/a.md", "left out of docs: docs/.secret is hidden"),
        ("docs/kept.bak", "docs"),
        ("elsewhere.md", "none that is known has it"),
        (".ingest/index.db", "none that is known has it"),
    ] {
        assert_eq!(line(&shown(&work, name), "source"), source, "{name}");
    }
    let binary = shown(&work, "docs/binary.md");
    assert_eq!(line(&binary, "file"), "no document: a binary file");
    assert_eq!(line(&shown(&work, "docs/a.bak"), "file"), "no run takes it");
    let ignored = explained(&work, "docs/a.bak");
    assert_eq!(ignored["source"]["place"], "left_out");
    assert_eq!(ignored["next_run"], "nothing");
    work.ingest(&["explain", "docs"])
        .expect(2)
        .says("docs is a folder");
}

#[test]
fn named_sources_and_their_patterns_are_looked_at() {
    let work = Work::with_docs();
    work.write(
        "config.toml",
        "data_dir = 'docs'\n[[sources]]\nname = 'fruit'\npaths = ['.']\ninclude = ['*.md']\nexclude = ['boat*']\n",
    );
    let apples = explained(&work, "docs/apples.md");
    assert_eq!(
        apples["document"], "apples.md",
        "named relative to the data folder"
    );
    assert_eq!(apples["source"]["name"], "fruit");
    assert_eq!(apples["next_run"], "embed");
    let boats = shown(&work, "docs/boats.md");
    assert_eq!(
        line(&boats, "source"),
        "left out of fruit: the pattern `boat*` excludes it"
    );
    let coffee = shown(&work, "docs/deep/coffee.txt");
    assert_eq!(
        line(&coffee, "source"),
        "left out of fruit: no pattern includes it"
    );
    assert!(!exists(work.path(".ingest")), "looking makes no store");
    work.with_static(&["run"]).expect(0);
    work.write(
        ".ingestion-failures.json",
        "{\"content_hash\":\"\",\"source_url\":\"torn.md\",\"error\":\"cannot read\"}\n",
    );
    let torn = explained(&work, "docs/torn.md");
    assert_eq!(torn["failures"][0]["error"], "cannot read");
    let stored = explained(&work, "docs/apples.md");
    assert_eq!(stored["store"]["origin"], "files:@fruit");
    assert_eq!(stored["next_run"], "nothing");
}

/// A store in which the chunk about boats was set aside.
fn with_a_failure() -> Work {
    let work = Work::with_docs();
    work.write("docs/regatta.md", "Here many are sailing at once.\n");
    let server = ScriptedServer::handler(|request| {
        if request.path == "/api/embed" && texts(request).iter().any(|text| text.contains("sailing")) {
            return Reply::json(&json!({"error": "cannot embed this text"})).status(400);
        }
        answer(request, 4)
    });
    let run = crate::server::at(server.url(), &["run", "docs"]);
    work.ingest(&run).expect(1);
    work
}

#[test]
fn a_chunk_that_was_set_aside_is_shown_with_its_cause() {
    let work = with_a_failure();
    let boats = explained(&work, "docs/boats.md");
    assert_eq!(boats["store"]["state"], "incomplete");
    assert_eq!(length(&boats["store"]["set_aside"]), 1);
    let chunk = &boats["store"]["set_aside"][0];
    assert_eq!(
        (&chunk["state"], &chunk["chunk"]),
        (&json!("set_aside"), &json!(0))
    );
    assert_eq!(
        (&chunk["kind"], &chunk["status"]),
        (&json!("invalid_input"), &json!(400))
    );
    assert!(
        text(&chunk["error"]).contains("cannot embed this text"),
        "{chunk}"
    );
    assert_eq!(boats["failures"][0]["source"], "docs/boats.md");
    let people = shown(&work, "docs/boats.md");
    assert!(
        line(&people, "store").contains("1 set aside as failed"),
        "{people}"
    );
    assert!(line(&people, "set aside").contains("HTTP 400"), "{people}");
    assert!(line(&people, "failure log").contains("invalid_input"), "{people}");

    let hash = text(&chunk["content_hash"]);
    let place = explained(&work, &hash[..6]);
    assert_eq!(place["content_hash"], chunk["content_hash"]);
    assert_eq!(&place["places"][0], chunk);
    assert_eq!(place["failures"], boats["failures"]);
    let people = shown(&work, &hash);
    assert!(
        people.contains("docs/boats.md:1  chunk 0, set aside, invalid_input: "),
        "{people}"
    );
    assert!(people.contains("docs/boats.md  in the failure log: "), "{people}");

    // The log alone knows it, too.
    std::fs::remove_dir_all(work.path(".ingest")).expect("removed");
    assert_eq!(explained(&work, &hash)["places"], json!([]));
    assert_eq!(explained(&work, "docs/boats.md")["store"]["state"], "absent");
}

#[test]
fn a_hash_finds_all_places_of_a_chunk() {
    let work = Work::with_docs();
    work.write("docs/copy.md", &work.read("docs/boats.md"));
    let work = work.filled();
    let chunks = work.exported();
    let boats = chunks.iter().find(|chunk| chunk["source"] == "docs/boats.md");
    let hash = text(&boats.expect("a chunk")["content_hash"]);
    for digits in [&hash[..6], &hash[..12], &hash.to_uppercase(), &hash] {
        let found = explained(&work, digits);
        assert_eq!(found["content_hash"], hash.as_str());
        assert!(text(&found["text"]).contains("sailing"), "{found}");
        let places = found["places"].as_array().expect("places");
        let sources: Vec<_> = places.iter().map(|place| &place["source"]).collect();
        assert_eq!(sources, ["docs/boats.md", "docs/copy.md"]);
        assert!(places.iter().all(|place| place["state"] == "stored"), "{found}");
        assert!(
            places.iter().all(|place| place["stored_at"].is_string()),
            "{found}"
        );
    }
    let people = shown(&work, &hash[..8]);
    assert!(people.contains("docs/copy.md:1  chunk 0, stored 20"), "{people}");
    work.ingest(&["explain", &hash[..5]]).expect(1);
    work.ingest(&["explain", "000000"])
        .expect(1)
        .says("nothing is known of 000000");
    // A name wins over a hash.
    work.write("abcdef", "text");
    assert_eq!(explained(&work, "abcdef")["document"], "abcdef");
}

#[test]
fn digits_that_fit_several_chunks_are_refused_with_what_tells_them_apart() {
    let work = Work::new();
    let (one, other) = (format!("abcdef1{:057}", 0), format!("abcdef2{:057}", 0));
    let entry =
        |hash: &str| format!("{{\"content_hash\":\"{hash}\",\"source_url\":\"a\",\"error\":\"e\"}}\n");
    work.write(".ingestion-failures.json", &(entry(&one) + &entry(&other)));
    let both = work.ingest(&["explain", "abcdef"]).expect(2);
    both.says("the hashes of 2 chunks begin with these digits")
        .says(&format!("give more digits: {one}, {other}"));
    let found = explained(&work, "abcdef2");
    assert_eq!(found["failures"][0]["content_hash"], other.as_str());
}

#[test]
fn nothing_that_is_known_has_status_1_and_makes_no_store() {
    let work = Work::new();
    let none: Done = work.ingest(&["explain", "docs/a.md"]).expect(1);
    assert_eq!(none.stdout, "");
    none.says("there is no store at sqlite:.ingest/index.db yet")
        .says("nothing is known of docs/a.md");
    assert!(!exists(work.path(".ingest")));
}

#[test]
fn a_document_that_is_no_file_is_known_by_its_name() {
    let work = Work::new();
    let name = "https://example.com/tea";
    work.write(
        "tea.jsonl",
        &format!("{{\"source\":\"{name}\",\"text\":\"Pour boiling water.\"}}\n"),
    );
    work.with_static(&["run", "--jsonl", "tea.jsonl"]).expect(0);
    let stored = explained(&work, name);
    assert_eq!(stored["document"], name);
    assert_eq!(stored["store"]["origin"], "jsonl:tea.jsonl");
    assert!(stored["next_run"].is_null(), "{stored}");
    assert_eq!(line(&shown(&work, name), "file"), "there is none");
    let other = "https://example.com/coffee";
    let entry = format!("{{\"content_hash\":\"\",\"source_url\":\"{other}\",\"error\":\"cut off\"}}\n");
    work.write(".ingestion-failures.json", &entry);
    assert_eq!(explained(&work, other)["failures"][0]["error"], "cut off");
}
