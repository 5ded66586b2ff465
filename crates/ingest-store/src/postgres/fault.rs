//! What PostgreSQL says, in the words of the contract.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use ingest_core::{Error, ErrorKind};
use tokio_postgres::error::SqlState;
use tokio_rustls::rustls;

use super::address::Address;

/// Why a piece of work failed, before it is said what it was and on which server.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server's word, or the connection's.
    Postgres(tokio_postgres::Error),
    /// No connection came about, without a word of the server's.
    Unreachable(tokio_postgres::Error),
    /// The server did not answer a connection attempt in time.
    Silent(Duration),
    /// A stored value that this program could not have written.
    Damaged(String),
    /// An error of our own, complete.
    Store(Error),
}

/// The result of work on a connection.
pub(super) type Work<T> = Result<T, Fault>;

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// What a fault means for the connection it came on, and for trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// It would only happen again.
    No,
    /// Another transaction was in the way; the connection is sound.
    Conflict,
    /// What the connection remembers of a table is out of date.
    Stale,
    /// The connection is gone, or none is to be had; the server may be back soon.
    Lost,
}

impl Fault {
    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            _ => None,
        }
    }

    pub(super) fn passing(&self) -> Passing {
        let error = match self {
            Self::Postgres(error) => error,
            Self::Unreachable(error) if is_tls(error) => return Passing::No,
            Self::Unreachable(_) | Self::Silent(_) => return Passing::Lost,
            Self::Damaged(_) | Self::Store(_) => return Passing::No,
        };
        let Some(state) = error.code() else {
            let lost = error.is_closed() || cause::<io::Error>(error).is_some() && !is_tls(error);
            return if lost { Passing::Lost } else { Passing::No };
        };
        if *state == SqlState::T_R_SERIALIZATION_FAILURE
            || *state == SqlState::T_R_DEADLOCK_DETECTED
            || *state == SqlState::LOCK_NOT_AVAILABLE
        {
            return Passing::Conflict;
        }
        if *state == SqlState::FEATURE_NOT_SUPPORTED && error.to_string().contains("cached plan") {
            return Passing::Stale;
        }
        let is_lost = matches!(
            state.code(),
            "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" | "25P04"
        );
        if is_lost || state.code().starts_with("08") {
            Passing::Lost
        } else {
            Passing::No
        }
    }

    /// Whether no connection came about.
    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Silent(_))
    }

    /// Says what was being done (`cannot …`) on which server, and what to do next.
    pub(super) fn explain(self, doing: &str, address: &Address) -> Error {
        let (kind, next) = match &self {
            Self::Store(_) => (ErrorKind::Other, String::new()),
            Self::Damaged(_) => (
                ErrorKind::Corrupt,
                "its tables hold what this program never wrote: restore a copy, or start over with --clean"
                    .into(),
            ),
            Self::Silent(waited) => (
                ErrorKind::Unavailable,
                format!(
                    "no answer within {} s: check host and port, and what lies between",
                    waited.as_secs()
                ),
            ),
            Self::Unreachable(error) => (ErrorKind::Unavailable, unreachable(error).into()),
            Self::Postgres(error) => advice(error, address),
        };
        let said = if next.is_empty() {
            String::new()
        } else {
            format!(": {next}")
        };
        let message = format!("cannot {doing} store {address}{said}");
        match self {
            Self::Store(error) => error,
            Self::Damaged(what) => Error::new(kind, message).with_source(what),
            Self::Silent(_) => Error::new(kind, message),
            Self::Postgres(error) | Self::Unreachable(error) => Error::new(kind, message).with_source(error),
        }
    }
}

fn unreachable(error: &tokio_postgres::Error) -> &'static str {
    match cause::<io::Error>(error).map(io::Error::kind) {
        _ if is_tls(error) => {
            "TLS cannot be agreed on: check the server's certificate, sslrootcert and sslmode"
        }
        Some(io::ErrorKind::ConnectionRefused) => {
            "nobody listens there: check host and port, and that the server runs"
        }
        _ => "check host and port, and what lies between",
    }
}

