//! A model of the same name and digest that embeds otherwise.

use crate::server::{another_version, at, inputs, ollama};
use crate::work::{Work, text};

#[test]
fn another_version_of_the_model_is_refused_at_the_start() {
    let work = Work::with_docs();
    let first = ollama(4);
    work.ingest(&at(first.url(), &["run", "docs"])).expect(0);
    let before = work.exported();
    work.write("docs/apples.md", "# Apples\n\nNow they are yellow.\n");
    let other = another_version(4);
    let host = other.url();
    let refused = work.ingest(&at(host, &["run", "docs"])).expect(3);
    for part in [
        &*format!("version of model `m` of provider `ollama` at {host}"),
        "cosine 0.",
        "--clean",
    ] {
        assert!(refused.stderr.contains(part), "no {part:?} in {refused:#?}");
    }
    assert_eq!(inputs(&other), ["test"], "nothing else was sent");
    assert_eq!(work.exported(), before);

    let doctor = ["doctor", "--format", "json", "--no-probe"];
    let level = |host: &str, code| {
        let findings = work.ingest(&at(host, &doctor)).expect(code).json();
        let mut canary = findings.as_array().expect("findings").iter();
        let canary = canary.find(|finding| finding["id"] == "canary");
        text(&canary.expect("a finding")["level"])
    };
    assert_eq!(level(host, 1), "fault");
    assert_eq!(level(first.url(), 0), "ok");

    work.ingest(&at(host, &["run", "--clean", "docs"])).expect(0);
    work.ingest(&at(host, &["run", "docs"])).expect(0);
    work.ingest(&at(first.url(), &["run", "docs"])).expect(3);
}
