//! `cargo xtask integration`: what the scripted servers of the tests are believed to do, a live Ollama is seen to do.

mod axes;
mod call;
mod cells;
mod documents;
mod end_to_end;
mod faults;
mod flags;
mod matrix;
mod page;
mod peer;
mod pipeline;
mod provision;
mod report;
mod run;
mod server;
mod suite;
mod target;
mod texts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use cells::{Cell, KNOWN};
use flags::Integration;
use report::{Report, ServerReport};
use target::Target;

fn main() -> ExitCode {
    match start(&Integration::from_env_or_exit()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(flags: &Integration) -> anyhow::Result<()> {
    if flags.check {
        return page::check();
    }
    if flags.ollama.is_some() && !flags.provision {
        bail!("--ollama names versions to install: add --provision");
    }
    let newest = KNOWN.last().map_or("", |(version, _)| version);
    let versions: Vec<_> = flags
        .ollama
        .as_deref()
        .unwrap_or(newest)
        .split(',')
        .map(str::trim)
        .collect();
    if flags.list {
        let lists = versions
            .iter()
            .map(|version| (version, Cell::list(can_cut(version) != Some(false), flags.full)));
        for (version, cells) in lists {
            wanted(&cells, flags).for_each(|cell| println!("{version} {}", cell.name()));
        }
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_all(flags, &versions))
}

async fn run_all(flags: &Integration, versions: &[&str]) -> anyhow::Result<()> {
    let target_folder = target_folder()?;
    let folder = target_folder.join("integration");
    let started = Instant::now();
    let mut servers = Vec::new();
    if flags.provision {
        for version in versions {
            let server = provision::provision(&target_folder, version)
                .await
                .with_context(|| format!("Ollama {version} could not be provisioned"))?;
            let model = flags.model.clone().unwrap_or_else(|| provision::MODEL.to_owned());
            let work = folder.join(version);
            let target = Target::learn(server.url(), Some(model), Some(server), work).await?;
            ensure!(
                target.version == *version,
                "what is installed as Ollama {version} says to be {}: remove target/ollama/{version}",
                target.version
            );
            if let Some(can_cut) = can_cut(version) {
                ensure!(
                    target.can_cut == can_cut,
                    "Ollama {version} does not treat `dimensions` as it is known to"
                );
            }
            servers.push(run_cells(target, flags).await);
        }
    } else {
        let host = std::env::var("OLLAMA_HOST")
            .ok()
            .filter(|host| !host.trim().is_empty());
        let url = embed_ollama::Host::parse(host.as_deref().unwrap_or_default())?
            .url()
            .to_owned();
        let target = Target::learn(url, flags.model.clone(), None, folder.join("own")).await?;
        servers.push(run_cells(target, flags).await);
    }
    let report = Report {
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        seconds: started.elapsed().as_secs_f64(),
        servers,
    };
    report.write_json(&folder.join("report.json"))?;
    report.print();
    if page::is_about(&report, flags) {
        page::write(&report)?;
    }
    match report.faults() {
        0 => Ok(()),
        faults => bail!("{faults} cells did not pass"),
    }
}

/// Runs all cells that are wanted, one after the other, and stops the server if it is ours.
async fn run_cells(mut target: Target, flags: &Integration) -> ServerReport {
    let started = Instant::now();
    let cells = Cell::list(target.can_cut, flags.full);
    let mut done = Vec::new();
    for cell in wanted(&cells, flags) {
        let one = run::run(&mut target, cell).await;
        println!(
            "{:8} {:7} {:6.1} s  {}  {}",
            target.version, one.status, one.seconds, one.cell, one.note
        );
        done.push(one);
    }
    ServerReport {
        version: target.version.clone(),
        model: target.model.clone(),
        digest: target.digest.clone(),
        provisioned: target.server.is_some(),
        documents: end_to_end::corpus(&target.folder),
        seconds: started.elapsed().as_secs_f64(),
        cells: done,
    }
}

fn wanted<'a>(cells: &'a [Cell], flags: &'a Integration) -> impl Iterator<Item = &'a Cell> {
    cells.iter().filter(|cell| {
        let name = cell.name();
        flags.only.is_empty() || flags.only.iter().any(|text| name.contains(text.as_str()))
    })
}

/// Whether a version cuts rows to `dimensions`, where that is known without asking.
fn can_cut(version: &str) -> Option<bool> {
    KNOWN
        .iter()
        .find(|(known, _)| *known == version)
        .map(|(_, can_cut)| *can_cut)
}

/// Cargo's target folder, two levels above this program.
fn target_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().and_then(Path::parent);
    Ok(folder
        .context("this program is not in a target folder")?
        .to_owned())
}

/// The workspace's root.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
