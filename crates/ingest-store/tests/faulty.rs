//! A store that fails at any one call is whole afterwards: doing the same again completes it.

#[cfg(feature = "sqlite")]
mod sound;

use std::sync::Arc;
use std::time::Duration;

use ingest_core::testing::samples::{document, failure, identity, new_vector, text_query};
use ingest_core::testing::{Fault, FaultyStore};
use ingest_core::{ContentHash, ErrorKind, Result, RunInfo, Store, Vector};
use ingest_store::MemoryStore;

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

/// A small run that may be cut short anywhere and done again.
async fn run(store: &dyn Store) -> Result<()> {
    let info = RunInfo::default();
    let guard = store.begin_run(&info, Duration::ZERO).await?;
    store.bind(&identity()).await?;
    store.states(&["a", "b"]).await?;
    store
        .keep_vectors(vec![(ContentHash::of_text("apple"), new_vector(EAST))])
        .await?;
    let aside = Vector::Failed(failure("long"));
    store
        .replace(vec![document(
            "a",
            &[("apple", new_vector(EAST)), ("pear", aside)],
        )])
        .await?;
    store
        .replace(vec![
            document("b", &[("apple", new_vector(EAST))]),
            document("c", &[]),
        ])
        .await?;
    store.settle(vec![("a".into(), 1, Ok(Vector::TextOnly))]).await?;
    store.remove(&["c".into()]).await?;
    store.sweep().await?;
    guard.finish(&info).await
}

/// `assert_sound` looks at the store that was opened last, after the fault and when it is made good.
async fn any_call_may_fail(open: impl AsyncFn() -> Arc<dyn Store>, assert_sound: impl Fn()) {
    let whole = FaultyStore::new(open().await);
    run(&whole).await.expect("a run without faults");
    let calls = whole.calls();
    assert_eq!(
        (calls.first(), calls.last()),
        (Some(&"begin_run"), Some(&"finish"))
    );
    let expected = whole.chunks(None, 10).await.expect("chunks");
    assert_eq!(expected.len(), 3);

    for call in 1..=calls.len() as u64 {
        for fault in [
            Fault::at(call),
            Fault::at(call).after(),
            Fault::at(call).kind(ErrorKind::Transient),
        ] {
            let store = FaultyStore::new(open().await);
            store.plan(Some(fault));
            let error = run(&store).await.expect_err("the planned fault");
            assert_eq!(error.kind(), fault.kind);
            assert_sound();
            run(&store).await.expect("the fault was one");
            assert_eq!(store.failures(), 1);
            assert_eq!(
                store.chunks(None, 10).await.expect("chunks"),
                expected,
                "{fault:?}"
            );
            let status = store.status().await.expect("status");
            assert_eq!(
                (status.documents, status.incomplete, status.vectors),
                (2, 0, 1),
                "{fault:?}"
            );
            assert_eq!(store.search(&text_query("apple")).await.expect("search").len(), 2);
            assert_sound();
        }
    }
}

#[tokio::test]
async fn any_call_on_memory_may_fail() {
    any_call_may_fail(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>, || {}).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn any_call_on_sqlite_may_fail() {
    use std::sync::atomic::{AtomicU32, Ordering};

    let folder = tempfile::tempdir().expect("a folder");
    let number = AtomicU32::new(0);
    let path = || {
        let number = number.load(Ordering::Relaxed);
        folder.path().join(format!("{number}.db"))
    };
    let open = async || {
        number.fetch_add(1, Ordering::Relaxed);
        let store = ingest_store::SqliteStore::open(path()).await;
        Arc::new(store.expect("a store")) as Arc<dyn Store>
    };
    any_call_may_fail(open, || sound::assert_sound(&path())).await;
}

#[tokio::test]
async fn faults_are_counted_by_method_and_may_last() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.plan(Some(Fault::at(2).of("sweep").lasting()));
    for fails in [false, true, true] {
        assert_eq!(store.sweep().await.is_err(), fails);
        assert!(store.status().await.is_ok());
    }
    store.plan(None);
    assert!(store.sweep().await.is_ok());
    assert_eq!(store.failures(), 2);
}
