//! The stub server as a process of its own, for as long as a measurement needs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::Bench;

/// What the server saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Stats {
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    pub(crate) texts: u64,
    pub(crate) busy: f64,
}

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Answers at once.
    pub(crate) fn start(bench: &Bench, dimensions: usize) -> anyhow::Result<Self> {
        Self::spawn(bench, &[dimensions.to_string()])
    }

    /// Takes its time for each text.
    pub(crate) fn slow(
        bench: &Bench,
        dimensions: usize,
        per_text_ms: usize,
        slots: usize,
    ) -> anyhow::Result<Self> {
        Self::spawn(
            bench,
            &[dimensions, per_text_ms, slots].map(|number| number.to_string()),
        )
    }

    fn spawn(bench: &Bench, args: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(bench.program("stub"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the stub server")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        let url = url.trim().to_owned();
        ensure!(url.starts_with("http://"), "the stub server says: {url}");
        Ok(Self { child, url })
    }

    /// What it saw since the last call of this, which does not count itself.
    pub(crate) fn stats(&self) -> anyhow::Result<Stats> {
        let stats = self.ask("GET", "/stats")?;
        self.ask("POST", "/reset")?;
        let mut stats: Stats = serde_json::from_str(&stats)?;
        stats.connections = stats.connections.saturating_sub(1);
        Ok(stats)
    }

    pub(crate) fn forget(&self) -> anyhow::Result<()> {
        self.ask("POST", "/reset").map(drop)
    }

    fn ask(&self, method: &str, path: &str) -> anyhow::Result<String> {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        Ok(body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input; a child that is gone already is as good.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
