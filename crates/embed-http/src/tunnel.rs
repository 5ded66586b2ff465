//! `CONNECT`: a proxy asked for a stream to somewhere else, so that TLS reaches through it.

use std::io;

use embed_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::classify::Named;
use crate::connect::{Io, Target};
use crate::proxy::Proxy;

/// Largest head of a proxy's answer, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// Asks `proxy`, at the other end of `io`, for a stream to `target`.
///
/// # Errors
///
/// [`ErrorKind::InvalidConfig`] if the proxy wants other credentials, [`ErrorKind::Connect`] for every other refusal.
pub(crate) async fn open(
    mut io: Box<dyn Io>,
    proxy: &Proxy,
    target: &Target,
    named: &Named,
) -> Result<Box<dyn Io>> {
    let fail = |kind, what: String| Error::new(kind, format!("{named}: the proxy {} {what}", proxy.target));
    let broke =
        |cause: io::Error| fail(ErrorKind::Connect, "broke the connection".to_owned()).with_source(cause);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    io.write_all(&request).await.map_err(broke)?;
    io.flush().await.map_err(broke)?;
    let head = read_head(&mut io).await.map_err(broke)?;
    match status(&head) {
        Some(200..=299) => Ok(io),
        Some(407) => Err(fail(
            ErrorKind::InvalidConfig,
            "refuses its user and password (407), or wants some".to_owned(),
        )),
        Some(code) => Err(fail(
            ErrorKind::Connect,
            format!("refuses to connect to {target} ({code})"),
        )),
        None => Err(fail(
            ErrorKind::InvalidConfig,
            "does not speak HTTP; is this its port?".to_owned(),
        )),
    }
}

/// Reads up to the empty line and not a byte further, because what follows is the server's.
async fn read_head(io: &mut Box<dyn Io>) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Err(io::Error::other("the head of its answer is too large"));
        }
        head.push(io.read_u8().await?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|&b| b == b'\r').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let code = version.starts_with("HTTP/1.").then(|| rest.get(..3))??;
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_only_from_http() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for other in [
            &b"SSH-2.0-x\r\n"[..],
            b"HTTP/1.1 2\r\n",
            b"HTTP/2 200\r\n",
            b"",
            b"\xff 200\r\n",
        ] {
            assert_eq!(status(other), None);
        }
    }
}
