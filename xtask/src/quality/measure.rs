//! The questions put to a real store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use embed_core::{BlockingEmbedder, InputKind};
use embed_static::StaticEmbedder;
use ingest_core::{
    Chunk, ContentHash, Document, DocumentRecord, ModelIdentity, Query, Record, RunInfo, SearchMode, Span,
    Store, Vector,
};
use xshell::Shell;

use super::questions::{Pair, from_files};
use super::score::Scores;

/// Documents per transaction.
const BATCH: usize = 200;
/// Hits looked at: an answer further down counts as not found.
const TOP_K: usize = 50;
/// The weights tried; the store's own is the built-in model's.
const WEIGHTS: [f32; 6] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0];
const OWN_WEIGHT: f32 = 0.05;

pub(super) fn run(sh: &Shell, files: &[PathBuf], limit: usize, store: Option<&str>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut worse = Vec::new();
    for (name, pairs) in from_files(files) {
        let database = sh
            .current_dir()
            .join("target/quality")
            .join(format!("{}.db", name.replace(' ', "-")));
        for suffix in ["", "-wal", "-shm"] {
            sh.remove_path(format!("{}{suffix}", database.display()))?;
        }
        let file = format!("sqlite:{}", database.display());
        println!("\n{name}: {} texts of {} files", pairs.len(), files.len());
        if !runtime.block_on(measure(store.unwrap_or(&file), &pairs, limit))? {
            worse.push(name);
        }
    }
    if !worse.is_empty() {
        bail!(
            "hybrid search is worse than the better of its halves: {}",
            worse.join(", ")
        );
    }
    Ok(())
}

/// Prints a table; returns whether hybrid search at the store's own weight is as good as the better half.
async fn measure(url: &str, pairs: &[Pair], limit: usize) -> anyhow::Result<bool> {
    let model = StaticEmbedder::new();
    let store = ingest_store::open(url).await?;
    store.clear().await?;
    fill(&*store, &model, pairs).await?;
    let asked = &pairs[..limit.min(pairs.len())];
    let questions = asked
        .iter()
        .map(|pair| embed(&model, &pair.question, InputKind::Query));
    let vectors = questions.collect::<anyhow::Result<Vec<_>>>()?;

    println!(
        "  {:16} {:>6} {:>6} {:>6} {:>10}",
        "mode", "R@1", "R@10", "MRR", "a question"
    );
    let row = async |name: String, mode: SearchMode, weight: Option<f32>| -> anyhow::Result<Scores> {
        let started = Instant::now();
        let mut scores = Scores::default();
        for (at, (pair, vector)) in asked.iter().zip(&vectors).enumerate() {
            let query = Query {
                text: pair.question.clone(),
                vector: vector.as_ref().map(|vector| vector.to_vec()),
                mode: if mode == SearchMode::Vector && vector.is_none() {
                    SearchMode::Text
                } else {
                    mode
                },
                top_k: TOP_K,
                source: None,
                vector_weight: weight,
            };
            let hits = store.search(&query).await?;
            scores.add(
                hits.iter()
                    .position(|hit| hit.source == source(at))
                    .map(|place| place + 1),
            );
        }
        let each = started.elapsed() / asked.len().max(1) as u32;
        let (first, ten, mrr) = (scores.recall(1), scores.recall(10), scores.mrr());
        println!(
            "  {name:16} {first:6.3} {ten:6.3} {mrr:6.3} {:7.1} ms",
            each.as_secs_f64() * 1e3
        );
        Ok(scores)
    };
    let text = row("text".into(), SearchMode::Text, None).await?;
    let vector = row("vector".into(), SearchMode::Vector, None).await?;
    for weight in WEIGHTS {
        row(format!("hybrid at {weight}"), SearchMode::Hybrid, Some(weight)).await?;
    }
    let own = row("hybrid".into(), SearchMode::Hybrid, None).await?;
    let better = if text.mrr() >= vector.mrr() {
        &text
    } else {
        &vector
    };
    let (gain, noise) = own.gain(better);
    println!("  hybrid against the better half: {gain:+.3}, of which {noise:.3} may be chance");
    Ok(gain >= -noise)
}

fn source(at: usize) -> String {
    format!("{at:06}")
}

async fn fill(store: &dyn Store, model: &StaticEmbedder, pairs: &[Pair]) -> anyhow::Result<()> {
    let info = BlockingEmbedder::model(model);
    store
        .bind(&ModelIdentity {
            provider: info.provider.to_string(),
            model: info.model.to_string(),
            digest: info.digest.as_ref().map(ToString::to_string),
            dimensions: info
                .dimensions
                .context("the built-in model does not tell its dimensions")?,
            document_prefix: String::new(),
            query_prefix: String::new(),
            vector_weight: OWN_WEIGHT,
            canary: None,
        })
        .await?;
    let run = store.begin_run(&RunInfo::default(), Duration::ZERO).await?;
    let mut batch = Vec::with_capacity(BATCH);
    for (at, pair) in pairs.iter().enumerate() {
        batch.push(record(model, at, &pair.answer)?);
        if batch.len() == BATCH {
            store.replace(std::mem::take(&mut batch)).await?;
        }
    }
    store.replace(batch).await?;
    Ok(run.finish(&RunInfo::default()).await?)
}

fn record(model: &StaticEmbedder, at: usize, text: &str) -> anyhow::Result<DocumentRecord> {
    let content_hash = ContentHash::of_text(text);
    let chunk = Chunk {
        ordinal: 0,
        span: Span {
            start: 0,
            end: text.len(),
            line_start: 1,
            line_end: 1,
        },
        heading_path: Vec::new(),
        context_header: String::new(),
        text: text.to_owned(),
        content_hash,
    };
    let vector = embed(model, text, InputKind::Document)?.map_or(Vector::TextOnly, Vector::New);
    Ok(DocumentRecord {
        document: Document {
            source: source(at),
            ..Document::default()
        },
        origin: "quality".into(),
        revision: content_hash,
        recipe: content_hash,
        records: vec![Record { chunk, vector }],
    })
}

/// The text's embedding; `None` for one without any word that the model knows.
fn embed(model: &StaticEmbedder, text: &str, kind: InputKind) -> anyhow::Result<Option<Arc<[f32]>>> {
    if BlockingEmbedder::count_tokens(model, text) == Some(0) {
        return Ok(None);
    }
    Ok(Some(model.embed_batch(&[text], kind)?.row(0).into()))
}
