//! Whole runs of the tool: rows 8 to 11.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Bench;
use crate::corpus::Corpus;
use crate::process::{self, Finished};
use crate::report::{Limit, Row, short};
use crate::server::Server;
use crate::statistics::{in_turn, median};

use Limit::{AtLeast, AtMost};

/// The reference's sequential mode into Postgres, in rows a second, as measured on a machine of this kind.
const REFERENCE: (f64, f64) = (1170.0, 1590.0);

/// Sections that make a chunk each, of the size that chunks usually have.
const USUAL: Corpus = Corpus {
    documents: 20_000,
    sections: 3,
    words: 150,
};

const WIDTH: usize = 1024;

/// The tool, as someone would call it in an empty folder.
pub(crate) fn ingest(bench: &Bench, server: &Server, store: &Path) -> Command {
    let mut command = Command::new(bench.ingest());
    command
        .current_dir(bench.scratch())
        .env_remove("OLLAMA_HOST")
        .env_remove("DATABASE_URL")
        .args(["-q", "--store", &format!("sqlite:{}", store.display())])
        .args(["--format", "json"]);
    command
        .arg("run")
        .args(["--provider", "ollama", "--model", "bench", "--host", &server.url]);
    command
}

/// A run over all documents of a corpus.
fn run(bench: &Bench, server: &Server, store: &Path, corpus: Corpus) -> anyhow::Result<(Finished, Value)> {
    let folder = corpus.folder(bench)?;
    let finished = process::run(ingest(bench, server, store).arg(&folder))?;
    let report: Value = serde_json::from_str(&finished.output).context("the report of the run")?;
    Ok((finished, report))
}

/// The same into a new store.
pub(crate) fn first(
    bench: &Bench,
    server: &Server,
    store: &Path,
    corpus: Corpus,
) -> anyhow::Result<Finished> {
    for ending in ["", "-wal", "-shm"] {
        let file = format!("{}{ending}", store.display());
        if Path::new(&file).exists() {
            fs::remove_file(&file)?;
        }
    }
    let (finished, report) = run(bench, server, store, corpus)?;
    let stored = report["chunks"]["stored"].as_u64();
    ensure!(
        stored == Some(corpus.chunks() as u64),
        "{stored:?} chunks were stored, not {}",
        corpus.chunks()
    );
    Ok(finished)
}

pub(crate) fn rows_a_second(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(bench, WIDTH)?;
    let store = bench.scratch().join("rows.db");
    let rates = (0..bench.pairs)
        .map(|_| Ok(USUAL.chunks() as f64 / first(bench, &server, &store, USUAL)?.wall))
        .collect::<anyhow::Result<Vec<f64>>>()?;
    let mut rows = vec![Row {
        row: "8",
        what: format!(
            "rows a second of `ingest run` into SQLite, {} chunks × {WIDTH}, server without latency",
            USUAL.chunks()
        ),
        ours: format!("{} rows/s", median(&rates).round()),
        against: format!(
            "the reference's sequential mode into Postgres: {} to {} rows/s",
            REFERENCE.0, REFERENCE.1
        ),
        values: rates.iter().map(|rate| rate / REFERENCE.1).collect(),
        unit: "×",
        must: AtLeast(10.0),
        aim: AtLeast(15.0),
    }];
    for (mode, name) in [
        ("sequential", "one after the other, COPY"),
        ("4", "4 workers, one row an INSERT"),
    ] {
        rows.push(against_sketch(bench, &server, mode, name)?);
    }
    Ok(rows)
}

/// The tool and the sketch of the reference's loop, in turn over the same documents.
fn against_sketch(bench: &Bench, server: &Server, mode: &str, name: &str) -> anyhow::Result<Row> {
    let corpus = Corpus {
        documents: 1000,
        ..USUAL
    };
    let folder = corpus.folder(bench)?;
    let store = bench.scratch().join("sketch.db");
    let database = std::env::var("DATABASE_URL").context("the sketch needs DATABASE_URL")?;
    let rate = |seconds: f64| corpus.chunks() as f64 / seconds;
    let pairs = in_turn(
        bench.pairs,
        || Ok(rate(first(bench, server, &store, corpus)?.wall)),
        || {
            let mut command = Command::new("python3");
            command
                .env("PYTHONPATH", bench.scratch().join("python"))
                .arg(bench.root.join("benches/reference/sketch.py"))
                .args([mode, &server.url, &database])
                .arg(&folder);
            let said: Value = serde_json::from_str(&process::run(&mut command)?.output)?;
            let stored = said["rows"].as_u64();
            ensure!(
                stored == Some(corpus.chunks() as u64),
                "the sketch stored {stored:?} rows"
            );
            Ok(rate(said["seconds"].as_f64().context("its seconds")?))
        },
    )?;
    Ok(Row {
        row: "8",
        what: format!(
            "the same over {} chunks, beside a sketch of the reference's loop: {name}",
            corpus.chunks()
        ),
        ours: format!("{} rows/s", median(&pairs.ours).round()),
        against: format!("the sketch: {} rows/s", median(&pairs.theirs).round()),
        values: pairs.ratios(),
        unit: "×",
        must: AtLeast(10.0),
        aim: AtLeast(15.0),
    })
}

