//! Axes: from where to where, and round numbers in between.

use crate::output::{grouped, lasted};

/// Ticks that suit a drawing, about.
const TICKS: f64 = 5.0;

/// An axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    /// Whether each doubling takes the same room.
    is_log: bool,
    title: String,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number that is `most` at least.
    pub(super) fn linear(most: f64, title: &str) -> Self {
        Self::stepped(most, round_step(most.max(f64::MIN_POSITIVE) / TICKS), title)
    }

    fn stepped(most: f64, step: f64, title: &str) -> Self {
        let count = (most / step).ceil().max(1.0);
        Self {
            from: 0.0,
            to: count * step,
            is_log: false,
            title: title.to_owned(),
            ticks: (0..=count as usize)
                .map(|at| at as f64 * step)
                .map(|value| (value, number(value)))
                .collect(),
        }
    }

    /// The same for things that are counted: no ticks between whole numbers.
    pub(super) fn counts(most: u64, title: &str) -> Self {
        let most = most as f64;
        Self::stepped(most, round_step(most.max(1.0) / TICKS).max(1.0), title)
    }

    /// Seconds from 0 to `most`, which is the end.
    pub(super) fn seconds(most: f64, title: &str) -> Self {
        const STEPS: [f64; 13] = [
            5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 43_200.0,
        ];
        let wanted = most / TICKS;
        let step = if wanted < 2.0 {
            round_step(wanted.max(1e-3))
        } else {
            let fits = STEPS.iter().find(|step| **step >= wanted);
            fits.copied()
                .unwrap_or_else(|| (wanted / 86_400.0).ceil() * 86_400.0)
        };
        let count = (most / step).floor() as usize;
        Self {
            from: 0.0,
            to: most.max(step / 2.0),
            is_log: false,
            title: title.to_owned(),
            ticks: (0..=count)
                .map(|at| at as f64 * step)
                .map(|value| (value, seconds(value)))
                .collect(),
        }
    }

    /// Seconds from one to another, both greater than 0, by their logarithms.
    pub(super) fn log_seconds(from: f64, to: f64, title: &str) -> Self {
        let powers = |factors: &[f64]| -> Vec<f64> {
            let first = from.log10().floor() as i32;
            let last = to.log10().ceil() as i32;
            let all = (first..=last)
                .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
            all.filter(|value| (from * 0.999..=to * 1.001).contains(value))
                .collect()
        };
        let mut ticks = powers(&[1.0]);
        if ticks.len() < 3 {
            ticks = powers(&[1.0, 2.0, 5.0]);
        }
        Self {
            from,
            to,
            is_log: true,
            title: title.to_owned(),
            ticks: ticks.into_iter().map(|value| (value, seconds(value))).collect(),
        }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    /// Where a value lies, from 0 to 1; what lies outside, at the nearer end.
    pub(super) fn position(&self, value: f64) -> f64 {
        let position = if self.is_log {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        if position.is_nan() {
            0.0
        } else {
            position.clamp(0.0, 1.0)
        }
    }
}

/// 1, 2 or 5 with zeros behind, before or after the point, that is `wanted` at least.
fn round_step(wanted: f64) -> f64 {
    let power = 10_f64.powf(wanted.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= wanted * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A number as an axis or a table shows it.
pub(super) fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if value >= 1e6 => format!("{}M", significant(value / 1e6)),
        _ if value >= 100.0 => grouped(value.round() as u64),
        _ => significant(value),
    }
}

/// A length of time in the unit that suits it: `12 µs`, `3.4 ms`, `1.2 s`, `3m 05s`.
pub(super) fn seconds(value: f64) -> String {
    match value {
        0.0 => "0 s".to_owned(),
        _ if value < 0.000_999_5 => format!("{} µs", significant(value * 1e6)),
        _ if value < 0.999_5 => format!("{} ms", significant(value * 1e3)),
        _ if value < 60.0 => format!("{} s", significant(value)),
        _ => lasted(std::time::Duration::from_secs_f64(value.min(1e9))),
    }
}

/// Three digits at most, without zeros that say nothing.
fn significant(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.995 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks().iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_the_end_is_beyond_the_most() {
        let axis = Axis::linear(873.0, "texts");
        assert_eq!(labels(&axis), ["0", "200", "400", "600", "800", "1,000"]);
        assert_eq!((axis.position(500.0), axis.position(2_000.0)), (0.5, 1.0));
        assert_eq!(labels(&Axis::linear(0.3, "texts")), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(&Axis::linear(0.0, "texts")).len(), 2);
        assert_eq!(labels(&Axis::counts(0, "texts")), ["0", "1"]);
        assert_eq!(labels(&Axis::counts(3, "texts")), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::counts(30, "texts")), ["0", "10", "20", "30"]);
        assert_eq!(
            labels(&Axis::linear(2_400_000.0, "texts")),
            ["0", "500,000", "1M", "1.5M", "2M", "2.5M"]
        );
    }

    #[test]
    fn times_have_the_steps_of_a_clock() {
        assert_eq!(
            labels(&Axis::seconds(47.0, "")),
            ["0 s", "10 s", "20 s", "30 s", "40 s"]
        );
        assert_eq!(
            labels(&Axis::seconds(250.0, "")),
            ["0 s", "1m 00s", "2m 00s", "3m 00s", "4m 00s"]
        );
        assert_eq!(
            labels(&Axis::seconds(0.42, "")),
            ["0 s", "100 ms", "200 ms", "300 ms", "400 ms"]
        );
        let days = Axis::seconds(1_000_000.0, "");
        assert!(labels(&days).len() <= 7, "{days:?}");
        assert_eq!(labels(&Axis::seconds(0.0, "")), ["0 s"]);
    }

    #[test]
    fn logarithms_take_the_same_room_for_each_power() {
        let axis = Axis::log_seconds(0.001, 10.0, "");
        assert_eq!(labels(&axis), ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert!((axis.position(0.1) - 0.5).abs() < 1e-9);
        assert_eq!(labels(&Axis::log_seconds(0.9, 3.0, "")), ["1 s", "2 s"]);
        assert_eq!(axis.position(0.0), 0.0);
    }

    #[test]
    fn numbers_and_times_are_short() {
        for (value, text) in [
            (0.000_012_34, "12.3 µs"),
            (0.000_999_9, "1 ms"),
            (0.003_4, "3.4 ms"),
            (0.999_9, "1 s"),
            (9.999, "10 s"),
            (185.0, "3m 05s"),
        ] {
            assert_eq!(seconds(value), text);
        }
        for (value, text) in [
            (0.05, "0.05"),
            (12.345, "12.3"),
            (12_345.0, "12,345"),
            (1_250_000.0, "1.25M"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
