//! The vector decoder against answers of every make.

mod broken;
mod examples;
mod random;
mod responses;

use embed_http::{Answer, DecodeError, Layout, RowsDecoder};

fn in_pieces<'a>(
    layout: Layout,
    rows: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Answer, DecodeError> {
    let mut decoder = RowsDecoder::new(layout, rows, None);
    for piece in pieces {
        decoder.push(piece)?;
    }
    decoder.finish()
}

/// All but the head, which shows what had come by then.
fn assert_alike(one: &Result<Answer, DecodeError>, other: &Result<Answer, DecodeError>) {
    match (one, other) {
        (Err(one), Err(other)) => {
            assert_eq!(one.fault(), other.fault());
            assert_eq!(one.rest(), other.rest());
        }
        (one, other) => assert_eq!(one, other),
    }
}
