//! The plane in which points of many dimensions lie widest apart: their first two principal components.

/// Rounds at most. Directions whose shares are nearly the same take long to tell apart, and either shows as much.
const ROUNDS: usize = 100;
/// A round that turns a direction by less than this (1 - cosine) is the last; rounding turns it by about as much.
const STILL: f64 = 1e-7;
/// What varies less than this share of the whole is rounding.
const NOISE: f64 = 1e-6;

/// Points seen in their plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plane {
    /// Where each point lies, the mean of all being the origin.
    pub(super) points: Vec<[f64; 2]>,
    /// Which share of all variance each of the two directions shows, from 0 to 1.
    pub(super) shares: [f64; 2],
}

/// Looks at rows of `width` values each. The same rows give the same plane, the sign of its directions included. Where
/// they lie on a line or a point, the rest is 0.
pub(super) fn plane(rows: &mut [f32], width: usize) -> Plane {
    let count = rows.len().checked_div(width).unwrap_or(0);
    center(rows, width);
    let total: f64 = rows.iter().map(|value| f64::from(*value).powi(2)).sum();
    if total <= 0.0 || !total.is_finite() {
        return Plane {
            points: vec![[0.0; 2]; count],
            shares: [0.0; 2],
        };
    }
    let first = direction(rows, width, total * NOISE, None);
    let second = direction(rows, width, total * NOISE, Some(&first));
    let points: Vec<[f64; 2]> = rows
        .chunks_exact(width)
        .map(|row| [dot(row, &first), dot(row, &second)])
        .collect();
    let share = |axis: usize| points.iter().map(|point| point[axis].powi(2)).sum::<f64>() / total;
    let shares = [share(0), share(1)];
    Plane { points, shares }
}

/// Moves the rows so that their mean is 0.
fn center(rows: &mut [f32], width: usize) {
    if width == 0 {
        return;
    }
    let count = (rows.len() / width) as f64;
    let mut mean = vec![0.0_f64; width];
    for row in rows.chunks_exact(width) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value) / count;
        }
    }
    for row in rows.chunks_exact_mut(width) {
        for (value, mean) in row.iter_mut().zip(&mean) {
            *value -= *mean as f32;
        }
    }
}

/// The direction in which the rows vary most, of those at a right angle to `other`: multiplied by the covariance again
/// and again, any direction turns into it. 0 where they do not vary by more than `noise`.
fn direction(rows: &[f32], width: usize, noise: f64, other: Option<&[f32]>) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut found: Vec<f32> = (0..width).map(|_| random.f32() - 0.5).collect();
    straighten(&mut found, 0.0, other);
    for _ in 0..ROUNDS {
        let mut next = multiplied(rows, &found);
        straighten(&mut next, noise, other);
        let turned = 1.0 - dot(&next, &found);
        found = next;
        if turned < STILL {
            break;
        }
    }
    point_up(found)
}

/// The covariance of the rows, times their number, times a direction.
fn multiplied(rows: &[f32], direction: &[f32]) -> Vec<f32> {
    let mut product = vec![0.0_f32; direction.len()];
    for row in rows.chunks_exact(direction.len()) {
        let along = dot(row, direction) as f32;
        for (sum, value) in product.iter_mut().zip(row) {
            *sum += along * value;
        }
    }
    product
}

/// Turns a direction to a right angle to another one, and makes it one long; 0, where no more than `noise` is left.
fn straighten(direction: &mut [f32], noise: f64, other: Option<&[f32]>) {
    if let Some(other) = other {
        let along = dot(direction, other) as f32;
        for (value, other) in direction.iter_mut().zip(other) {
            *value -= along * other;
        }
    }
    let length = dot(direction, direction).sqrt();
    let factor = if length > noise { 1.0 / length } else { 0.0 };
    for value in direction {
        *value = (f64::from(*value) * factor) as f32;
    }
}

/// Of a direction and its opposite, the one whose largest value is positive.
fn point_up(mut direction: Vec<f32>) -> Vec<f32> {
    let largest = direction.iter().fold(0.0_f32, |largest, value| {
        if value.abs() > largest.abs() {
            *value
        } else {
            largest
        }
    });
    if largest < 0.0 {
        direction.iter_mut().for_each(|value| *value = -*value);
    }
    direction
}

