//! `ingest run --watch`.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::work::{Done, Work, closed_port};

/// A run that watches `docs`. It is killed when the test ends.
struct Watching {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl Watching {
    fn start(work: &Work, arguments: &[&str]) -> Self {
        let mut command = work.command(&["run", "docs", "--watch"]);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        Self {
            stdout: BufReader::new(child.stdout.take().expect("a pipe")).lines(),
            stderr: BufReader::new(child.stderr.take().expect("a pipe")).lines(),
            child,
        }
    }

    /// The built-in model, once the first round is over.
    fn started(work: &Work, arguments: &[&str]) -> Self {
        let mut watching = Self::start(work, &[&["--provider", "static"], arguments].concat());
        watching.told("watching for changes");
        watching
    }

    /// Waits for a line on standard error that holds this.
    #[track_caller]
    fn told(&mut self, part: &str) -> String {
        let mut lines = self.stderr.by_ref().map_while(Result::ok);
        lines
            .find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("{part} was not told"))
    }

    /// The next line on standard output that holds this.
    #[track_caller]
    fn writes(&mut self, part: &str) -> String {
        let mut lines = self.stdout.by_ref().map_while(Result::ok);
        lines
            .find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("{part} was not written"))
    }

    #[cfg(unix)]
    fn interrupt(mut self) -> Option<i32> {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rename(work: &Work, from: &str, to: &str) {
    fs::rename(work.path(from), work.path(to)).expect("renamed");
}

#[cfg(unix)]
#[test]
fn changes_are_taken_over_as_they_come() {
    let work = Work::with_docs();
    let mut watching = Watching::started(&work, &[]);
    assert!(watching.writes("3 added").contains("3 files"));

    work.write("docs/tea.md", "# Tea\n\nPour boiling water over the leaves.\n");
    watching.writes("4 files: 1 added, 0 updated, 0 removed, 3 unchanged");
    // Nothing is held between rounds: others may read and write.
    assert_eq!(work.sources().len(), 4);
    work.with_static(&["run", "docs"]).expect(0);

    // As editors save: another file takes the place.
    work.write("docs/.tea.md.new", "# Tea\n\nPour it slowly.\n");
    rename(&work, "docs/.tea.md.new", "docs/tea.md");
    watching.writes("0 added, 1 updated, 0 removed");

    // A folder that comes whole, and one that moves.
    work.write("new/pots/clay.md", "# Pots\n\nA pot of clay keeps warm.\n");
    rename(&work, "new", "docs/new");
    watching.writes("1 added, 0 updated, 0 removed");
    work.write("docs/new/pots/glass.md", "# Glass\n\nOne sees the leaves.\n");
    watching.writes("1 added, 0 updated, 0 removed");
    rename(&work, "docs/new", "docs/old");
    let moved = watching.writes("2 added, 0 updated, 2 removed");
    assert!(moved.contains("0 chunks embedded, 2 reused"), "{moved}");

    work.write("docs/.gitignore", "old/\n");
    watching.writes("0 added, 0 updated, 2 removed");
    fs::remove_file(work.path("docs/tea.md")).expect("removed");
    watching.writes("0 added, 0 updated, 1 removed, 3 unchanged");
    assert_eq!(watching.interrupt(), Some(130));
}

#[test]
fn each_round_that_changed_something_is_an_object() {
    let work = Work::with_docs();
    let mut watching = Watching::started(&work, &["--format", "json", "--metrics-file", "docs/ingest.prom"]);
    let counts = |line: &str| {
        let report: Value = serde_json::from_str(line).expect("JSON");
        let of = |what: &str| report["documents"][what].as_u64().expect("a count");
        (of("added"), of("updated"), of("removed"), of("failed"))
    };
    assert_eq!(counts(&watching.writes("{")), (3, 0, 0, 0));
    // The files that the run itself writes among the documents are no changes; what follows would be told later.
    work.write("docs/broken.ipynb", "{");
    assert_eq!(counts(&watching.writes("{")), (0, 0, 0, 1));
    watching.told("1 failure is noted in");
    fs::remove_file(work.path("docs/broken.ipynb")).expect("removed");
    work.write("docs/boats.md", "# Boats\n\nRow.\n");
    assert_eq!(counts(&watching.writes("{")), (0, 1, 0, 0));
}

#[test]
fn a_folder_that_vanishes_is_told_and_watched_again_when_it_is_back() {
    let work = Work::with_docs();
    let mut watching = Watching::started(&work, &[]);
    rename(&work, "docs", "away");
    watching.told("there is no file or folder");
    work.write("away/tea.md", "# Tea\n\nPour boiling water over the leaves.\n");
    rename(&work, "away", "docs");
    watching.writes("1 added, 0 updated, 0 removed, 3 unchanged");
    work.write("docs/pots.md", "# Pots\n\nA pot of clay keeps warm.\n");
    watching.writes("1 added");
}

#[test]
fn a_server_that_is_away_is_tried_again() {
    let work = Work::with_docs();
    let host = closed_port();
    let arguments = [
        "--provider",
        "ollama",
        "--model",
        "m",
        "--host",
        &host,
        "--wait",
        "0s",
        "-v",
    ];
    let mut watching = Watching::start(&work, &arguments);
    watching.told("error:");
    watching.told("trying again in 1 s");
    watching.told("trying again in 2 s");
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let work = Work::with_docs();
    let refused = |arguments: &[&str]| -> Done {
        let arguments = [&["run", "--watch"], arguments].concat();
        work.with_static(&arguments).expect(2)
    };
    for arguments in [&["docs", "--dry-run"][..], &["--retry-failed"]] {
        refused(arguments).says("cannot be used with");
    }
    refused(&["docs", "--jsonl", "-"]).says("`--watch` cannot be used with `--jsonl -`");
    refused(&["nowhere"]).says("there is no file or folder");
}
