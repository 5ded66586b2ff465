//! Brings a store in memory in step with a folder, and asks it a question:
//! `cargo run -p ingest-pipeline --example follow -- docs "how is a chunk cut"`

use std::error::Error;
use std::sync::Arc;

use embed_core::testing::FakeEmbedder;
use ingest_pipeline::{
    Cancel, DocumentOutcome, Event, Observer, RunOptions, SearchOptions, Source, SourceSpec, run, search,
};
use ingest_store::MemoryStore;

/// Tells which documents were new or changed.
#[derive(Debug)]
struct Changes;

impl Observer for Changes {
    fn event(&self, event: &Event<'_>) {
        if let Event::Document { source, outcome } = event
            && matches!(outcome, DocumentOutcome::Added | DocumentOutcome::Updated)
        {
            println!("stored {source}");
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(question)) = (arguments.next(), arguments.next()) else {
        return Err("usage: follow FOLDER QUESTION".into());
    };
    // Any provider and any store take their places; a fake knows no meanings, but the words count, too.
    let (store, embedder) = (Arc::new(MemoryStore::new()), Arc::new(FakeEmbedder::new(64)));
    let sources = vec![Source::new(SourceSpec::Path(folder.into()))];
    let options = RunOptions::new(sources, std::env::current_dir()?);
    let report = run(
        store.clone(),
        embedder.clone(),
        options,
        Arc::new(Changes),
        &Cancel::new(),
    )
    .await?;
    println!(
        "{} chunks embedded, {} failed",
        report.chunks.embedded, report.chunks.failed
    );

    let hits = search(
        store.as_ref(),
        Some(&*embedder),
        &question,
        &SearchOptions::default(),
    )
    .await?;
    for hit in hits.iter().take(3) {
        println!("{:.3} {}:{}", hit.score, hit.source, hit.chunk.span.line_start);
    }
    Ok(())
}
