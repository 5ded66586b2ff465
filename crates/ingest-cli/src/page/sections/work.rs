//! Where the time went.

use std::time::Duration;

use super::{Column, Content, figures, note, paragraph, percent, section, table};
use crate::output::{grouped, lasted};
use crate::page::axis::{Axis, number, seconds};
use crate::page::bins::Bins;
use crate::page::chart::{Band, Bar, Chart};
use crate::page::figures::{Figures, share};
use crate::page::histogram::Histogram;
use crate::page::html::{Attribute, Html};

/// Above these shares of the time, one thing sets the pace.
const BUSY: f64 = 0.7;
const AWAY: f64 = 0.3;

/// How much was done when.
pub(super) fn throughput(content: &Content<'_>, html: &mut Html) {
    let figures = content.figures;
    for (heading, unit, bins) in [
        ("Texts embedded over time", "texts a second", &figures.embedded),
        ("Documents done over time", "documents a second", &figures.settled),
    ] {
        section(html, heading, false, |html| {
            if bins.is_empty() {
                note(html, "None in this run.");
                return;
            }
            over_time(content, unit, bins, html);
        });
    }
}

fn over_time(content: &Content<'_>, unit: &'static str, bins: &Bins, html: &mut Html) {
    let end = content.duration.as_secs_f64();
    let width = bins.width();
    let rates: Vec<(f64, f64, f64)> = (0..)
        .zip(bins.amounts())
        .map(|(at, amount)| {
            let from = f64::from(at) * width;
            // The run may end within the last one.
            let to = (from + width).min(end.max(from + width / 10.0));
            (from, to, amount / (to - from))
        })
        .collect();
    let most = rates.iter().fold(0.0_f64, |most, (_, _, rate)| most.max(*rate));
    let outages = &content.figures.outages.spans;
    let chart = Chart {
        label: format!("{unit} over the time of the run, up to {}", number(most)),
        x: Axis::seconds(end, "time since the beginning"),
        y: Axis::linear(most, unit),
        bars: rates
            .iter()
            .map(|(from, to, rate)| Bar {
                from: *from,
                to: *to,
                height: *rate,
                title: format!("{} to {}: {} {unit}", seconds(*from), seconds(*to), number(*rate)),
            })
            .collect(),
        bands: outages.iter().map(|(from, to)| outage(*from, *to, end)).collect(),
        marks: Vec::new(),
    };
    chart.draw(html);
    let rows: Vec<_> = rates
        .iter()
        .map(|(from, to, rate)| vec![seconds(*from), seconds(*to), number(*rate)])
        .collect();
    figures(html, unit, &[("From", true), ("To", true), (unit, true)], &rows);
}

fn outage(from: f64, to: Option<f64>, end: f64) -> Band {
    let to = to.unwrap_or(end);
    Band {
        from,
        to,
        title: format!("no server answered from {} to {}", seconds(from), seconds(to)),
    }
}

/// What the workers and the writer did with their time.
pub(super) fn time(content: &Content<'_>, html: &mut Html) {
    let figures = content.figures;
    let all = content.duration.as_secs_f64();
    let workers = figures.workers.max(1) as f64;
    let rows = [
        ("Workers waiting for answers", figures.busy(content.duration)),
        (
            "Workers pausing before another try",
            share(figures.retries.cost().as_secs_f64(), all * workers),
        ),
        (
            "The writer waiting for the store",
            share(figures.committed.sum(), all),
        ),
        (
            "No server answering",
            share(figures.outages.lasted.as_secs_f64(), all),
        ),
    ];
    section(html, "Where the time went", false, |html| {
        if let Some(pace) = pace(figures, content.duration) {
            paragraph(html, pace);
        }
        html.element("dl", &[("class", &"shares")], |html| {
            for (name, part) in rows {
                html.leaf("dt", &[], name);
                html.element("dd", &[], |html| {
                    meter(html, part);
                    html.text(percent(part));
                });
            }
        });
        let count = if figures.workers == 1 {
            "1 worker".to_owned()
        } else {
            format!("{} workers", figures.workers)
        };
        note(
            html,
            &format!("Shares of the time of {count}, of the one writer, and of the run."),
        );
    });
}

/// A bar as long as a share.
fn meter(html: &mut Html, part: f64) {
    let width = format!("{:.1}", part * 100.0);
    let attributes: [Attribute<'_>; 4] = [
        ("viewBox", &"0 0 100 8"),
        ("class", &"meter"),
        ("preserveAspectRatio", &"none"),
        ("aria-hidden", &"true"),
    ];
    html.element("svg", &attributes, |html| {
        html.empty("rect", &[("class", &"rest"), ("width", &"100"), ("height", &"8")]);
        html.empty("rect", &[("class", &"bar"), ("width", &width), ("height", &"8")]);
    });
}

