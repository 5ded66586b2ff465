//! Bounds the texts that would have to be embedded again, were the process killed now: those that were sent to a worker
//! and whose vectors are not committed.
//!
//! No more are sent than all workers hold, until a commit has made room. So that this costs next to nothing, vectors go to
//! the writer as soon as they are there, whether their documents are whole or not, and the writer does not wait for more
//! while a worker waits for it.

use std::collections::HashSet;
use std::sync::Arc;

use ingest_core::{Chunk, ContentHash};
use tokio::sync::watch;

/// The texts at risk, and whether something waits for them to be safe.
#[derive(Debug)]
pub(crate) struct Risk {
    limit: usize,
    texts: HashSet<ContentHash>,
    pressing: Arc<watch::Sender<bool>>,
}

impl Risk {
    /// At most so many texts, told about by `pressing`.
    pub(crate) fn new(limit: usize, pressing: Arc<watch::Sender<bool>>) -> Self {
        Self {
            limit,
            texts: HashSet::new(),
            pressing,
        }
    }

    /// Whether so many texts more may be sent. A batch that is larger than the limit is sent alone.
    pub(crate) fn allows(&self, texts: usize) -> bool {
        self.texts.is_empty() || self.texts.len() + texts <= self.limit
    }

    /// Takes note of texts that are sent.
    pub(crate) fn sent(&mut self, batch: &[Arc<Chunk>]) {
        self.texts.extend(batch.iter().map(|chunk| chunk.content_hash));
    }

    /// A text is committed, or there is nothing of it to lose.
    pub(crate) fn safe(&mut self, hash: &ContentHash) {
        self.texts.remove(hash);
    }

    /// Says whether a commit is waited for.
    pub(crate) fn press(&self, pressing: bool) {
        self.pressing
            .send_if_modified(|before| std::mem::replace(before, pressing) != pressing);
    }
}

/// Waits until a commit is waited for.
pub(crate) async fn pressing(sender: &watch::Sender<bool>) {
    // The sender is there, so this ends with a yes.
    let _ = sender.subscribe().wait_for(|pressing| *pressing).await;
}
