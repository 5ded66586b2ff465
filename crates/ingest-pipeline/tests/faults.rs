//! A store that fails at any call: what was committed stays whole, and the next run completes.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use common::{Case, chunks, document, documents, export, fake, sent};
use embed_core::testing::FakeEmbedder;
use ingest_core::testing::{Fault, FaultyStore};
use ingest_core::{ErrorKind, Store};
use ingest_pipeline::{Outcome, RunOptions};
use ingest_store::{MemoryStore, SqliteStore};

/// Adds, changes, renames and removes documents: two states of a folder.
fn before(case: &Case) {
    for number in 0..6 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 3));
    }
}

fn after(case: &Case) {
    case.write("docs/0.md", document("changed", 4));
    case.remove("docs/1.md");
    std::fs::rename(case.path("docs/2.md"), case.path("docs/renamed.md")).expect("renamed");
    case.write("docs/new.md", document("new", 3));
}

fn options(case: &Case) -> RunOptions {
    let mut options = case.options();
    options.batch_size = 4;
    options.workers = 2;
    options
}

async fn wanted() -> impl PartialEq + std::fmt::Debug {
    let case = Case::new();
    before(&case);
    case.run(&fake(), options(&case)).await;
    after(&case);
    case.run(&fake(), options(&case)).await;
    export(case.store.as_ref()).await
}

/// Fails call `n` for every `n` there is; returns how many there were.
async fn every_call(inner: impl Fn(u64) -> Arc<dyn Store>, fault: impl Fn(u64) -> Fault) -> u64 {
    every_call_with(inner, fault, |_| ()).await
}

/// The same, and looks at the inner store after each fault and after the run that follows.
async fn every_call_with(
    inner: impl Fn(u64) -> Arc<dyn Store>,
    fault: impl Fn(u64) -> Fault,
    assert_sound: impl Fn(u64),
) -> u64 {
    let wanted = format!("{:?}", wanted().await);
    for call in 1.. {
        let store = FaultyStore::new(inner(call));
        let case = Case::with(Arc::new(store.clone()));
        before(&case);
        case.run(&fake(), options(&case)).await;
        after(&case);
        let failures = store.failures();
        store.plan(Some(fault(call)));
        let outcome = case.try_run(&fake(), options(&case)).await;
        let met = store.failures() > failures;
        store.plan(None);
        if !met {
            assert_eq!(outcome.expect("a report").outcome, Outcome::Ok);
            return call - 1;
        }
        match outcome {
            Err(error) => assert_eq!(error.kind(), ingest_pipeline::ErrorKind::Store, "call {call}"),
            // The note of the run itself, and an index that the next run builds, are no reason to call it failed.
            Ok(report) => assert!(
                report.outcome == Outcome::Stopped
                    || case.heard.has("could not be recorded")
                    || case.heard.has("the index was not built"),
                "call {call}: {report:?}"
            ),
        }
        for state in documents(case.store.as_ref()).await {
            let held = chunks(case.store.as_ref())
                .await
                .iter()
                .filter(|chunk| chunk.source == state.source)
                .count();
            assert_eq!(
                held, state.chunks as usize,
                "call {call}: half of {}",
                state.source
            );
        }
        assert_eq!(case.log(), None, "call {call}: nothing has failed for good");
        assert_sound(call);
        let report = case.run(&fake(), options(&case)).await;
        assert_eq!(report.outcome, Outcome::Ok, "call {call}");
        assert_eq!(
            format!("{:?}", export(case.store.as_ref()).await),
            wanted,
            "call {call}"
        );
        assert_sound(call);
    }
    0
}

