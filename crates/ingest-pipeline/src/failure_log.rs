//! The log that keeps what failed: a JSON object a line.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ingest_core::ContentHash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Version of the lines that are written; lines of the reference carry none.
const SCHEMA: u32 = 1;

/// What some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line as it stands in the file. Lines of the reference hold the first three fields alone.
#[derive(Serialize, Deserialize)]
struct Line {
    content_hash: Option<String>,
    source_url: String,
    error: String,
    #[serde(default)]
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chunk: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl From<&Failure> for Line {
    fn from(failure: &Failure) -> Self {
        let at = failure.at.and_then(|at| Timestamp::try_from(at).ok());
        Self {
            // Scripts written for the reference read this field of every line, so a document's is empty, not absent.
            content_hash: Some(
                failure
                    .content_hash
                    .map(|hash| hash.to_string())
                    .unwrap_or_default(),
            ),
            source_url: failure.source.clone(),
            error: failure.error.clone(),
            version: SCHEMA,
            at: at.map(|at| at.to_string()),
            kind: failure.kind.clone(),
            attempts: failure.attempts,
            status: failure.status,
            chunk: failure.chunk,
            model: failure.model.clone(),
            origin: failure.origin.clone(),
        }
    }
}

impl TryFrom<Line> for Failure {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let content_hash = match line.content_hash.as_deref() {
            None | Some("") => None,
            Some(hash) => Some(hash.parse::<ContentHash>().map_err(|error| error.to_string())?),
        };
        let at = line.at.and_then(|at| at.parse::<Timestamp>().ok());
        Ok(Self {
            source: line.source_url,
            origin: line.origin,
            content_hash,
            chunk: line.chunk,
            kind: line.kind,
            error: line.error,
            status: line.status,
            attempts: line.attempts,
            model: line.model,
            at: at.map(SystemTime::from),
        })
    }
}

/// A line that is not an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLine {
    /// Its number, from 1.
    pub number: u64,
    /// What is wrong with it.
    pub reason: String,
    /// Its bytes, without the line's end.
    pub bytes: Vec<u8>,
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogContents {
    /// Its entries in order, of several for the same chunk the last one.
    pub entries: Vec<Failure>,
    /// Lines that are not entries.
    pub broken: Vec<BrokenLine>,
}

impl LogContents {
    /// Reads the lines of a log, whoever wrote them: blank ones, a byte order mark and the ends of lines of other systems
    /// do not matter.
    ///
    /// # Errors
    /// The reader's own. Lines that can't be understood are no error, but `broken`.
    pub fn from_reader(mut reader: impl BufRead) -> io::Result<Self> {
        let mut contents = Self::default();
        let mut places: HashMap<_, usize> = HashMap::new();
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            let line = bytes.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1);
            let line = line.unwrap_or(&bytes).trim_ascii();
            if line.is_empty() {
                continue;
            }
            match parse(line) {
                Ok(entry) => match places.get(&entry.identity()) {
                    Some(&place) => contents.entries[place] = entry,
                    None => {
                        places.insert(entry.identity(), contents.entries.len());
                        contents.entries.push(entry);
                    }
                },
                Err(reason) => contents.broken.push(BrokenLine {
                    number,
                    reason,
                    bytes: line.to_vec(),
                }),
            }
        }
        Ok(contents)
    }

    /// The entries as the lines of a log; broken lines are left out.
    pub fn to_lines(&self) -> String {
        let mut bytes = Vec::new();
        // Texts and numbers always have a form in JSON, and memory can be written to.
        let rendered =
            render(&self.entries, &mut bytes).map(|()| String::from_utf8_lossy(&bytes).into_owned());
        rendered.unwrap_or_default()
    }
}

/// The log file. Nothing is kept open between operations.
#[derive(Clone, Debug)]
pub struct FailureLog {
    path: PathBuf,
}

impl FailureLog {
    /// The log at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it; a missing file is an empty log.
    ///
    /// # Errors
    /// Where the file is there and can't be read. Lines that can't be understood are no error, but `broken`.
    pub fn read(&self) -> io::Result<LogContents> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LogContents::default()),
            Err(error) => return Err(error),
        };
        LogContents::from_reader(BufReader::new(file))
    }

    /// Adds entries at the end: one write, then a sync. A last line that was cut short is ended first.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn append(&self, failures: &[Failure]) -> io::Result<()> {
        if failures.is_empty() {
            return Ok(());
        }
        self.make_folder()?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&self.path)?;
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                bytes.push(b'\n');
            }
        }
        render(failures, &mut bytes)?;
        file.write_all(&bytes)?;
        file.sync_data()
    }

    /// Puts these entries in the place of all others, at once; without any, the file is removed. Broken lines of the
    /// old file are moved to a file of the same name with `.broken` at its end.
    ///
    /// # Errors
    /// Where a file can't be read or written; the log is then what it was.
    pub fn rewrite(&self, failures: &[Failure]) -> io::Result<()> {
        let broken = self.read()?.broken;
        if !broken.is_empty() {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".broken");
            let mut file = OpenOptions::new().append(true).create(true).open(aside)?;
            let lines = broken
                .iter()
                .flat_map(|line| line.bytes.iter().copied().chain([b'\n']));
            file.write_all(&lines.collect::<Vec<_>>())?;
            file.sync_data()?;
        }
        if failures.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        self.make_folder()?;
        let mut bytes = Vec::new();
        render(failures, &mut bytes)?;
        // In the same folder, so that taking the old file's place is one step.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(&bytes)?;
        file.as_file().sync_data()?;
        file.persist(&self.path)?;
        Ok(())
    }

    fn make_folder(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder),
            _ => Ok(()),
        }
    }
}

