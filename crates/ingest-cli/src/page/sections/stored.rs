//! What the store holds behind the run.

use super::{Content, figures, note, percent, section};
use crate::output::{counted, grouped};
use crate::page::axis::{Axis, number};
use crate::page::chart::{Bar, Chart, Mark};
use crate::page::html::Html;
use crate::page::map;
use crate::page::survey::Survey;

/// How large chunks are.
pub(super) fn sizes(content: &Content<'_>, survey: &Survey, html: &mut Html) {
    section(html, "Chunk sizes in the store", false, |html| {
        let (Some(median), Some(large)) = (survey.tokens.quantile(0.5), survey.tokens.quantile(0.95)) else {
            note(html, "The store holds no chunks.");
            return;
        };
        chart(content, survey, html);
        let how = if survey.exact {
            "counted as the model does"
        } else {
            "estimated"
        };
        let all = if survey.complete {
            ""
        } else {
            " There was no time for the rest."
        };
        note(
            html,
            &format!(
                "{}: half have up to {} tokens, 95 % up to {}, the largest {}; tokens are {how}.{all}",
                counted(survey.chunks, "chunk"),
                number(median.round()),
                number(large.round()),
                number(survey.tokens.most())
            ),
        );
    });
}

fn chart(content: &Content<'_>, survey: &Survey, html: &mut Html) {
    let width = survey.sizes.width();
    let sizes: Vec<(f64, f64, f64)> = (0..)
        .zip(survey.sizes.amounts())
        .map(|(at, count)| (f64::from(at) * width, f64::from(at + 1) * width, *count))
        .collect();
    let most = sizes.iter().map(|(_, _, count)| *count as u64).max();
    let limit = content.chunk_size as f64;
    let end = sizes.last().map_or(1.0, |(_, to, _)| *to).max(limit);
    let between = |from: f64, to: f64| format!("{} to {} tokens", number(from + 1.0), number(to));
    let chart = Chart {
        label: "chunks of the store by their number of tokens".to_owned(),
        x: Axis::linear(end, "tokens in a chunk"),
        y: Axis::counts(most.unwrap_or_default(), "chunks"),
        bars: sizes
            .iter()
            .map(|(from, to, count)| Bar {
                from: *from,
                to: *to,
                height: *count,
                title: format!("{}: {}", between(*from, *to), grouped(*count as u64)),
            })
            .collect(),
        bands: Vec::new(),
        marks: vec![Mark {
            at: limit,
            word: format!("limit {}", number(limit)),
        }],
    };
    chart.draw(html);
    let rows: Vec<_> = sizes
        .iter()
        .map(|(from, to, count)| vec![between(*from, *to), grouped(*count as u64)])
        .collect();
    figures(
        html,
        "Chunks by size",
        &[("Size", false), ("Chunks", true)],
        &rows,
    );
}

/// Where chunks lie.
pub(super) fn map(survey: &Survey, html: &mut Html) {
    let [first, second] = survey.map.plane.shares;
    let points = survey.map.points.len();
    if points == 0 {
        return;
    }
    section(html, "Map of the store", true, |html| {
        note(
            html,
            &format!(
                "{} of the store, each near to those that are like it. Left to right shows {} of how their vectors \
                 differ, bottom to top {}; what lies apart here is different, what lies together may still differ \
                 otherwise.",
                if points as u64 == survey.chunks {
                    format!("All {}", counted(survey.chunks, "chunk"))
                } else {
                    format!(
                        "{} of {}, taken at random,",
                        grouped(points as u64),
                        counted(survey.chunks, "chunk")
                    )
                },
                percent(first),
                percent(second)
            ),
        );
        map::draw(&survey.map, html);
    });
}
