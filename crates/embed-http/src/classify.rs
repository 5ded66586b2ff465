//! What a failed exchange means: a kind a caller can act on, and words a person can.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use embed_core::{Error, ErrorKind, TimeoutPhase};
use http::Method;

use crate::connect::Target;
use crate::metered::Meter;

/// The default reading of a status that is not a success; providers refine it by the server's message.
///
/// 401, 403 and 407 are `Unauthorized`, 404 and other refusals `InvalidInput` (a provider knows whether a 404 is about the
/// model), 408 a `FirstByte` timeout, 425 and 503 `Busy`, 429 `RateLimited`, every other 5xx `Server`, what is neither
/// a refusal nor a failure `InvalidResponse`.
pub fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        // 407 is a proxy's 401.
        401 | 403 | 407 => ErrorKind::Unauthorized,
        408 => ErrorKind::Timeout(TimeoutPhase::FirstByte),
        // 529 is what some hosted services answer when overloaded.
        425 | 503 | 529 => ErrorKind::Busy,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::InvalidInput,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::InvalidResponse,
    }
}

/// A request as messages name it: `POST http://localhost:11434/api/embed`.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) method: Method,
    pub(crate) url: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// No stream could be opened, to the server or to the proxy before it.
pub(crate) fn cannot_connect(request: &Named, proxy: Option<&Target>, cause: io::Error) -> Error {
    let (why, hint) = match cause.kind() {
        io::ErrorKind::ConnectionRefused => (
            "connection refused",
            "is the server running, and is this its address?",
        ),
        // Only the path of a Unix socket can be missing.
        io::ErrorKind::NotFound => ("no such socket", "is the server running, and is this its path?"),
        io::ErrorKind::PermissionDenied => (
            "permission denied",
            "may this user use the socket or the network?",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ("host unreachable", "is this machine on the right network?")
        }
        io::ErrorKind::TimedOut => (
            "no answer from the host",
            "is the address right, and does a firewall let it through?",
        ),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            ("connection reset", "is this the right port?")
        }
        _ if resolve_failed(&cause) => ("unknown host", "is the name spelled right?"),
        _ => ("no connection", "see the cause"),
    };
    let whom = proxy
        .map(|proxy| format!(" to the proxy {proxy}"))
        .unwrap_or_default();
    Error::new(
        ErrorKind::Connect,
        format!("{request}: cannot connect{whom}: {why}; {hint}"),
    )
    .with_source(cause)
}

/// A host name without an address. A type of its own because the operating system's error has no kind for it.
#[derive(Debug)]
pub(crate) struct UnknownHost {
    pub(crate) host: String,
    pub(crate) cause: Option<io::Error>,
}

impl fmt::Display for UnknownHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no address", self.host)
    }
}

impl StdError for UnknownHost {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl From<UnknownHost> for io::Error {
    fn from(error: UnknownHost) -> Self {
        Self::other(error)
    }
}

fn resolve_failed(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn StdError + Send + Sync>::is::<UnknownHost>)
}

/// The exchange broke before the head of an answer was complete.
pub(crate) fn no_answer(request: &Named, error: hyper::Error, meter: &Meter) -> Error {
    if error.is_parse() {
        return not_http(request, error, meter);
    }
    let when = if meter.received() == 0 {
        "before it answered"
    } else {
        "in the head of its answer"
    };
    let why = broken(&error);
    Error::new(ErrorKind::Connect, format!("{request}: the server {why} {when}")).with_source(error)
}

/// The exchange broke within the body.
pub(crate) fn cut_body(request: &Named, error: hyper::Error, so_far: u64) -> Error {
    // How hyper reports a chunk whose size is no number.
    if matches!(
        io_kind(&error),
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    ) {
        let message = format!("{request}: the answer's chunks are malformed after {so_far} bytes");
        return Error::new(ErrorKind::InvalidResponse, message).with_source(error);
    }
    let why = broken(&error);
    let message = format!("{request}: the server {why} after {so_far} bytes of its answer");
    Error::new(ErrorKind::Connect, message).with_source(error)
}

fn broken(error: &hyper::Error) -> &'static str {
    match io_kind(error) {
        Some(
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe,
        ) => "reset the connection",
        _ => "closed the connection",
    }
}

/// The operating system's verdict inside an error, if there is one.
pub(crate) fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

fn not_http(request: &Named, error: hyper::Error, meter: &Meter) -> Error {
    /// First byte of a TLS record: an alert, or a handshake.
    const TLS_RECORDS: [u8; 2] = [0x15, 0x16];
    let hint = match meter.first_byte() {
        Some(byte) if TLS_RECORDS.contains(&byte) => "it speaks TLS; write https://",
        _ => "is this the right port?",
    };
    let message = format!("{request}: the server does not answer in HTTP/1.1; {hint}");
    Error::new(ErrorKind::InvalidResponse, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_their_kinds() {
        let cases = [
            (400, ErrorKind::InvalidInput),
            (401, ErrorKind::Unauthorized),
            (403, ErrorKind::Unauthorized),
            (407, ErrorKind::Unauthorized),
            (404, ErrorKind::InvalidInput),
            (408, ErrorKind::Timeout(TimeoutPhase::FirstByte)),
            (413, ErrorKind::InvalidInput),
            (422, ErrorKind::InvalidInput),
            (425, ErrorKind::Busy),
            (429, ErrorKind::RateLimited),
            (500, ErrorKind::Server),
            (502, ErrorKind::Server),
            (503, ErrorKind::Busy),
            (504, ErrorKind::Server),
            (529, ErrorKind::Busy),
            (304, ErrorKind::InvalidResponse),
            (600, ErrorKind::InvalidResponse),
        ];
        for (status, kind) in cases {
            assert_eq!(kind_of_status(status), kind, "{status}");
        }
        // What Cloudflare says of a server that it cannot reach.
        for status in 520..=527 {
            assert_eq!(kind_of_status(status), ErrorKind::Server, "{status}");
        }
    }

    #[test]
    fn a_refused_connection_names_the_request_and_keeps_its_cause() {
        let request = Named {
            method: Method::POST,
            url: "http://localhost:11434/api/embed".to_owned(),
        };
        let error = cannot_connect(&request, None, io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(error.kind(), ErrorKind::Connect);
        let message = error.to_string();
        assert!(
            message.starts_with("POST http://localhost:11434/api/embed: cannot connect: connection refused"),
            "{message}"
        );
        assert!(error.source().is_some());
    }

    #[test]
    fn an_unknown_host_is_told_apart() {
        let request = Named {
            method: Method::GET,
            url: "http://gpu-bx/".to_owned(),
        };
        let cause = UnknownHost {
            host: "gpu-bx".to_owned(),
            cause: None,
        };
        let error = cannot_connect(&request, None, cause.into());
        assert!(error.to_string().contains("unknown host"), "{error}");
    }
}
