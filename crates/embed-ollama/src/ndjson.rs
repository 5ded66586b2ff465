//! Answers that come as one JSON value a line, while the server works.

use bytes::{Buf, BytesMut};
use embed_core::{Error, ErrorKind, Result};
use embed_http::Response;
use serde::de::DeserializeOwned;

/// Longest line taken, in bytes; those of Ollama are a few hundred.
const LONGEST_LINE: usize = 1 << 20;

/// The lines of an answer, read as they come.
#[derive(Debug)]
pub(crate) struct Lines {
    response: Response,
    lines: LineBuffer,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            lines: LineBuffer::default(),
            ended: false,
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.response.url()
    }

    /// The next line that is not blank, or `None` at the end.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            let line = match self.lines.take(self.ended) {
                Some(line) => line,
                None if self.ended => return Ok(None),
                None => {
                    match self.response.chunk().await? {
                        Some(chunk) => self.lines.pending.extend_from_slice(&chunk),
                        None => self.ended = true,
                    }
                    if self.lines.pending.len() > LONGEST_LINE {
                        return Err(self.invalid("a line of more than 1 MiB"));
                    }
                    continue;
                }
            };
            if !line.trim_ascii().is_empty() {
                return serde_json::from_slice(&line).map(Some).map_err(|error| {
                    let found = self.response.excerpt(&line);
                    self.invalid(&format!("a line that is not what was asked for; {found}"))
                        .with_source(error)
                });
            }
        }
    }

    fn invalid(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::InvalidResponse,
            format!("{} sent {what}", self.response.url()),
        )
    }
}

/// Bytes that came and were not yet read as lines.
#[derive(Debug, Default)]
struct LineBuffer {
    pending: BytesMut,
    /// Bytes at the start of `pending` known to hold no line feed.
    searched: usize,
}

impl LineBuffer {
    /// The next whole line, without its line feed; at the end, what is left.
    fn take(&mut self, ended: bool) -> Option<BytesMut> {
        match self.pending[self.searched..].iter().position(|&b| b == b'\n') {
            Some(found) => {
                let line = self.pending.split_to(self.searched + found);
                self.pending.advance(1);
                self.searched = 0;
                Some(line)
            }
            None if ended && !self.pending.is_empty() => {
                self.searched = 0;
                Some(self.pending.split())
            }
            None => {
                self.searched = self.pending.len();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let text = b"one\n\ntwo two\r\nthree";
        for piece in 1..=text.len() {
            let mut buffer = LineBuffer::default();
            let mut lines = Vec::new();
            for part in text.chunks(piece) {
                buffer.pending.extend_from_slice(part);
                while let Some(line) = buffer.take(false) {
                    lines.push(line);
                }
            }
            while let Some(line) = buffer.take(true) {
                lines.push(line);
            }
            assert_eq!(lines, ["one", "", "two two\r", "three"], "pieces of {piece}");
        }
    }
}
