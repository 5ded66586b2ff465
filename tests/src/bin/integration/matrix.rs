//! The cells of the matrix: short texts, with and without one that is over the model's context.

use anyhow::ensure;
use embed_core::Usage;

use crate::axes::{Endpoint, Mode, Point, Width};
use crate::call::Callee;
use crate::pipeline::{Pace, ingest};
use crate::target::{MOST_CONNECTIONS, Target};
use crate::texts::{self, COUNT};

/// Texts that go through the pipeline.
const STORED: usize = 64;

/// Every text gets the vector it gets alone, whoever calls how, and that one is stored.
pub(crate) async fn short(target: &Target, point: &Point) -> anyhow::Result<String> {
    let embedder = target.embedder(point.mode, point.width)?;
    let callee = Callee::new(embedder.clone(), point.adapter)?;
    let requests = requests(point.concurrency);
    // Every batch begins elsewhere, so that no two are alike.
    let texts_of = |request: usize| (0..point.batch).map(move |at| (request * point.batch + at) % COUNT);
    let batches = (0..requests).map(|request| texts_of(request).map(|at| target.texts[at].clone()).collect());
    let answers = callee.embed_all(batches.collect(), point.concurrency).await?;
    for (request, rows) in answers.iter().enumerate() {
        ensure!(
            rows.rows() == point.batch,
            "{} rows for {} texts",
            rows.rows(),
            point.batch
        );
        for (row, text) in rows.iter().zip(texts_of(request)) {
            target.check_row(row, text, point.width)?;
        }
    }
    let usage = embedder.usage();
    ensure!(
        usage.requests == requests as u64,
        "{} requests instead of {requests}",
        usage.requests
    );

    let texts = &target.texts[..STORED];
    let stored = ingest(callee.for_pipeline(), texts, pace(point), point.store).await?;
    ensure!(
        stored.failed.is_empty(),
        "chunks were set aside: {:?}",
        stored.failed
    );
    ensure!(
        stored.chunks.len() == STORED,
        "{} chunks stored instead of {STORED}",
        stored.chunks.len()
    );
    check_stored(target, point.width, |text| stored.vector(text), 0..STORED)?;

    let usage = embedder.usage();
    check_connections(usage)?;
    Ok(told(usage))
}

/// One text over the model's context among 63 short ones: these are stored as ever, whatever the server does with the
/// long one, even if it crashes.
pub(crate) async fn over_long(target: &Target, point: &Point) -> anyhow::Result<String> {
    let embedder = target.embedder(point.mode, point.width)?;
    let callee = Callee::new(embedder.clone(), point.adapter)?;
    let mut texts = target.texts[..STORED].to_vec();
    let long_at = STORED / 2;
    texts[long_at] = texts::over_long();
    let stored = ingest(callee.for_pipeline(), &texts, pace(point), point.store).await?;
    let neighbours = (0..STORED).filter(|&at| at != long_at);
    check_stored(target, point.width, |text| stored.vector(text), neighbours)?;

    let pieces = stored.chunks.len() + 1 - STORED;
    let failed = stored.failed.len();
    let fate = match (pieces, failed) {
        (0, 1) => format!("quarantined ({})", stored.failed[0].failure.kind),
        (1, 0) => "cut by the server".to_owned(),
        (2.., 0) => format!("split into {pieces}"),
        _ => anyhow::bail!("the long text became {pieces} chunks and {failed} failures"),
    };
    if point.mode == Mode::new(Endpoint::Native, Some(false)) {
        ensure!(
            pieces > 1,
            "without truncation a long text should be split, but it was {fate}"
        );
    }
    let usage = embedder.usage();
    check_connections(usage)?;
    Ok(format!("long text {fate}; {}", told(usage)))
}

fn pace(point: &Point) -> Pace {
    Pace {
        batch: point.batch,
        workers: point.concurrency,
    }
}

/// One for each caller at once; the same connections serve the pipeline afterwards.
fn requests(concurrency: usize) -> usize {
    concurrency.max(2)
}

fn check_stored<'a>(
    target: &'a Target,
    width: Width,
    vector: impl Fn(&str) -> anyhow::Result<&'a [f32]>,
    texts: impl Iterator<Item = usize>,
) -> anyhow::Result<()> {
    for text in texts {
        target.check_row(vector(&target.texts[text])?, text, width)?;
    }
    Ok(())
}

/// The pool kept its limit over the whole cell, and used its connections again.
fn check_connections(usage: Usage) -> anyhow::Result<()> {
    let Usage {
        requests,
        connections_opened: opened,
        connections_reused: reused,
        ..
    } = usage;
    ensure!(
        opened >= 1 && opened <= MOST_CONNECTIONS as u64,
        "{opened} connections for {requests} requests, at most {MOST_CONNECTIONS} are allowed"
    );
    ensure!(
        opened + reused == requests && reused > 0,
        "{requests} requests over {opened} new and {reused} used connections"
    );
    Ok(())
}

fn told(usage: Usage) -> String {
    let (requests, connections) = (usage.requests, usage.connections_opened);
    let plural = if connections == 1 { "" } else { "s" };
    format!("{requests} requests over {connections} connection{plural}")
}
