//! `ingest run --dry-run`: what a run would do and cost, without doing any of it.

use serde_json::{Value, json};

use crate::work::{Done, Work, exists, text};

fn run<'a>(host: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    crate::server::at(host, &[&["run", "docs"][..], more].concat())
}

fn assert_near(value: &Value, wanted: f64) {
    let found = value.as_f64().expect("a number");
    assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
}

#[test]
fn nothing_is_sent_so_that_no_key_is_needed() {
    let work = Work::with_docs();
    let openai = [
        "run",
        "docs",
        "--provider",
        "openai",
        "--model",
        "text-embedding-3-small",
    ];
    let dry = [&openai[..], &["--dry-run", "--format", "json"]].concat();
    let forecast = &work.ingest(&dry).expect(0).json()["forecast"];
    assert_eq!(forecast["price"]["per_million_tokens"], json!(0.02));
    work.ingest(&openai).expect(2).says("no API key");
}

#[test]
fn no_server_is_asked_and_no_store_is_made() {
    let (work, server) = (Work::with_docs(), crate::server::ollama(4));
    let dry = work
        .ingest(&run(server.url(), &["--dry-run", "--format", "json"]))
        .expect(0)
        .json();
    let forecast = &dry["forecast"];
    assert_eq!(
        forecast["chunks"],
        json!({"added": 3, "updated": 0, "removed": 0})
    );
    // Words and headings, and a third more tokens: 16 for each of two chunks, 8 for the third.
    assert_eq!(
        (&forecast["tokens"], &forecast["tokens_exact"]),
        (&json!(40), &json!(false))
    );
    for unknown in ["seconds", "usd", "price"] {
        assert_eq!(forecast[unknown], Value::Null, "{unknown}");
    }
    assert!(server.requests().is_empty(), "{:?}", server.requests());
    assert!(!exists(work.path(".ingest")) && !exists(work.path(".ingestion-failures.json")));
}

#[test]
fn what_would_change_is_told_and_the_store_stays_byte_by_byte() {
    let (work, server) = (Work::with_docs(), crate::server::ollama(4));
    let real = work
        .ingest(&run(server.url(), &["--format", "json"]))
        .expect(0)
        .json();
    assert_eq!(real["forecast"], Value::Null);
    let (asked, before) = (
        server.requests().len(),
        std::fs::read(work.path(".ingest/index.db")).expect("a store"),
    );
    work.write("docs/new.md", "# New\n\nOne.\n");
    work.write("docs/apples.md", "# Apples\n\nApples are sour now.\n");
    std::fs::remove_file(work.path("docs/boats.md")).expect("a file to remove");
    let flags = ["--dry-run", "--format", "json"];
    let dry = work.ingest(&run(server.url(), &flags)).expect(0).json();
    let forecast = &dry["forecast"];
    assert_eq!(
        forecast["chunks"],
        json!({"added": 1, "updated": 1, "removed": 1})
    );
    assert_eq!(dry["chunks"]["embedded"], 2);
    // The run before embedded three texts; two take two thirds of its time.
    let seconds = forecast["seconds"].as_f64().expect("a time");
    assert!(
        seconds > 0.0 && seconds < real["seconds"].as_f64().expect("a time"),
        "{seconds}"
    );
    let told = work.ingest(&run(server.url(), &["--dry-run"])).expect(0).stdout;
    for line in [
        "To add: 1 document, 1 chunk.\n",
        "To change: 1 document, 1 chunk.\n",
        "To remove: 1 document, 1 chunk.\n",
        "To embed: 2 texts, about 14 tokens; about ",
        " at the pace of earlier runs.\n",
    ] {
        assert!(told.contains(line), "{line:?}: {told}");
    }
    assert_eq!(server.requests().len(), asked);
    assert_eq!(
        std::fs::read(work.path(".ingest/index.db")).expect("a store"),
        before
    );
}

#[test]
fn the_price_is_the_models_or_that_of_the_settings() {
    let work = Work::with_docs();
    let dry = |price: Option<&str>, more: &[&str]| {
        let arguments = [&["run", "docs", "--dry-run", "--provider", "openai"], more].concat();
        let mut command = work.command(&arguments);
        command.env("OPENAI_API_KEY", "k");
        if let Some(price) = price {
            command.env("BBJ_RAG_PRICE_PER_MILLION_TOKENS", price);
        }
        Done::of(&mut command).expect(0)
    };
    let known = dry(None, &["--format", "json"]).json();
    assert_near(&known["forecast"]["usd"], 40.0 * 0.02 / 1e6);
    assert_near(&known["forecast"]["price"]["per_million_tokens"], 0.02);
    let from = text(&known["forecast"]["price"]["from"]);
    assert!(from.starts_with("as published on 20"), "{from}");
    let own = dry(Some("1000"), &["--model", "own", "--format", "json"]).json();
    assert_near(&own["forecast"]["usd"], 0.04);
    let told = dry(Some("1000"), &["--model", "own"]).stdout;
    let line = "To pay: about 0.040 US dollars, at 1000 for a million tokens (`price_per_million_tokens`, environment \
                variable BBJ_RAG_PRICE_PER_MILLION_TOKENS).\n";
    assert!(told.contains(line), "{told}");
    assert!(!dry(None, &["--model", "own"]).stdout.contains("To pay"));
}

#[test]
fn the_built_in_model_counts_its_tokens() {
    let work = Work::with_docs();
    let told = work.with_static(&["run", "docs", "--dry-run"]).expect(0).stdout;
    assert!(
        told.contains("To embed: 3 texts, ") && !told.contains("about"),
        "{told}"
    );
    assert!(told.contains("not known before a run with this model"), "{told}");
}
