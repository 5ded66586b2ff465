//! Ctrl-C and SIGTERM.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use embed_http::testing::{ScriptedServer, Signal};

use crate::server::{answer, inputs, texts};
use crate::work::Work;

/// A server that keeps a text with the word `stall` waiting for the signal, and tells when it begins to.
pub(crate) fn stalling(release: &Signal) -> (ScriptedServer, Receiver<()>) {
    let release = release.clone();
    let (stalled, begun): (SyncSender<()>, _) = sync_channel(16);
    let server = ScriptedServer::handler(move |request| {
        let reply = answer(request, 4);
        if request.path == "/api/embed" && texts(request).iter().any(|text| text.contains("stall")) {
            // Later ones need not be told.
            let _ = stalled.try_send(());
            return reply.wait_for(&release);
        }
        reply
    });
    (server, begun)
}

/// Starts a run whose last document stalls, and waits until it does.
pub(crate) fn started(work: &Work, server: &ScriptedServer, stalled: &Receiver<()>) -> Child {
    started_with(work, server, stalled, &[])
}

fn started_with(work: &Work, server: &ScriptedServer, stalled: &Receiver<()>, more: &[&str]) -> Child {
    work.write("docs/z.md", "# Z\n\nHere the server will stall.\n");
    let mut command = work.command(&[
        "run",
        "docs",
        "--sequential",
        "--batch-size",
        "1",
        "--provider",
        "ollama",
        "--model",
        "m",
        "--host",
        server.url(),
    ]);
    let child = command
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    stalled
        .recv_timeout(Duration::from_secs(60))
        .expect("the server waits");
    child
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// Reads standard error until a line holds the text.
fn await_line(child: &mut Child, text: &str) {
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let found = lines.map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "{text} was not told");
}

#[test]
fn an_interrupted_run_stores_what_is_finished_and_the_next_goes_on() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let work = Work::with_docs();
        let release = Signal::new();
        let (server, stalled) = stalling(&release);
        let mut child = started(&work, &server, &stalled);
        send(&child, signal);
        await_line(&mut child, "stopping: ");
        release.fire();
        let status = child.wait().expect("ended");
        assert_eq!(status.code(), Some(code));
        let before = inputs(&server).len();
        let next = work.ingest(&crate::server::at(server.url(), &["run", "docs"]));
        next.expect(0);
        assert_eq!(work.sources().len(), 4);
        // The test embedding, and at most the text that was in flight.
        assert!(inputs(&server).len() - before <= 2, "{:?}", inputs(&server));
    }
}

#[test]
fn the_metrics_of_an_interrupted_run_are_written() {
    let work = Work::with_docs();
    let release = Signal::new();
    let (server, stalled) = stalling(&release);
    let mut child = started_with(&work, &server, &stalled, &["--metrics-file", "ingest.prom"]);
    let begun = work.read("ingest.prom");
    assert!(begun.contains("\ningest_run_in_progress 1\n"), "{begun}");
    send(&child, "-TERM");
    await_line(&mut child, "stopping: ");
    release.fire();
    assert_eq!(child.wait().expect("ended").code(), Some(143));
    let ended = work.read("ingest.prom");
    assert!(ended.contains("\ningest_run_in_progress 0\n"), "{ended}");
    assert!(ended.contains("\ningest_run_exit_status 143\n"), "{ended}");
    assert!(!ended.contains("_total{fate=\"added\"} 0\n"), "{ended}");
}

#[test]
fn the_report_of_an_interrupted_run_is_written() {
    let work = Work::with_docs();
    let release = Signal::new();
    let (server, stalled) = stalling(&release);
    let mut child = started_with(&work, &server, &stalled, &["--report", "report.html"]);
    let begun = work.read("report.html");
    assert!(begun.contains("Not ended</span>"), "{begun}");
    send(&child, "-INT");
    await_line(&mut child, "stopping: ");
    release.fire();
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    let ended = work.read("report.html");
    assert!(ended.contains("Interrupted</span>"), "{ended}");
    assert!(ended.contains("the next run goes on from there"), "{ended}");
    assert!(
        ended.contains("<td class=\"t\">added</td><td class=\"n\">4</td>"),
        "{ended}"
    );
}

#[test]
fn a_second_signal_ends_at_once() {
    let work = Work::with_docs();
    let release = Signal::new();
    let (server, stalled) = stalling(&release);
    let mut child = started(&work, &server, &stalled);
    send(&child, "-INT");
    await_line(&mut child, "stopping: ");
    send(&child, "-INT");
    let status = child.wait().expect("ended");
    assert_eq!(status.code(), Some(130));
}
