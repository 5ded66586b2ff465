//! Cuts documents into chunks: by headings first, then by paragraphs, sentences, lines, words, as the limit demands.
//!
//! The stages, each in its file: `blocks` finds headings, paragraphs and code (`markdown`, `text`); `sections` knows which
//! headings stand above which block; `pack` fills chunks, cutting what is too long at a `boundary`; `header` says where a
//! chunk stands; `tokens` counts. Each takes its input as it comes and holds no more of it than a chunk, so time is linear
//! in the text and memory is not.

mod blocks;
mod boundary;
mod header;
mod markdown;
mod marks;
mod pack;
mod sections;
mod text;
mod tokens;

pub use tokens::{TokenCount, estimate_tokens};

use crate::{Chunk, ContentHash, Document, Error, ErrorKind, Markup, Result, Span};
use blocks::{BlockKind, Blocks};
use boundary::Boundary;
use header::Headers;
use pack::Packer;
use sections::{Event, Sections};

/// Changes whenever the same options would cut some text differently.
const ALGORITHM: u32 = 1;

/// How large chunks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkOptions {
    /// Most tokens of a chunk's text, its header included. Default 400.
    pub max_tokens: usize,
    /// Most tokens that a chunk repeats of the one before it in the same section. Default 50.
    pub overlap_tokens: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self {
            max_tokens: 400,
            overlap_tokens: 50,
        }
    }
}

/// Cuts documents into chunks.
///
/// - Every heading begins a section, and no chunk or overlap crosses into another. A heading with nothing below it joins
///   the deeper section that follows, or the run of such headings around it.
/// - Blocks (paragraphs, code) are merged while they fit, and the last ones of a chunk are repeated in the next as far as
///   the overlap allows. A block that does not fit a chunk is cut between sentences, lines (code: lines first), words,
///   user-perceived characters, in this order.
/// - A chunk's header is the document's context, its title and the headings above, joined by ` > `; it is put before the
///   body with a blank line. It takes half of a chunk at most; the outermost parts go first.
/// - Header and body together never exceed the limit. (Only a single character that a model makes more tokens of than
///   fit would.)
/// - A body is exactly the text at its span, without white space at either end. Together the spans cover every character
///   of the text that is not white space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunker {
    options: ChunkOptions,
}

impl Chunker {
    /// A chunker for chunks of this size.
    ///
    /// # Errors
    /// `InvalidInput` unless the overlap is smaller than the size.
    pub fn new(options: ChunkOptions) -> Result<Self> {
        let ChunkOptions {
            max_tokens,
            overlap_tokens,
        } = options;
        if overlap_tokens >= max_tokens {
            let message = format!(
                "an overlap of {overlap_tokens} tokens leaves nothing of chunks of {max_tokens}: lower the overlap or \
                 raise the chunk size"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self { options })
    }

    /// How large its chunks are.
    pub fn options(&self) -> ChunkOptions {
        self.options
    }

    /// Identifies how documents are cut: it changes with the options and with the way of cutting, not with how tokens
    /// are counted.
    pub fn recipe(&self) -> ContentHash {
        let numbers =
            [self.options.max_tokens as u64, self.options.overlap_tokens as u64].map(u64::to_le_bytes);
        ContentHash::of_fields([
            b"chunker".as_slice(),
            &ALGORITHM.to_le_bytes(),
            &numbers[0],
            &numbers[1],
        ])
    }

    /// The chunks of a document, in order, each cut when it is asked for.
    pub fn chunks<'a>(&self, document: &'a Document, count: TokenCount<'a>) -> Chunks<'a> {
        let ChunkOptions {
            max_tokens,
            overlap_tokens,
        } = self.options;
        let text = document.text.as_str();
        Chunks {
            sections: Sections::new(text, Blocks::new(text, document.markup)),
            headers: Headers::new(&document.context_header, &document.title, max_tokens, count),
            packer: Packer::new(text, count, max_tokens, overlap_tokens),
            done: false,
        }
    }

    /// Cuts a chunk into smaller ones of at most `max_tokens`, their overlap in proportion; the chunk alone if it cannot
    /// be cut. Spans, headings and hashes are right; ordinals count from the chunk's own, for the caller to set.
    pub fn split_chunk(&self, chunk: &Chunk, max_tokens: usize, count: TokenCount<'_>) -> Vec<Chunk> {
        let max_tokens = max_tokens.max(1);
        let body = chunk.body();
        let overlap_tokens = self.options.overlap_tokens * max_tokens / self.options.max_tokens;
        let overlap_tokens = overlap_tokens.min(max_tokens - 1);
        let header = Headers::new(&chunk.context_header, "", max_tokens, count).of(&[]);
        let mut packer = Packer::new(body, count, max_tokens, overlap_tokens);
        packer.begin(chunk.heading_path.clone(), header);
        let mut pieces = Vec::new();
        // Fences are worth keeping whole in whatever markup they are; headings stay what they are, a part of the body.
        for block in Blocks::new(body, Markup::Markdown) {
            packer.add(block.span, Boundary::of(&block.kind), false);
            while packer.step() {
                pieces.extend(packer.pop());
            }
        }
        packer.finish();
        pieces.extend(std::iter::from_fn(|| packer.pop()));
        for piece in &mut pieces {
            let Span {
                start,
                end,
                line_start,
                line_end,
            } = piece.span;
            piece.ordinal = piece.ordinal.saturating_add(chunk.ordinal);
            piece.span = Span {
                start: start + chunk.span.start,
                end: end + chunk.span.start,
                line_start: line_start + chunk.span.line_start - 1,
                line_end: line_end + chunk.span.line_start - 1,
            };
        }
        pieces
    }
}

/// The chunks of a document: see [`Chunker::chunks`].
#[derive(Debug)]
pub struct Chunks<'a> {
    sections: Sections<'a>,
    headers: Headers<'a>,
    packer: Packer<'a>,
    done: bool,
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        loop {
            if let Some(chunk) = self.packer.pop() {
                return Some(chunk);
            }
            if self.packer.step() {
                continue;
            }
            if self.done {
                return None;
            }
            match self.sections.next() {
                Some(Event::Section(path)) => {
                    self.packer.finish();
                    let header = self.headers.of(&path);
                    self.packer.begin(path, header);
                }
                Some(Event::Block(block)) => {
                    let heading = matches!(block.kind, BlockKind::Heading { .. });
                    self.packer.add(block.span, Boundary::of(&block.kind), heading);
                }
                None => {
                    self.packer.finish();
                    self.done = true;
                }
            }
        }
    }
}

impl Boundary {
    fn of(kind: &BlockKind) -> Self {
        match kind {
            BlockKind::Heading { .. } | BlockKind::Text => Self::Sentence,
            BlockKind::Code => Self::Line,
        }
    }
}
