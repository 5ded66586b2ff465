//! A dry run's end of the flow: counts what would be embedded and written.

use std::collections::HashSet;
use std::sync::Arc;

use embed_core::InputKind;
use ingest_core::ContentHash;
use tokio::sync::mpsc;

use crate::Forecast;
use crate::context::Context;
use crate::split::SplitDocument;
use crate::tally::{Fate, Stored};

/// Counts documents until there are no more.
pub(crate) async fn count(context: Arc<Context>, mut documents: mpsc::Receiver<SplitDocument>) {
    let mut texts: HashSet<ContentHash> = HashSet::new();
    while let Some(mut document) = documents.recv().await {
        document.permit.arrived();
        let chunks = document.chunks.iter().zip(&document.known);
        let new: Vec<&str> = chunks
            .filter(|(chunk, known)| !**known && texts.insert(chunk.content_hash))
            .map(|(chunk, _)| chunk.text.as_str())
            .collect();
        let tokens = tokens(&context, &new);
        let (findable, new) = (document.chunks.len() as u64, new.len() as u64);
        let stored = Stored {
            findable,
            replaced: document
                .before
                .as_ref()
                .map_or(0, |state| u64::from(state.chunks)),
            ..Stored::default()
        };
        let added = document.before.is_none();
        {
            let mut counts = context.tally.counts();
            counts.chunks.embedded += new;
            counts.chunks.reused += findable - new;
            counts.replaced += stored.replaced;
            let forecast = &mut counts.forecast;
            forecast.tokens += tokens;
            if added {
                forecast.chunks_added += findable;
            } else {
                forecast.chunks_updated += findable;
            }
        }
        let fate = Fate::Stored {
            added,
            chunks: &stored,
        };
        context.tally.settle(&document.item, fate);
    }
}

/// The tokens of texts as the model reads them.
fn tokens(context: &Context, texts: &[&str]) -> u64 {
    let prefix = context.options.prefixes.of(InputKind::Document);
    context.tokens.with(|count| {
        let prefix = count.of(prefix);
        texts.iter().map(|text| (prefix + count.of(text)) as u64).sum()
    })
}

/// What was foretold, once all is counted.
pub(crate) fn forecast(context: &Context) -> Forecast {
    let counts = context.tally.counts();
    Forecast {
        chunks_removed: counts.chunks.removed - counts.replaced,
        is_exact: context.tokens.are_exact(),
        time: context.options.pace.map(|pace| pace.time(counts.chunks.embedded)),
        ..counts.forecast
    }
}
