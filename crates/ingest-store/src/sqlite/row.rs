//! Rows to values and back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ingest_core::{Chunk, ContentHash, RunInfo, Span};
use rusqlite::Row;
use rusqlite::types::Type;

use super::fault::{Fault, Work};

/// The columns that `chunks` and `failures` have in common, in the order [`chunk`] reads them.
pub(super) const CHUNK: &str =
    "content_hash, span_start, span_end, line_start, line_end, heading_path, context_header, text";

/// Reads the columns of [`CHUNK`] from `first` on.
pub(super) fn chunk(row: &Row<'_>, first: usize, ordinal: u32) -> Work<Chunk> {
    Ok(Chunk {
        content_hash: hash(row, first)?,
        span: Span {
            start: whole(row, first + 1)?,
            end: whole(row, first + 2)?,
            line_start: whole(row, first + 3)?,
            line_end: whole(row, first + 4)?,
        },
        heading_path: strings(row, first + 5)?,
        context_header: row.get(first + 6)?,
        text: row.get(first + 7)?,
        ordinal,
    })
}

/// A chunk's position from its id and its document's.
pub(super) fn ordinal(chunk: i64, document: i64) -> Work<u32> {
    u32::try_from(chunk - document)
        .map_err(|_| Fault::Damaged(format!("chunk {chunk} of document {document}")))
}

pub(super) fn hash(row: &Row<'_>, index: usize) -> Work<ContentHash> {
    let bytes = row.get_ref(index)?.as_blob().map_err(|_| wrong(row, index))?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| wrong(row, index))?;
    Ok(ContentHash::from_bytes(bytes))
}

/// A whole number from 0 up.
pub(super) fn whole(row: &Row<'_>, index: usize) -> Work<usize> {
    usize::try_from(row.get::<_, i64>(index)?).map_err(|_| wrong(row, index))
}

fn strings(row: &Row<'_>, index: usize) -> Work<Vec<String>> {
    let json = row.get_ref(index)?.as_str().map_err(|_| wrong(row, index))?;
    serde_json::from_str(json).map_err(|_| wrong(row, index))
}

/// A list or map as JSON text: `written` is what `serde_json::to_string` says.
pub(super) fn json(written: serde_json::Result<String>) -> Work<String> {
    written.map_err(|error| Fault::Damaged(error.to_string()))
}

/// The bytes of a stored vector as its values.
pub(super) fn values(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|&value| f32::from_le_bytes(value)).collect()
}

pub(super) fn run(row: &Row<'_>) -> Work<RunInfo> {
    Ok(RunInfo {
        started: time(row.get(0)?),
        finished: time(row.get(1)?),
        outcome: row.get(2)?,
        description: row.get(3)?,
    })
}

/// Nanoseconds since 1970, which last until 2262.
pub(super) fn nanoseconds(time: Option<SystemTime>) -> Option<i64> {
    let elapsed = time?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(elapsed.as_nanos()).ok()
}

pub(super) fn time(nanoseconds: Option<i64>) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds?.try_into().ok()?))
}

fn wrong(row: &Row<'_>, index: usize) -> Fault {
    let column = row.as_ref().column_name(index).unwrap_or("?").to_owned();
    rusqlite::Error::InvalidColumnType(index, column, Type::Null).into()
}
