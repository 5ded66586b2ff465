//! A look at the server, for a person who looks for a fault.

use std::sync::Arc;

use super::fault::Work;
use super::index::{WIDEST, WIDEST_HALF};
use super::pool::Session;
use super::schema::{OLDEST_PGVECTOR, parse_version};
use crate::ServerInspection;

/// The tables that a run writes to.
const TABLES: [&str; 6] = [
    "chunks",
    "ingest_documents",
    "ingest_failures",
    "ingest_model",
    "ingest_runs",
    "ingest_vectors",
];

/// Without any of the tables, what counts is whether they may be made. A server that follows another one takes no writes
/// from anybody.
const LOOK: &str = "
SELECT current_setting('server_version'),
    (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
    (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'),
    NOT pg_is_in_recovery() AND coalesce(
        (SELECT bool_and(has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
                AND has_table_privilege(oid, 'DELETE'))
            FROM pg_class WHERE relkind = 'r' AND relname = ANY ($1) AND pg_table_is_visible(oid)),
        has_schema_privilege(current_schema(), 'CREATE'), false)";

pub(super) async fn inspect(session: Arc<Session>) -> Work<ServerInspection> {
    let row = session.first(LOOK, &[&TABLES.as_slice()]).await?;
    let pgvector: Option<String> = row.try_get(1)?;
    Ok(ServerInspection {
        version: row.try_get(0)?,
        outdated: pgvector
            .as_deref()
            .is_some_and(|version| parse_version(version) < OLDEST_PGVECTOR),
        pgvector,
        available: row.try_get(2)?,
        may_write: row.try_get(3)?,
        widest: WIDEST,
        widest_half: WIDEST_HALF,
    })
}
