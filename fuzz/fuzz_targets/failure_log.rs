//! The failure log: every line of any bytes is an entry or is reported as broken, in order, and what was read is written
//! and read again without a change.
#![no_main]

use ingest_pipeline::LogContents;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let contents = LogContents::from_reader(input).expect("memory can be read");
    let lines = input.split(|&byte| byte == b'\n');
    let filled = lines.filter(|line| !line.trim_ascii().is_empty()).count();
    assert!(contents.entries.len() + contents.broken.len() <= filled);
    let numbers: Vec<u64> = contents.broken.iter().map(|line| line.number).collect();
    assert!(
        numbers.is_sorted_by(|one, next| one < next),
        "broken lines out of order: {numbers:?}"
    );
    for line in &contents.broken {
        assert!(!line.reason.is_empty());
        assert!(!line.bytes.contains(&b'\n'));
    }
    let written = contents.to_lines();
    assert_eq!(
        written.lines().count(),
        contents.entries.len(),
        "an entry is a line"
    );
    let again = LogContents::from_reader(written.as_bytes()).expect("memory can be read");
    assert_eq!(again.broken, [], "a line of ours is broken");
    assert_eq!(again.entries, contents.entries);
});
