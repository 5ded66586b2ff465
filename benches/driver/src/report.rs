//! The figures as a table on the terminal, as JSON, and as the page in `docs/`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;

use crate::Bench;
use crate::statistics::{median, range};

/// Where the table stands in the page.
const BEGIN: &str = "<!-- figures -->";
const END: &str = "<!-- end of figures -->";

/// What is asked of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {limit}"),
            Self::AtLeast(limit) => format!("≥ {limit}"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) row: &'static str,
    pub(crate) what: String,
    /// What this project measured, with its unit.
    pub(crate) ours: String,
    /// What it is compared with and what that measured.
    pub(crate) against: String,
    /// The figure that counts, one for each pair.
    pub(crate) values: Vec<f64>,
    pub(crate) unit: &'static str,
    pub(crate) must: Limit,
    pub(crate) aim: Limit,
}

impl Row {
    fn value(&self) -> f64 {
        median(&self.values)
    }

    fn verdict(&self) -> &'static str {
        if self.aim.holds(self.value()) {
            "aim"
        } else if self.must.holds(self.value()) {
            "must"
        } else {
            "**not met**"
        }
    }

    fn figure(&self) -> String {
        let (low, high) = range(&self.values);
        let unit = self.unit;
        format!("{}{unit} ({}–{})", short(self.value()), short(low), short(high))
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{:>3}  {}: {}  [{}; {}]  must {}, aim {}: {}",
            self.row,
            self.what,
            self.figure(),
            self.ours,
            self.against,
            self.must.text(),
            self.aim.text(),
            self.verdict()
        )
    }
}

/// Three digits that count.
pub(crate) fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) versions: String,
    pub(crate) date: String,
    pub(crate) pairs: usize,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(bench: &Bench) -> anyhow::Result<Self> {
        Ok(Self {
            machine: machine(),
            versions: versions(bench)?,
            date: first_line("date", &["-u", "+%Y-%m-%d"])?,
            pairs: bench.pairs,
            rows: Vec::new(),
        })
    }

    pub(crate) fn table(&self) -> String {
        let mut table =
            "| # | measure | figure (lowest–highest) | ours | against | must | aim | met |\n".to_owned();
        table += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for row in &self.rows {
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                row.row,
                row.what,
                row.figure(),
                row.ours,
                row.against,
                row.must.text(),
                row.aim.text(),
                row.verdict()
            );
        }
        table
    }

    pub(crate) fn write_json(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Puts the table into the page, which says the rest.
    pub(crate) fn write_page(&self, bench: &Bench) -> anyhow::Result<()> {
        let file = bench.root.join("docs/performance.md");
        let page = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let (before, rest) = page
            .split_once(BEGIN)
            .context("the page has no place for figures")?;
        let (_, after) = rest.split_once(END).context("the page has no end of figures")?;
        let page = format!(
            "{before}{BEGIN}\n{}; {}; {}; medians of {} pairs.\n\n{}{END}{after}",
            self.date,
            self.machine,
            self.versions,
            self.pairs,
            self.table()
        );
        fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory: u64 = memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    format!(
        "{processors} × {model}, {} GiB",
        (memory as f64 / (1 << 20) as f64).round()
    )
}

fn versions(bench: &Bench) -> anyhow::Result<String> {
    let lock = fs::read_to_string(bench.root.join("benches/Cargo.lock"))?;
    let peers = ["ollama-rs", "async-openai", "model2vec-rs", "reqwest"].map(|peer| {
        let version = lock.split("[[package]]").find_map(|package| {
            package.contains(&format!("name = \"{peer}\"\n")).then(|| {
                package
                    .lines()
                    .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
            })?
        });
        format!("{peer} {}", version.unwrap_or("?"))
    });
    Ok(format!(
        "{}; {}",
        first_line("rustc", &["--version"])?,
        peers.join(", ")
    ))
}

fn first_line(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .with_context(|| program.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
