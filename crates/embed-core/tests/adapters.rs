//! Async to sync and back, in the places where either goes wrong.

use std::sync::Arc;
use std::time::Duration;

use embed_core::testing::FakeEmbedder;
use embed_core::{
    Blocking, BlockingEmbedder, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result,
    Unblock, may_block,
};

const DOCUMENT: InputKind = InputKind::Document;

/// Panics, fails or answers, as the text says.
#[derive(Debug)]
struct Moody(ModelInfo);

impl Moody {
    fn new() -> Self {
        Self(ModelInfo::new("moody", "moody"))
    }
}

impl BlockingEmbedder for Moody {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    fn embed_batch(&self, inputs: &[&str], _: InputKind) -> Result<Embeddings> {
        match inputs {
            [] => panic!("nobody asks for nothing"),
            ["panic"] => panic!("out of {}", "cheese"),
            ["error"] => Err(Error::new(ErrorKind::InvalidInput, "no").with_input(0)),
            _ => Embeddings::from_flat(
                inputs.iter().map(|input| input.len() as f32).collect(),
                inputs.len(),
            ),
        }
    }
}

#[test]
fn blocking_works_from_many_threads_with_timers_and_no_runtime() {
    let fake = FakeEmbedder::new(4).before_answer(|_| tokio::time::sleep(Duration::from_millis(1)));
    let blocking = Blocking::new(fake.clone()).expect("a runtime");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (blocking, fake) = (&blocking, &fake);
            scope.spawn(move || {
                for call in 0..20 {
                    let text = format!("{thread} {call}");
                    let rows = blocking.embed_batch(&[&text], DOCUMENT).expect("a row");
                    assert_eq!(rows.row(0), fake.vector(&text));
                }
            });
        }
    });
    assert_eq!(blocking.usage().requests, 160);
    assert_eq!(blocking.describe().expect("a description"), *fake.model());
}

#[test]
fn tasks_that_an_embedder_spawns_run_between_its_calls_too() {
    let (done, finished) = std::sync::mpsc::channel();
    let fake = FakeEmbedder::new(4).before_answer(move |_| {
        let done = done.clone();
        async move {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                done.send(()).expect("a receiver");
            });
        }
    });
    let blocking = Blocking::new(fake).expect("a runtime");
    blocking.embed_batch(&["a"], DOCUMENT).expect("a row");
    finished
        .recv_timeout(Duration::from_secs(60))
        .expect("the task went on without a call under way");
}

#[tokio::test]
async fn inside_a_runtime_blocking_says_so_and_can_be_dropped() {
    let fake = FakeEmbedder::new(4);
    let blocking = Blocking::new(fake.clone()).expect("a runtime");
    let error = blocking.embed_batch(&["a"], DOCUMENT).expect_err("inside");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("inside an async runtime"), "{error}");
    assert!(blocking.describe().is_err());
    assert!(fake.calls().is_empty());
    drop(blocking);
}

#[tokio::test]
async fn a_thread_that_may_block_can_say_so() {
    let blocking = Arc::new(Blocking::new(FakeEmbedder::new(4)).expect("a runtime"));
    let shared = Arc::clone(&blocking);
    let rows = tokio::task::spawn_blocking(move || {
        assert!(shared.embed_batch(&["a"], DOCUMENT).is_err());
        let rows = may_block(|| shared.embed_batch(&["a"], DOCUMENT));
        // The word holds for that call only.
        assert!(shared.embed_batch(&["a"], DOCUMENT).is_err());
        rows
    });
    assert_eq!(rows.await.expect("no panic").expect("a row").rows(), 1);
}

#[tokio::test]
async fn there_and_back_again_gives_the_same() {
    let fake = FakeEmbedder::new(4);
    let round = Unblock::new(Blocking::new(fake.clone()).expect("a runtime"));
    let rows = round.embed_batch(&["a", "b"], DOCUMENT).await.expect("rows");
    assert_eq!(rows, fake.embed_batch(&["a", "b"], DOCUMENT).await.expect("rows"));
    assert_eq!(round.describe().await.expect("a description"), *fake.model());
}

#[tokio::test]
async fn unblock_turns_a_panic_into_an_error_and_goes_on() {
    let unblock = Unblock::new(Moody::new());
    let error = unblock
        .embed_batch(&["panic"], DOCUMENT)
        .await
        .expect_err("a panic");
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.to_string(), "provider `moody` panicked: out of cheese");
    let error = unblock
        .embed_batch(&["error"], DOCUMENT)
        .await
        .expect_err("an error");
    assert_eq!((error.kind(), error.input()), (ErrorKind::InvalidInput, Some(0)));
    let rows = unblock.embed_batch(&["abc", "d"], DOCUMENT).await.expect("rows");
    assert_eq!(rows.as_flat(), [3.0, 1.0]);
}

#[tokio::test]
async fn unblock_asks_nobody_for_nothing() {
    let rows = Unblock::new(Moody::new()).embed_batch(&[], DOCUMENT).await;
    assert_eq!(rows.expect("no rows"), Embeddings::empty());
}

#[test]
fn outside_a_runtime_unblock_says_so() {
    let unblock = Unblock::new(Moody::new());
    let mut call = unblock.embed_batch(&["a"], DOCUMENT);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(answer) = call.as_mut().poll(&mut context) else {
        panic!("it waits for a runtime that is not there");
    };
    assert_eq!(answer.expect_err("no runtime").kind(), ErrorKind::InvalidConfig);
}

#[test]
fn on_a_runtime_that_was_shut_down_a_call_is_cancelled() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    let unblock = Unblock::new(Moody::new());
    let error = handle
        .block_on(unblock.embed_batch(&["a"], DOCUMENT))
        .expect_err("no thread left");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
