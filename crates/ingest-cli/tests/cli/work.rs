//! A folder to work in, and the tool run in it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// How long a call of the tool may take: far more than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder with an environment of its own: nothing of the machine's settings reaches the tool.
pub(crate) struct Work {
    folder: TempDir,
}

/// What a call of the tool gave.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder with three small documents in `docs`.
    pub(crate) fn with_docs() -> Self {
        let work = Self::new();
        work.write(
            "docs/apples.md",
            "# Apples\n\nApples grow on trees and are red or green.\n",
        );
        work.write(
            "docs/boats.md",
            "# Boats\n\nA sailing boat needs wind to cross the water.\n",
        );
        work.write(
            "docs/deep/coffee.txt",
            "Coffee beans are roasted before brewing.\n",
        );
        work
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// A command that runs the tool here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn ingest(&self, arguments: &[&str]) -> Done {
        Done::of(&mut self.command(arguments))
    }

    /// Runs the tool with the built-in model.
    pub(crate) fn with_static(&self, arguments: &[&str]) -> Done {
        Done::of(
            self.command(arguments)
                .env("BBJ_RAG_EMBEDDING_PROVIDER", "static"),
        )
    }

    /// Runs `ingest run docs`, which must succeed.
    pub(crate) fn filled(self) -> Self {
        self.with_static(&["run", "docs"]).expect(0);
        self
    }

    /// The lines of an export, without the vectors' exact values.
    pub(crate) fn exported(&self) -> Vec<Value> {
        let export = self.ingest(&["export"]).expect(0);
        export
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// The sources in the store.
    pub(crate) fn sources(&self) -> Vec<String> {
        let mut sources: Vec<_> = self.exported().iter().map(|line| text(&line["source"])).collect();
        sources.dedup();
        sources
    }
}

impl Done {
    pub(crate) fn of(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self::awaited(child.expect("the tool starts"))
    }

    /// Waits for a child whose streams are piped. One that does not end is killed, so that the test fails.
    pub(crate) fn awaited(child: Child) -> Self {
        let id = child.id().to_string();
        let (ended, watch) = channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if watch.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        let output = child.wait_with_output().expect("the tool runs");
        drop(ended);
        watchdog.join().expect("the watchdog ends");
        output.into()
    }

    /// Checks the exit status.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Checks that standard error holds a text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// An address where nobody listens.
pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// The length of a JSON array.
pub(crate) fn length(value: &Value) -> usize {
    value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is no array"))
        .len()
}

pub(crate) fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}
