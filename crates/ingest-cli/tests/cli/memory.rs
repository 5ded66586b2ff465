//! Input as large as it comes: what is too large is told, and the tool's memory does not grow with it.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::work::{Done, Work};

const MIB: u64 = 1 << 20;
/// The most that any run may need.
const BOUND: u64 = 300 * MIB;

fn started(command: &mut Command) -> Child {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().expect("the tool starts")
}

/// Waits for a child, which must stay within the bound to its end.
#[track_caller]
fn bounded(child: Child) -> Done {
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        // What has ended has no memory.
        while let Some(high) = high_water(&status) {
            peak = high;
            std::thread::sleep(Duration::from_millis(1));
        }
        peak
    });
    let done = Done::awaited(child);
    let peak = watch.join().expect("no panic");
    assert!(peak > 0, "nothing was measured");
    assert!(peak < BOUND, "{} MiB for {done:?}", peak / MIB);
    done
}

/// The most memory that a process ever had, in bytes.
fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// So many bytes of different words without a line break.
fn one_line(bytes: usize) -> String {
    let mut line = String::with_capacity(bytes + 16);
    for number in 0.. {
        if line.len() >= bytes {
            break;
        }
        write!(line, "word{number} ").expect("room");
    }
    line.truncate(bytes);
    line
}

#[test]
fn a_file_far_above_the_limit_is_passed_over_and_never_read_whole() {
    let work = Work::new();
    work.write("docs/ok.md", "# Fine\n\nNothing is wrong with this one.\n");
    work.write("docs/huge.txt", &"a text like any other\n".repeat(1000));
    let huge = File::options().write(true).open(work.path("docs/huge.txt"));
    huge.and_then(|file| file.set_len(500 * MIB))
        .expect("a huge file");
    let mut command = work.command(&["run", "docs", "-v", "--provider", "static"]);
    bounded(started(&mut command))
        .expect(0)
        .says("docs/huge.txt: larger than the limit");
    assert_eq!(work.sources(), ["docs/ok.md"]);
}

#[test]
fn a_file_just_below_the_limit_that_is_one_line_is_stored() {
    let work = Work::new();
    work.write("docs/line.txt", &one_line(23 * MIB as usize));
    let server = crate::server::ollama(4);
    let mut command = work.command(&["run", "docs", "--format", "json", "--host", server.url()]);
    command.args(["--provider", "ollama", "--model", "m", "--batch-size", "256"]);
    let report = bounded(started(&mut command)).expect(0).json();
    assert_eq!(report["documents"]["added"], 1, "{report}");
    assert_eq!(report["chunks"]["failed"], 0, "{report}");
}

#[test]
fn a_line_far_above_the_limit_fails_alone() {
    let work = Work::new();
    let mut command = work.command(&["run", "--jsonl", "-", "--provider", "static"]);
    let mut child = started(command.stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || -> io::Result<()> {
        stdin.write_all(b"{\"source\": \"huge\", \"text\": \"")?;
        // Kept whole, it would break the bound.
        for _ in 0..400 {
            stdin.write_all(&vec![b'a'; MIB as usize])?;
        }
        stdin.write_all(b"\"}\n{\"source\": \"small\", \"text\": \"About apples.\"}\n")
    });
    bounded(child)
        .expect(1)
        .says("the line has 419430431 bytes, the limit is 25165824");
    writer.join().expect("no panic").expect("all is read");
    assert_eq!(work.sources(), ["small"]);
}