/// What set the pace, in a sentence.
fn pace(figures: &Figures, duration: Duration) -> Option<&'static str> {
    let all = duration.as_secs_f64();
    if share(figures.outages.lasted.as_secs_f64(), all) >= AWAY {
        return Some("The server was away for much of the run.");
    }
    if figures.answered.count() == 0 {
        return None;
    }
    if figures.busy(duration) >= BUSY {
        if figures.usage.requests == 0 {
            return Some("Embedding set the pace.");
        }
        return Some(
            "Embedding set the pace. More `--workers` help where the server answers several requests at a time: \
             `ingest doctor` measures that.",
        );
    }
    if share(figures.committed.sum(), all) >= BUSY {
        return Some("The store set the pace.");
    }
    Some(
        "Neither embedding nor the store was busy all the time: starting, reading and cutting took the rest.",
    )
}

/// How long requests took.
pub(super) fn requests(content: &Content<'_>, html: &mut Html) {
    let asked = content.figures;
    section(html, "Time of a request", false, |html| {
        if asked.answered.count() + asked.refused.count() == 0 {
            note(html, "None in this run.");
            return;
        }
        latencies(&asked.answered, html);
        let row = |name: &str, histogram: &Histogram| -> Option<Vec<String>> {
            let quantile = |share| histogram.quantile(share).map(seconds);
            Some(vec![
                name.to_owned(),
                grouped(histogram.count()),
                quantile(0.5)?,
                quantile(0.9)?,
                quantile(0.95)?,
                quantile(0.99)?,
                seconds(histogram.most()),
            ])
        };
        let rows: Vec<_> = [row("answered", &asked.answered), row("failed", &asked.refused)]
            .into_iter()
            .flatten()
            .collect();
        let columns: [Column; 7] = [
            ("Requests", false),
            ("Count", true),
            ("50 %", true),
            ("90 %", true),
            ("95 %", true),
            ("99 %", true),
            ("Longest", true),
        ];
        table(
            html,
            "Time within which this share of the requests ended",
            &columns,
            &rows,
        );
        if asked.answered.count() == 0 {
            return;
        }
        let texts = asked.embedded.amounts().iter().sum::<f64>() / asked.answered.count() as f64;
        note(
            html,
            &format!("Texts in a request: {} on average.", number(texts)),
        );
    });
}

fn latencies(answered: &Histogram, html: &mut Html) {
    let buckets = answered.coarse(4);
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
        return;
    };
    let most = buckets
        .iter()
        .map(|bucket| bucket.count)
        .max()
        .unwrap_or_default();
    let within = |from, to| format!("{} to {}", seconds(from), seconds(to));
    let chart = Chart {
        label: format!("requests by how long they took, {}", within(first.from, last.to)),
        x: Axis::log_seconds(first.from, last.to, "time of a request"),
        y: Axis::counts(most, "requests"),
        bars: buckets
            .iter()
            .map(|bucket| Bar {
                from: bucket.from,
                to: bucket.to,
                height: bucket.count as f64,
                title: format!("{}: {}", within(bucket.from, bucket.to), grouped(bucket.count)),
            })
            .collect(),
        bands: Vec::new(),
        marks: Vec::new(),
    };
    chart.draw(html);
    let rows: Vec<_> = buckets
        .iter()
        .map(|bucket| vec![seconds(bucket.from), seconds(bucket.to), grouped(bucket.count)])
        .collect();
    figures(
        html,
        "Requests by their time",
        &[("From", true), ("To", true), ("Requests", true)],
        &rows,
    );
}

/// The documents that took longest.
pub(super) fn slowest(content: &Content<'_>, html: &mut Html) {
    let slowest = content.figures.slowest.list();
    if slowest.is_empty() {
        return;
    }
    section(html, "Slowest documents", true, |html| {
        let rows: Vec<_> = slowest
            .iter()
            .map(|slow| {
                let time = if slow.took < Duration::from_secs(1) {
                    seconds(slow.took.as_secs_f64())
                } else {
                    lasted(slow.took)
                };
                vec![slow.source.clone(), grouped(slow.chunks), time]
            })
            .collect();
        let columns = [("Document", false), ("Chunks", true), ("Time", true)];
        table(html, "The slowest documents", &columns, &rows);
        note(
            html,
            "From being read to being stored; waiting for a worker and for the writer is part of it.",
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_sets_the_pace() {
        let ten = Duration::from_secs(10);
        let mut figures = Figures::new();
        assert_eq!(pace(&figures, ten), None);
        figures.answered.add(1.0);
        assert!(pace(&figures, ten).is_some_and(|pace| pace.starts_with("Neither")));
        figures.committed.add(8.0);
        assert!(pace(&figures, ten).is_some_and(|pace| pace.contains("store set the pace")));
        figures.answered.add(8.0);
        assert_eq!(pace(&figures, ten), Some("Embedding set the pace."));
        figures.usage.requests = 9;
        assert!(pace(&figures, ten).is_some_and(|pace| pace.contains("--workers")));
        figures.outages.lasted = ten / 2;
        assert!(pace(&figures, ten).is_some_and(|pace| pace.contains("away")));
    }
}
