//! How long a server asks to be left alone: any headers give a time or none, the same in any letter case, never a panic;
//! whole seconds are taken for what they say.
//!
//! The first byte of an input chooses which headers its lines are the values of.
#![no_main]

use std::time::{Duration, SystemTime};

use embed_http::retry_after;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::{Corpus, fuzz_target};

const NAMES: [&str; 4] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
];

fuzz_target!(|input: &[u8]| -> Corpus {
    let [first, values @ ..] = input else {
        return Corpus::Reject;
    };
    let names = NAMES.iter().cycle().skip(usize::from(*first));
    let mut headers = HeaderMap::new();
    for (name, value) in names.zip(values.split(|&byte| byte == b'\n').take(NAMES.len())) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let wait = retry_after(&headers, now);
    if headers.is_empty() {
        assert_eq!(wait, None);
    }
    if let Some(wait) = wait {
        // What is slept for must fit on a clock that counts from now.
        let _ = now.checked_add(wait);
        let earlier =
            retry_after(&headers, now + Duration::from_secs(1)).expect("the time does not decide that");
        assert!(earlier <= wait, "{earlier:?} a second later, {wait:?} before");
    }
    let seconds = headers.get("retry-after").and_then(|value| value.to_str().ok());
    let seconds = seconds.and_then(|text| text.parse::<u32>().ok().filter(|_| !text.starts_with('+')));
    if let (Some(seconds), None) = (seconds, headers.get("retry-after-ms")) {
        assert_eq!(wait, Some(Duration::from_secs(seconds.into())));
    }
    Corpus::Keep
});
