//! What a refusal teaches: the bounds of a server, and who is to blame.

mod common;

use std::time::Duration;

use common::{Case, document, error, fake, poisoned_case, sent};
use embed_core::testing::FakeEmbedder;
use embed_core::{Error, ErrorKind};
use ingest_pipeline::Outcome;

/// 320 texts in 40 documents.
fn large_case() -> Case {
    let case = Case::new();
    for number in 0..40 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 8));
    }
    case
}

/// Refuses requests that `refuses` says are too large.
fn bounded(refuses: fn(&[String]) -> bool, status: u16, message: &'static str) -> FakeEmbedder {
    fake().fail_when(move |call| {
        let error = || Error::new(ErrorKind::InvalidInput, message).with_status(status);
        refuses(&call.inputs).then(error)
    })
}

fn bytes(inputs: &[String]) -> usize {
    inputs.iter().map(String::len).sum()
}

/// How many events hold these words.
fn told(case: &Case, words: &str) -> usize {
    case.heard
        .all()
        .iter()
        .filter(|event| event.contains(words))
        .count()
}

/// Runs with one worker, so that each call knows of the one before it; gives how many calls were refused.
async fn refused(case: &Case, embedder: &FakeEmbedder, refuses: fn(&[String]) -> bool) -> usize {
    let mut options = case.options();
    options.workers = 1;
    let report = case.run(embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.chunks.embedded, report.retries), (320, 0));
    assert_eq!(case.log(), None);
    embedder
        .calls()
        .iter()
        .filter(|call| refuses(&call.inputs))
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_is_named_is_met_once_told_and_kept_to() {
    let case = large_case();
    let over = |inputs: &[String]| inputs.len() > 10;
    let embedder = bounded(over, 422, "batch size 64 > maximum allowed batch size 10");
    assert_eq!(refused(&case, &embedder, over).await, 1);
    assert_eq!(told(&case, "at most 10 texts"), 1, "{:?}", case.heard.all());
    let full = embedder
        .calls()
        .iter()
        .filter(|call| call.inputs.len() == 10)
        .count();
    assert!(full >= 28, "{full} full requests");
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_nobody_names_is_found_by_halving() {
    let case = large_case();
    let over = |inputs: &[String]| inputs.len() > 20;
    let embedder = bounded(over, 400, "no");
    // 64, 32, then 16 pass.
    assert_eq!(refused(&case, &embedder, over).await, 2);
    assert_eq!(told(&case, "at most 16 texts"), 1, "{:?}", case.heard.all());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_teaches_a_bound_in_bytes() {
    let case = large_case();
    let over = |inputs: &[String]| bytes(inputs) > 1000;
    let embedder = bounded(over, 413, "Payload Too Large");
    let refused = refused(&case, &embedder, over).await;
    assert!(refused <= 3, "{refused} requests were refused");
    assert_eq!(told(&case, "bytes of text"), 1, "{:?}", case.heard.all());
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_to_blame_teaches_no_bound() {
    let case = large_case();
    case.write("docs/0.md", "## Poison\n\nThis is poison.\n");
    let poison = |inputs: &[String]| inputs.iter().any(|input| input.contains("poison"));
    let embedder = bounded(poison, 400, "no");
    let mut options = case.options();
    options.workers = 1;
    let report = case.run(&embedder, options).await;
    assert_eq!((report.chunks.embedded, report.chunks.failed), (312, 1));
    assert_eq!(told(&case, "at most"), 0, "{:?}", case.heard.all());
    let full = embedder
        .calls()
        .iter()
        .filter(|call| call.inputs.len() == 64)
        .count();
    assert!(full >= 4, "{full} full requests");
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_halved_at_once_and_its_rest_goes_on_together() {
    let case = poisoned_case();
    let poison = |inputs: &[String]| inputs.iter().any(|input| input.contains("poison"));
    let embedder = bounded(poison, 400, "no");
    let mut options = case.options();
    options.workers = 1;
    let report = case.run(&embedder, options).await;
    assert_eq!(
        (report.chunks.embedded, report.chunks.failed, report.retries),
        (63, 1, 0)
    );
    let calls = embedder.calls();
    let refused = calls.iter().filter(|call| poison(&call.inputs)).count();
    assert_eq!(refused, 7, "64, 32, 16, 8, 4, 2, 1");
    // Halves that come before the culprit's have passed on their own; all that comes behind goes in one request.
    let last_refused = calls
        .iter()
        .rposition(|call| poison(&call.inputs))
        .expect("a refusal");
    assert_eq!(calls.len() - 1 - last_refused, 1, "requests behind the culprit");
}

#[tokio::test(start_paused = true)]
async fn nan_in_a_message_is_halved_from_the_second_time_on() {
    let case = poisoned_case();
    let embedder = fake().fail_when(|call| {
        let poisoned = call.inputs.iter().any(|input| input.contains("poison"));
        let said = "failed to encode response: json: unsupported value: NaN";
        poisoned.then(|| Error::new(ErrorKind::InvalidResponse, said).with_status(500))
    });
    let mut options = case.options();
    options.workers = 1;
    let report = case.run(&embedder, options).await;
    assert_eq!((report.chunks.embedded, report.chunks.failed), (63, 1));
    let whole = embedder
        .calls()
        .iter()
        .filter(|call| call.inputs.len() == 64)
        .count();
    assert_eq!(whole, 2, "the whole batch is tried twice, not three times");
}

#[tokio::test(start_paused = true)]
async fn retry_failed_asks_the_store_where_the_log_cannot_be_read() {
    let case = poisoned_case();
    let poison = |inputs: &[String]| inputs.iter().any(|input| input.contains("poison"));
    case.run(&bounded(poison, 400, "no"), case.options()).await;
    std::fs::remove_file(case.path("failures.json")).expect("removed");
    std::fs::create_dir(case.path("failures.json")).expect("a folder in its place");
    let mut options = case.options();
    options.retry_failed = true;
    let second = fake();
    let report = case.run(&second, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((sent(&second).len(), report.chunks.stored), (1, 1));
    let told = told(&case, "cannot read the failure log");
    assert_eq!(told, 1, "{:?}", case.heard.all());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_only_to_ask_for_hours_stops_the_run() {
    let case = poisoned_case();
    let embedder = fake().fail_when(|call| match call.number {
        0..3 => None,
        3..12 => Some(error(ErrorKind::Connect)),
        _ => Some(error(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(7200))),
    });
    let mut options = case.options();
    options.batch_size = 4;
    options.wait = Duration::from_secs(100_000);
    let began = tokio::time::Instant::now();
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Stopped, "{report:?}");
    let message = &report.stopped.as_ref().expect("why").message;
    assert!(message.contains("asks to wait 7200 s"), "{message}");
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "{:?}",
        began.elapsed()
    );
}
