//! What failed.

use std::time::SystemTime;

use ingest_core::{ChunkFailure, ContentHash};

/// Longest message kept, in characters.
const MAX_MESSAGE: usize = 500;

/// A chunk or a document that failed for good in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The document.
    pub source: String,
    /// Which walk, file or named source brought it, where that is known.
    pub origin: Option<String>,
    /// The chunk's hash; `None` where the document as a whole failed.
    pub content_hash: Option<ContentHash>,
    /// The chunk's place in its document, from 0.
    pub chunk: Option<u32>,
    /// A stable name of the kind of failure.
    pub kind: String,
    /// Why, in one line without control characters, 500 characters at most.
    pub error: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// How often it was tried.
    pub attempts: u32,
    /// The model that was asked, or empty.
    pub model: String,
    /// When it failed, where that is known.
    pub at: Option<SystemTime>,
}

impl Failure {
    /// A document that failed as a whole, now.
    pub(crate) fn of_document(source: &str, origin: &str, kind: &str, error: &str) -> Self {
        Self {
            source: source.to_owned(),
            origin: Some(origin.to_owned()),
            content_hash: None,
            chunk: None,
            kind: kind.to_owned(),
            error: one_line(error),
            status: None,
            attempts: 1,
            model: String::new(),
            at: Some(SystemTime::now()),
        }
    }

    /// A chunk that was set aside, now.
    pub(crate) fn of_chunk(
        source: &str,
        origin: Option<&str>,
        chunk: (u32, ContentHash),
        model: &str,
        failure: &ChunkFailure,
    ) -> Self {
        Self {
            source: source.to_owned(),
            origin: origin.map(str::to_owned),
            content_hash: Some(chunk.1),
            chunk: Some(chunk.0),
            kind: failure.kind.clone(),
            error: one_line(&failure.message),
            status: failure.status,
            attempts: failure.attempts,
            model: model.to_owned(),
            at: Some(SystemTime::now()),
        }
    }

    /// What makes two entries the same failure.
    pub(crate) fn identity(&self) -> (String, Option<ContentHash>) {
        (self.source.clone(), self.content_hash)
    }
}

/// A message fit for a line of a log: no control characters, not too long.
pub(crate) fn one_line(message: &str) -> String {
    let mut line = String::new();
    for (count, character) in message.trim().chars().enumerate() {
        if count == MAX_MESSAGE {
            line.pop();
            line.push('…');
            break;
        }
        line.push(if is_unfit(character) { ' ' } else { character });
    }
    line
}

/// Characters that change a terminal or hide text: controls, bidirectional marks, tags.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_and_hidden_characters_dropped() {
        assert_eq!(one_line(&"é".repeat(600)).chars().count(), 500);
        assert_eq!(one_line(&"é".repeat(500)), "é".repeat(500));
        assert_eq!(one_line(" a\u{202E}b\u{E0041}c\r\n "), "a b c");
    }
}
