//! The vector decoder: an answer cut in pieces against the same in one piece against a plain twin.
//!
//! The first byte of an input chooses the layout, the second seeds the cuts, the rest is the answer.
#![no_main]

mod twin;

use embed_http::{Answer, DecodeError, DecodeFault, Layout, RowsDecoder};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Rows that were asked for.
const ROWS: usize = 8;

fuzz_target!(|input: &[u8]| -> Corpus {
    let [layout, seed, answer @ ..] = input else {
        return Corpus::Reject;
    };
    let layout = match layout % 3 {
        0 => Layout::Ollama,
        1 => Layout::OllamaLegacy,
        _ => Layout::OpenAi,
    };
    let whole = decode(layout, [answer]);
    let pieces = decode(layout, cut(answer, *seed));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(bits(whole), bits(pieces), "another split, other values");
            assert_eq!(whole, pieces, "another split, another answer");
        }
        (Err(whole), Err(pieces)) => {
            assert_eq!(whole.fault(), pieces.fault(), "another split, another fault")
        }
        _ => panic!("another split, another outcome: {whole:?} and {pieces:?}"),
    }
    match (whole, twin::rows(layout, answer)) {
        (Ok(answer), Some(rows)) => {
            let expected: Vec<u32> = rows.ordered.into_iter().map(f32::to_bits).collect();
            assert_eq!(bits(&answer), expected, "other values than the twin's");
            assert_eq!(
                answer.embeddings.rows(),
                rows.sent.len(),
                "other rows than the twin's"
            );
        }
        (Ok(answer), None) => panic!("taken, but not by the twin: {answer:?}"),
        (Err(error), Some(rows)) => assert!(
            is_stricter(error.fault(), &rows.sent),
            "refused, but not by the twin: {error}"
        ),
        (Err(_), None) => {}
    }
    Corpus::Keep
});

fn decode<'a>(layout: Layout, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Answer, DecodeError> {
    let mut decoder = RowsDecoder::new(layout, ROWS, None);
    for piece in pieces {
        decoder.push(piece)?;
    }
    decoder.finish()
}

/// Pieces of 0 to 63 bytes.
fn cut(mut bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (state >> 26) as usize >> (seed % 4);
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn bits(answer: &Answer) -> Vec<u32> {
    answer
        .embeddings
        .as_flat()
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

/// What the decoder refuses on purpose and the twin does not look at.
fn is_stricter(fault: &DecodeFault, rows: &[Vec<f32>]) -> bool {
    match fault {
        DecodeFault::TooManyRows { expected } => rows.len() > *expected,
        DecodeFault::EmptyRow { row } => rows[*row].is_empty(),
        DecodeFault::ShortRow { row, .. } => rows[*row].len() < rows[0].len(),
        DecodeFault::LongRow { row, .. } => rows[*row].len() > rows[0].len(),
        DecodeFault::NotFinite { row, column, .. } => !rows[*row][*column].is_finite(),
        DecodeFault::TooLarge { .. } => true,
        // The twin skips what it does not read, and does not look at the size of numbers in there.
        DecodeFault::Syntax { message } => message.starts_with("number out of range"),
        _ => false,
    }
}
