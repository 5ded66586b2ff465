//! What happened, whether it is all right, and what to do next.

use ingest_pipeline::RunReport;

use super::{Content, paragraph, percent, prose, section, table};
use crate::output::{bytes, counted, grouped, lasted};
use crate::page::axis::{number, seconds};
use crate::page::figures::share;
use crate::page::html::Html;
use crate::summary;

pub(super) fn head(content: &Content<'_>, html: &mut Html) {
    let ending = content.ending;
    html.element("header", &[], |html| {
        html.element("h1", &[], |html| {
            html.text("ingest run ");
            let class = format!("badge {}", ending.tone.class());
            html.leaf("span", &[("class", &class)], ending.word);
        });
        if let Some(message) = &ending.message {
            html.element("p", &[("class", &"message")], |html| prose(html, message));
        }
        if let Some(report) = content
            .figures
            .report
            .as_ref()
            .filter(|report| !report.sources.is_empty())
        {
            paragraph(html, &summary::sentence(report));
        }
        facts(content, html);
        if content.figures.report.is_some() {
            cards(content, html);
        }
    });
}

/// When, with what, and where to.
fn facts(content: &Content<'_>, html: &mut Html) {
    let mut facts = vec![format!("began {}", content.started)];
    if let Some((provider, model)) = &content.figures.model {
        facts.push(format!("model `{model}` of `{provider}`"));
    }
    if let Some(report) = &content.figures.report {
        facts.push(report.mode.clone());
        facts.push(format!("store `{}`", report.store));
    }
    html.element("p", &[("class", &"note")], |html| prose(html, &facts.join(" · ")));
}

fn cards(content: &Content<'_>, html: &mut Html) {
    let figures = content.figures;
    let failed = figures.documents.failed.max(figures.chunks.failed);
    let rate = share_of_time(figures.chunks.embedded, content);
    let mut cards = vec![
        (seconds(content.duration.as_secs_f64()), "in all", false),
        (grouped(figures.documents.seen), "documents seen", false),
        (grouped(figures.chunks.embedded), "texts embedded", false),
        (number(rate), "texts a second", false),
    ];
    if let Some(slow) = figures.answered.quantile(0.95) {
        cards.push((seconds(slow), "95 % of requests within", false));
    }
    cards.push((
        grouped(failed),
        if failed == 1 { "failure" } else { "failures" },
        failed > 0,
    ));
    html.element("dl", &[("class", &"cards")], |html| {
        for (value, label, is_bad) in &cards {
            html.element("div", &[], |html| {
                html.leaf("dt", &[], label);
                html.leaf("dd", &[("class", &if *is_bad { "bad" } else { "" })], value);
            });
        }
    });
}

fn share_of_time(count: u64, content: &Content<'_>) -> f64 {
    count as f64 / content.duration.as_secs_f64().max(0.001)
}

pub(super) fn next_steps(content: &Content<'_>, html: &mut Html) {
    if content.ending.next.is_empty() {
        return;
    }
    section(html, "What to do next", true, |html| {
        html.element("ul", &[], |html| {
            for step in &content.ending.next {
                html.element("li", &[], |html| prose(html, step));
            }
        });
    });
}

pub(super) fn documents(report: &RunReport, html: &mut Html) {
    section(html, "Documents and chunks", false, |html| {
        let documents = &report.documents;
        let rows = |counts: &[(&str, u64)], all: u64| -> Vec<Vec<String>> {
            counts
                .iter()
                .map(|(name, count)| {
                    let part = percent(share(*count as f64, all as f64));
                    vec![(*name).to_owned(), grouped(*count), part]
                })
                .collect()
        };
        let counts = [
            ("added", documents.added),
            ("updated", documents.updated),
            ("unchanged", documents.unchanged),
            ("failed", documents.failed),
            ("passed over", documents.skipped),
        ];
        let columns = [("Documents", false), ("Count", true), ("Of all seen", true)];
        table(
            html,
            "Documents by what became of them",
            &columns,
            &rows(&counts, documents.seen),
        );
        let chunks = &report.chunks;
        let counts = [
            ("embedded", chunks.embedded),
            ("vector known before", chunks.reused),
            ("without a vector", chunks.text_only),
            ("failed", chunks.failed),
        ];
        let all = counts.iter().map(|(_, count)| count).sum();
        let columns = [("Chunks", false), ("Count", true), ("Of all made", true)];
        table(
            html,
            "Chunks by what became of them",
            &columns,
            &rows(&counts, all),
        );
        paragraph(html, &removed(report));
    });
}

fn removed(report: &RunReport) -> String {
    let (documents, chunks) = (&report.documents, &report.chunks);
    let mut text = format!(
        "Removed: {}, {}. Written: {}.",
        counted(documents.removed, "document"),
        counted(chunks.removed, "chunk"),
        counted(chunks.stored, "chunk")
    );
    if chunks.truncated > 0 {
        text.push_str(&format!(
            " Cut off because the model reads no more: {}.",
            grouped(chunks.truncated)
        ));
    }
    text
}

pub(super) fn sources(content: &Content<'_>, report: &RunReport, html: &mut Html) {
    section(html, "Sources", true, |html| {
        let rows: Vec<_> = report
            .sources
            .iter()
            .map(|source| {
                vec![
                    source.name.clone(),
                    grouped(source.files),
                    grouped(source.chunks),
                    lasted(source.duration),
                    source.status.as_str().to_owned(),
                ]
            })
            .collect();
        let columns = [
            ("Source", false),
            ("Files", true),
            ("Chunks", true),
            ("Duration", true),
            ("Status", false),
        ];
        table(html, "The sources of this run", &columns, &rows);
        for source in &report.sources {
            if let Some(error) = &source.error {
                paragraph(html, &format!("{}: {error}", source.name));
            }
        }
        let usage = &content.figures.usage;
        if usage.requests > 0 {
            paragraph(
                html,
                &format!(
                    "Traffic: {} over {}, {} sent, {} received.",
                    counted(usage.requests, "request"),
                    counted(usage.connections_opened, "connection"),
                    bytes(usage.bytes_sent),
                    bytes(usage.bytes_received)
                ),
            );
        }
    });
}
