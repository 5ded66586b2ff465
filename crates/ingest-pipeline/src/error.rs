//! Why a run or a search did not take place.

use std::error::Error as StdError;
use std::fmt;

/// The result of a run or a search.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kept a run from starting, told apart by what a person does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options or paths make no sense: nothing was touched.
    Usage,
    /// The embedding server, the model or the key does not work, or the account is spent.
    Embedder,
    /// The store can't be used: unreachable, held by another run, or built with another model.
    Store,
    /// A file that the run itself needs, such as the failure log, can't be read or written.
    File,
    /// The run was cancelled before it had begun.
    Cancelled,
}

/// Why a run or a search did not take place. `Display` shows this layer only; the causes follow by `source()`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a person does about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
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

impl From<ingest_core::Error> for Error {
    fn from(error: ingest_core::Error) -> Self {
        Self::new(ErrorKind::Store, "the store cannot be used").with_source(error)
    }
}

impl From<embed_core::Error> for Error {
    fn from(error: embed_core::Error) -> Self {
        Self::new(ErrorKind::Embedder, "no embedding can be made").with_source(error)
    }
}

/// An error and its causes in one line, outermost first; a cause that its effect already quotes is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}
