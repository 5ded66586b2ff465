//! SQLite's own troubles: each is told apart, and leaves the store whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ingest_core::testing::samples::{document, identity, new_vector, text_query};
use ingest_core::{DocumentRecord, Error, ErrorKind, Store};
use tempfile::TempDir;

use super::*;

pub(super) const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

pub(super) struct Home {
    pub(super) folder: TempDir,
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("index.db")
    }

    pub(super) async fn open(&self) -> SqliteStore {
        let store = SqliteStore::open(self.path()).await.expect("a store");
        store.bind(&identity()).await.expect("bind");
        store
    }

    /// A connection as another program has it.
    pub(super) fn foreign(&self) -> Connection {
        Connection::open(self.path()).expect("a connection")
    }

    pub(super) fn assert_whole(&self) {
        let connection = self.foreign();
        let check = |sql: &str| -> String { connection.query_row(sql, (), |row| row.get(0)).expect(sql) };
        assert_eq!(check("PRAGMA integrity_check"), "ok");
        connection
            .execute_batch("INSERT INTO words (words) VALUES ('integrity-check')")
            .expect("the word index");
    }
}

/// A document whose chunks fill about `bytes`.
pub(super) fn large(source: &str, bytes: usize) -> DocumentRecord {
    let texts: Vec<String> = (0..bytes / 1000)
        .map(|number| format!("{source}{number} {}", "x".repeat(990)))
        .collect();
    let chunks: Vec<_> = texts
        .iter()
        .map(|text| (text.as_str(), new_vector(EAST)))
        .collect();
    document(source, &chunks)
}

async fn on_writer(store: &SqliteStore, sql: &'static str) {
    store
        .writer
        .run(move |connection| Ok(connection.execute_batch(sql)?))
        .await
        .expect(sql);
}

async fn refused(path: &Path) -> Error {
    SqliteStore::open(path)
        .await
        .expect_err("a store that can't be opened")
}

fn assert_names(error: &Error, kind: ErrorKind, path: &Path) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_full_disk_keeps_what_was_stored() {
    let home = Home::new();
    let store = home.open().await;
    store.replace(vec![large("a", 10_000)]).await.expect("a little");
    // SQLite reports this limit as it does a disk without room.
    on_writer(&store, "PRAGMA max_page_count = 40").await;
    let error = store
        .replace(vec![large("a", 20_000), large("b", 4_000_000)])
        .await
        .expect_err("no room");
    assert_names(&error, ErrorKind::Full, &home.path());
    assert_eq!(store.states(&["b"]).await.expect("states"), [None]);
    assert_eq!(store.chunks(None, 100).await.expect("chunks").len(), 10);
    home.assert_whole();
    on_writer(&store, "PRAGMA max_page_count = 1000000").await;
    store
        .replace(vec![large("b", 4_000_000)])
        .await
        .expect("room again");
}

#[tokio::test]
async fn a_read_only_store_is_said_to_be_one() {
    let home = Home::new();
    let store = home.open().await;
    store.replace(vec![large("a", 1000)]).await.expect("replace");
    on_writer(&store, "PRAGMA query_only = 1").await;
    let error = store
        .replace(vec![large("b", 1000)])
        .await
        .expect_err("read-only");
    assert_names(&error, ErrorKind::ReadOnly, &home.path());
    assert_eq!(store.chunks(None, 100).await.expect("chunks").len(), 1);
    home.assert_whole();
}

#[tokio::test]
async fn a_store_nobody_can_change_is_still_read() {
    let home = Home::new();
    let store = home.open().await;
    store
        .replace(vec![document("a", &[("apple", new_vector(EAST))])])
        .await
        .expect("replace");
    drop(store);
    let odd = home.folder.path().join("a%b ?#é.db");
    fs::rename(home.path(), &odd).expect("rename");
    let database = Database::new(&odd).expect("a path");
    let connection = database
        .connect_unchanging()
        .expect("a connection that changes nothing");
    let sources: i64 = connection
        .query_row("SELECT count(*) FROM documents", (), |row| row.get(0))
        .expect("count");
    assert_eq!(sources, 1);
    assert_eq!(
        fs::read_dir(home.folder.path()).expect("the folder").count(),
        1,
        "no file is made beside it"
    );
}

#[tokio::test]
async fn a_writer_waits_for_another_program_then_says_so() {
    let home = Home::new();
    let mut store = home.open().await;
    store.database.busy_timeout = Duration::from_millis(30);
    on_writer(&store, "PRAGMA busy_timeout = 30").await;
    let other = home.foreign();
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let error = store.replace(vec![large("a", 1000)]).await.expect_err("locked");
    assert_names(&error, ErrorKind::Transient, &home.path());
    assert!(error.is_retryable());
    assert!(
        store.search(&text_query("x")).await.is_ok(),
        "readers are not in its way"
    );
    other.execute_batch("COMMIT").expect("give it up");
    home.assert_whole();
    store.replace(vec![large("a", 1000)]).await.expect("free again");
    home.assert_whole();
}