pub(crate) fn busy(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let corpus = Corpus {
        documents: 1000,
        ..USUAL
    };
    corpus.folder(bench)?;
    let store = bench.scratch().join("busy.db");
    let mut shares = Vec::new();
    let mut walls = Vec::new();
    for _ in 0..bench.pairs {
        // A new one each time, since its slots are free from its start.
        let server = Server::slow(bench, WIDTH, 5, 4)?;
        let finished = first(bench, &server, &store, corpus)?;
        let stats = server.stats()?;
        ensure!(
            stats.texts >= corpus.chunks() as u64,
            "{} texts arrived",
            stats.texts
        );
        shares.push(stats.busy / (4.0 * finished.wall));
        walls.push(finished.wall);
    }
    Ok(vec![Row {
        row: "9",
        what: "share of the whole run in which the server's slots are busy, 5 ms a text × 4 slots, 4 workers, 3,000 chunks".into(),
        ours: format!("{} s from start to end of the process", short(median(&walls))),
        against: "1".into(),
        values: shares,
        unit: "",
        must: AtLeast(0.97),
        aim: AtLeast(0.99),
    }])
}

pub(crate) fn memory(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(bench, WIDTH)?;
    let small = Corpus {
        documents: 2000,
        ..USUAL
    };
    let store = bench.scratch().join("memory.db");
    let pairs = in_turn(
        bench.pairs,
        || Ok(first(bench, &server, &store, USUAL)?.peak / 1e6),
        || Ok(first(bench, &server, &store, small)?.peak / 1e6),
    )?;
    let ours = format!("{} MB", short(median(&pairs.ours)));
    Ok(vec![
        Row {
            row: "10",
            what: "peak memory of `ingest run`, 20,000 documents, 60,000 chunks × 1024".into(),
            ours: ours.clone(),
            against: "absolute".into(),
            values: pairs.ours.clone(),
            unit: " MB",
            must: AtMost(43.0),
            aim: AtMost(30.0),
        },
        Row {
            row: "10",
            what: "its growth from 2,000 documents".into(),
            ours,
            against: format!("2,000 documents: {} MB", short(median(&pairs.theirs))),
            values: pairs.ratios(),
            unit: "×",
            must: AtMost(1.15),
            aim: AtMost(1.05),
        },
    ])
}

pub(crate) fn unchanged(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let corpus = Corpus {
        documents: 100_000,
        sections: 1,
        words: 150,
    };
    let folder = corpus.folder(bench)?;
    let server = Server::start(bench, 256)?;
    let store = bench.scratch().join("unchanged.db");
    first(bench, &server, &store, corpus)?;
    server.forget()?;
    let pairs = in_turn(
        bench.pairs,
        || {
            let (finished, report) = run(bench, &server, &store, corpus)?;
            let unchanged = report["documents"]["unchanged"].as_u64();
            ensure!(
                unchanged == Some(100_000),
                "{unchanged:?} documents were unchanged"
            );
            Ok(finished.wall)
        },
        || {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(&bench.root).arg("--walk-and-hash").arg(&folder);
            Ok(process::run(&mut command)?.wall)
        },
    )?;
    let stats = server.stats()?;
    ensure!(
        stats.texts == 0,
        "{} texts were sent in runs over unchanged files",
        stats.texts
    );
    Ok(vec![Row {
        row: "11",
        what: "second run over 100,000 unchanged files; no text sent".into(),
        ours: format!("{} s", short(median(&pairs.ours))),
        against: format!(
            "walk + read + SHA-256 in a plain loop: {} s",
            short(median(&pairs.theirs))
        ),
        values: pairs.ratios(),
        unit: "×",
        must: AtMost(1.5),
        aim: AtMost(1.2),
    }])
}

/// The least that looking for changes costs.
pub(crate) fn walk_and_hash(folder: &Path) -> anyhow::Result<()> {
    fn walk(folder: &Path, all: &mut Sha256) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), all)?;
            } else {
                all.update(Sha256::digest(fs::read(entry.path())?));
            }
        }
        Ok(())
    }

    let mut all = Sha256::new();
    walk(folder, &mut all)?;
    // Said, so that none of it can be left out.
    println!("{:02x?}", all.finalize());
    Ok(())
}
