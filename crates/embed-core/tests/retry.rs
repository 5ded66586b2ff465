//! Retry on paused time: which calls are made, when, and what an outage costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use embed_core::testing::{FakeEmbedder, MockEmbedder};
use embed_core::{
    Embedder, Embeddings, Error, ErrorKind, InputKind, Jitter, Retrier, Retry, RetryBudget, RetryPolicy,
    Usage,
};
use tokio::time::Instant;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The reference's schedule: three tries, 1 s and 2 s apart.
fn reference() -> RetryPolicy {
    RetryPolicy::default().with_jitter(Jitter::None)
}

fn busy() -> Error {
    Error::new(ErrorKind::Busy, "the queue is full").with_status(503)
}

/// Fails its first `failures` calls.
fn flaky(failures: u64, error: impl Fn() -> Error + Send + Sync + 'static) -> FakeEmbedder {
    FakeEmbedder::new(4).fail_when(move |call| (call.number <= failures).then(&error))
}

async fn embed(embedder: &impl Embedder, text: &str) -> embed_core::Result<Embeddings> {
    embedder.embed_batch(&[text], InputKind::Document).await
}

#[tokio::test(start_paused = true)]
async fn three_tries_one_and_two_seconds_apart() {
    let fake = flaky(2, busy);
    let retry = Retry::new(fake.clone(), reference());
    let start = Instant::now();
    let rows = embed(&retry, "a").await.expect("the third try");
    assert_eq!(start.elapsed(), seconds(3));
    assert_eq!(rows.row(0), fake.vector("a"));
    assert_eq!((retry.usage().requests, retry.usage().retries), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_keeps_kind_and_status_and_counts_the_attempts() {
    let retry = Retry::new(flaky(9, busy), reference());
    let error = embed(&retry, "a").await.expect_err("busy for ever");
    assert_eq!(
        (error.kind(), error.status(), error.attempts()),
        (ErrorKind::Busy, Some(503), 3)
    );
    assert_eq!(error.to_string(), "the queue is full (after 3 attempts)");
}

#[tokio::test]
async fn a_wrong_key_is_tried_once() {
    let mut mock = MockEmbedder::new();
    mock.expect_embed_batch()
        .withf(|inputs, kind| inputs == ["a"] && *kind == InputKind::Query)
        .times(1)
        .returning(|_, _| Err(Error::new(ErrorKind::Unauthorized, "the key is wrong").with_status(401)));
    let retry = Retry::new(mock, reference());
    let error = retry
        .embed_batch(&["a"], InputKind::Query)
        .await
        .expect_err("refused");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unauthorized, 1));
    assert_eq!(error.to_string(), "the key is wrong");
}

