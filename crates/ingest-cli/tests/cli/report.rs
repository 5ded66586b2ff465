//! `ingest run --report`: the page that shows what a run did.

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::json;

use crate::server::{answer, texts};
use crate::work::{Done, Work, closed_port, exists};

const PAGE: &str = "report.html";

/// A page whose elements were found to be closed in the order in which they were opened.
struct Page(String);

impl Page {
    fn of(work: &Work) -> Self {
        let text = work.read(PAGE);
        let body = text.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
        let mut open = Vec::new();
        let mut parts = body.split('<');
        assert_eq!(parts.next(), Some(""));
        for part in parts {
            // No text, attribute or script holds either bracket as it is.
            let (tag, text) = part.split_once('>').expect("a tag that ends");
            let is_code = matches!(open.last(), Some(&"style" | &"script"));
            assert!(
                !text.contains('>') || is_code || tag.starts_with(['s', '/']),
                "{part}"
            );
            let name = tag
                .split([' ', '/'])
                .find(|name| !name.is_empty())
                .expect("a name");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{part}");
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        let page = Self(text);
        page.asks_nobody();
        page
    }

    /// Nothing is fetched, and the page says itself that nothing may be.
    fn asks_nobody(&self) {
        for way in [
            "src=",
            "href=",
            "url(",
            "@import",
            "http-equiv=\"refresh",
            "<link",
            "<iframe",
            "<img",
            " style=",
            " on",
        ] {
            let found = self.0.find(way).map(|at| &self.0[at..]);
            let is_word = way == " on" && found.is_some_and(|_| !self.0.contains(" onload=\""));
            assert!(found.is_none() || is_word, "{way}: {found:.60?}");
        }
        self.has("default-src &#39;none&#39;;");
        assert_eq!(self.0.matches("<script").count(), 1);
    }

    #[track_caller]
    fn has(&self, text: &str) -> &Self {
        assert!(self.0.contains(text), "no {text:?} in {}", self.0);
        self
    }

    #[track_caller]
    fn lacks(&self, text: &str) -> &Self {
        assert!(!self.0.contains(text), "{text:?} in {}", self.0);
        self
    }

    /// The row of a table that begins with this cell has this one next.
    #[track_caller]
    fn row(&self, name: &str, count: &str) -> &Self {
        self.has(&format!(
            "<td class=\"t\">{name}</td><td class=\"n\">{count}</td>"
        ))
    }

    fn dots(&self) -> usize {
        self.0.matches("<circle").count()
    }
}

fn reported<'a>(host: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    crate::server::at(host, &[&["run", "docs", "--report", PAGE][..], more].concat())
}

#[test]
fn the_page_says_what_the_run_did() {
    let work = Work::with_docs();
    work.write(
        "docs/copy.md",
        "# Boats\n\nA sailing boat needs wind to cross the water.\n",
    );
    work.write("docs/binary.md", "\0\0\0");
    let server = crate::server::ollama(8);
    work.ingest(&reported(server.url(), &[]))
        .expect(0)
        .says("the report is in report.html");
    let page = Page::of(&work);
    page.has("All done</span>")
        .has("model <code>m</code> of <code>ollama</code>");
    page.has("5 files: 4 added")
        .row("added", "4")
        .row("passed over", "1");
    page.row("embedded", "3")
        .row("vector known before", "1")
        .row("docs", "5");
    page.has("Texts embedded over time")
        .has("Time of a request")
        .row("answered", "1");
    page.has("Slowest documents")
        .row("docs/apples.md", "1")
        .has("limit 400");
    page.has("All 4 chunks of the store")
        .lacks("What to do next")
        .lacks("Failures by cause");
    assert_eq!(page.dots(), 4);
    page.has("<title>Boats\ndocs/boats.md:1</title>");
    work.ingest(&reported(server.url(), &[])).expect(0);
    let again = Page::of(&work);
    again
        .row("unchanged", "4")
        .row("embedded", "0")
        .has("None in this run.");
    assert_eq!(again.dots(), 4, "the map is of the whole store");
}

