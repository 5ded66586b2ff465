//! Runs every measurement, each side in turn, and tells what came of it: `cargo xtask bench` builds and calls it.
//!
//! `driver ROOT [--pairs N] [--only ROW]… [--write] [--json FILE]`

mod clients;
mod corpus;
mod crates;
mod embedded;
mod process;
mod report;
mod runs;
mod searches;
mod server;
mod statistics;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, bail};

use report::{Report, Row};

/// What all measurements need.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The workspace's root.
    root: PathBuf,
    /// Runs of each side.
    pairs: usize,
}

impl Bench {
    /// A program of this workspace, beside this one.
    fn program(&self, name: &str) -> PathBuf {
        self.root.join("target/benches/release").join(name)
    }

    fn ingest(&self) -> PathBuf {
        self.root.join("target/release/ingest")
    }

    /// A folder for what is made to be measured.
    fn scratch(&self) -> PathBuf {
        self.root.join("target/bench")
    }
}

type Measure = fn(&Bench) -> anyhow::Result<Vec<Row>>;

/// Every measurement by the numbers of its rows.
const MEASURES: [(&str, Measure); 17] = [
    ("1", clients::wide),
    ("2", clients::narrow_and_wider),
    ("3", clients::one_text),
    ("4", crates::decoder),
    ("5", clients::base64),
    ("6", clients::memory),
    ("7", clients::connections),
    ("8", runs::rows_a_second),
    ("9", runs::busy),
    ("10", runs::memory),
    ("11", runs::unchanged),
    ("12", crates::chunker),
    ("13", crates::sqlite),
    ("14", crates::postgres),
    ("16", searches::exact),
    ("17", embedded::words),
    ("18", searches::start),
];

fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let root = PathBuf::from(args.next().context("expected the workspace's root")?);
    let (mut pairs, mut only, mut write, mut json) = (5, Vec::new(), false, None);
    while let Some(flag) = args.next() {
        match flag.as_str() {
            "--pairs" => pairs = args.next().context("--pairs N")?.parse()?,
            "--only" => only.push(args.next().context("--only ROW")?),
            "--write" => write = true,
            "--json" => json = Some(PathBuf::from(args.next().context("--json FILE")?)),
            // Measures itself, for others of these measurements.
            "--read-memory" => return searches::read_memory(args.next().context("bytes")?.parse()?),
            "--walk-and-hash" => return runs::walk_and_hash(args.next().context("a folder")?.as_ref()),
            other => bail!("no such flag: {other}"),
        }
    }
    if let Some(row) = only
        .iter()
        .find(|row| MEASURES.iter().all(|(name, _)| name != row))
    {
        bail!(
            "no row {row}; there are {}",
            MEASURES.map(|(name, _)| name).join(", ")
        );
    }
    let bench = Bench { root, pairs };
    let mut report = Report::new(&bench)?;
    for (name, measure) in MEASURES {
        if !only.is_empty() && !only.iter().any(|row| row == name) {
            continue;
        }
        for row in measure(&bench).with_context(|| format!("row {name}"))? {
            println!("{}", row.line());
            report.rows.push(row);
        }
    }
    println!("\n{}", report.table());
    if let Some(file) = json {
        report.write_json(&file)?;
    }
    if write {
        report.write_page(&bench)?;
    }
    Ok(())
}
