//! Bounds the texts that would have to be embedded again, were the process killed now: those that were sent to a worker
//! and whose vectors are not committed.
//!
//! No more are sent than all workers that are in use hold, until a commit has made room. So that this costs next to
//! nothing, vectors go to the writer as soon as they are there, whether their documents are whole or not, and the writer
//! does not wait for more while a worker waits for it.

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
    /// No text until [`limit_to`](Self::limit_to) allows some; told about by `pressing`.
    pub(crate) fn new(pressing: Arc<watch::Sender<bool>>) -> Self {
        Self {
            limit: 0,
            texts: HashSet::new(),
            pressing,
        }
    }

    /// Sets how many there may be. Where there are more already, none is sent until enough are safe.
    pub(crate) fn limit_to(&mut self, limit: usize) {
        self.limit = limit;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(numbers: std::ops::Range<u32>) -> Vec<Arc<Chunk>> {
        let chunk = |number| ingest_core::testing::samples::chunk(number, &format!("text {number}"));
        numbers.map(|number| Arc::new(chunk(number))).collect()
    }

    #[test]
    fn the_limit_that_holds_now_decides() {
        let mut risk = Risk::new(Arc::new(watch::Sender::new(false)));
        assert!(risk.allows(5), "a batch alone is always sent");
        risk.limit_to(4);
        risk.sent(&texts(0..3));
        assert!(risk.allows(1) && !risk.allows(2));
        risk.limit_to(2);
        assert!(
            !risk.allows(0),
            "three are there, from a time when there were more workers"
        );
        texts(0..2)
            .iter()
            .for_each(|chunk| risk.safe(&chunk.content_hash));
        assert!(risk.allows(1) && !risk.allows(2));
    }
}
