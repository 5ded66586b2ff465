//! What a store leaves behind as it is opened, changed and closed.

use std::fs;
use std::time::Duration;

use ingest_core::testing::samples::{document, identity, new_vector, text_query};
use ingest_core::{ErrorKind, RunInfo};

use super::faults::{EAST, Home, large};
use super::*;

#[test]
fn many_may_open_a_new_store_at_once() {
    let home = Home::new();
    thread::scope(|scope| {
        for number in 0..6 {
            let path = home.path();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .expect("a runtime");
                runtime.block_on(async {
                    let store = SqliteStore::open(path).await.expect("a store");
                    store.bind(&identity()).await.expect("bind");
                    store
                        .replace(vec![large(&format!("d{number}"), 1000)])
                        .await
                        .expect("replace");
                });
            });
        }
    });
    let status = home
        .foreign()
        .query_row("SELECT count(*) FROM documents", (), |row| row.get::<_, i64>(0));
    assert_eq!(status.expect("count"), 6);
    home.assert_whole();
}

#[tokio::test]
async fn closing_leaves_one_file_and_the_lock() {
    let home = Home::new();
    let store = home.open().await;
    let guard = store
        .begin_run(&RunInfo::default(), Duration::ZERO)
        .await
        .expect("a run");
    store.replace(vec![large("a", 100_000)]).await.expect("replace");
    let open = store.status().await.expect("status").bytes;
    guard.finish(&RunInfo::default()).await.expect("finish");
    drop(store);
    let mut names: Vec<_> = fs::read_dir(home.folder.path())
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["index.db", "index.db.lock"]);
    assert!(open > 100_000, "the log counts: {open}");
}

#[tokio::test]
async fn a_cleared_store_gives_its_room_back() {
    let home = Home::new();
    let store = home.open().await;
    store.replace(vec![large("a", 2_000_000)]).await.expect("replace");
    store.clear().await.expect("clear");
    drop(store);
    assert!(fs::metadata(home.path()).expect("metadata").len() < 1_000_000);
}

#[tokio::test]
async fn what_is_replaced_or_removed_leaves_no_rows_behind() {
    let home = Home::new();
    let store = home.open().await;
    let failed = || Vector::Failed(ingest_core::testing::samples::failure("long"));
    for round in 0..3 {
        let text = format!("round {round}");
        let record = |source| document(source, &[(text.as_str(), new_vector(EAST)), ("aside", failed())]);
        store
            .replace(vec![record("a"), record("b")])
            .await
            .expect("replace");
    }
    store.remove(&["b".into()]).await.expect("remove");
    store.sweep().await.expect("sweep");
    for table in [
        "documents",
        "chunks",
        "failures",
        "vectors",
        "sketches",
        "words_docsize",
    ] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = home
            .foreign()
            .query_row(&sql, (), |row| row.get(0))
            .expect("count");
        assert_eq!(rows, 1, "{table}");
    }
}

#[tokio::test]
async fn a_store_of_the_first_version_is_brought_up_to_date() {
    let home = Home::new();
    let old = home.foreign();
    old.execute_batch(schema::MIGRATIONS[0])
        .expect("the first version");
    old.execute_batch(
        "PRAGMA application_id = 0x696e4773; PRAGMA user_version = 1;
         INSERT INTO model VALUES (1, 'sample', 'sample-model', NULL, 4, '', '', 1.0);",
    )
    .expect("its marks and a model");
    drop(old);
    let error = SqliteStore::open_existing(home.path()).await.expect_err("older");
    assert_eq!(error.kind(), ErrorKind::OlderSchema);
    assert!(error.to_string().contains("one `ingest run`"), "{error}");
    let url = format!("sqlite:{}", home.path().display());
    let store = crate::find_to_write(&url)
        .await
        .expect("a look")
        .expect("a store");
    assert_eq!(store.identity().await.expect("identity"), Some(identity()));
    let canary = Some(EAST.to_vec());
    let asked = ModelIdentity { canary, ..identity() };
    store.bind(&asked).await.expect("bind");
    drop(store);
    let store = SqliteStore::open_existing(home.path()).await.expect("up to date");
    assert_eq!(store.identity().await.expect("identity"), Some(asked));
}

/// Word scores must not depend on a store's history, or two stores of the same documents would rank differently.
#[tokio::test]
async fn word_scores_do_not_depend_on_history() {
    let (plain, worn) = (Home::new(), Home::new());
    let (plain_store, worn_store) = (plain.open().await, worn.open().await);
    let version = |number: u32, words: &str| document(&format!("d{number}"), &[(words, new_vector(EAST))]);
    for number in 0..20 {
        let old = "turbine gearbox ".repeat(number as usize + 1);
        worn_store
            .replace(vec![version(number, &old)])
            .await
            .expect("an old version");
    }
    for store in [&worn_store, &plain_store] {
        for number in 0..20 {
            let text = if number % 5 == 0 {
                "a turbine spins"
            } else {
                "an apple falls far from it"
            };
            store.replace(vec![version(number, text)]).await.expect("replace");
        }
    }
    let scores = async |store: &SqliteStore| {
        let hits = store.search(&text_query("turbine spins")).await.expect("search");
        hits.into_iter()
            .map(|hit| (hit.source, hit.score))
            .collect::<Vec<_>>()
    };
    assert_eq!(scores(&worn_store).await, scores(&plain_store).await);
}
