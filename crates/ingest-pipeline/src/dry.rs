//! A dry run's end of the flow: counts what would be embedded and written.

use std::collections::HashSet;
use std::sync::Arc;

use ingest_core::ContentHash;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::split::SplitDocument;
use crate::tally::{Fate, Stored};

/// Counts documents until there are no more.
pub(crate) async fn count(context: Arc<Context>, mut documents: mpsc::Receiver<SplitDocument>) {
    let mut texts: HashSet<ContentHash> = HashSet::new();
    while let Some(mut document) = documents.recv().await {
        document.permit.arrived();
        let mut new = 0;
        for (chunk, known) in document.chunks.iter().zip(&document.known) {
            new += u64::from(!known && texts.insert(chunk.content_hash));
        }
        let findable = document.chunks.len() as u64;
        {
            let mut counts = context.tally.counts();
            counts.chunks.embedded += new;
            counts.chunks.reused += findable - new;
        }
        let stored = Stored {
            findable,
            replaced: document
                .before
                .as_ref()
                .map_or(0, |state| u64::from(state.chunks)),
            ..Stored::default()
        };
        let fate = Fate::Stored {
            added: document.before.is_none(),
            chunks: &stored,
        };
        context.tally.settle(&document.item, fate);
    }
}