#[tokio::test]
async fn a_reader_that_takes_its_time_stops_no_writer() {
    let home = Home::new();
    let store = home.open().await;
    on_writer(&store, "PRAGMA busy_timeout = 0").await;
    let slow = home.foreign();
    let count = || {
        slow.query_row("SELECT count(*) FROM documents", (), |row| row.get::<_, i64>(0))
            .expect("count")
    };
    slow.execute_batch("BEGIN").expect("a reading transaction");
    assert_eq!(count(), 0);
    store
        .replace(vec![large("a", 1000)])
        .await
        .expect("writing goes on");
    assert_eq!(count(), 0, "it still sees what it began with");
    slow.execute_batch("COMMIT").expect("the end of reading");
    assert_eq!(count(), 1);
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let home = Home::new();
    for content in [
        b"# Just a text".repeat(100),
        b"SQLite format 3\0".to_vec(),
        vec![0xff; 5000],
    ] {
        fs::write(home.path(), &content).expect("write");
        for error in [
            refused(&home.path()).await,
            SqliteStore::open_existing(home.path())
                .await
                .expect_err("not a store"),
        ] {
            assert_names(&error, ErrorKind::Foreign, &home.path());
        }
        assert_eq!(fs::read(home.path()).expect("read"), content);
    }
    fs::remove_file(home.path()).expect("remove");
    home.foreign()
        .execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 1")
        .expect("another program's file");
    assert_names(&refused(&home.path()).await, ErrorKind::Foreign, &home.path());
    let tables: i64 = home
        .foreign()
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .expect("count");
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_newer_store_is_refused_with_both_versions() {
    let home = Home::new();
    drop(home.open().await);
    home.foreign()
        .execute_batch("PRAGMA user_version = 4711")
        .expect("a newer store");
    for error in [
        refused(&home.path()).await,
        SqliteStore::open_existing(home.path())
            .await
            .expect_err("a newer store"),
    ] {
        assert_names(&error, ErrorKind::NewerSchema, &home.path());
        let message = error.to_string();
        assert!(
            message.contains("version 4711") && message.contains("up to 3"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_file_that_was_cut_is_damaged() {
    let home = Home::new();
    let store = home.open().await;
    store.replace(vec![large("a", 2_000_000)]).await.expect("replace");
    drop(store);
    let length = fs::metadata(home.path()).expect("metadata").len();
    let file = fs::File::options()
        .write(true)
        .open(home.path())
        .expect("the file");
    file.set_len(length / 3).expect("cut");
    let error = match SqliteStore::open(home.path()).await {
        Err(error) => error,
        Ok(store) => store.chunks(None, 10_000).await.expect_err("a cut file"),
    };
    assert_names(&error, ErrorKind::Corrupt, &home.path());
}

#[tokio::test]
async fn a_damaged_page_is_told_not_served() {
    let home = Home::new();
    let store = home.open().await;
    store.replace(vec![large("a", 3_000_000)]).await.expect("replace");
    drop(store);
    let mut bytes = fs::read(home.path()).expect("read");
    let middle = bytes.len() / 2 / 32768 * 32768;
    bytes[middle..middle + 32768].fill(0x5a);
    fs::write(home.path(), bytes).expect("write");
    let store = SqliteStore::open(home.path())
        .await
        .expect("the first page is sound");
    let reads = [
        store.chunks(None, 10_000).await.map(|_| ()),
        store
            .search(&ingest_core::testing::samples::vector_query(EAST))
            .await
            .map(|_| ()),
    ];
    let error = reads
        .into_iter()
        .find_map(Result::err)
        .expect("one of them meets the page");
    assert_names(&error, ErrorKind::Corrupt, &home.path());
}

#[tokio::test]
async fn a_value_of_another_hand_is_damage() {
    let home = Home::new();
    let store = home.open().await;
    store.replace(vec![large("a", 1000)]).await.expect("replace");
    home.foreign()
        .execute_batch("UPDATE chunks SET heading_path = 'no list'")
        .expect("update");
    let error = store.chunks(None, 1).await.expect_err("no list");
    assert_names(&error, ErrorKind::Corrupt, &home.path());
    home.foreign()
        .execute_batch("UPDATE documents SET revision = x'00'")
        .expect("update");
    let error = store.states(&["a"]).await.expect_err("no hash");
    assert_names(&error, ErrorKind::Corrupt, &home.path());
}

#[tokio::test]
async fn a_place_that_cannot_be_is_unavailable() {
    let home = Home::new();
    fs::write(home.folder.path().join("file"), "").expect("write");
    let below = home.folder.path().join("file/index.db");
    assert_eq!(refused(&below).await.kind(), ErrorKind::Unavailable);
    assert_names(
        &refused(home.folder.path()).await,
        ErrorKind::Unavailable,
        home.folder.path(),
    );
}

#[tokio::test]
async fn reading_makes_no_store() {
    let home = Home::new();
    let error = SqliteStore::open_existing(home.path())
        .await
        .expect_err("no store");
    assert_names(&error, ErrorKind::Unavailable, &home.path());
    assert!(error.to_string().contains("`ingest run PATH`"), "{error}");
    assert!(!home.path().exists());
    fs::write(home.path(), "").expect("an empty file");
    let error = SqliteStore::open_existing(home.path())
        .await
        .expect_err("no store yet");
    assert_names(&error, ErrorKind::Unavailable, &home.path());
    drop(home.open().await);
    let store = SqliteStore::open_existing(home.path()).await.expect("a store");
    assert!(store.search(&text_query("x")).await.expect("search").is_empty());
}
