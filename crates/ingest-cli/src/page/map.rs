//! The map: a dot a chunk, near to those that are like it.

use super::axis::number;
use super::chart::Px;
use super::html::{Attribute, Html};
use super::survey::Map;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 520.0;
const EDGE: f64 = 16.0;
const DOT: f64 = 4.0;

/// Draws the dots and the legend beside them.
pub(super) fn draw(map: &Map, html: &mut Html) {
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let label = format!("A map of {} chunks by their vectors", map.points.len());
    let attributes: [Attribute<'_>; 4] = [
        ("viewBox", &view),
        ("class", &"map"),
        ("role", &"img"),
        ("aria-label", &label),
    ];
    html.element("div", &[("class", &"mapped")], |html| {
        html.element("div", &[], |html| {
            html.element("svg", &attributes, |html| {
                for (place, (label, folder)) in scaled(&map.plane.points).into_iter().zip(&map.points) {
                    dot(html, place, *folder, label);
                }
            });
            html.leaf("p", &[("class", &"told")], "Point at a dot to see its chunk.");
        });
        legend(map, html);
    });
}

fn dot(html: &mut Html, (x, y): (f64, f64), folder: usize, label: &str) {
    let (x, y, class) = (Px(x), Px(y), format!("dot k{folder}"));
    let attributes: [Attribute<'_>; 4] = [("class", &class), ("cx", &x), ("cy", &y), ("r", &DOT)];
    html.element("circle", &attributes, |html| html.leaf("title", &[], label));
}

fn legend(map: &Map, html: &mut Html) {
    html.element("table", &[("class", &"legend")], |html| {
        html.leaf("caption", &[], "Colors, by folder");
        html.element("thead", &[], |html| {
            html.element("tr", &[], |html| {
                html.leaf("th", &[("scope", &"col")], "Folder");
                html.leaf("th", &[("scope", &"col"), ("class", &"n")], "Dots");
            });
        });
        html.element("tbody", &[], |html| {
            for (place, (name, points)) in map.folders.iter().enumerate() {
                html.element("tr", &[], |html| {
                    html.element("td", &[], |html| {
                        let class = format!("key k{place}");
                        html.leaf("span", &[("class", &class)], "");
                        html.text(name);
                    });
                    html.leaf("td", &[("class", &"n")], number(*points as f64));
                });
            }
        });
    });
}

/// Puts points on the drawing: both ways by the same factor, so that distances can be compared.
fn scaled(points: &[[f64; 2]]) -> Vec<(f64, f64)> {
    let range = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let [(left, right), (bottom, top)] = [range(0), range(1)];
    let (inner_width, inner_height) = (WIDTH - 2.0 * EDGE, HEIGHT - 2.0 * EDGE);
    let factor = (inner_width / (right - left)).min(inner_height / (top - bottom));
    let factor = if factor.is_finite() { factor } else { 0.0 };
    let middle = [(left + right) / 2.0, (bottom + top) / 2.0];
    points
        .iter()
        .map(|point| {
            let x = WIDTH / 2.0 + (point[0] - middle[0]) * factor;
            (x, HEIGHT / 2.0 - (point[1] - middle[1]) * factor)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fill_the_drawing_without_being_stretched() {
        let places = scaled(&[[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5]]);
        assert_eq!(places[0].0, EDGE);
        assert_eq!(places[1].0, WIDTH - EDGE);
        let factor = (WIDTH - 2.0 * EDGE) / 2.0;
        assert!(
            (places[0].1 - places[2].1 - factor / 2.0).abs() < 1e-9,
            "{places:?}"
        );
    }

    #[test]
    fn points_at_one_place_lie_in_the_middle() {
        let middle = (WIDTH / 2.0, HEIGHT / 2.0);
        assert_eq!(scaled(&[[0.0, 0.0], [0.0, 0.0]]), [middle, middle]);
        assert_eq!(scaled(&[]), []);
    }
}
