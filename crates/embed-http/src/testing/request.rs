//! A request as a test server received it.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request as a test server received it.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// What the request line names: a path with its query, or all of a URL if the client takes this for a proxy.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, by `content-length`.
    pub body: Bytes,
    /// Which connection it came over, from 0 in order of acceptance.
    pub connection: usize,
    /// Which request of the server it is, from 0 in order of arrival.
    pub number: usize,
}

impl Request {
    /// The value of a header, if there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} {}: the body is not JSON: {error}", self.method, self.path))
    }

    /// Reads the next request; `None` at the end of the stream.
    pub(super) async fn read<S>(stream: &mut S, buffer: &mut BytesMut) -> io::Result<Option<Self>>
    where
        S: AsyncRead + Unpin,
    {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = buffer.split_to(end);
        buffer.advance(4);
        let mut request = parse(&head).ok_or_else(|| io::Error::other("not a request"))?;
        let length = request
            .header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        while buffer.len() < length {
            if stream.read_buf(buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        request.body = buffer.split_to(length).freeze();
        Ok(Some(request))
    }
}

fn parse(head: &[u8]) -> Option<Request> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(
            name.parse::<HeaderName>().ok()?,
            HeaderValue::from_str(value.trim()).ok()?,
        );
    }
    Some(Request {
        method,
        path,
        headers,
        body: Bytes::new(),
        connection: 0,
        number: 0,
    })
}