#[test]
fn what_documents_say_of_themselves_is_text_only() {
    let work = Work::new();
    let attack = "</title><script>alert(1)</script><b onload=\"x\">";
    work.write("docs/a.html", "<html><head><title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b onload=\"x\"&gt;</title></head><body><p>words</p></body></html>");
    let line = json!({"source": format!("x/{attack}.md"), "title": attack, "text": "Other words."});
    work.write("lines.jsonl", &format!("{line}\n"));
    let arguments = ["run", "docs", "--jsonl", "lines.jsonl", "--report", PAGE];
    work.with_static(&arguments).expect(0);
    let page = Page::of(&work);
    let escaped = "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b onload=&quot;x&quot;&gt;";
    page.has(&format!("<title>{escaped}\n"))
        .has(&format!("x/{escaped}.md"));
}

#[test]
fn failures_and_retries_are_told_by_cause_with_the_next_step() {
    let work = Work::with_docs();
    let server = ScriptedServer::handler(|request| {
        if request.path == "/api/embed" && texts(request).iter().any(|text| text.contains("sailing")) {
            return Reply::json(&json!({"error": "out of patience"})).status(503);
        }
        answer(request, 4)
    });
    let more = ["--batch-size", "1", "--sequential"];
    work.ingest(&reported(server.url(), &more)).expect(1);
    let page = Page::of(&work);
    page.has("Finished, but something failed</span>").row("busy", "1");
    page.has("Failures by cause")
        .has("docs/boats.md, chunk 0: ")
        .has("out of patience");
    page.has("Tried again").has("Batches sent again, by cause");
    page.has("What to do next")
        .has("<code>ingest run --retry-failed</code>");
    let healthy = crate::server::ollama(4);
    let again = crate::server::at(healthy.url(), &["run", "--retry-failed", "--report", PAGE]);
    work.ingest(&again).expect(0);
    Page::of(&work)
        .has("All done</span>")
        .has("retry")
        .lacks("Failures by cause");
}

#[test]
fn a_run_that_could_not_start_says_why() {
    let work = Work::with_docs();
    let dead = closed_port();
    work.ingest(&reported(&dead, &["--wait", "0"])).expect(3);
    let page = Page::of(&work);
    page.has("Could not run</span>")
        .has(&dead)
        .has("Start the server")
        .lacks("<svg");
    work.with_static(&["run", "docs", "--report", PAGE, "--workers", "0"])
        .expect(2);
    Page::of(&work)
        .has("wrong usage or settings</span>")
        .has("--workers");
    work.with_static(&["run", "docs", "--report", "none/page.html"])
        .expect(2)
        .says("cannot write the report to none/page.html")
        .says("hint: `--report` names a file in a folder that is there");
    assert!(!exists(work.path(".ingest")));
}

#[test]
fn a_server_that_dies_under_way_is_on_the_page() {
    let work = Work::with_docs();
    let server = ScriptedServer::handler(|request| {
        if request.path == "/api/embed" && texts(request).iter().any(|text| text.contains("sailing")) {
            return Reply::json(&json!({"error": "model \"m\" not found, try pulling it first"})).status(404);
        }
        answer(request, 4)
    });
    let more = ["--batch-size", "1", "--sequential"];
    work.ingest(&reported(server.url(), &more)).expect(3);
    let page = Page::of(&work);
    page.has("Stopped before its end</span>")
        .has("not found")
        .has("<code>ollama pull MODEL</code>");
    page.has("the next run goes on from there");
}

#[test]
fn an_empty_folder_and_nothing_to_retry_make_a_page_too() {
    let work = Work::new();
    work.write("docs/.hidden", "");
    work.with_static(&["run", "--retry-failed", "--report", PAGE])
        .expect(0);
    Page::of(&work).has("There was nothing to try again.");
    work.with_static(&["run", "docs", "--report", PAGE]).expect(0);
    Page::of(&work)
        .has("No documents were found.")
        .has("The store holds no chunks.")
        .lacks("Map of the store");
}

#[test]
fn the_page_is_no_document() {
    let work = Work::with_docs();
    for _ in 0..2 {
        work.with_static(&["run", "docs", "--report", "docs/page.html"])
            .expect(0);
    }
    assert_eq!(work.sources().len(), 3);
}

#[test]
fn a_page_shows_no_password_of_the_server() {
    let work = Work::with_docs();
    let server = crate::server::ollama(4);
    let host = server.url().replace("http://", "http://ann:hushhush@");
    let done = Done::of(&mut work.command(&reported(&host, &[]))).expect(0);
    assert!(!done.stderr.contains("hushhush"));
    Page::of(&work).lacks("hushhush");
}