fn parse(line: &[u8]) -> Result<Failure, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    line.try_into()
}

fn render(failures: &[Failure], bytes: &mut Vec<u8>) -> io::Result<()> {
    for failure in failures {
        serde_json::to_writer(&mut *bytes, &Line::from(failure))?;
        bytes.push(b'\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ingest_core::ChunkFailure;

    use super::*;

    fn failure(source: &str, text: &str) -> Failure {
        let cause = ChunkFailure {
            kind: "invalid_input".to_owned(),
            message: "no\n\u{1b}[31m".to_owned(),
            status: Some(400),
            attempts: 3,
        };
        Failure::of_chunk(
            source,
            Some("files:docs"),
            (2, ContentHash::of_text(text)),
            "m",
            &cause,
        )
    }

    fn log() -> (tempfile::TempDir, FailureLog) {
        let folder = tempfile::tempdir().expect("a folder");
        let log = FailureLog::new(folder.path().join("below").join("log.json"));
        (folder, log)
    }

    #[test]
    fn entries_go_there_and_back_without_control_characters() {
        let (_folder, log) = log();
        assert_eq!(log.read().expect("no file is no log"), LogContents::default());
        let (a, b) = (
            failure("a\"\n.md", "x"),
            Failure::of_document("b", "files:b", "unreadable", "why"),
        );
        log.append(std::slice::from_ref(&a)).expect("written");
        log.append(std::slice::from_ref(&b)).expect("written");
        let text = std::fs::read_to_string(log.path()).expect("a log");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("\"content_hash\":")
                && text.contains("\"source_url\":")
                && text.contains("\"error\":")
        );
        assert!(text.lines().all(|line| line.contains("\"version\":1,")), "{text}");
        let read = log.read().expect("a log");
        assert_eq!(read.entries, [a, b]);
        assert_eq!(read.entries[0].error, "no  [31m");
        assert!(read.broken.is_empty());
    }

    #[test]
    fn a_tail_that_was_cut_is_ended_before_the_next_line() {
        let (_folder, log) = log();
        log.append(&[failure("a", "x")]).expect("written");
        let whole = std::fs::read(log.path()).expect("a log");
        std::fs::write(log.path(), [&whole[..], &whole[..20]].concat()).expect("a cut line");
        log.append(&[failure("b", "y")]).expect("written");
        let read = log.read().expect("a log");
        assert_eq!(read.entries.len(), 2);
        assert_eq!((read.broken.len(), read.broken[0].number), (1, 2));
    }

    #[test]
    fn of_several_entries_for_a_chunk_the_last_one_counts() {
        let (_folder, log) = log();
        let newer = Failure {
            error: "newer".to_owned(),
            ..failure("a", "x")
        };
        log.append(&[failure("a", "x"), failure("b", "x"), newer.clone()])
            .expect("written");
        let entries = log.read().expect("a log").entries;
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0], newer);
    }

    #[test]
    fn rewriting_moves_broken_lines_aside_and_nothing_leaves_no_file() {
        let (_folder, log) = log();
        log.append(&[failure("a", "x"), failure("b", "y")])
            .expect("written");
        let mut bytes = std::fs::read(log.path()).expect("a log");
        bytes.extend(b"\xFF\xFE no text\n{\"content_hash\":\"zz\",\"source_url\":\"c\",\"error\":\"e\"}\n");
        std::fs::write(log.path(), bytes).expect("broken lines");
        log.rewrite(&[failure("b", "y")]).expect("rewritten");
        let read = log.read().expect("a log");
        assert_eq!((read.entries.len(), read.broken.len()), (1, 0));
        let aside = std::fs::read(log.path().with_extension("json.broken")).expect("aside");
        assert!(aside.starts_with(b"\xFF\xFE no text\n") && aside.ends_with(b"}\n"));
        log.rewrite(&[]).expect("emptied");
        assert!(!log.path().exists());
        log.rewrite(&[]).expect("still nothing");
    }

    #[test]
    fn an_editor_of_another_system_does_no_harm() {
        let line = LogContents {
            entries: vec![failure("a", "x")],
            broken: Vec::new(),
        };
        let edited = format!("\u{feff}{}\r\n", line.to_lines().replace('\n', "\r\n"));
        let read = LogContents::from_reader(edited.as_bytes()).expect("read from memory");
        assert_eq!(read, line);
    }

    #[test]
    fn lines_of_the_reference_are_entries() {
        let hash = ContentHash::of_text("x");
        let line = format!(
            "{{\"content_hash\": \"{hash}\", \"source_url\": \"flare://x\", \"error\": \"batch_failed\"}}"
        );
        let entry = parse(line.as_bytes()).expect("an entry");
        assert_eq!(
            (entry.content_hash, entry.source.as_str()),
            (Some(hash), "flare://x")
        );
        assert_eq!((entry.chunk, entry.attempts), (None, 0));
    }
}
