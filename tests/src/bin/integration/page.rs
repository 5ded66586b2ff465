//! `docs/integration.md`: made by a full run, and held against the list of cells ever after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, bail};

use crate::cells::{Cell, KNOWN};
use crate::flags::Integration;
use crate::report::{Done, Report, ServerReport, Status};
use crate::root;

const PAGE: &str = "docs/integration.md";

/// Stands above the table of cells.
const CELLS: &str = "\n## The cells\n";

/// Begins each row of that table.
const ROW: &str = "| `";

const ABOUT: &str = include_str!("page.md");

/// Whether a run covered what the page shows.
pub(crate) fn is_about(report: &Report, flags: &Integration) -> bool {
    let versions: Vec<_> = report
        .servers
        .iter()
        .map(|server| server.version.as_str())
        .collect();
    flags.provision
        && flags.only.is_empty()
        && !flags.full
        && flags.model.is_none()
        && versions == KNOWN.map(|(version, _)| version)
}

pub(crate) fn write(report: &Report) -> anyhow::Result<()> {
    let path = root().join(PAGE);
    std::fs::write(&path, render(report)?).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {PAGE}");
    Ok(())
}

/// Fails unless the page shows every cell of every known version as passed, and no other.
pub(crate) fn check() -> anyhow::Result<()> {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let faults = faults(&page);
    if !faults.is_empty() {
        faults.iter().for_each(|fault| println!("{fault}"));
        let versions = KNOWN.map(|(version, _)| version).join(",");
        bail!("{PAGE} is not up to date: run `cargo xtask integration --provision --ollama {versions}`");
    }
    println!("{PAGE} is up to date");
    Ok(())
}

fn render(report: &Report) -> anyhow::Result<String> {
    let mut page = ABOUT.to_owned();
    writeln!(
        page,
        "\n## The last run\n\n{}, {} processors, {:.0} s.\n",
        report.date, report.processors, report.seconds
    )?;
    writeln!(
        page,
        "| Ollama | model | documents | cells | passed | failed | skipped | seconds |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for server in &report.servers {
        writeln!(
            page,
            "| {} | {} `{}` | {} | {} | {} | {} | {} | {:.0} |",
            server.version,
            server.model,
            server.digest.get(..12).unwrap_or(&server.digest),
            server.documents,
            server.cells.len(),
            server.count(Status::Passed),
            server.count(Status::Failed),
            server.count(Status::Skipped),
            server.seconds
        )?;
    }
    writeln!(
        page,
        "\n## What was seen\n\n| cell | Ollama | |\n| --- | --- | --- |"
    )?;
    for name in names(&report.servers) {
        told(&mut page, report, name)?;
    }
    writeln!(page, "{CELLS}\nA dash: makes no sense with that version.\n")?;
    table(&mut page, &report.servers)?;
    Ok(page)
}

/// Notes of short texts and the suite say the same for each.
fn is_worth_a_line(done: &Done) -> bool {
    !done.cell.starts_with("short/") && !done.cell.starts_with("suite/") || done.status != Status::Passed
}

/// Every cell once, in the order of the list.
fn names(servers: &[ServerReport]) -> Vec<&str> {
    let order: Vec<_> = [true, false]
        .into_iter()
        .flat_map(|can_cut| Cell::list(can_cut, true))
        .map(|cell| cell.name())
        .collect();
    let names: BTreeSet<&str> = servers
        .iter()
        .flat_map(|server| &server.cells)
        .map(|done| done.cell.as_str())
        .collect();
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|name| order.iter().position(|other| other == name));
    names
}

/// A row for each version that ran the cell and has something to tell.
fn told(page: &mut String, report: &Report, cell: &str) -> anyhow::Result<()> {
    for server in &report.servers {
        let done = server
            .cells
            .iter()
            .find(|done| done.cell == cell && is_worth_a_line(done));
        if let Some(done) = done {
            let note = done.note.lines().next().unwrap_or_default().replace('|', "\\|");
            writeln!(page, "| {cell} | {} | {note} |", server.version)?;
        }
    }
    Ok(())
}

