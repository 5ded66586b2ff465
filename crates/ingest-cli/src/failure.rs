//! Why a command did not end well, and which exit status says so.

use std::error::Error as StdError;
use std::io;

use embed_core::ErrorKind as EmbedErrorKind;
use ingest_core::ErrorKind as StoreErrorKind;
use ingest_pipeline::ErrorKind as RunErrorKind;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// All done.
    Done,
    /// It went to its end, but something failed.
    Fault,
    /// Wrong usage or settings: nothing was touched.
    Usage,
    /// It could not start or go on.
    Stopped,
    /// A signal of this number ended it.
    Signal(u8),
}

impl Status {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Fault => 1,
            Self::Usage => 2,
            Self::Stopped => 3,
            // What shells use for a program that a signal ended.
            Self::Signal(number) => 128 + number,
        }
    }
}

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// The error and its causes, or nothing when there is nothing to say: nobody reads standard output any more.
    pub(crate) message: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: Some(message.into()),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ingest_config::Error> for Failure {
    fn from(error: ingest_config::Error) -> Self {
        Self {
            status: Status::Usage,
            message: Some(chain(&error)),
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl From<embed_core::Error> for Failure {
    fn from(error: embed_core::Error) -> Self {
        Self {
            status: embedder_status(error.kind()),
            message: Some(chain(&error)),
            hint: embedder_hint(error.kind().as_str()).map(str::to_owned),
        }
    }
}

impl From<ingest_core::Error> for Failure {
    fn from(error: ingest_core::Error) -> Self {
        Self {
            status: store_status(error.kind()),
            message: Some(chain(&error)),
            hint: store_hint(error.kind()).map(str::to_owned),
        }
    }
}

impl From<ingest_pipeline::Error> for Failure {
    fn from(error: ingest_pipeline::Error) -> Self {
        let source = error.source();
        let embedder = source.and_then(<dyn StdError>::downcast_ref::<embed_core::Error>);
        let store = source.and_then(<dyn StdError>::downcast_ref::<ingest_core::Error>);
        let status = match (error.kind(), embedder, store) {
            (RunErrorKind::Usage, _, _) => Status::Usage,
            (RunErrorKind::Cancelled, _, _) => Status::Signal(2),
            (_, Some(error), _) => embedder_status(error.kind()),
            (_, _, Some(error)) => store_status(error.kind()),
            _ => Status::Stopped,
        };
        let hint = match (embedder, store) {
            (Some(error), _) => embedder_hint(error.kind().as_str()),
            (_, Some(error)) => store_hint(error.kind()),
            _ => None,
        };
        Self {
            status,
            message: Some(chain(&error)),
            hint: hint.map(str::to_owned),
        }
    }
}

/// Errors of standard output. A reader that went away (`| head`) has what it wanted.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                status: Status::Done,
                message: None,
                hint: None,
            };
        }
        Self::new(
            Status::Stopped,
            format!("cannot write to standard output: {error}"),
        )
    }
}

fn embedder_status(kind: EmbedErrorKind) -> Status {
    match kind {
        EmbedErrorKind::InvalidConfig => Status::Usage,
        _ => Status::Stopped,
    }
}

fn store_status(kind: StoreErrorKind) -> Status {
    match kind {
        StoreErrorKind::InvalidInput => Status::Usage,
        _ => Status::Stopped,
    }
}

/// Whether the next run goes on where one stopped that ended by this kind of error. With another model it would not.
pub(crate) fn goes_on_after(kind: &str) -> bool {
    !matches!(kind, "model_changed" | "model_mismatch")
}

/// What to do about an embedder's kind of error, by its stable name.
pub(crate) fn embedder_hint(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "connect" | "timeout_connect" => {
            "start the server, or name another with `--host URL`; `--provider static` needs none"
        }
        "timeout_first_byte" => "a large model may take long to load: `--load-timeout` gives it more time",
        "timeout_body" | "timeout_total" => {
            "`--timeout` gives a whole answer more time, `--batch-size` asks for less"
        }
        "busy" | "rate_limited" => "run again later, or with fewer `--workers`; what is stored stays",
        "quota_spent" => "the account has nothing left; what is stored stays, run again when it has",
        "unauthorized" => {
            "check the key: OPENAI_API_KEY or OLLAMA_API_KEY, or `openai_api_key_file` in the file"
        }
        "model_changed" => {
            "pull the former version of the model again, then run again; or start over: another `--store URL`, or `--clean`"
        }
        "model_not_found" => "check `--model`; with Ollama, `ollama pull MODEL` fetches one",
        _ => return None,
    })
}

fn store_hint(kind: StoreErrorKind) -> Option<&'static str> {
    Some(match kind {
        StoreErrorKind::Unavailable => {
            "check the address and its permissions; `--store URL` names another store"
        }
        StoreErrorKind::Locked => "wait for the other run to end, then run again",
        StoreErrorKind::ModelMismatch => {
            "use the store's own model, another store (`--store URL`), or start anew with `--clean`"
        }
        StoreErrorKind::NewerSchema => {
            "use a newer version of this program, or another store (`--store URL`)"
        }
        StoreErrorKind::Full => "make room on the disk, then run again: what is stored stays",
        StoreErrorKind::ReadOnly => "check the permissions of the file and its folder",
        StoreErrorKind::Corrupt => "move the file away and run again, which builds it anew",
        StoreErrorKind::Foreign => "`--store URL` names another place",
        _ => return None,
    })
}

/// An error and its causes on one line, outermost first; a cause that is quoted already is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_once_each() {
        let error = embed_core::Error::new(EmbedErrorKind::Connect, "cannot reach http://gpu:1")
            .with_source(io::Error::other("refused"));
        let failure = Failure::from(error);
        assert_eq!(
            failure.message.as_deref(),
            Some("cannot reach http://gpu:1: refused")
        );
        assert_eq!(failure.status.code(), 3);
        assert!(failure.hint.is_some());
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.status.code(), failure.message), (0, None));
    }

    #[test]
    fn signals_have_the_status_that_shells_give_them() {
        assert_eq!((Status::Signal(2).code(), Status::Signal(15).code()), (130, 143));
    }
}
