//! Reads a PDF where it can do no harm. The format has loops, programs and archives in archives, and no code that reads it
//! can promise to end soon or to stay small; so it runs in a process of its own that is ended when it takes too much, or,
//! where there is no program to start, in a thread that is left behind.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use std::{io, thread};

use super::{Reading, read_here};
use crate::PdfReader;

/// How long reading one file may take.
const TIME: Duration = Duration::from_secs(60);
/// Bytes of memory that a process may have, where the system knows such a limit.
#[cfg(unix)]
const MEMORY: u64 = 1 << 30;
/// Bytes of stack: pages may hold drawings in drawings.
const STACK: usize = 64 << 20;
/// The exit status of a process that took too long.
const TOO_LONG: u8 = 124;
/// The exit status of a process whose answer nobody wants.
const ABANDONED: u8 = 125;
/// An answer writes a byte of text as this many at most.
const ESCAPED: u64 = 6;
/// Bytes of an answer besides its text.
const FRAME: u64 = 64 * 1024;

/// Reads a file; at most a little more than `max` bytes of its text.
pub(crate) fn read(reader: &PdfReader, bytes: Vec<u8>, max: u64) -> Reading {
    match reader {
        PdfReader::Thread => in_thread(bytes, max, TIME),
        PdfReader::Process(command) => {
            in_process(command, &bytes, max).unwrap_or_else(|error| Reading::Broken(error.to_string()))
        }
    }
}

fn in_thread(bytes: Vec<u8>, max: u64, time: Duration) -> Reading {
    let (tell, told) = sync_channel(1);
    // Nobody may be listening any more.
    let work = move || drop(tell.send(read_here(bytes, max)));
    if let Err(error) = thread::Builder::new().stack_size(STACK).spawn(work) {
        return Reading::Broken(format!("cannot start a thread to read it: {error}"));
    }
    told.recv_timeout(time).unwrap_or_else(|error| {
        Reading::Broken(match error {
            RecvTimeoutError::Timeout => took_too_long(time),
            RecvTimeoutError::Disconnected => "reading it failed in an unforeseen way".to_owned(),
        })
    })
}

fn took_too_long(time: Duration) -> String {
    format!("reading it takes longer than {} seconds", time.as_secs())
}

fn in_process(command: &[OsString], bytes: &[u8], max: u64) -> io::Result<Reading> {
    let mut child = start(command, max).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot start a process to read it: {error}"),
        )
    })?;
    let answer = exchange(&mut child, bytes, max);
    let status = child.wait()?;
    if !status.success() {
        return Ok(Reading::Broken(ended_badly(status)));
    }
    Ok(serde_json::from_slice(&answer?)?)
}

fn start(command: &[OsString], max: u64) -> io::Result<Child> {
    let [program, arguments @ ..] = command else {
        return Err(io::Error::other("no program is named"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(max.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // Ctrl-C in a terminal is for the run, which ends by itself; a file that is cut off by it is not at fault.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// Gives the file and takes the answer. The process reads all of the file before it writes, so neither waits for the other.
fn exchange(child: &mut Child, bytes: &[u8], max: u64) -> io::Result<Vec<u8>> {
    // Open until there is an answer: by its end the process learns that nobody waits for one.
    let mut input = child.stdin.take();
    if let Some(input) = &mut input {
        let length = (bytes.len() as u64).to_le_bytes();
        // A process that ended early says why by its status.
        let _ = input.write_all(&length).and_then(|()| input.write_all(bytes));
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        let most = max.saturating_mul(ESCAPED).saturating_add(FRAME);
        output.take(most).read_to_end(&mut answer)?;
    }
    drop(input);
    Ok(answer)
}

fn ended_badly(status: ExitStatus) -> String {
    if status.code() == Some(i32::from(TOO_LONG)) {
        return took_too_long(TIME);
    }
    format!("reading it broke off ({status}), as it does where that takes more than 1 GiB of memory")
}

/// The work of a process that reads one PDF: standard input brings its length, as eight bytes of which the lowest comes
/// first, and the file itself; an answer goes to standard output. The last argument of [`PdfReader::Process`] is `max`, how
/// many bytes of text are wanted.
///
/// The process gives up after `time`, one minute at most, when it needs more than 1 GiB of memory, and when standard input
/// ends, as it does with whoever wants the answer: call this before anything else, and end when it returns.
///
/// # Errors
/// Those of the two streams, and of the system when it refuses a limit.
pub fn serve_pdf(max: u64, time: Duration) -> io::Result<()> {
    confine(time.min(TIME))?;
    let mut length = [0; 8];
    let mut bytes = Vec::new();
    let mut input = io::stdin().lock();
    input.read_exact(&mut length)?;
    input.take(u64::from_le_bytes(length)).read_to_end(&mut bytes)?;
    thread::Builder::new().spawn(end_with_input)?;
    // The limit ends the process, and with it the wait.
    let reading = in_thread(bytes, max, Duration::MAX);
    serde_json::to_writer(io::stdout().lock(), &reading)?;
    io::stdout().flush()
}

/// Ends the process when standard input ends.
fn end_with_input() {
    let _ = io::stdin().lock().read(&mut [0]);
    std::process::exit(i32::from(ABANDONED));
}

/// Bounds what this process may take.
fn confine(time: Duration) -> io::Result<()> {
    #[cfg(unix)]
    limit(time)?;
    thread::Builder::new().spawn(move || {
        thread::sleep(time);
        std::process::exit(i32::from(TOO_LONG));
    })?;
    Ok(())
}

#[cfg(unix)]
fn limit(time: Duration) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // Twice the time, for the case that not even the thread that watches it gets to run.
    for (resource, most) in [(Resource::As, MEMORY), (Resource::Cpu, 2 * time.as_secs().max(1))] {
        // What was set from outside may be lower already.
        let given = getrlimit(resource).maximum.unwrap_or(most);
        let most = Some(most.min(given));
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        // Elsewhere the system may refuse a limit below what it maps by itself; the watching thread has to do there.
        match setrlimit(resource, limit) {
            Err(error) if cfg!(target_os = "linux") => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_takes_too_long_is_left_behind() {
        let reading = in_thread(b"%PDF-1.7".to_vec(), 1, Duration::ZERO);
        let expected = Reading::Broken("reading it takes longer than 0 seconds".to_owned());
        assert_eq!(reading, expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_is_no_reader_is_a_failure_of_the_file() {
        let read = |command: &[&str]| {
            let command = command.iter().map(OsString::from).collect();
            match read(&PdfReader::Process(command), vec![0; 1 << 20], 1) {
                Reading::Broken(reason) => reason,
                reading => panic!("{reading:?}"),
            }
        };
        for (command, reason) in [
            (&["/no/such/program"][..], "cannot start a process to read it: "),
            (&[], "cannot start a process to read it: no program is named"),
            (
                &["sh", "-c", "exit 124"],
                "reading it takes longer than 60 seconds",
            ),
            (
                &["sh", "-c", "kill -6 $$"],
                "reading it broke off (signal: 6 (SIGABRT)",
            ),
            (&["sh", "-c", "head -c 8 >/dev/null; echo no"], "expected"),
            (&["sh", "-c", "exit 0"], "EOF"),
        ] {
            assert!(
                read(command).starts_with(reason),
                "{command:?}: {}",
                read(command)
            );
        }
    }
}
