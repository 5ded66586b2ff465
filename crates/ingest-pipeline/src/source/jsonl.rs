//! Documents ready parsed, a JSON object a line.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use ingest_core::{ContentHash, Document, Markup};
use serde::Deserialize;

use super::read::{Body, Loaded, Outcome};
use super::{Item, LineInput, Revision};
use crate::JsonlInput;

/// A line's fields: what the reference's `chunks` columns of these names hold. Others are passed over.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "source_url")]
    source: String,
    #[serde(alias = "content")]
    text: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    doc_type: Option<String>,
    #[serde(default)]
    context_header: Option<String>,
    #[serde(default)]
    generations: Option<Vec<String>>,
    #[serde(default)]
    deprecated: Option<bool>,
    #[serde(default)]
    display_url: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, serde_json::Value>>,
}

impl From<Line> for Document {
    fn from(line: Line) -> Self {
        let metadata = line
            .metadata
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| match value {
                serde_json::Value::String(text) => (key, text),
                other => (key, other.to_string()),
            });
        let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            source: line.source.trim().to_owned(),
            text: line.text,
            // Whoever prepared the text wrote its headings as Markdown, as the reference's parsers do.
            markup: Markup::Markdown,
            title: trimmed(line.title),
            doc_type: trimmed(line.doc_type),
            context_header: trimmed(line.context_header),
            generations: line.generations.unwrap_or_default(),
            deprecated: line.deprecated.unwrap_or_default(),
            display_url: trimmed(line.display_url),
            metadata: metadata.collect(),
        }
    }
}

/// Reads lines in groups.
pub(crate) struct LineReader {
    reader: Box<dyn BufRead + Send>,
    label: String,
    index: usize,
    origin: Arc<str>,
    number: u64,
    max: u64,
}

/// What a group of lines gave.
pub(crate) struct LineGroup {
    pub(crate) loaded: Vec<Loaded>,
    /// How the stream ended, if it did: with an error, what it still held is unknown.
    pub(crate) end: Option<io::Result<()>>,
}

impl LineReader {
    /// Opens a stream; a line may have at most `max` bytes.
    pub(crate) fn open(input: LineInput, index: usize, origin: Arc<str>, max: u64) -> io::Result<Self> {
        let (label, reader): (_, Box<dyn BufRead + Send>) = match (input.input, input.path) {
            (JsonlInput::Reader { name, reader }, _) => (name, reader),
            (JsonlInput::File(given), path) => {
                let path = path.unwrap_or(given);
                let file = std::fs::File::open(&path)?;
                (
                    path.display().to_string(),
                    Box::new(BufReader::with_capacity(1 << 16, file)),
                )
            }
        };
        Ok(Self {
            reader,
            label,
            index,
            origin,
            number: 0,
            max,
        })
    }

    /// The next lines: at least one if there is one, then as many as stay below both limits.
    pub(crate) fn next_group(&mut self, lines: usize, bytes: u64) -> LineGroup {
        let mut loaded = Vec::new();
        let mut total = 0;
        let mut line = Vec::new();
        while loaded.len() < lines && total < bytes {
            line.clear();
            match self.next_line(&mut line) {
                Ok(0) => {
                    return LineGroup {
                        loaded,
                        end: Some(Ok(())),
                    };
                }
                Ok(length) => {
                    self.number += 1;
                    total += length;
                    loaded.extend(self.load(&line, length));
                }
                Err(error) => {
                    return LineGroup {
                        loaded,
                        end: Some(Err(error)),
                    };
                }
            }
        }
        LineGroup { loaded, end: None }
    }

    /// Reads a line, of which `line` gets at most `max + 1` bytes; returns how long it is, its end included.
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<u64> {
        let mut length = 0;
        loop {
            let part = match self.reader.fill_buf() {
                Ok(part) => part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if part.is_empty() {
                return Ok(length);
            }
            let end = part.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(part.len(), |at| at + 1);
            let room = usize::try_from(self.max.saturating_add(1).saturating_sub(line.len() as u64));
            line.extend_from_slice(&part[..used.min(room.unwrap_or(usize::MAX))]);
            self.reader.consume(used);
            length += used as u64;
            if end.is_some() {
                return Ok(length);
            }
        }
    }

    /// `None` for a blank line.
    fn load(&self, line: &[u8], bytes: u64) -> Option<Loaded> {
        let line = line
            .strip_prefix(b"\xEF\xBB\xBF")
            .filter(|_| self.number == 1)
            .unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return None;
        }
        let place = format!("{}:{}", self.label, self.number);
        let failed = |reason| Loaded {
            item: self.item(place.clone()),
            path: None,
            bytes,
            before: None,
            outcome: Outcome::Failed {
                kind: "invalid_line",
                reason,
            },
        };
        if bytes > self.max {
            return Some(failed(format!(
                "the line has {bytes} bytes, the limit is {}",
                self.max
            )));
        }
        let parsed: Line = match serde_json::from_slice(line) {
            Ok(parsed) => parsed,
            Err(error) => return Some(failed(format!("the line is not a document: {error}"))),
        };
        let document = Document::from(parsed);
        if document.source.is_empty() {
            return Some(failed(
                "the line is not a document: its `source` is blank".to_owned(),
            ));
        }
        Some(Loaded {
            item: self.item(document.source.clone()),
            path: None,
            bytes,
            before: None,
            outcome: Outcome::Loaded {
                revision: revision(&document),
                body: Body::Ready(Box::new(document)),
            },
        })
    }

