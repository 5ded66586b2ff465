//! Runs cells, whatever they do: an error, a panic and a call without end are failures of that cell alone.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use ingest_store::testing::Server;
use tokio::time::timeout;

use crate::axes::StoreKind;
use crate::cells::Cell;
use crate::report::{Done, Status};
use crate::target::Target;
use crate::{end_to_end, faults, matrix, peer, suite};

/// Longest time for one cell.
const LONGEST: Duration = Duration::from_secs(180);

/// How a cell ended, unless it failed.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// With what was seen.
    Passed(String),
    /// With the reason.
    Skipped(String),
}

pub(crate) async fn run(target: &mut Target, cell: &Cell) -> Done {
    let started = Instant::now();
    let caught = AssertUnwindSafe(timeout(LONGEST, verdict(target, cell)))
        .catch_unwind()
        .await;
    let (status, note) = match caught {
        Ok(Ok(Ok(Verdict::Passed(note)))) => (Status::Passed, note),
        Ok(Ok(Ok(Verdict::Skipped(reason)))) => (Status::Skipped, reason),
        Ok(Ok(Err(error))) => (Status::Failed, format!("{error:#}")),
        Ok(Err(_)) => (Status::Failed, format!("no end after {} s", LONGEST.as_secs())),
        Err(panic) => (Status::Failed, said(&*panic)),
    };
    if status == Status::Failed
        && let Some(server) = &mut target.server
    {
        // The next cell starts from a server that works.
        if let Err(error) = server.start_again().await {
            eprintln!("{error:#}");
        }
    }
    Done {
        cell: cell.name(),
        status,
        seconds: started.elapsed().as_secs_f64(),
        note,
    }
}

async fn verdict(target: &mut Target, cell: &Cell) -> anyhow::Result<Verdict> {
    if let Cell::Short(point) | Cell::Long(point) = cell
        && point.store == StoreKind::Postgres
        && let Err(reason) = Server::find()
    {
        return Ok(Verdict::Skipped(format!("there is no PostgreSQL: {reason}")));
    }
    match cell {
        Cell::Short(point) => matrix::short(target, point).await.map(Verdict::Passed),
        Cell::Long(point) => matrix::over_long(target, point).await.map(Verdict::Passed),
        Cell::Suite(endpoint, width) => suite::run(target, *endpoint, *width).await.map(Verdict::Passed),
        Cell::Fault(endpoint, fault) => faults::run(target, *endpoint, *fault).await,
        Cell::EndToEnd(disturbance) => end_to_end::run(target, *disturbance).await,
        Cell::Peer => peer::run(target).await,
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}