/// A row a cell, a column a version.
fn table(page: &mut String, servers: &[ServerReport]) -> anyhow::Result<()> {
    let versions: Vec<_> = servers.iter().map(|server| server.version.as_str()).collect();
    writeln!(
        page,
        "| cell | {} |\n| --- |{}",
        versions.join(" | "),
        " --- |".repeat(versions.len())
    )?;
    for name in names(servers) {
        let results = servers.iter().map(|server| {
            let done = server.cells.iter().find(|done| done.cell == name);
            done.map_or_else(|| "–".to_owned(), |done| done.status.to_string())
        });
        writeln!(
            page,
            "{ROW}{name}` | {} |",
            results.collect::<Vec<_>>().join(" | ")
        )?;
    }
    Ok(())
}

/// What of a page is not as the list of cells wants it.
fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !page.starts_with(ABOUT) {
        faults.push("what it says before the results is not what would be written".to_owned());
    }
    let mut shown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let table = page.split_once(CELLS).map_or("", |(_, table)| table);
    for row in table.lines().filter_map(|line| line.strip_prefix(ROW)) {
        if let Some((name, results)) = row.split_once("` |") {
            shown.insert(
                name,
                results.trim_end_matches('|').split('|').map(str::trim).collect(),
            );
        }
    }
    let heading = format!("| cell | {} |", KNOWN.map(|(version, _)| version).join(" | "));
    if !table.contains(&heading) {
        faults.push(format!(
            "no table of the versions {}",
            KNOWN.map(|(version, _)| version).join(", ")
        ));
    }
    for (column, (version, can_cut)) in KNOWN.into_iter().enumerate() {
        for cell in Cell::list(can_cut, false) {
            let name = cell.name();
            match shown.get(name.as_str()).and_then(|results| results.get(column)) {
                Some(&"passed") => {}
                Some(result) => faults.push(format!("{version}: {name} is shown as {result}")),
                None => faults.push(format!("{version}: {name} is not shown")),
            }
            if let Some(result) = shown
                .get_mut(name.as_str())
                .and_then(|results| results.get_mut(column))
            {
                *result = "";
            }
        }
    }
    for (name, results) in shown {
        if results.iter().any(|result| !matches!(*result, "" | "–")) {
            faults.push(format!("{name} is shown and does not exist"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let servers = KNOWN.map(|(version, can_cut)| ServerReport {
            version: version.to_owned(),
            model: "m".to_owned(),
            digest: "0123456789abcdef".to_owned(),
            provisioned: true,
            documents: 3,
            seconds: 1.0,
            cells: Cell::list(can_cut, false)
                .iter()
                .map(|cell| Done {
                    cell: cell.name(),
                    status: Status::Passed,
                    seconds: 0.1,
                    note: "a | b".to_owned(),
                })
                .collect(),
        });
        let report = Report {
            date: "2026-01-31".to_owned(),
            processors: 2,
            seconds: 2.0,
            servers: servers.to_vec(),
        };
        render(&report).expect("a page")
    }

    #[test]
    fn a_page_of_all_cells_is_up_to_date() {
        assert_eq!(faults(&page()), Vec::<String>::new());
    }

    #[test]
    fn a_cell_that_failed_is_missing_or_is_no_more_is_a_fault() {
        let page = page();
        let row = |page: &str| {
            page.lines()
                .find(|line| line.starts_with("| `peer/python"))
                .expect("a row")
                .to_owned()
        };
        let peer = row(&page);
        let failed = page.replace(&peer, &peer.replacen("passed", "FAILED", 1));
        assert_eq!(faults(&failed), ["0.6.5: peer/python-ollama is shown as FAILED"]);
        assert_eq!(faults(&page.replace(&peer, "")).len(), 2);
        let another = page + "| `peer/other` | passed | passed |\n";
        assert_eq!(faults(&another), ["peer/other is shown and does not exist"]);
    }

    #[test]
    fn words_that_would_be_written_otherwise_are_a_fault() {
        assert_eq!(faults(&page().replace("Each cell", "Some cells")).len(), 1);
    }
}
