//! `kill -9`, at any moment: the next run goes on, and the store ends as if nothing had happened.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use embed_http::testing::ScriptedServer;

use crate::server::{answer, inputs};
use crate::work::{Done, Work, exists, text};

const WORKERS: usize = 4;
const BATCH: usize = 3;

fn with_documents() -> Work {
    let work = Work::new();
    for number in 0..40 {
        let sections: Vec<_> = (0..4)
            .map(|section| format!("## Part {section}\n\nDocument {number} says {section} things.\n"))
            .collect();
        work.write(&format!("docs/{number:02}.md"), &sections.join("\n"));
    }
    work
}

fn run<'a>(url: &'a str, workers: &'a str, batch: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["run", "docs", "--workers", workers, "--batch-size", batch];
    arguments.extend(["--provider", "ollama", "--model", "m", "--host", url]);
    arguments
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_in_the_store_of_one_that_never_was() {
    let (workers, batch) = (WORKERS.to_string(), BATCH.to_string());
    let undisturbed = with_documents();
    let calm = ScriptedServer::handler(|request| answer(request, 4));
    undisturbed.ingest(&run(calm.url(), "1", &batch)).expect(0);
    let expected = undisturbed.exported();
    assert_eq!(expected.len(), 160);

    let mut kept = 0;
    for round in 0..4 {
        let work = with_documents();
        let asks = AtomicUsize::new(0);
        let (reached, moment) = sync_channel(1);
        // Each kill comes a random number of requests after the one before, while that request is being answered.
        let next = AtomicUsize::new(6 + fastrand::usize(..10));
        let server = ScriptedServer::handler(move |request| {
            if request.path == "/api/embed" {
                let count = asks.fetch_add(1, Ordering::SeqCst);
                if count == next.load(Ordering::SeqCst) {
                    next.store(count + 6 + fastrand::usize(..10), Ordering::SeqCst);
                    // A run that is over has nobody to kill.
                    let _ = reached.try_send(());
                }
            }
            // Slow enough that the run commits several times.
            answer(request, 4).delay(Duration::from_millis(60))
        });
        let mut settled = HashMap::new();
        for _ in 0..3 {
            let mut child = work
                .command(&run(server.url(), &workers, &batch))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("started");
            moment
                .recv_timeout(Duration::from_secs(60))
                .expect("a moment to kill at");
            child.kill().expect("killed");
            child.wait().expect("gone");
            if exists(work.path(".ingest/index.db")) {
                let asked = times_asked(&server);
                for chunk in work.exported() {
                    let text = text(&chunk["text"]);
                    settled.entry(text.clone()).or_insert(asked[&text]);
                }
            }
        }
        Done::of(&mut work.command(&run(server.url(), &workers, &batch))).expect(0);
        assert_eq!(work.exported(), expected, "round {round}");
        let asked = times_asked(&server);
        kept += settled.len();
        for (text, times) in settled {
            assert_eq!(
                asked[&text], times,
                "round {round}: `{text}` was stored and embedded again"
            );
        }
    }
    assert!(kept > 0, "no kill came after a commit, so nothing was shown");
}

/// How often each text was sent.
fn times_asked(server: &ScriptedServer) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for text in inputs(server) {
        *times.entry(text).or_default() += 1;
    }
    times
}
