//! Bars over an axis, as SVG.

use std::fmt::{self, Display};

use super::axis::Axis;
use super::html::Html;

/// The drawing, in units that are pixels where it is as wide as it wants to be.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 42.0;

/// A chart.
#[derive(Debug)]
pub(super) struct Chart {
    /// What it shows, for those who do not see it.
    pub(super) label: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) bars: Vec<Bar>,
    pub(super) bands: Vec<Band>,
    pub(super) marks: Vec<Mark>,
}

/// A bar from one place to another.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) height: f64,
    /// What is told of it.
    pub(super) title: String,
}

/// A stretch that is shaded.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) title: String,
}

/// A line across at a place, with a word.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) word: String,
}

/// A coordinate, no more exact than it can be seen.
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() / 10.0;
        // Without the sign of -0.
        write!(f, "{}", tenths + 0.0)
    }
}

impl Chart {
    pub(super) fn draw(&self, html: &mut Html) {
        let view = format!("0 0 {WIDTH} {HEIGHT}");
        let attributes: [super::html::Attribute<'_>; 4] = [
            ("viewBox", &view),
            ("class", &"chart"),
            ("role", &"img"),
            ("aria-label", &self.label),
        ];
        html.element("svg", &attributes, |html| {
            self.grid(html);
            for band in &self.bands {
                let (from, to) = (self.across(band.from), self.across(band.to));
                boxed(
                    html,
                    "outage",
                    (from, TOP),
                    ((to - from).max(2.0), HEIGHT - TOP - BOTTOM),
                    &band.title,
                );
            }
            for bar in self.bars.iter().filter(|bar| bar.height > 0.0) {
                self.bar(html, bar);
            }
            self.axis(html);
            for mark in &self.marks {
                self.mark(html, mark);
            }
        });
    }

    fn bar(&self, html: &mut Html, bar: &Bar) {
        let (from, to) = (self.across(bar.from), self.across(bar.to));
        let top = self.up(bar.height);
        let gap = if to - from > 6.0 { 1.0 } else { 0.0 };
        // Something is to be seen of what is there.
        let height = (HEIGHT - BOTTOM - top).max(1.0);
        let corner = (from + gap / 2.0, HEIGHT - BOTTOM - height);
        boxed(
            html,
            "bar",
            corner,
            ((to - from - gap).max(0.5), height),
            &bar.title,
        );
    }

    /// Lines at the ticks of the vertical axis, with their labels, below everything else.
    fn grid(&self, html: &mut Html) {
        for (value, label) in self.y.ticks() {
            let y = self.up(*value);
            line(html, "grid", (LEFT, y), (WIDTH - RIGHT, y));
            word(html, "tick end", (LEFT - 6.0, y + 4.0), label);
        }
        word(html, "title", (0.0, 11.0), self.y.title());
    }

    fn axis(&self, html: &mut Html) {
        let bottom = HEIGHT - BOTTOM;
        line(html, "axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
        for (value, label) in self.x.ticks() {
            let x = self.across(*value);
            line(html, "axis", (x, bottom), (x, bottom + 4.0));
            word(html, "tick middle", (x, bottom + 17.0), label);
        }
        word(html, "title end", (WIDTH - RIGHT, HEIGHT - 5.0), self.x.title());
    }

    fn mark(&self, html: &mut Html, mark: &Mark) {
        let x = self.across(mark.at);
        line(html, "mark", (x, TOP - 4.0), (x, HEIGHT - BOTTOM));
        // To the side where there is room.
        let (class, x) = if x > WIDTH / 2.0 {
            ("marked end", x - 4.0)
        } else {
            ("marked", x + 4.0)
        };
        word(html, class, (x, TOP + 6.0), &mark.word);
    }

    fn across(&self, value: f64) -> f64 {
        LEFT + self.x.position(value) * (WIDTH - LEFT - RIGHT)
    }

    fn up(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.position(value) * (HEIGHT - TOP - BOTTOM)
    }
}

fn boxed(html: &mut Html, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), title: &str) {
    let (x, y, width, height) = (Px(x), Px(y), Px(width), Px(height));
    let attributes: [super::html::Attribute<'_>; 5] = [
        ("class", &class),
        ("x", &x),
        ("y", &y),
        ("width", &width),
        ("height", &height),
    ];
    html.element("rect", &attributes, |html| html.leaf("title", &[], title));
}

fn line(html: &mut Html, class: &str, from: (f64, f64), to: (f64, f64)) {
    let (x1, y1, x2, y2) = (Px(from.0), Px(from.1), Px(to.0), Px(to.1));
    html.empty(
        "line",
        &[
            ("class", &class),
            ("x1", &x1),
            ("y1", &y1),
            ("x2", &x2),
            ("y2", &y2),
        ],
    );
}

fn word(html: &mut Html, class: &str, at: (f64, f64), text: &str) {
    let (x, y) = (Px(at.0), Px(at.1));
    html.leaf("text", &[("class", &class), ("x", &x), ("y", &y)], text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_the_axis_and_say_what_they_are() {
        let chart = Chart {
            label: "two".to_owned(),
            x: Axis::linear(2.0, "seconds"),
            y: Axis::linear(10.0, "texts"),
            bars: vec![
                Bar {
                    from: 0.0,
                    to: 1.0,
                    height: 10.0,
                    title: "<full>".to_owned(),
                },
                Bar {
                    from: 1.0,
                    to: 2.0,
                    height: 0.0,
                    title: "nothing".to_owned(),
                },
            ],
            bands: Vec::new(),
            marks: Vec::new(),
        };
        let mut html = Html::default();
        chart.draw(&mut html);
        let svg = html.into_text();
        let bar = r#"<rect class="bar" x="56.5" y="30" width="223" height="158"><title>&lt;full&gt;</title></rect>"#;
        assert!(svg.contains(bar), "{svg}");
        assert!(!svg.contains("nothing"), "{svg}");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(format!("{} {} {}", Px(1.26), Px(-0.01), Px(70.0)), "1.3 0 70");
    }
}
