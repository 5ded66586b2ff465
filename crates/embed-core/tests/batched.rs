//! Batched and Prefixed: order, limits, and what one failing request does to the rest.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use embed_core::testing::{FakeEmbedder, MockEmbedder};
use embed_core::{
    AnswerFault, Batched, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Prefixed, Prefixes,
};
use tokio::sync::Semaphore;

const DOCUMENT: InputKind = InputKind::Document;

fn limit(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).expect("not 0")
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("text {at}")).collect()
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn rows_keep_their_order_although_requests_end_in_reverse() {
    let fake =
        FakeEmbedder::new(4).before_answer(|call| tokio::time::sleep(Duration::from_secs(100 - call.number)));
    let batched = Batched::new(fake.clone())
        .with_max_texts(limit(3))
        .with_concurrency(limit(4));
    let texts = texts(25);
    let rows = batched
        .embed_batch(&borrowed(&texts), DOCUMENT)
        .await
        .expect("rows");
    assert_eq!(rows.rows(), 25);
    for (row, text) in rows.iter().zip(&texts) {
        assert_eq!(row, fake.vector(text));
    }
    assert_eq!((fake.calls().len(), fake.peak()), (9, 4));
}

#[tokio::test]
async fn limits_come_from_the_model_and_a_setting_only_tightens_them() {
    let model = ModelInfo::new("fake", "fake")
        .with_max_batch(limit(5))
        .with_max_batch_bytes(limit(12));
    let fake = FakeEmbedder::new(4).with_model(model);
    let sizes = async |batched: Batched<FakeEmbedder>, texts: &[&str]| -> Vec<usize> {
        let before = batched.inner().calls().len();
        batched.embed_batch(texts, DOCUMENT).await.expect("rows");
        let calls = batched.inner().calls();
        calls[before..].iter().map(|call| call.inputs.len()).collect()
    };
    let batched = Batched::new(fake).with_concurrency(limit(1));
    assert_eq!(sizes(batched.clone(), &["a"; 7]).await, [5, 2]);
    assert_eq!(
        sizes(batched.clone().with_max_texts(limit(9)), &["a"; 7]).await,
        [5, 2]
    );
    assert_eq!(
        sizes(batched.clone().with_max_texts(limit(4)), &["a"; 7]).await,
        [4, 3]
    );
    assert_eq!(sizes(batched.clone(), &["abcd"; 4]).await, [3, 1]);
    assert_eq!(
        sizes(batched.clone().with_max_bytes(limit(99)), &["abcd"; 4]).await,
        [3, 1]
    );
    assert_eq!(
        sizes(batched.with_max_bytes(limit(8)), &["abcd"; 4]).await,
        [2, 2]
    );
}

#[tokio::test]
async fn an_empty_batch_makes_no_request() {
    let mut mock = MockEmbedder::new();
    mock.expect_model().return_const(ModelInfo::new("mock", "mock"));
    mock.expect_embed_batch().times(0);
    let rows = Batched::new(mock)
        .embed_batch(&[], DOCUMENT)
        .await
        .expect("no rows");
    assert_eq!(rows, Embeddings::empty());
}

#[tokio::test]
async fn the_input_to_blame_has_the_callers_index() {
    let fake = FakeEmbedder::new(4).fail_when(|call| {
        let at = call.inputs.iter().position(|input| input == "text 7")?;
        Some(Error::new(ErrorKind::InputTooLong, "too long").with_input(at))
    });
    let batched = Batched::new(fake).with_max_texts(limit(3));
    let texts = texts(20);
    let error = batched
        .embed_batch(&borrowed(&texts), DOCUMENT)
        .await
        .expect_err("text 7");
    assert_eq!((error.kind(), error.input()), (ErrorKind::InputTooLong, Some(7)));
}

#[tokio::test]
async fn after_the_first_error_nothing_starts_and_nothing_goes_on() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = Arc::clone(&gate);
    // The first request waits for ever; the second one fails.
    let fake = FakeEmbedder::new(4)
        .before_answer(move |call| {
            let gate = Arc::clone(&closed);
            async move {
                if call.number != 2 {
                    gate.acquire().await.expect("an open semaphore").forget();
                }
            }
        })
        .fail_when(|call| (call.number == 2).then(|| Error::new(ErrorKind::Server, "out of memory")));
    let batched = Batched::new(fake.clone())
        .with_max_texts(limit(1))
        .with_concurrency(limit(2));
    let error = batched
        .embed_batch(&["a", "b", "c", "d"], DOCUMENT)
        .await
        .expect_err("the second");
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!((fake.calls().len(), fake.running()), (2, 0));
}

#[tokio::test]
async fn parts_that_do_not_fit_together_are_an_error_and_never_mixed() {
    let answering = |rows: fn(usize) -> Embeddings| {
        let mut mock = MockEmbedder::new();
        mock.expect_model().return_const(ModelInfo::new("mock", "mock"));
        mock.expect_embed_batch()
            .returning(move |inputs, _| Ok(rows(inputs.len())));
        Batched::new(mock).with_max_texts(limit(2))
    };
    let fault = async |batched: Batched<MockEmbedder>| {
        let error = batched
            .embed_batch(&["a", "b", "c"], DOCUMENT)
            .await
            .expect_err("a fault");
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        let source = std::error::Error::source(&error).expect("a source");
        *source.downcast_ref::<AnswerFault>().expect("a fault")
    };
    let one_too_many =
        answering(|rows| Embeddings::from_flat(vec![1.0; rows + 1], rows + 1).expect("rows of one value"));
    assert!(matches!(
        fault(one_too_many).await,
        AnswerFault::RowCount { found, expected } if found == expected + 1
    ));
    let widths = answering(|rows| Embeddings::from_flat(vec![1.0; rows * rows], rows).expect("square"));
    assert!(matches!(fault(widths).await, AnswerFault::Width { .. }));
}

#[tokio::test]
async fn prefixes_stand_before_inputs_by_their_kind() {
    let fake = FakeEmbedder::new(4);
    let prefixed = Prefixed::new(fake.clone(), Prefixes::new("document: ", "Frage: "));
    let rows = prefixed
        .embed_batch(&["a", "", "é"], DOCUMENT)
        .await
        .expect("rows");
    prefixed
        .embed_batch(&["b"], InputKind::Query)
        .await
        .expect("a row");
    assert_eq!(
        fake.inputs(),
        ["document: a", "document: ", "document: é", "Frage: b"]
    );
    assert_eq!(rows.row(2), fake.vector("document: é"));
}

#[tokio::test]
async fn without_a_prefix_the_very_same_texts_pass() {
    let text = String::from("not copied");
    let address = text.as_ptr() as usize;
    let mut mock = MockEmbedder::new();
    mock.expect_embed_batch()
        .withf(move |inputs, _| inputs[0].as_ptr() as usize == address)
        .times(1)
        .returning(|_, _| Ok(Embeddings::empty()));
    let prefixed = Prefixed::new(mock, Prefixes::new("", "query: "));
    prefixed.embed_batch(&[&text], DOCUMENT).await.expect("passed on");
}
