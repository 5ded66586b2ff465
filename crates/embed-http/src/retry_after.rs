//! How long a server asks to be left alone.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The least time to wait before the next request, as the headers of an answer tell.
///
/// Read in this order, what makes no sense being passed over: `retry-after-ms`; `retry-after` as seconds, with or
/// without decimals, or as a date of any of HTTP's three forms; the longer of `x-ratelimit-reset-requests` and
/// `x-ratelimit-reset-tokens`, durations such as `1s`, `6m0s` or `20ms`. A date before `now` gives zero.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let milliseconds = || text("retry-after-ms").and_then(|value| scaled(value, 0.001));
    let seconds_or_date =
        || text("retry-after").and_then(|value| scaled(value, 1.0).or_else(|| date(value, now)));
    // Only requests that are out of both need to wait for both; nothing tells which it was, so take the longer.
    let reset = || {
        let requests = text("x-ratelimit-reset-requests").and_then(duration);
        requests.max(text("x-ratelimit-reset-tokens").and_then(duration))
    };
    milliseconds().or_else(seconds_or_date).or_else(reset)
}

/// A plain decimal number times `unit` seconds.
fn scaled(text: &str, unit: f64) -> Option<Duration> {
    // `f64::from_str` would also take signs, exponents, `inf` and `nan`.
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    Duration::try_from_secs_f64(text.parse::<f64>().ok()? * unit).ok()
}

fn date(text: &str, now: SystemTime) -> Option<Duration> {
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// A sum of numbers with units, such as `1h2m3.5s` or `250ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at(number);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" | "µs" => 0.000_001,
            "ns" => 0.000_000_001,
            _ => return None,
        };
        sum = sum.checked_add(scaled(digits, seconds)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn wait(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(value.as_bytes()).expect("a header"),
                )
            })
            .collect();
        retry_after(&headers, now())
    }

    fn millis(count: u64) -> Option<Duration> {
        Some(Duration::from_millis(count))
    }

    #[test]
    fn every_known_form_is_read() {
        let cases = [
            ("retry-after", "7", millis(7_000)),
            ("retry-after", " 1.5 ", millis(1_500)),
            ("retry-after", "0", millis(0)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT", millis(10_000)),
            ("retry-after", "Sunday, 06-Nov-94 08:49:47 GMT", millis(10_000)),
            ("retry-after", "Sun Nov  6 08:49:47 1994", millis(10_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT", millis(0)),
            ("retry-after-ms", "250", millis(250)),
            ("x-ratelimit-reset-requests", "1s", millis(1_000)),
            ("x-ratelimit-reset-tokens", "6m0s", millis(360_000)),
            ("x-ratelimit-reset-tokens", "20ms", millis(20)),
            ("x-ratelimit-reset-tokens", "1h2m3.5s", millis(3_723_500)),
            ("x-ratelimit-reset-tokens", "1d", millis(86_400_000)),
        ];
        for (name, value, expected) in cases {
            assert_eq!(wait(&[(name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn milliseconds_are_preferred_and_the_longer_reset_counts() {
        assert_eq!(
            wait(&[("retry-after", "9"), ("retry-after-ms", "100")]),
            millis(100)
        );
        assert_eq!(
            wait(&[("retry-after", "9"), ("x-ratelimit-reset-tokens", "1s")]),
            millis(9_000)
        );
        let both = [
            ("x-ratelimit-reset-requests", "2s"),
            ("x-ratelimit-reset-tokens", "1s"),
        ];
        assert_eq!(wait(&both), millis(2_000));
    }

    #[test]
    fn garbage_is_passed_over() {
        for value in [
            "",
            "-1",
            "+1",
            "1e3",
            "inf",
            "NaN",
            "soon",
            "1..2",
            ".",
            "99999999999999999999999999",
            "\u{663}",
            "1 s",
        ] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value:?}");
            let fallen_back = wait(&[("retry-after-ms", value), ("retry-after", "3")]);
            assert_eq!(fallen_back, millis(3_000), "{value:?}");
        }
        for value in [
            "",
            "s",
            "1",
            "1x",
            "1s2",
            "1.2.3s",
            "99999999999999999999d",
            "-1s",
        ] {
            assert_eq!(wait(&[("x-ratelimit-reset-tokens", value)]), None, "{value:?}");
        }
        assert_eq!(wait(&[]), None);
    }

    proptest! {
        #[test]
        fn nothing_a_server_sends_makes_it_panic(value in "[0-9a-z.:, +-]{0,40}") {
            for name in ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"] {
                let _ = wait(&[(name, &value)]);
            }
        }
    }
}
