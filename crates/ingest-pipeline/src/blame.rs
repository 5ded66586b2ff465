//! What an error says of who is to blame: the server, the settings, or a text.

use embed_core::{AnswerFault, Error, ErrorKind};

use crate::error::chain;

/// What no other batch would fare better with.
pub(crate) fn is_fatal(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unauthorized
            | ErrorKind::ModelNotFound
            | ErrorKind::QuotaSpent
            | ErrorKind::InvalidConfig
            | ErrorKind::Cancelled
    )
}

/// Whether a server says that a model's arithmetic went wrong.
pub(crate) fn speaks_of_nan(error: &Error) -> bool {
    chain(error)
        .split(|next: char| !next.is_ascii_alphanumeric())
        .any(|word| matches!(word, "NaN" | "nan"))
}

/// What is seen of a server that is not there.
pub(crate) fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Connect | ErrorKind::Timeout(_))
}

/// The input to blame, where the error tells.
pub(crate) fn culprit(error: &Error) -> Option<usize> {
    let fault = || {
        let fault = std::error::Error::source(error)?.downcast_ref::<AnswerFault>()?;
        match *fault {
            AnswerFault::NotFinite { row, .. } | AnswerFault::ZeroRow { row } => Some(row),
            _ => None,
        }
    };
    error.input().or_else(fault)
}
