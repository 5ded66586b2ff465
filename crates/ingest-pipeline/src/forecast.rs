//! What a dry run foretells besides its counts, and the pace of runs that it is reckoned by.

use std::fmt;
use std::time::Duration;

use ingest_core::RunInfo;

/// What a run would do, beside the counts of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// Chunks of new documents.
    pub chunks_added: u64,
    /// Chunks of the new versions of changed documents.
    pub chunks_updated: u64,
    /// Chunks of vanished documents.
    pub chunks_removed: u64,
    /// Tokens of the texts to embed, their prefix included.
    pub tokens: u64,
    /// Whether they were counted as the model counts them; else they are estimated.
    pub is_exact: bool,
    /// How long embedding would take, by the pace of earlier runs; `None` where none is known.
    pub time: Option<Duration>,
}

/// How fast a run was: texts embedded, and the time that it took.
///
/// The store keeps it within what a run says of itself, as words that people can read as well.
///
/// ```
/// use std::time::Duration;
///
/// use ingest_core::RunInfo;
/// use ingest_pipeline::Pace;
///
/// let pace = Pace::new(1200, Duration::from_secs(60)).expect("a pace");
/// assert_eq!(pace.time(100), Duration::from_secs(5));
/// let info = RunInfo { description: format!("docs; {pace}"), ..RunInfo::default() };
/// assert_eq!(Pace::of(&info), Some(pace));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    texts: u64,
    /// To the millisecond, as it is written.
    time: Duration,
}

/// What stands between the number of texts and the time.
const BETWEEN: &str = " texts embedded in ";

impl Pace {
    /// The pace of a run; `None` where it embedded nothing or took no time that can be measured.
    pub fn new(texts: u64, time: Duration) -> Option<Self> {
        let time = Duration::from_millis(u64::try_from(time.as_millis()).ok()?);
        (texts > 0 && !time.is_zero()).then_some(Self { texts, time })
    }

    /// The pace that a run noted, or took over from the one before it.
    pub fn of(info: &RunInfo) -> Option<Self> {
        let note = info.description.rsplit("; ").next()?;
        let (texts, seconds) = note.split_once(BETWEEN)?;
        let seconds: f64 = seconds.strip_suffix(" s")?.parse().ok()?;
        let time = Duration::try_from_secs_f64(seconds).ok()?;
        Self::new(texts.parse().ok()?, time)
    }

    /// How long so many texts take.
    pub fn time(&self, texts: u64) -> Duration {
        let share = texts as f64 / self.texts as f64;
        Duration::try_from_secs_f64(self.time.as_secs_f64() * share).unwrap_or(Duration::MAX)
    }

    /// What a run is to note. One of fewer texts than a batch holds says little, so the pace known before stays.
    pub(crate) fn next(before: Option<Self>, texts: u64, time: Duration, batch_size: usize) -> Option<Self> {
        let own = Self::new(texts, time);
        if texts < batch_size as u64 {
            before.or(own)
        } else {
            own
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{BETWEEN}{:.3} s", self.texts, self.time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(texts: u64, millis: u64) -> Option<Pace> {
        Pace::new(texts, Duration::from_millis(millis))
    }

    fn read(description: &str) -> Option<Pace> {
        Pace::of(&RunInfo {
            description: description.to_owned(),
            ..RunInfo::default()
        })
    }

    #[test]
    fn a_pace_is_read_from_the_end_of_a_description_alone() {
        assert_eq!(read("a; b; 64 texts embedded in 1.500 s"), pace(64, 1500));
        for other in [
            "docs",
            "64 texts embedded in 1.5 s; docs",
            "x; 0 texts embedded in 1 s",
            "x; 5 texts embedded in NaN s",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_small_run_does_not_displace_what_a_large_one_told() {
        let second = Duration::from_secs(1);
        let before = pace(1000, 2000);
        assert_eq!(Pace::next(before, 3, second, 64), before);
        assert_eq!(Pace::next(None, 3, second, 64), pace(3, 1000));
        assert_eq!(Pace::next(before, 64, second, 64), pace(64, 1000));
        assert_eq!(Pace::next(None, 0, second, 64), None);
    }

    #[test]
    fn nothing_takes_no_time_and_no_number_overflows() {
        let pace = pace(1, 1000).expect("a pace");
        assert_eq!(pace.time(0), Duration::ZERO);
        assert_eq!(pace.time(90), Duration::from_secs(90));
        assert!(pace.time(u64::MAX) > Duration::from_secs(1 << 60));
    }
}