#[tokio::test(start_paused = true)]
async fn after_any_failed_call_the_next_run_completes() {
    let calls = every_call(|_| Arc::new(MemoryStore::new()), Fault::at).await;
    assert!(calls > 12, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn after_any_lost_answer_the_next_run_completes() {
    let calls = every_call(|_| Arc::new(MemoryStore::new()), |call| Fault::at(call).after()).await;
    assert!(calls > 12, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn after_a_store_that_stays_away_the_next_run_completes() {
    let calls = every_call(
        |_| Arc::new(MemoryStore::new()),
        |call| Fault::at(call).lasting().kind(ErrorKind::Unavailable),
    )
    .await;
    assert!(calls > 12, "{calls}");
}

#[tokio::test]
async fn the_same_holds_for_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Handle::current();
    let path = |call: u64| folder.path().join(format!("{call}.db"));
    let open = |call: u64| -> Arc<dyn Store> {
        let path = path(call);
        let runtime = runtime.clone();
        let opened = std::thread::spawn(move || runtime.block_on(SqliteStore::open(path)));
        while !opened.is_finished() {
            std::thread::yield_now();
        }
        Arc::new(opened.join().expect("no panic").expect("a store"))
    };
    let assert_sound = |call: u64| {
        let connection = rusqlite::Connection::open(path(call)).expect("a connection");
        let check: String = connection
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .expect("the check");
        assert_eq!(check, "ok", "call {call}");
        connection
            .execute_batch("INSERT INTO words (words) VALUES ('integrity-check')")
            .expect("a sound word index");
    };
    let calls = every_call_with(open, Fault::at, assert_sound).await;
    assert!(calls > 12, "{calls}");
}

/// A store in memory that takes two writes at once, every other of which is overtaken by the next; and the most that were
/// under way at once.
fn two_at_once() -> (FaultyStore, Arc<AtomicUsize>) {
    let (writes, now, most) = <(AtomicU64, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let saw = Arc::clone(&most);
    let store = FaultyStore::new(Arc::new(MemoryStore::new())).before_write(2, move || {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        let slow = writes.fetch_add(1, Ordering::Relaxed) % 2 == 0;
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(if slow { 300 } else { 1 })).await;
            now.fetch_sub(1, Ordering::Relaxed);
        }
    });
    (store, saw)
}

/// Twelve documents of three chunks, so that most batches of four hold a part of one.
fn overlapping(case: &Case, version: &str) {
    for number in 0..12 {
        case.write(
            &format!("docs/{number}.md"),
            document(&format!("{version} {number}"), 3),
        );
    }
}

/// Answers come one after the other, so that they are written in several transactions.
fn staggered() -> FakeEmbedder {
    fake().before_answer(|call| tokio::time::sleep(Duration::from_millis(100 * (call.number % 4) + 1)))
}

fn four_workers(case: &Case) -> RunOptions {
    let mut options = options(case);
    options.workers = 4;
    options
}

#[tokio::test(start_paused = true)]
async fn documents_wait_for_vectors_that_another_transaction_is_storing() {
    let (store, most) = two_at_once();
    let (case, alone) = (Case::with(Arc::new(store)), Case::new());
    for version in ["first", "second"] {
        overlapping(&case, version);
        overlapping(&alone, version);
        let report = case.run(&staggered(), four_workers(&case)).await;
        assert_eq!(report.outcome, Outcome::Ok, "{:?}", report.stopped);
        alone.run(&staggered(), four_workers(&alone)).await;
    }
    assert_eq!(most.load(Ordering::Relaxed), 2);
    let (got, wanted) = (
        export(case.store.as_ref()).await,
        export(alone.store.as_ref()).await,
    );
    assert_eq!(format!("{got:?}"), format!("{wanted:?}"));
}

#[tokio::test(start_paused = true)]
async fn what_another_transaction_stores_after_one_failed_is_told() {
    for call in 1.. {
        let store = two_at_once().0;
        let case = Case::with(Arc::new(store.clone()));
        overlapping(&case, "first");
        store.plan(Some(Fault::at(call).of("replace_and_keep").lasting()));
        let report = case.run(&staggered(), four_workers(&case)).await;
        let stored = case.sources().await.len() as u64;
        assert_eq!(report.documents.added, stored, "call {call}");
        if store.failures() == 0 {
            assert!(call > 3, "{call}");
            break;
        }
        assert_eq!(report.outcome, Outcome::Stopped, "call {call}");
        store.plan(None);
        let report = case.run(&staggered(), four_workers(&case)).await;
        assert_eq!(
            (report.outcome, case.sources().await.len()),
            (Outcome::Ok, 12),
            "call {call}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_conflict_is_tried_again() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    let case = Case::with(Arc::new(store.clone()));
    before(&case);
    store.plan(Some(
        Fault::at(1).of("replace_and_keep").kind(ErrorKind::Transient),
    ));
    let embedder = fake();
    let report = case.run(&embedder, options(&case)).await;
    assert_eq!((report.outcome, store.failures()), (Outcome::Ok, 1));
    assert_eq!(sent(&embedder).len(), 18, "nothing is embedded again for it");
}
