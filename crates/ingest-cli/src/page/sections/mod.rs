//! What stands on the page, from top to bottom.

mod overview;
mod stored;
mod trouble;
mod work;

use std::time::Duration;

use super::ending::Ending;
use super::figures::Figures;
use super::html::Html;
use super::survey::Survey;

/// All that a page is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) figures: &'a Figures,
    pub(super) ending: &'a Ending,
    /// When the run began, for people.
    pub(super) started: &'a str,
    pub(super) duration: Duration,
    /// Greatest length of a chunk, in tokens.
    pub(super) chunk_size: usize,
    pub(super) survey: Option<&'a Survey>,
}

/// The body of the page.
pub(super) fn write(content: &Content<'_>, html: &mut Html) {
    overview::head(content, html);
    html.element("main", &[], |html| {
        overview::next_steps(content, html);
        trouble::failures(content, html);
        trouble::retries(content, html);
        trouble::warnings(content, html);
        if let Some(report) = &content.figures.report {
            overview::documents(report, html);
            work::time(content, html);
            work::throughput(content, html);
            work::requests(content, html);
        }
        if let Some(survey) = content.survey {
            stored::sizes(content, survey, html);
        }
        if let Some(report) = &content.figures.report {
            overview::sources(content, report, html);
        }
        work::slowest(content, html);
        if let Some(survey) = content.survey {
            stored::map(survey, html);
        }
        trouble::skipped(content, html);
    });
}

/// A section with its heading; a wide one takes the whole line.
fn section(html: &mut Html, heading: &str, is_wide: bool, content: impl FnOnce(&mut Html)) {
    let class = if is_wide { "wide" } else { "half" };
    html.element("section", &[("class", &class)], |html| {
        html.leaf("h2", &[], heading);
        content(html);
    });
}

/// A text in which what stands between backticks is code.
fn prose(html: &mut Html, text: &str) {
    let parts: Vec<_> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // Somebody else's: one is left over.
        return html.text(text);
    }
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 1 {
            html.leaf("code", &[], part);
        } else {
            html.text(part);
        }
    }
}

fn paragraph(html: &mut Html, text: &str) {
    html.element("p", &[], |html| prose(html, text));
}

/// A small one that explains.
fn note(html: &mut Html, text: &str) {
    html.element("p", &[("class", &"note")], |html| prose(html, text));
}

/// A column of a table: its heading, and whether it holds numbers.
type Column = (&'static str, bool);

/// A table with a caption that only those hear who do not see the heading above it.
fn table(html: &mut Html, caption: &str, columns: &[Column], rows: &[Vec<String>]) {
    let class = |is_number: bool| if is_number { "n" } else { "t" };
    html.element("div", &[("class", &"scroll")], |html| {
        html.element("table", &[], |html| {
            html.leaf("caption", &[("class", &"unseen")], caption);
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for (name, is_number) in columns {
                        html.leaf("th", &[("scope", &"col"), ("class", &class(*is_number))], name);
                    }
                });
            });
            html.element("tbody", &[], |html| {
                for row in rows {
                    html.element("tr", &[], |html| {
                        for (cell, (_, is_number)) in row.iter().zip(columns) {
                            html.leaf("td", &[("class", &class(*is_number))], cell);
                        }
                    });
                }
            });
        });
    });
}

/// A table that is shown when asked for: the figures behind a chart.
fn figures(html: &mut Html, caption: &str, columns: &[Column], rows: &[Vec<String>]) {
    html.element("details", &[], |html| {
        html.leaf("summary", &[], "Figures");
        table(html, caption, columns, rows);
    });
}

/// A share as people read it, in one piece: `0.4 %`, `37 %`.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0\u{a0}%".to_owned(),
        _ if percent < 0.1 => "under 0.1\u{a0}%".to_owned(),
        _ if percent < 9.95 => format!("{percent:.1}\u{a0}%"),
        _ => format!("{percent:.0}\u{a0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_code_where_they_are_paired() {
        let written = |text| {
            let mut html = Html::default();
            prose(&mut html, text);
            html.into_text()
        };
        assert_eq!(written("use `a<b` now"), "use <code>a&lt;b</code> now");
        assert_eq!(written("one ` alone"), "one ` alone");
    }
}
