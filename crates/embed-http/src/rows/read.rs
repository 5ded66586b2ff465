//! From a response to its rows.

use embed_core::{Error, ErrorKind, Result};

use super::{Answer, DecodeError, Layout, RowsDecoder};
use crate::Response;

/// Reads a response to its end through a [`RowsDecoder`], so that the body is never held as a whole.
///
/// # Errors
/// Those of [`Response::chunk`], and `InvalidResponse` naming the URL, with the [`DecodeError`] as its source.
pub async fn read_rows(
    mut response: Response,
    layout: Layout,
    rows: usize,
    dimensions: Option<usize>,
) -> Result<Answer> {
    let mut decoder = RowsDecoder::new(layout, rows, dimensions);
    while let Some(piece) = response.chunk().await? {
        decoder
            .push(&piece)
            .map_err(|error| unreadable(&response, error))?;
    }
    decoder.finish().map_err(|error| unreadable(&response, error))
}

fn unreadable(response: &Response, error: DecodeError) -> Error {
    let url = response.url();
    // Decoding knows no credentials, so what it repeats of an answer is looked at here.
    let error = if response.betrays_credentials(&error.to_string()) {
        error.without_excerpts()
    } else {
        error
    };
    Error::new(
        ErrorKind::InvalidResponse,
        format!("the answer of {url} holds no embeddings that can be read"),
    )
    .with_status(response.status().as_u16())
    .with_source(error)
}
