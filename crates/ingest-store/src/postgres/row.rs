//! Rows to values and back.

use std::borrow::Cow;

use ingest_core::{Chunk, ChunkFailure, ContentHash, DocumentState, RunInfo, Span};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::{Fault, Work};

/// The columns of a document that [`state`] reads.
pub(super) const STATE: &str = "source, origin, revision, recipe, chunks, failed";

/// The columns of a findable chunk `c` that [`chunk`] reads.
pub(super) const CHUNK: &str = "c.ordinal, c.content_hash, c.span_start, c.span_end, c.line_start, c.line_end, \
     c.heading_path::text, coalesce(c.bare_header, c.context_header), c.content";

/// The same of a chunk `c` that was set aside.
pub(super) const FAILED_CHUNK: &str = "c.ordinal, c.content_hash, c.span_start, c.span_end, c.line_start, c.line_end, \
     c.heading_path::text, c.context_header, c.content";

/// Why it was, read by [`failure`].
pub(super) const FAILURE: &str = "c.kind, c.message, c.status, c.attempts";

/// How many columns a chunk takes.
pub(super) const CHUNK_COLUMNS: usize = 9;

pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Work<T> {
    row.try_get(index)
        .map_err(|error| Fault::Damaged(format!("{error}: {:?}", row.columns().get(index))))
}

pub(super) fn state(row: &Row) -> Work<DocumentState> {
    Ok(DocumentState {
        source: get(row, 0)?,
        origin: get(row, 1)?,
        revision: hash(row, 2)?,
        recipe: hash(row, 3)?,
        chunks: whole(row, 4)?,
        failed: whole(row, 5)?,
    })
}

/// Reads the columns of [`CHUNK`] from `first` on.
pub(super) fn chunk(row: &Row, first: usize) -> Work<Chunk> {
    let heading_path: &str = get(row, first + 6)?;
    Ok(Chunk {
        ordinal: whole(row, first)?,
        content_hash: hex(get(row, first + 1)?)?,
        span: Span {
            start: whole(row, first + 2)?,
            end: whole(row, first + 3)?,
            line_start: whole(row, first + 4)?,
            line_end: whole(row, first + 5)?,
        },
        heading_path: serde_json::from_str(heading_path)
            .map_err(|error| Fault::Damaged(format!("a heading path is no list: {error}")))?,
        context_header: get(row, first + 7)?,
        text: get(row, first + 8)?,
    })
}

/// Reads the columns of [`FAILURE`] from `first` on.
pub(super) fn failure(row: &Row, first: usize) -> Work<ChunkFailure> {
    let status: Option<i32> = get(row, first + 2)?;
    Ok(ChunkFailure {
        kind: get(row, first)?,
        message: get(row, first + 1)?,
        status: status.map(|status| number(status.into())).transpose()?,
        attempts: whole(row, first + 3)?,
    })
}

pub(super) fn run(row: &Row) -> Work<RunInfo> {
    Ok(RunInfo {
        started: get(row, 0)?,
        finished: get(row, 1)?,
        outcome: get(row, 2)?,
        description: get(row, 3)?,
    })
}

/// A whole number from 0 up.
pub(super) fn whole<T: TryFrom<i64>>(row: &Row, index: usize) -> Work<T> {
    number(get(row, index)?)
}

fn number<T: TryFrom<i64>>(value: i64) -> Work<T> {
    T::try_from(value).map_err(|_| Fault::Damaged(format!("the number {value} is out of its range")))
}

fn hash(row: &Row, index: usize) -> Work<ContentHash> {
    let bytes: &[u8] = get(row, index)?;
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| Fault::Damaged(format!("a hash of {} bytes", bytes.len())))?;
    Ok(ContentHash::from_bytes(bytes))
}

fn hex(digits: &str) -> Work<ContentHash> {
    digits
        .parse()
        .map_err(|error| Fault::Damaged(format!("{error}, not `{digits}`")))
}

/// A text as the server can hold it: with a space where a NUL was.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// A list or map as JSON: `written` is what `serde_json::to_string` says. Where the server can't hold NUL it can't hold
/// its escape either.
pub(super) fn json(written: serde_json::Result<String>) -> Work<String> {
    let written = written.map_err(|error| Fault::Damaged(error.to_string()))?;
    Ok(if written.contains("\\u0000") {
        without_nul(&written)
    } else {
        written
    })
}

/// Puts a space where `\u0000` was, but not for the tail of an escaped backslash that looks like it.
fn without_nul(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        kept.push_str(before);
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        let (escape, behind) = escape.split_at(length.min(escape.len()));
        kept.push_str(if escape == "\\u0000" { " " } else { escape });
        rest = behind;
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nul_is_left_and_all_else_is() {
        assert_eq!(clean("a\0b"), "a b");
        let json = json(serde_json::to_string(&[
            "a\0b",
            "back\\u0000slash",
            "\\\0\\",
            "\u{1}é",
        ]))
        .unwrap();
        let back: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(back, ["a b", "back\\u0000slash", "\\ \\", "\u{1}é"]);
    }
}
