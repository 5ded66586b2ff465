//! The clock of this machine.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::finding::Finding;
use crate::output::lasted;

/// The years in which this program can be running.
const YEARS: std::ops::RangeInclusive<i16> = 2025..=2100;

/// How far two clocks may be apart before anything takes harm.
const APART: Duration = Duration::from_secs(5 * 60);

/// Whether the year can be right, and the server's clock, as its answer had it, agrees.
pub(super) fn check(now: SystemTime, server: Option<&str>) -> Finding {
    const WHY: &str = "certificates are judged and runs are dated by it";
    const SET: &str = "timedatectl set-ntp true";
    let Ok(now) = Timestamp::try_from(now) else {
        return Finding::warning("clock", "it shows no time that can be", WHY).fix(SET);
    };
    let shown = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if !YEARS.contains(&now.to_zoned(jiff::tz::TimeZone::UTC).year()) {
        return Finding::warning("clock", format!("it shows {shown}"), WHY).fix(SET);
    }
    // A server's clock that cannot be read tells nothing of this one.
    let server = server.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
    match server.map(|server| now.duration_since(server).unsigned_abs()) {
        Some(apart) if apart > APART => {
            let what = format!("it shows {shown}, {} off the server's", lasted(apart));
            Finding::warning("clock", what, WHY).fix(SET)
        }
        Some(_) => Finding::ok("clock", format!("{shown}, as the server's"), WHY),
        None => Finding::ok("clock", shown, WHY),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().expect("a time").into()
    }

    #[test]
    fn a_year_that_cannot_be_is_a_warning() {
        assert_eq!(check(at("2026-11-28T08:00:00Z"), None).level, Level::Ok);
        assert_eq!(check(SystemTime::UNIX_EPOCH, None).level, Level::Warning);
        assert_eq!(check(at("2101-01-01T00:00:00Z"), None).level, Level::Warning);
    }

    #[test]
    fn a_clock_far_from_the_servers_is_a_warning() {
        let now = at("2026-11-28T08:00:00Z");
        let near = check(now, Some("Sat, 28 Nov 2026 08:04:59 GMT"));
        assert_eq!(
            (near.level, near.what.ends_with("as the server's")),
            (Level::Ok, true)
        );
        for date in ["Sat, 28 Nov 2026 08:05:01 GMT", "Sat, 28 Nov 2026 07:50:00 GMT"] {
            let far = check(now, Some(date));
            assert_eq!(far.level, Level::Warning, "{far:?}");
        }
        assert_eq!(check(now, Some("yesterday")).level, Level::Ok);
    }
}
