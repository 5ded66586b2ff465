//! Several servers behind one command.

use embed_http::testing::{Reply, ScriptedServer};

use crate::server::{another_version, answer, inputs, ollama, texts};
use crate::work::{Work, closed_port, exists};

fn run_at<'a>(hosts: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["run", "docs", "--provider", "ollama", "--model", "m"];
    arguments.extend(hosts.iter().flat_map(|&host| ["--host", host]));
    arguments.extend(more);
    arguments
}

/// Documents that make so many batches of one text.
fn many(work: &Work, count: usize) {
    for number in 0..count {
        work.write(
            &format!("docs/{number}.md"),
            &format!("Text number {number} of many.\n"),
        );
    }
}

/// Answers the canary and nothing else.
fn broken() -> ScriptedServer {
    ScriptedServer::handler(|request| {
        if request.path == "/api/embed" && texts(request) != ["test"] {
            return Reply::json(&serde_json::json!({"error": "out of order"})).status(500);
        }
        answer(request, 4)
    })
}

#[test]
fn servers_with_different_models_are_refused_before_a_store_is_made() {
    let work = Work::with_docs();
    let (one, two) = (ollama(4), another_version(4));
    let refused = work.ingest(&run_at(&[one.url(), two.url()], &[])).expect(2);
    for part in [one.url(), two.url(), "different versions of model `m`", "cosine"] {
        assert!(refused.stderr.contains(part), "no {part:?} in {refused:#?}");
    }
    assert_eq!(
        (inputs(&one), inputs(&two)),
        (vec!["test".into()], vec!["test".into()])
    );
    assert!(!exists(work.path(".ingest")));
    work.ingest(&run_at(&[one.url(), two.url()], &["--dry-run"]))
        .expect(0);
    assert_eq!(inputs(&one).len(), 1, "a dry run embeds nothing");
}

#[test]
fn a_server_that_fails_leaves_its_batches_to_the_others() {
    let work = Work::new();
    many(&work, 40);
    let (bad, good) = (broken(), ollama(4));
    let flags = ["--batch-size", "1", "--format", "json"];
    let report = work
        .ingest(&run_at(&[bad.url(), good.url()], &flags))
        .expect(0)
        .json();
    assert_eq!(
        (&report["chunks"]["embedded"], &report["chunks"]["failed"]),
        (&40.into(), &0.into())
    );
    let in_vain = inputs(&bad).iter().filter(|input| *input != "test").count();
    assert!((1..=12).contains(&in_vain), "{in_vain} of 40 were tried in vain");
}

#[test]
fn a_wait_that_one_server_asks_for_holds_up_nobody_else() {
    let work = Work::new();
    many(&work, 20);
    let limited = ScriptedServer::handler(|request| {
        if request.path == "/api/embed" && texts(request) != ["test"] {
            return Reply::new(429, "slow down").header("retry-after", "100");
        }
        answer(request, 4)
    });
    let good = ollama(4);
    let started = std::time::Instant::now();
    work.ingest(&run_at(&[limited.url(), good.url()], &["--batch-size", "1"]))
        .expect(0);
    assert!(started.elapsed().as_secs() < 50, "{:?}", started.elapsed());
    let asked = inputs(&limited).iter().filter(|input| *input != "test").count();
    assert!(asked <= 4, "each worker at most once: {asked}");
    assert_eq!(work.sources().len(), 20);
}

#[test]
fn a_server_that_is_gone_is_no_reason_to_stop() {
    let work = Work::with_docs();
    let (gone, there) = (closed_port(), ollama(4));
    work.ingest(&run_at(&[&gone, there.url()], &[])).expect(0);
    assert_eq!(work.sources().len(), 3);
}
