//! What is wrong with the settings, and where to change it.

use std::error::Error as StdError;
use std::fmt;

use crate::Provenance;

/// The result of reading settings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file that was asked for cannot be read.
    File,
    /// The file is not TOML.
    Syntax,
    /// There is no setting of this name.
    UnknownKey,
    /// A value is of the wrong type or outside its range.
    InvalidValue,
    /// Two values do not go together.
    Conflict,
}

/// A setting that cannot be used. `Display` names the setting, its value, where it was set and what is allowed.
pub struct Error {
    // Boxed: errors are rare, and results stay small.
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    key: Option<String>,
    provenance: Provenance,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                key: None,
                provenance: Provenance::default(),
                hint: None,
                source: None,
            }),
        }
    }

    #[must_use]
    pub(crate) fn at(mut self, key: &str, provenance: &Provenance) -> Self {
        self.inner.key = Some(key.to_owned());
        self.inner.provenance = provenance.clone();
        self
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The setting concerned, where there is one.
    pub fn key(&self) -> Option<&str> {
        self.inner.key.as_deref()
    }

    /// Which layer holds the value, and where.
    pub fn provenance(&self) -> &Provenance {
        &self.inner.provenance
    }

    /// What to do about it, as one sentence.
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_ref().map(|source| &**source as _)
    }
}