/// In eight sums side by side, which the processor adds at once.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0_f32; 8];
    let (parts_a, rest_a) = a.as_chunks::<8>();
    let (parts_b, rest_b) = b.as_chunks::<8>();
    for (a, b) in parts_a.iter().zip(parts_b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    f64::from(sums.iter().sum::<f32>() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight points around a mean of 5, so far from it in each of three directions at right angles: what their variance
    /// is along each is known.
    fn corners(spread: &[(f64, [f64; 3]); 3]) -> (Vec<f32>, Vec<[f64; 3]>) {
        let signs = (0..8_u32).map(|corner| [0, 1, 2].map(|bit| f64::from((corner >> bit) & 1) * 2.0 - 1.0));
        let along: Vec<[f64; 3]> = signs
            .map(|signs| [0, 1, 2].map(|axis| signs[axis] * spread[axis].0))
            .collect();
        let value =
            |along: &[f64; 3], at: usize| (0..3).map(|axis| along[axis] * spread[axis].1[at]).sum::<f64>();
        let rows = along
            .iter()
            .flat_map(|along| [0, 1, 2].map(|at| (value(along, at) + 5.0) as f32));
        (rows.collect(), along)
    }

    const SPREAD: [(f64, [f64; 3]); 3] = [
        (0.5, [0.0, 0.0, 1.0]),
        (2.0, [-0.8, 0.6, 0.0]),
        (3.0, [0.6, 0.8, 0.0]),
    ];

    #[test]
    fn a_known_covariance_is_found() {
        let (mut rows, along) = corners(&SPREAD);
        let plane = plane(&mut rows, 3);
        let total = 9.0 + 4.0 + 0.25;
        assert!((plane.shares[0] - 9.0 / total).abs() < 1e-4, "{:?}", plane.shares);
        assert!((plane.shares[1] - 4.0 / total).abs() < 1e-4, "{:?}", plane.shares);
        // The largest value of each direction is made positive, which turns the second around.
        for (point, along) in plane.points.iter().zip(&along) {
            assert!((point[0] - along[2]).abs() < 1e-2, "{point:?}, not {along:?}");
            assert!((point[1] + along[1]).abs() < 1e-2, "{point:?}, not {along:?}");
        }
    }

    #[test]
    fn the_same_rows_give_the_same_plane_whatever_their_sign() {
        let (rows, _) = corners(&SPREAD);
        let first = plane(&mut rows.clone(), 3);
        assert_eq!(first, plane(&mut rows.clone(), 3));
        let mut mirrored: Vec<f32> = rows.iter().map(|value| -value).collect();
        let mirrored = plane(&mut mirrored, 3);
        for (point, other) in first.points.iter().zip(&mirrored.points) {
            assert!((point[0] + other[0]).abs() < 1e-3 && (point[1] + other[1]).abs() < 1e-3);
        }
    }

    #[test]
    fn few_points_and_flat_ones_are_no_trouble() {
        assert_eq!(plane(&mut [], 4), Plane::default());
        assert_eq!(plane(&mut [], 0), Plane::default());
        let nothing = |count| Plane {
            points: vec![[0.0; 2]; count],
            shares: [0.0; 2],
        };
        assert_eq!(plane(&mut [1.0, 2.0], 2), nothing(1));
        assert_eq!(plane(&mut [1.0, 2.0].repeat(5), 2), nothing(5), "all are equal");
        let two = plane(&mut [0.0, 0.0, 3.0, 4.0], 2);
        assert!(
            (two.shares[0] - 1.0).abs() < 1e-6 && two.shares[1] == 0.0,
            "{two:?}"
        );
        assert!((two.points[1][0].abs() - 2.5).abs() < 1e-6, "{two:?}");
        let mut on_a_line: Vec<f32> = (0..90)
            .map(|at| ((at % 9) as f32).sin() * (at / 9) as f32)
            .collect();
        let line = plane(&mut on_a_line, 9);
        assert!(
            (line.shares[0] - 1.0).abs() < 1e-4 && line.shares[1] == 0.0,
            "{line:?}"
        );
        let line = plane(&mut [1.0, 2.0, 6.0], 1);
        assert!(
            (line.shares[0] - 1.0).abs() < 1e-6 && line.shares[1] == 0.0,
            "{line:?}"
        );
        let odd = plane(&mut [f32::NAN, 1.0, 2.0, 3.0], 2);
        assert_eq!(odd, nothing(2));
    }
}