fn advice(error: &tokio_postgres::Error, address: &Address) -> (ErrorKind, String) {
    let user = &address.user;
    let Some(state) = error.code() else {
        let broken = error.is_closed() || cause::<io::Error>(error).is_some();
        return if broken {
            let next = "the connection broke: run again when the server is back";
            (ErrorKind::Transient, next.into())
        } else {
            (ErrorKind::Other, String::new())
        };
    };
    let (kind, next) = match state.code() {
        "40001" | "40P01" | "55P03" => (ErrorKind::Transient, "other writers were in the way: run again"),
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => (
            ErrorKind::Transient,
            "the server ended the connection: run again when it is back",
        ),
        "57P03" => (
            ErrorKind::Transient,
            "the server is starting or stopping: run again in a moment",
        ),
        "53300" => (
            ErrorKind::Transient,
            "the server has no connection left: raise its max_connections, or lower `?connections=` of each process",
        ),
        "53100" => (
            ErrorKind::Full,
            "the server's disk is full: free some and run again, nothing stored is lost",
        ),
        "53200" => (
            ErrorKind::Other,
            "the server is out of memory: lower its work_mem or give it more",
        ),
        "53400" => (
            ErrorKind::Other,
            "a limit of the server's configuration is reached",
        ),
        "28P01" | "28000" => {
            let next =
                format!("it does not let {user:?} in: check user, password and the server's pg_hba.conf");
            return (ErrorKind::Unavailable, next);
        }
        "3D000" => {
            let next = format!(
                "there is no such database: `createdb {}` makes it",
                address.database
            );
            return (ErrorKind::Unavailable, next);
        }
        "3F000" => (
            ErrorKind::Unavailable,
            "no schema to work in: check the search_path of this user",
        ),
        "42501" => {
            let next = format!(
                "user {user:?} lacks a permission there (the cause names it): GRANT it, or let the tables' owner run this"
            );
            return (ErrorKind::ReadOnly, next);
        }
        "25006" => (
            ErrorKind::ReadOnly,
            "the server only reads, as a standby does: name the primary",
        ),
        "57014" => (
            ErrorKind::Other,
            "the server cancelled a statement: raise statement_timeout for this user (ALTER ROLE … SET statement_timeout)",
        ),
        "XX001" | "XX002" => (ErrorKind::Corrupt, "the database is damaged: restore a copy"),
        "22021" | "22P05" => (
            ErrorKind::InvalidInput,
            "the database cannot hold every character: make one with ENCODING 'UTF8'",
        ),
        "22003" => (
            ErrorKind::InvalidInput,
            "a vector holds a value beyond what the index can hold",
        ),
        "42P01" | "42703" | "42704" | "42883" => (
            ErrorKind::Corrupt,
            "a table, column or function is missing there: restore it, or use another database",
        ),
        code if code.starts_with("08") => (
            ErrorKind::Transient,
            "the connection broke: run again when the server is back",
        ),
        code if code.starts_with("54") => (
            ErrorKind::InvalidInput,
            "a name or a text is longer than the server can index",
        ),
        _ => return (ErrorKind::Other, String::new()),
    };
    (kind, next.into())
}

/// The first error of a type among an error's causes.
fn cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    let wrapped = cause::<io::Error>(error).and_then(io::Error::get_ref);
    let by_us = wrapped.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    by_us.is_some() || error.to_string().contains("TLS")
}

/// How long a lost server is waited for within one operation.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often transactions that get in each other's way are tried in all.
const CONFLICTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The tries of one operation. Everything a store does may be done twice: it replaces, or passes over what is done.
#[derive(Debug)]
pub(super) struct Tries {
    begun: Instant,
    made: u32,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            made: 0,
        }
    }

    /// How long to wait before trying again, if that makes sense. The pauses grow, a random share of each is taken.
    pub(super) fn again(&mut self, passing: Passing) -> Option<Duration> {
        self.made += 1;
        let goes_on = match passing {
            Passing::No => false,
            Passing::Conflict | Passing::Stale => self.made < CONFLICTS,
            Passing::Lost => self.begun.elapsed() < PATIENCE,
        };
        let pause = (FIRST_PAUSE * 2u32.saturating_pow(self.made.min(8))).min(LONGEST_PAUSE);
        goes_on.then(|| pause.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}
