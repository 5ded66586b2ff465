//! Holding a store for one writing run, and the record of runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ingest_core::{Result, RunGuard, RunInfo};
use rusqlite::{Transaction, params};

use super::fault::Work;
use super::row;
use super::schema::Database;
use super::worker::Worker;
use super::write;
use crate::lock::{FileLock, wait_for};

/// Runs that are remembered.
const RUNS: i64 = 100;

pub(super) async fn begin(
    database: &Database,
    writer: &Arc<Worker>,
    info: &RunInfo,
    wait: Duration,
) -> Result<Box<dyn RunGuard>> {
    let (path, description) = (database.path.clone(), info.description.clone());
    let lock = wait_for(wait, move || FileLock::take(&path, &description)).await?;
    let started = info.clone();
    let id = writer
        .run(move |connection| write::transaction(connection, |tx| insert(tx, &started)))
        .await
        .map_err(|fault| fault.explain("write to", &database.path))?;
    Ok(Box::new(Guard {
        lock,
        id,
        database: database.clone(),
        writer: Arc::clone(writer),
    }))
}

fn insert(tx: &Transaction<'_>, info: &RunInfo) -> Work<i64> {
    tx.execute(
        "INSERT INTO runs (started, finished, outcome, description) VALUES (?1, ?2, ?3, ?4)",
        params![
            row::nanoseconds(info.started),
            row::nanoseconds(info.finished),
            info.outcome,
            info.description
        ],
    )?;
    let id = tx.last_insert_rowid();
    tx.execute("DELETE FROM runs WHERE id <= ?1", [id - RUNS])?;
    Ok(id)
}

#[derive(Debug)]
struct Guard {
    lock: FileLock,
    id: i64,
    database: Database,
    writer: Arc<Worker>,
}

#[async_trait]
impl RunGuard for Guard {
    async fn finish(self: Box<Self>, info: &RunInfo) -> Result<()> {
        let (id, info) = (self.id, info.clone());
        let record = move |tx: &Transaction<'_>| {
            tx.execute(
                "UPDATE runs SET started = ?2, finished = ?3, outcome = ?4, description = ?5 WHERE id = ?1",
                params![
                    id,
                    row::nanoseconds(info.started),
                    row::nanoseconds(info.finished),
                    info.outcome,
                    info.description
                ],
            )?;
            Ok(())
        };
        let recorded = self
            .writer
            .run(move |connection| {
                write::transaction(connection, record)?;
                // Moves the log into the file while no one waits for it. Readers may be in the way: then later.
                let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                Ok(())
            })
            .await;
        drop(self.lock);
        recorded.map_err(|fault| fault.explain("write to", &self.database.path))
    }
}
