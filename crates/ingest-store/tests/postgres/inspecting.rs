//! A look at a server tells what it has, and changes nothing.

use ingest_store::testing::Database;
use ingest_store::{ServerInspection, find, inspect};

async fn look(url: &str) -> ServerInspection {
    let found = inspect(url).await.expect("a look");
    assert!(found.schema > 0);
    found.server.expect("a server")
}

/// The address of the same database for a user who may only read.
fn as_reader(database: &Database) -> String {
    let joint = if database.url.contains('?') { '&' } else { '?' };
    format!("{}{joint}options=-c%20role%3Dpg_read_all_data", database.url)
}

pub(crate) async fn a_look_tells_of_pgvector_and_rights(database: Database) {
    let before = look(&database.url).await;
    assert!(
        before.version.starts_with(|first: char| first.is_ascii_digit()),
        "{before:?}"
    );
    assert!(
        before.pgvector.is_none() && before.available.is_some(),
        "{before:?}"
    );
    assert!(before.may_write);
    assert!(!look(&as_reader(&database)).await.may_write);
    assert!(find(&database.url).await.expect("a look").is_none());

    database.store().await;
    let after = look(&database.url).await;
    assert!(after.pgvector.is_some() && !after.outdated, "{after:?}");
    assert!(after.may_write);
    assert!(!look(&as_reader(&database)).await.may_write);
}
