//! Who may write, and what others see meanwhile.

use std::time::{Duration, UNIX_EPOCH};

use super::super::samples::{document, new_vector, text_query};
use super::{Place, bound};
use crate::{ErrorKind, RunInfo};

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);

fn info(description: &str) -> RunInfo {
    RunInfo {
        started: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        description: description.into(),
        ..RunInfo::default()
    }
}

/// One run at a time, whichever handle it came through; dropping the guard frees the store.
pub async fn a_second_run_is_locked_out(place: &dyn Place) {
    let (store, other) = (bound(place).await, place.open().await);
    let guard = store
        .begin_run(&info("the first"), Duration::ZERO)
        .await
        .expect("the first run");
    for handle in [&other, &store] {
        let error = handle
            .begin_run(&info("the second"), SOON)
            .await
            .expect_err("the store is held");
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains("the first"), "{error}");
    }
    assert!(
        other.search(&text_query("anything")).await.is_ok(),
        "searching goes on"
    );
    drop(guard);
    let guard = other
        .begin_run(&info("the second"), LONG)
        .await
        .expect("the store is free");
    guard.finish(&info("the second")).await.expect("finish");
    let guard = store
        .begin_run(&info("the third"), Duration::ZERO)
        .await
        .expect("finishing frees it too");
    drop(store);
    drop(guard);
    drop(
        other
            .begin_run(&info("the fourth"), LONG)
            .await
            .expect("a guard outlives its handle"),
    );
}

/// A run that waits goes on when the one before ends.
pub async fn a_waiting_run_gets_its_turn(place: &dyn Place) {
    let (store, other) = (bound(place).await, place.open().await);
    let guard = store
        .begin_run(&info("first"), Duration::ZERO)
        .await
        .expect("the first run");
    let waiting_info = info("second");
    let mut waiting = other.begin_run(&waiting_info, LONG);
    // Asked once, it waits.
    let pending =
        std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending()));
    assert!(pending.await);
    guard.finish(&info("first")).await.expect("finish");
    drop(waiting.await.expect("its turn"));
}

/// The last run is in the status: while it runs, when it has ended, and when it just vanished.
pub async fn runs_are_recorded(place: &dyn Place) {
    let store = bound(place).await;
    let begun = info("docs");
    let guard = store.begin_run(&begun, LONG).await.expect("a run");
    assert_eq!(
        store.status().await.expect("status").last_run,
        Some(begun.clone())
    );
    let ended = RunInfo {
        finished: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_100)),
        outcome: "ok".into(),
        ..begun.clone()
    };
    assert_eq!(store.last_run().await.expect("runs"), Some(begun));
    guard.finish(&ended).await.expect("finish");
    let reopened = place.open().await;
    assert_eq!(reopened.last_run().await.expect("runs"), Some(ended.clone()));
    assert_eq!(reopened.status().await.expect("status").last_run, Some(ended));
    drop(store.begin_run(&info("killed"), LONG).await.expect("another run"));
    let last = store.status().await.expect("status").last_run.expect("a run");
    assert_eq!((last.description.as_str(), last.finished), ("killed", None));
}

/// A reader beside a writer sees each document as it was or as it is, never a mixture.
pub async fn readers_see_whole_documents_during_writes(place: &dyn Place) {
    const CHUNKS: usize = 12;
    let (writer, reader) = (bound(place).await, place.open().await);
    let version = |number: usize| {
        let texts: Vec<String> = (0..CHUNKS)
            .map(|chunk| format!("shared version{number} chunk{chunk}"))
            .collect();
        let records: Vec<_> = texts
            .iter()
            .map(|text| (text.as_str(), new_vector([1.0, 0.5, 0.0, 0.0])))
            .collect();
        document("a", &records)
    };
    writer.replace(vec![version(0)]).await.expect("the first version");
    let write = async {
        for number in 1..20 {
            writer
                .replace(vec![version(number)])
                .await
                .expect("a new version");
        }
    };
    let read = async {
        let mut question = text_query("shared");
        question.top_k = 100;
        for _ in 0..40 {
            let texts: Vec<String> = {
                let hits = reader.search(&question).await.expect("search");
                hits.into_iter().map(|hit| hit.chunk.text).collect()
            };
            one_version(&texts, CHUNKS);
            let stored = reader.chunks(None, 100).await.expect("chunks");
            one_version(
                &stored
                    .into_iter()
                    .map(|stored| stored.chunk.text)
                    .collect::<Vec<_>>(),
                CHUNKS,
            );
        }
    };
    join(write, read).await;
    let last = reader.search(&text_query("version19")).await.expect("search");
    assert_eq!(last.len(), 10);
}

fn one_version(texts: &[String], chunks: usize) {
    assert_eq!(texts.len(), chunks);
    let versions: std::collections::BTreeSet<_> = texts.iter().map(|text| text.split(' ').nth(1)).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
}

/// Drives two futures until both are done, taking turns.
async fn join(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut one_done, mut other_done) = (false, false);
    std::future::poll_fn(|context| {
        one_done = one_done || one.as_mut().poll(context).is_ready();
        other_done = other_done || other.as_mut().poll(context).is_ready();
        if one_done && other_done {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
