//! A run that takes up only what failed: chunks from the store, which kept their texts, and documents from the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ingest_core::{ChunkFailure, ContentHash, FailedChunk, Result, Vector};

use crate::batch::Batcher;
use crate::context::Context;
use crate::embed::{Embedded, Settled};
use crate::pool::Pool;
use crate::source::Item;
use crate::tally::{Fate, Stored};
use crate::write::repeat;
use crate::{Failure, LogContents, Source, SourceSpec};

/// Failed chunks taken up at a time.
const PAGE: usize = 256;

/// What became of a chunk, as the store is told.
type Outcome = (String, u32, Result<Vector, ChunkFailure>);
/// The same with the chunk's hash.
type Settlement = (ContentHash, Outcome);

/// The documents of a log that can be read again, as sources; the rest is told by `warn`.
pub(crate) fn sources(log: &LogContents, base: &std::path::Path, mut warn: impl FnMut(&str)) -> Vec<Source> {
    for line in &log.broken {
        warn(&format!(
            "line {} of the failure log is no entry and is kept aside: {}",
            line.number, line.reason
        ));
    }
    let mut specs = Vec::new();
    for entry in log.entries.iter().filter(|entry| entry.content_hash.is_none()) {
        let lines = entry
            .origin
            .as_deref()
            .is_some_and(|origin| !crate::source::is_file_origin(origin));
        if lines || !base.join(&entry.source).is_file() {
            warn(&format!(
                "{} can only be taken up by a run over its source",
                entry.source
            ));
        } else {
            specs.push(SourceSpec::Path(entry.source.clone().into()));
        }
    }
    if specs.is_empty() {
        return Vec::new();
    }
    vec![Source {
        name: Some(LABEL.to_owned()),
        specs,
        ..Source::default()
    }]
}

/// What the report calls documents of the log.
pub(crate) const LABEL: &str = "failed documents";

/// Embeds the chunks that the store set aside. Entries of the log that the store knows nothing of are told.
pub(crate) async fn retry_chunks(context: &Arc<Context>, entries: &[Failure]) -> Result<()> {
    let mut pool = Pool::start(context);
    let mut after: Option<(String, u32)> = None;
    let mut waiting: HashMap<ContentHash, usize> = HashMap::new();
    for hash in entries.iter().filter_map(|entry| entry.content_hash) {
        waiting.entry(hash).or_default();
    }
    loop {
        let place = after
            .as_ref()
            .map(|(source, ordinal)| (source.as_str(), *ordinal));
        let page = context.store.failed(place, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        if context.halt.is_halted() {
            break;
        }
        after = Some((last.source.clone(), last.chunk.ordinal));
        for chunk in &page {
            waiting.remove(&chunk.chunk.content_hash);
        }
        retry_page(context, &mut pool, page).await?;
    }
    pool.finish().await;
    tell_unknown(context, waiting.into_keys().collect()).await
}

/// A log of another store, or of the reference, may name chunks that this store never set aside.
async fn tell_unknown(context: &Context, hashes: Vec<ContentHash>) -> Result<()> {
    let mut unknown = 0;
    for part in hashes.chunks(PAGE) {
        unknown += context
            .store
            .known(part)
            .await?
            .iter()
            .filter(|known| !**known)
            .count();
    }
    if unknown > 0 && !context.halt.is_halted() {
        context.tally.counts().failed += unknown as u64;
        context.tally.warn(&format!(
            "{unknown} entries of the failure log name chunks that the store has not set aside; run over their \
             sources, without --retry-failed, to take them up"
        ));
    }
    Ok(())
}

async fn retry_page(context: &Arc<Context>, pool: &mut Pool, page: Vec<FailedChunk>) -> Result<()> {
    let hashes: Vec<_> = page.iter().map(|failed| failed.chunk.content_hash).collect();
    let known = context.store.known(&hashes).await?;
    let mut batcher = Batcher::new(context);
    let mut places: HashMap<ContentHash, Vec<(String, u32)>> = HashMap::new();
    let mut settlements: Vec<Settlement> = Vec::new();
    let chunks = page.len() as u64;
    for (failed, known) in page.into_iter().zip(known) {
        let place = (failed.source, failed.chunk.ordinal);
        if known {
            context.tally.counts().chunks.reused += 1;
            settlements.push((failed.chunk.content_hash, (place.0, place.1, Ok(Vector::Stored))));
            continue;
        }
        let same = places.entry(failed.chunk.content_hash).or_default();
        if same.is_empty() {
            batcher.push(Arc::new(failed.chunk));
        }
        same.push(place);
    }
    batcher.flush();
    context.tally.progress(|progress| progress.chunks += chunks);
    let mut results = Vec::new();
    pool.embed(&mut batcher, |settled: Settled| results.extend(settled.texts))
        .await;
    if context.canary.has_changed() {
        // These vectors may be of another model; the chunks stay set aside.
        return Ok(());
    }
    for (hash, embedded) in results {
        let Some(same) = places.remove(&hash) else {
            continue;
        };
        let outcome = match embedded {
            Embedded::Vector(vector) => {
                let mut counts = context.tally.counts();
                counts.chunks.embedded += 1;
                counts.chunks.reused += same.len() as u64 - 1;
                Ok(Vector::New(vector))
            }
            Embedded::Nothing => Ok(Vector::TextOnly),
            Embedded::TooLong(failure) | Embedded::Failed(failure) => Err(failure),
        };
        settlements.extend(
            same.into_iter()
                .map(|(source, ordinal)| (hash, (source, ordinal, outcome.clone()))),
        );
    }
    let outcomes: Vec<Outcome> = settlements.iter().map(|(_, outcome)| outcome.clone()).collect();
    repeat(|| context.store.settle(outcomes.clone())).await?;
    tell(context, settlements).await;
    Ok(())
}

/// Counts by document: one is updated if all of its chunks of this page went well.
async fn tell(context: &Context, settlements: Vec<Settlement>) {
    let model = &context.embedder.model().model;
    let mut documents: BTreeMap<String, Stored> = BTreeMap::new();
    let mut failures = Vec::new();
    for (hash, (source, ordinal, outcome)) in settlements {
        let failure = outcome.as_ref().err();
        let failure =
            failure.map(|failure| Failure::of_chunk(&source, None, (ordinal, hash), model, failure));
        let stored = documents.entry(source).or_default();
        match outcome {
            Ok(vector) => {
                stored.findable += 1;
                stored.text_only += u64::from(vector == Vector::TextOnly);
            }
            Err(_) => {
                stored.failures.extend(failure.clone());
                failures.extend(failure);
            }
        }
    }
    // The newer cause takes the place of the older one when the log is brought up to date.
    context.append_log(failures).await;
    for (source, stored) in documents {
        let item = Item {
            // No row of the table: these come from the store.
            index: usize::MAX,
            name: source,
            origin: "".into(),
            read: None,
        };
        context.tally.seen(item.index, 0);
        let fate = Fate::Stored {
            added: false,
            chunks: &stored,
        };
        context.tally.settle(&item, fate);
    }
    context.tally.progress(|_| {});
}
