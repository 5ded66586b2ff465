//! Why a store or a chunker could not do what it was asked.

use std::error::Error as StdError;
use std::fmt;

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, told apart by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store cannot be opened or reached: no such folder, no permission, no server.
    Unavailable,
    /// Another run holds the store. The message says who.
    Locked,
    /// A short-lived conflict: the same operation may succeed now.
    Transient,
    /// The store was built with another model, width or prefix.
    ModelMismatch,
    /// The store was made by a newer version of this program.
    NewerSchema,
    /// The store was made by an older version of this program: opening it to write brings it up to date.
    OlderSchema,
    /// What is there was not made by this program.
    Foreign,
    /// No room left.
    Full,
    /// The store may be read but not written.
    ReadOnly,
    /// The store's own data is damaged.
    Corrupt,
    /// The caller asked for something that makes no sense: a vector of another width, a malformed query.
    InvalidInput,
    /// Anything else the store's engine says.
    Other,
}

impl ErrorKind {
    /// Whether the same operation may succeed when tried again.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Transient)
    }

    /// A stable lower-case name for logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "store_unavailable",
            Self::Locked => "store_locked",
            Self::Transient => "store_transient",
            Self::ModelMismatch => "model_mismatch",
            Self::NewerSchema => "newer_schema",
            Self::OlderSchema => "older_schema",
            Self::Foreign => "foreign_store",
            Self::Full => "store_full",
            Self::ReadOnly => "store_read_only",
            Self::Corrupt => "store_corrupt",
            Self::InvalidInput => "invalid_input",
            Self::Other => "store_error",
        }
    }
}

/// Why a store operation failed. `Display` shows this layer only.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind; `message` says what failed, on what, and what to do next.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same operation may succeed when tried again.
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
