//! What goes wrong must be called by its name, and be over when it is over.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use embed_core::{Embedder, EmbedderExt, Error, ErrorKind, InputKind};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::axes::{Endpoint, Mode, Width};
use crate::cells::Fault;
use crate::run::Verdict;
use crate::target::Target;
use crate::texts;

pub(crate) async fn run(target: &mut Target, endpoint: Endpoint, fault: Fault) -> anyhow::Result<Verdict> {
    let mode = Mode::of(endpoint);
    let note = match fault {
        Fault::UnknownModel => unknown_model(target, mode).await?,
        Fault::TooLongWithoutTruncation => too_long(target, mode).await?,
        Fault::DimensionsIgnored => dimensions_ignored(target, mode).await?,
        Fault::StoppedHalfWay | Fault::RestartedBetweenBatches if target.server.is_none() => {
            return Ok(Verdict::Skipped("the server is not ours to stop".to_owned()));
        }
        Fault::StoppedHalfWay => stopped_half_way(target, mode).await?,
        Fault::RestartedBetweenBatches => restarted(target, mode).await?,
    };
    Ok(Verdict::Passed(note))
}

async fn unknown_model(target: &Target, mode: Mode) -> anyhow::Result<String> {
    let embedder = target.embedder_for("no-such-model", mode, Width::Native)?;
    let error = refusal(&*embedder, &["a text"]).await?;
    expect(&error, ErrorKind::ModelNotFound)?;
    ensure!(
        error.to_string().contains("no-such-model"),
        "the model is not named: {error}"
    );
    Ok(kind(&error))
}

async fn too_long(target: &Target, mode: Mode) -> anyhow::Result<String> {
    let embedder = target.embedder(mode, Width::Native)?;
    let long = texts::over_long();
    let among_others = refusal(&*embedder, &["before", &long, "after"]).await?;
    expect(&among_others, ErrorKind::InputTooLong)?;
    let alone = refusal(&*embedder, &[&long]).await?;
    expect(&alone, ErrorKind::InputTooLong)?;
    ensure!(
        alone.input() == Some(0),
        "the input to blame is {:?}",
        alone.input()
    );
    embedder
        .embed_one("before", InputKind::Document)
        .await
        .context("it works no more")?;
    Ok(kind(&alone))
}

async fn dimensions_ignored(target: &Target, mode: Mode) -> anyhow::Result<String> {
    let embedder = target.embedder(mode, Width::Cut)?;
    let error = refusal(&*embedder, &["a text"]).await?;
    expect(&error, ErrorKind::InvalidConfig)?;
    ensure!(
        error.to_string().contains("dimensions"),
        "the setting is not named: {error}"
    );
    Ok(format!("rows of the wrong width refused: {}", kind(&error)))
}

/// Calls that are under way fail in a way that another try may help, and it does once the server is back.
async fn stopped_half_way(target: &mut Target, mode: Mode) -> anyhow::Result<String> {
    const CALLS: u64 = 3;

    let embedder = target.embedder(mode, Width::Native)?;
    target.check_row(
        &embedder.embed_one(&target.texts[0], InputKind::Document).await?,
        0,
        Width::Native,
    )?;
    let before = embedder.usage();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let embedder = Arc::clone(&embedder);
        calls.spawn(async move {
            let texts = texts::slow();
            let inputs: Vec<_> = texts.iter().map(String::as_str).collect();
            embedder.embed_batch(&inputs, InputKind::Document).await
        });
    }
    while (embedder.usage() - before).requests < CALLS {
        sleep(Duration::from_millis(1)).await;
    }
    let server = target.server.as_mut().context("no server of ours")?;
    server.stop();
    let mut seen = Vec::new();
    while let Some(answer) = calls.join_next().await {
        let Err(error) = answer? else {
            // The first in line may have been done.
            continue;
        };
        expect(&error, ErrorKind::Connect)?;
        seen.push(kind(&error));
    }
    ensure!(
        !seen.is_empty(),
        "every call was answered before the server stopped"
    );
    let away = refusal(&*embedder, &["a text"]).await?;
    expect(&away, ErrorKind::Connect)?;
    server.start_again().await?;
    let back = embedder
        .embed_one(&target.texts[0], InputKind::Document)
        .await
        .context("the server is back")?;
    target.check_row(&back, 0, Width::Native)?;
    Ok(format!("{} calls cut off: {}", seen.len(), seen[0]))
}

/// A kept-alive connection that died meanwhile costs a reconnection, not a failure.
async fn restarted(target: &mut Target, mode: Mode) -> anyhow::Result<String> {
    let embedder = target.embedder(mode, Width::Native)?;
    for round in 0..2 {
        let row = embedder
            .embed_one(&target.texts[round], InputKind::Document)
            .await?;
        target.check_row(&row, round, Width::Native)?;
        if round == 0 {
            let server = target.server.as_mut().context("no server of ours")?;
            server.stop();
            server.start_again().await?;
        }
    }
    let opened = embedder.usage().connections_opened;
    ensure!(
        opened == 2,
        "{opened} connections where one should have taken the place of another"
    );
    Ok("no failure seen, 2 connections".to_owned())
}

async fn refusal(embedder: &dyn Embedder, inputs: &[&str]) -> anyhow::Result<Error> {
    match embedder.embed_batch(inputs, InputKind::Document).await {
        Ok(rows) => anyhow::bail!(
            "{} rows of {} values instead of an error",
            rows.rows(),
            rows.dimensions()
        ),
        Err(error) => Ok(error),
    }
}

fn expect(error: &Error, expected: ErrorKind) -> anyhow::Result<()> {
    ensure!(
        error.kind() == expected,
        "the error is {} instead of {expected}: {error:?}",
        error.kind()
    );
    Ok(())
}

fn kind(error: &Error) -> String {
    match error.status() {
        Some(status) => format!("`{}`, status {status}", error.kind()),
        None => format!("`{}`", error.kind()),
    }
}
