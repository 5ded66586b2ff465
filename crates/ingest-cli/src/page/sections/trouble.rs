//! What went wrong, and what was left out.

use super::{Content, note, section, table};
use crate::output::{counted, grouped, lasted};
use crate::page::causes::Causes;
use crate::page::html::Html;

/// What failed for good, by cause.
pub(super) fn failures(content: &Content<'_>, html: &mut Html) {
    let failures = &content.figures.failures;
    if failures.is_empty() {
        return;
    }
    section(html, "Failures by cause", true, |html| {
        let columns = [("Cause", false), ("Count", true), ("For example", false)];
        table(html, "What failed, by cause", &columns, &rows(failures));
        note(html, "The failure log has every one of them.");
    });
}

/// What was tried again.
pub(super) fn retries(content: &Content<'_>, html: &mut Html) {
    let figures = content.figures;
    let outages = &figures.outages;
    if figures.retries.is_empty() && outages.count == 0 {
        return;
    }
    section(html, "Tried again", true, |html| {
        if outages.count > 0 {
            let times = counted(outages.count, "time");
            let lasted = lasted(outages.lasted);
            note(
                html,
                &format!("No server answered {times}; those times that ended lasted {lasted} together."),
            );
        }
        if figures.retries.is_empty() {
            return;
        }
        let causes = figures.retries.by_count();
        let rows: Vec<_> = causes
            .iter()
            .map(|(kind, cause)| {
                let example = cause.examples.first().cloned().unwrap_or_default();
                vec![
                    (*kind).to_owned(),
                    grouped(cause.count),
                    lasted(cause.cost),
                    example,
                ]
            })
            .collect();
        let columns = [
            ("Cause", false),
            ("Batches", true),
            ("Pauses", true),
            ("For example", false),
        ];
        table(html, "Batches sent again, by cause", &columns, &rows);
    });
}

/// Files that are no documents.
pub(super) fn skipped(content: &Content<'_>, html: &mut Html) {
    let skipped = &content.figures.skipped;
    if skipped.is_empty() {
        return;
    }
    section(html, "Passed over", true, |html| {
        let columns = [("Reason", false), ("Files", true), ("For example", false)];
        table(
            html,
            "Files that are no documents, by reason",
            &columns,
            &rows(skipped),
        );
    });
}

pub(super) fn warnings(content: &Content<'_>, html: &mut Html) {
    let figures = content.figures;
    if figures.warnings.is_empty() {
        return;
    }
    section(html, "Warnings", true, |html| {
        html.element("ul", &[], |html| {
            for warning in &figures.warnings {
                html.leaf("li", &[], warning);
            }
        });
        if figures.more_warnings > 0 {
            note(html, &format!("And {} more.", grouped(figures.more_warnings)));
        }
    });
}

fn rows(causes: &Causes) -> Vec<Vec<String>> {
    let causes = causes.by_count();
    causes
        .iter()
        .map(|(name, cause)| {
            vec![
                (*name).to_owned(),
                grouped(cause.count),
                cause.examples.join("\n"),
            ]
        })
        .collect()
}
