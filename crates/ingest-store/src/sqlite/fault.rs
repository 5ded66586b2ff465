//! What SQLite says, in the words of the contract.

use std::path::Path;

use ingest_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Why a piece of work on a connection failed, before it is said what it was and on which file.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine's word.
    Sqlite(rusqlite::Error),
    /// A stored value that this program could not have written.
    Damaged(String),
    /// An error of our own, complete.
    Store(Error),
}

/// The result of work on a connection.
pub(super) type Work<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            // A value of the wrong type or out of range can only stand there through damage or another's hand.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Self::Damaged(error.to_string()),
            error => Self::Sqlite(error),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// Whether another connection was in the way.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        ))
    }

    /// Whether the file or its folder could not be written to.
    pub(super) fn is_unwritable(&self) -> bool {
        matches!(self, Self::Sqlite(error) if matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
        ))
    }

    /// Says what was being done (`cannot …`) on which file, and what to do next.
    pub(super) fn explain(self, doing: &str, path: &Path) -> Error {
        let error = match self {
            Self::Store(error) => return error,
            Self::Damaged(what) => {
                let message = describe(ErrorKind::Corrupt, doing, path);
                return Error::new(ErrorKind::Corrupt, message).with_source(what);
            }
            Self::Sqlite(error) => error,
        };
        let kind = kind(&error);
        Error::new(kind, describe(kind, doing, path)).with_source(error)
    }
}

fn kind(error: &rusqlite::Error) -> ErrorKind {
    // A page that ends before its end: the file was cut.
    if error.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_IOERR_SHORT_READ) {
        return ErrorKind::Corrupt;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ErrorCode::ReadOnly) => ErrorKind::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SchemaChanged) => {
            ErrorKind::Transient
        }
        Some(ErrorCode::DatabaseCorrupt) => ErrorKind::Corrupt,
        Some(ErrorCode::NotADatabase) => ErrorKind::Foreign,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => ErrorKind::Unavailable,
        Some(ErrorCode::TooBig) => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    }
}

fn describe(kind: ErrorKind, doing: &str, path: &Path) -> String {
    let path = path.display();
    let next = match kind {
        ErrorKind::Full => "no room is left: free some and run again, nothing stored so far is lost",
        ErrorKind::ReadOnly => "it may not be written: check the permissions of the file and its folder",
        ErrorKind::Transient => "another program is writing to it: try again when that has ended",
        ErrorKind::Corrupt => {
            "its data is damaged: restore a copy, or remove the file and run `ingest run` again"
        }
        ErrorKind::Foreign => "it is not a store of this program: use another --store",
        ErrorKind::Unavailable => "check that the path is right and may be read and written",
        ErrorKind::InvalidInput => "a value is larger than SQLite holds (1 GB)",
        _ => return format!("cannot {doing} store {path}"),
    };
    format!("cannot {doing} store {path}: {next}")
}
