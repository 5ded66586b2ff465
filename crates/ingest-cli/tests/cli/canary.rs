//! A model of the same name and digest that embeds otherwise.

use crate::server::{another_version, at, inputs, ollama};
use crate::work::{Work, text};

#[test]
fn another_version_of_the_model_is_refused_before_it_embeds() {
    let work = Work::with_docs();
    let first = ollama(4);
    work.ingest(&at(first.url(), &["run", "docs"])).expect(0);
    let before = work.exported();
    work.write("docs/apples.md", "# Apples\n\nNow they are yellow.\n");
    let other = another_version(4);
    let host = other.url();
    let with_page = ["run", "--report", "page.html", "docs"];
    let refused = work.ingest(&at(host, &with_page)).expect(3);
    for part in [
        &*format!("version of model `m` of provider `ollama` at {host}"),
        "cosine 0.",
        "--clean",
    ] {
        assert!(refused.stderr.contains(part), "no {part:?} in {refused:#?}");
    }
    let page = std::fs::read_to_string(work.path("page.html")).expect("the page");
    for told in [&refused.stderr, &page] {
        assert!(!told.contains("goes on from there"), "{told}");
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
    work.write("docs/apples.md", "# Apples\n\nNow they are red again.\n");
    work.ingest(&at(first.url(), &["run", "docs"])).expect(3);
    work.ingest(&at(host, &["run", "docs"])).expect(0);
}

#[test]
fn a_run_that_finds_nothing_new_asks_nobody() {
    let work = Work::with_docs();
    let server = ollama(4);
    work.ingest(&at(server.url(), &["run", "docs"])).expect(0);
    let asked = server.requests().len();
    let again = work.ingest(&at(server.url(), &["--format", "json", "run", "docs"]));
    assert_eq!(again.expect(0).json()["documents"]["unchanged"], 3);
    assert_eq!(server.requests().len(), asked, "no request of any kind");
    let nobody = "http://127.0.0.1:9";
    work.ingest(&at(nobody, &["run", "docs"])).expect(0);

    work.write("docs/apples.md", "# Apples\n\nNow they are yellow.\n");
    let before = work.exported();
    let refused = work.ingest(&at(nobody, &["run", "docs"])).expect(3);
    for part in ["the test embedding with model `m`", nobody] {
        assert!(refused.stderr.contains(part), "no {part:?} in {refused:#?}");
    }
    assert_eq!(work.exported(), before);
}