    fn item(&self, name: String) -> Item {
        Item {
            index: self.index,
            name,
            origin: Arc::clone(&self.origin),
            read: None,
        }
    }
}

/// A hash of all fields but the name.
fn revision(document: &Document) -> Revision {
    let mut fields: Vec<&[u8]> = vec![
        document.text.as_bytes(),
        document.title.as_bytes(),
        document.doc_type.as_bytes(),
        document.context_header.as_bytes(),
        document.display_url.as_bytes(),
        if document.deprecated { b"1" } else { b"0" },
    ];
    let tags = document.generations.len().to_le_bytes();
    fields.push(&tags);
    fields.extend(document.generations.iter().map(String::as_bytes));
    fields.extend(
        document
            .metadata
            .iter()
            .flat_map(|(key, value)| [key.as_bytes(), value.as_bytes()]),
    );
    ContentHash::of_fields(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str, max: u64) -> Vec<Loaded> {
        let input = LineInput {
            input: JsonlInput::Reader {
                name: "in".to_owned(),
                reader: Box::new(text.as_bytes()),
            },
            path: None,
        };
        let mut reader = LineReader::open(input, 0, "jsonl:in".into(), max).expect("a reader");
        let mut all = Vec::new();
        loop {
            let group = reader.next_group(2, 1000);
            all.extend(group.loaded);
            if let Some(end) = group.end {
                end.expect("no error");
                return all;
            }
        }
    }

    fn failure(loaded: &Loaded) -> &str {
        match &loaded.outcome {
            Outcome::Failed { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_become_documents_and_bad_ones_are_named() {
        let all = read(
            "\u{feff}{\"source\":\" a \",\"text\":\"T\",\"title\":null,\"metadata\":{\"n\":1,\"s\":\"x\"},\"other\":[]}\n\
             \n{\"source\":\"b\"}\n{\"source_url\":\"c\",\"content\":\"T\"}\r\n{\"source\":\" \",\"text\":\"\"}\n{\"source\":\"d\",\"te",
            1000,
        );
        assert_eq!(all.len(), 5);
        assert_eq!(all[0].item.name, "a");
        let Outcome::Loaded {
            body: Body::Ready(document),
            ..
        } = &all[0].outcome
        else {
            panic!("{:?}", all[0])
        };
        assert_eq!(document.metadata.get("n").map(String::as_str), Some("1"));
        assert_eq!(all[1].item.name, "in:3");
        assert!(failure(&all[1]).contains("missing field `text`"));
        assert_eq!(all[2].item.name, "c");
        assert!(failure(&all[3]).contains("blank"));
        assert_eq!(all[4].item.name, "in:6");
        assert!(failure(&all[4]).contains("EOF"));
    }

    #[test]
    fn a_line_beyond_the_limit_fails_alone() {
        let all = read(
            "{\"source\":\"a\",\"text\":\"0123456789012345678901234567890123456789\"}\n{\"source\":\"b\",\"text\":\"\"}\n",
            40,
        );
        assert!(failure(&all[0]).contains("limit is 40"));
        assert_eq!(all[1].item.name, "b");
    }

    #[test]
    fn any_field_changes_the_revision() {
        let base = Document {
            text: "t".to_owned(),
            ..Document::default()
        };
        let changed = [
            Document {
                title: "t".to_owned(),
                ..base.clone()
            },
            Document {
                deprecated: true,
                ..base.clone()
            },
            Document {
                generations: vec!["g".to_owned()],
                ..base.clone()
            },
            Document {
                metadata: [("k".to_owned(), "v".to_owned())].into(),
                ..base.clone()
            },
        ];
        let mut revisions: Vec<_> = changed.iter().map(revision).chain([revision(&base)]).collect();
        revisions.sort();
        revisions.dedup();
        assert_eq!(revisions.len(), 5);
        let renamed = Document {
            source: "x".to_owned(),
            ..base.clone()
        };
        assert_eq!(revision(&renamed), revision(&base));
    }
}
