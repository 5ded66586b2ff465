//! What becomes of a chunk that is longer than the model reads.

use ingest_core::Chunk;

use crate::OnTooLong;
use crate::context::Context;

/// A chunk cut to size.
pub(crate) struct Cut {
    pub(crate) pieces: Vec<Chunk>,
    /// Whether the rest was dropped.
    pub(crate) truncated: bool,
}

/// Cuts a chunk in about two, as the run's options say; `None` if it is to fail or can't be cut.
///
/// How much too long it is nobody says, so that pieces that are still too long come here again.
pub(crate) fn pieces(context: &Context, chunk: &Chunk) -> Option<Cut> {
    let policy = context.options.on_too_long;
    if policy == OnTooLong::Fail {
        return None;
    }
    let mut pieces = context.tokens.with(|count| {
        let half = count.of(&chunk.text).div_ceil(2).max(1);
        context.splitter.split_chunk(chunk, half, count)
    });
    pieces.retain(|piece| !piece.text.trim().is_empty());
    // A piece as long as the whole would come back for ever.
    let shorter = pieces.iter().all(|piece| piece.text.len() < chunk.text.len());
    if pieces.is_empty() || !shorter {
        return None;
    }
    let truncated = policy == OnTooLong::Truncate;
    if truncated {
        pieces.truncate(1);
    }
    Some(Cut { pieces, truncated })
}
