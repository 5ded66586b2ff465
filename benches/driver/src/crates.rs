//! Benches that sit in the crate they measure: rows 4 and 12 to 15. Each runs as often as there are pairs, and every
//! run measures both sides.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::Bench;
use crate::process;
use crate::report::{Limit, Row, short};
use crate::statistics::median;

use Limit::{AtLeast, AtMost};

/// A bench by its package and name, with more flags of cargo's and of its own.
fn bench(bench: &Bench, package: &str, name: &str, cargo: &[&str], own: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("cargo");
    command
        .current_dir(&bench.root)
        .args(["bench", "--quiet", "-p", package, "--bench", name])
        .args(cargo)
        .arg("--")
        .args(own);
    Ok(process::run(&mut command)?.output)
}

/// The median in seconds that divan tells of a bench, by the end of its path.
fn median_of(output: &str, path: &[&str]) -> anyhow::Result<f64> {
    let mut parents: Vec<&str> = Vec::new();
    for line in output.lines() {
        let Some((lead, rest)) = line.split_once("─ ") else {
            continue;
        };
        let depth = lead.chars().count() / 3;
        let name = rest.split_whitespace().next().unwrap_or_default();
        parents.truncate(depth);
        parents.push(name);
        if parents.ends_with(path) {
            let cell = rest.split('│').nth(2).context("no median")?.trim();
            if !cell.is_empty() {
                return seconds(cell);
            }
        }
    }
    anyhow::bail!("no bench {} in:\n{output}", path.join("/"))
}

fn seconds(cell: &str) -> anyhow::Result<f64> {
    let (number, unit) = cell.split_once(' ').with_context(|| format!("no time: {cell}"))?;
    let unit = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        other => anyhow::bail!("no unit of time: {other}"),
    };
    Ok(number.parse::<f64>()? * unit)
}

/// Both medians of every run.
fn repeat(
    bench: &Bench,
    mut run: impl FnMut() -> anyhow::Result<String>,
    ours: &[&str],
    theirs: &[&str],
) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let mut all = (Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        let output = run()?;
        all.0.push(median_of(&output, ours)?);
        all.1.push(median_of(&output, theirs)?);
    }
    Ok(all)
}

fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

pub(crate) fn decoder(bench_: &Bench) -> anyhow::Result<Vec<Row>> {
    const PORTABLE: [&str; 4] = [
        "--config",
        "build.rustflags=['--cfg','embed_http_portable']",
        "--target-dir",
        "target/portable",
    ];

    [
        ("with SIMD", &[] as &[&str], 4.0, 6.0),
        ("portable", &PORTABLE, 2.5, 3.0),
    ]
    .into_iter()
    .map(|(what, flags, must, aim)| {
        let run = || {
            bench(
                bench_,
                "embed-http",
                "rows",
                flags,
                &["64x1024", "--sample-count", "100"],
            )
        };
        let (ours, theirs) = repeat(
            bench_,
            run,
            &["decoder", "Ollama64x1024"],
            &["serde_json", "Ollama64x1024"],
        )?;
        Ok(Row {
            row: "4",
            what: format!("decoding one 64 × 1024 body, {what}"),
            ours: format!("{} ms", short(median(&ours) * 1e3)),
            against: format!("serde_json: {} ms", short(median(&theirs) * 1e3)),
            values: ratios(&theirs, &ours),
            unit: "×",
            must: AtLeast(must),
            aim: AtLeast(aim),
        })
    })
    .collect()
}

pub(crate) fn chunker(bench_: &Bench) -> anyhow::Result<Vec<Row>> {
    let run = || bench(bench_, "ingest-core", "chunker", &[], &["--sample-count", "5"]);
    let (ours, theirs) = repeat(bench_, run, &["chunk_and_hash"], &["scan_headings_and_hash"])?;
    Ok(vec![Row {
        row: "12",
        what: "chunk + hash, 12 MB of real Markdown, one core".into(),
        ours: format!("{} ms", short(median(&ours) * 1e3)),
        against: format!("a plain heading scan + hash: {} ms", short(median(&theirs) * 1e3)),
        values: ratios(&ours, &theirs),
        unit: "×",
        must: AtMost(2.0),
        aim: AtMost(1.4),
    }])
}

pub(crate) fn sqlite(bench_: &Bench) -> anyhow::Result<Vec<Row>> {
    let run = || {
        bench(
            bench_,
            "ingest-store",
            "sqlite",
            &["--features", "sqlite"],
            &["write"],
        )
    };
    let ours = ["store_with_rows_a_commit", "256"];
    let (ours, theirs) = repeat(bench_, run, &ours, &["plain_inserts_in_one_transaction"])?;
    let rate = |times: &[f64]| (16_384.0 / median(times)).round();
    Ok(vec![Row {
        row: "13",
        what: "SQLite writer at 1024 dimensions with its indexes, 256 rows a commit".into(),
        ours: format!("{} rows/s", rate(&ours)),
        against: format!(
            "the same rows inserted in one transaction: {} rows/s",
            rate(&theirs)
        ),
        values: ratios(&theirs, &ours),
        unit: "×",
        must: AtLeast(0.65),
        aim: AtLeast(0.85),
    }])
}

/// Rows 14 and 15, from one bench that tells its figures itself, a line each: rate, ratio, name.
pub(crate) fn postgres(bench_: &Bench) -> anyhow::Result<Vec<Row>> {
    if std::env::var_os("DATABASE_URL").is_none() {
        anyhow::bail!("rows 14 and 15 need PostgreSQL: `cargo xtask services up`, or set DATABASE_URL");
    }
    let output = bench(
        bench_,
        "ingest-store",
        "postgres",
        &["--features", "postgres"],
        &[],
    )?;
    let rates = |name: &str| -> anyhow::Result<Vec<f64>> {
        let line = output
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let line = line.with_context(|| format!("no figures of `{name}` in:\n{output}"))?;
        line.split(' ').map(|rate| Ok(rate.parse()?)).collect()
    };
    let row = |row, what: &str, ours: &str, theirs: &str, must, aim| {
        let (ours, peers) = (rates(ours)?, rates(theirs)?);
        ensure!(ours.len() >= bench_.pairs.min(5), "{} rounds only", ours.len());
        Ok(Row {
            row,
            what: what.to_owned(),
            ours: format!("{} rows/s", median(&ours).round()),
            against: format!("{theirs}: {} rows/s", median(&peers).round()),
            values: ratios(&ours, &peers),
            unit: "×",
            must: AtLeast(must),
            aim: AtLeast(aim),
        })
    };
    Ok(vec![
        row(
            "14",
            "Postgres writer, the reference's columns and indexes but HNSW",
            "replace, 64 rows a transaction",
            "temp table + COPY + merge, 64 rows a transaction",
            1.3,
            1.8,
        )?,
        row(
            "15",
            "first load with HNSW wanted at the end",
            "index built at the end",
            "index in place, one transaction after the other",
            4.5,
            6.0,
        )?,
        row(
            "15",
            "the same, beside as many transactions at once",
            "index built at the end",
            "index in place during the load",
            4.5,
            6.0,
        )?,
    ])
}
