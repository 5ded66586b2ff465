//! Finding out how many workers help, with servers of several kinds.

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Case, document, error, fake};
use embed_core::ErrorKind;
use embed_core::testing::FakeEmbedder;
use ingest_pipeline::{Outcome, RunReport};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// A server that works on so many batches at once, 50 ms each, and takes so many before it is too busy.
fn server(slots: usize, limit: usize) -> FakeEmbedder {
    let free = Arc::new(Semaphore::new(slots));
    let running = Arc::new(AtomicUsize::new(0));
    let refused: Arc<Mutex<HashSet<u64>>> = Arc::default();
    let refuses = Arc::clone(&refused);
    fake()
        .before_answer(move |call| {
            let (free, running, refused) = (Arc::clone(&free), Arc::clone(&running), Arc::clone(&refused));
            async move {
                let others = running.fetch_add(1, Ordering::SeqCst);
                if others < limit {
                    let _slot = free.acquire().await;
                    sleep(Duration::from_millis(50)).await;
                } else {
                    refused.lock().expect("no panic").insert(call.number);
                }
                running.fetch_sub(1, Ordering::SeqCst);
            }
        })
        .fail_when(move |call| {
            let refused = refuses.lock().expect("no panic").contains(&call.number);
            refused.then(|| error(ErrorKind::Busy))
        })
}

/// A run of so many batches with up to eight workers, and what it said of them.
async fn run(embedder: &FakeEmbedder, batches: usize) -> (RunReport, Vec<String>) {
    let case = Case::new();
    for number in 0..batches / 50 {
        case.write(
            &format!("docs/{number:02}.md"),
            document(&format!("d{number}"), 50),
        );
    }
    let mut options = case.options();
    // Each text is a batch of its own, and far from what may be at risk at once.
    options.batch_bytes = 1;
    options.workers = 8;
    options.adapt_from = Some(1);
    let report = case.run(embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!(report.chunks.embedded, batches as u64);
    let mut heard = case.heard.all();
    heard.retain(|line| line.starts_with("Workers"));
    (report, heard)
}

#[tokio::test(start_paused = true)]
async fn each_slot_of_the_server_gets_a_worker() {
    for slots in [1, 4, 8] {
        let embedder = server(slots, usize::MAX);
        let (report, heard) = run(&embedder, 1000).await;
        assert_eq!(report.workers, slots);
        assert_eq!(heard.len(), 1, "{heard:?}");
        let rate = 20 * slots;
        let told = format!("Workers {{ workers: {slots}, rate: Some({rate}.");
        assert!(heard[0].starts_with(&told), "{heard:?}, not {told}");
        assert!(embedder.peak() <= 8, "{}", embedder.peak());
        assert_eq!(report.mode, "parallel (auto)");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_too_busy_for_more_is_not_asked_for_more() {
    let embedder = server(8, 3);
    let (report, heard) = run(&embedder, 1000).await;
    assert_eq!(report.workers, 3, "{heard:?}");
    assert!((1..=6).contains(&report.retries), "{} retries", report.retries);
}

#[tokio::test(start_paused = true)]
async fn it_begins_with_one() {
    let embedder = server(8, usize::MAX);
    let (report, heard) = run(&embedder, 50).await;
    assert_eq!(report.workers, 4, "{report:?}");
    assert_eq!(heard, ["Workers { workers: 4, rate: None }"], "it was too short");
    let alone = server(1, 1);
    let (report, _) = run(&alone, 50).await;
    assert_eq!(
        (report.workers, report.retries),
        (1, 1),
        "a second one was tried once"
    );
}