#[tokio::test]
async fn everything_else_is_passed_on() {
    let mut mock = MockEmbedder::new();
    mock.expect_describe()
        .times(1)
        .returning(|| Err(Error::new(ErrorKind::Connect, "nobody there")));
    mock.expect_count_tokens().times(1).return_const(Some(7));
    mock.expect_usage().times(1).return_const(Usage::default());
    let retry = Retry::new(mock, reference());
    assert!(retry.describe().await.is_err());
    assert_eq!(retry.count_tokens("a"), Some(7));
    assert_eq!(retry.usage(), Usage::default());
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_the_least_wait() {
    let retry = Retry::new(flaky(1, || busy().with_retry_after(seconds(30))), reference());
    let start = Instant::now();
    embed(&retry, "a").await.expect("the second try");
    assert_eq!(start.elapsed(), seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_too_long_a_wait_ends_the_call_at_once() {
    let fake = flaky(9, || busy().with_retry_after(seconds(121)));
    let retry = Retry::new(fake.clone(), reference());
    let start = Instant::now();
    let error = embed(&retry, "a").await.expect_err("too long");
    assert_eq!((error.attempts(), error.retry_after()), (1, Some(seconds(121))));
    // Nor does it hold back the others.
    embed(&retry, "b").await.expect_err("too long");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(fake.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_holds_back_every_clone() {
    let retry = Retry::new(flaky(1, || busy().with_retry_after(seconds(30))), reference());
    let other = retry.clone();
    let start = Instant::now();
    let first = tokio::spawn(async move { embed(&retry, "a").await });
    tokio::time::sleep(seconds(1)).await;
    embed(&other, "b").await.expect("answered after the pause");
    assert_eq!(start.elapsed(), seconds(30));
    first.await.expect("no panic").expect("answered after the pause");
    assert_eq!(start.elapsed(), seconds(30));
}

#[tokio::test(start_paused = true)]
async fn an_empty_batch_waits_for_nobody() {
    let retry = Retry::new(
        flaky(9, || busy().with_retry_after(seconds(30))),
        RetryPolicy::never(),
    );
    embed(&retry, "a").await.expect_err("one try");
    let start = Instant::now();
    let rows = retry
        .embed_batch(&[], InputKind::Document)
        .await
        .expect("no rows");
    assert!(rows.is_empty());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn jitter_takes_its_numbers_from_the_given_source() {
    let drawn = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&drawn);
    let retrier = Retrier::new(RetryPolicy::default()).with_random(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        0.5
    });
    let retry = Retry::new(flaky(2, busy), retrier);
    let start = Instant::now();
    embed(&retry, "a").await.expect("the third try");
    assert_eq!(start.elapsed(), Duration::from_millis(500 + 1000));
    assert_eq!(drawn.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_multiplied_by_the_number_of_workers() {
    let fake = flaky(u64::MAX, busy);
    let retrier = Retrier::new(reference()).with_budget(RetryBudget::new(10));
    let retry = Retry::new(fake.clone(), retrier);
    let calls = (0..50).map(|_| {
        let retry = retry.clone();
        tokio::spawn(async move { embed(&retry, "a").await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic").expect_err("an outage");
    }
    assert_eq!(fake.calls().len(), 50 + 10);
    assert_eq!(retry.usage().retries, 10);
}

#[tokio::test(start_paused = true)]
async fn retries_that_pay_off_never_use_up_the_budget() {
    // Every call fails twice, then succeeds: 2000 retries out of a purse for 2.
    let fake = FakeEmbedder::new(4).fail_when(|call| (call.number % 3 != 0).then(busy));
    let retrier = Retrier::new(reference()).with_budget(RetryBudget::new(2));
    let retry = Retry::new(fake, retrier);
    for _ in 0..1000 {
        embed(&retry, "a").await.expect("the third try");
    }
    assert_eq!(retry.retrier().budget().left(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn waits_that_the_server_asks_for_are_free() {
    let fake = flaky(2, || busy().with_retry_after(seconds(1)));
    let retrier = Retrier::new(reference()).with_budget(RetryBudget::new(0));
    embed(&Retry::new(fake, retrier.clone()), "a")
        .await
        .expect("the third try");
    let fake = flaky(1, || busy().with_retry_after(Duration::ZERO));
    let error = embed(&Retry::new(fake, retrier), "a")
        .await
        .expect_err("not free");
    assert_eq!(error.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_whole_call_has_a_limit() {
    let policy = reference().with_attempts(100).with_max_elapsed(Some(seconds(10)));
    let retry = Retry::new(flaky(u64::MAX, busy), policy);
    let start = Instant::now();
    let error = embed(&retry, "a").await.expect_err("out of time");
    // 1 + 2 + 4 = 7; the next wait of 8 would end after 15.
    assert_eq!((start.elapsed(), error.attempts()), (seconds(7), 4));
}

#[tokio::test(start_paused = true)]
async fn a_caller_can_make_the_attempts_itself() {
    let retrier = Retrier::new(reference());
    let mut attempts = retrier.begin();
    let start = Instant::now();
    assert_eq!(attempts.number(), 1);
    assert_eq!(attempts.failed(&busy()), Some(seconds(1)));
    attempts.ready().await;
    assert_eq!((attempts.number(), start.elapsed()), (2, seconds(1)));
    let refused = Error::new(ErrorKind::InputTooLong, "too long");
    assert_eq!(attempts.failed(&refused), None);
    assert_eq!(attempts.number(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_others_counts_as_a_wait_of_ones_own() {
    let retrier = Retrier::new(reference().with_max_elapsed(Some(seconds(10))));
    let (mut one, mut other) = (retrier.begin(), retrier.begin());
    assert_eq!(one.failed(&busy().with_retry_after(seconds(5))), Some(seconds(5)));
    assert_eq!(other.failed(&busy()), Some(seconds(5)));
    // Longer than these calls may take, but the others are told.
    assert_eq!(one.failed(&busy().with_retry_after(seconds(30))), None);
    assert_eq!(other.failed(&busy()), None);
}
