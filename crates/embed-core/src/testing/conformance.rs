//! What every provider must pass, as plain functions over `&dyn Embedder`, listed once in [`CHECKS`].
//!
//! A check panics where the embedder breaks the contract, so a provider's tests need one line each:
//!
//! ```
//! # use std::sync::Arc;
//! # use embed_core::{Embedder, testing::{FakeEmbedder, conformance}};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let embedder: Arc<dyn Embedder> = Arc::new(FakeEmbedder::new(16));
//! for check in conformance::CHECKS {
//!     check.run(&embedder).await;
//! }
//! # }
//! ```
//!
//! Texts are everyday English, since a small model may know no other. A server that stands in for a real one must give
//! different texts different vectors.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

use futures_util::future::join_all;

use crate::{Embedder, Embeddings, Error, InputKind, cosine};

const DOCUMENT: InputKind = InputKind::Document;

/// Servers are not bit-exact: the batch that a text is in may change the last digits.
const SAME: f32 = 0.999;

type Outcome<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One behaviour that is checked.
#[derive(Clone, Copy)]
pub struct Check {
    /// The behaviour as a sentence with underscores.
    pub name: &'static str,
    run: for<'a> fn(&'a Arc<dyn Embedder>) -> Outcome<'a>,
}

impl Check {
    /// Runs it on a tokio runtime.
    ///
    /// # Panics
    /// Where the embedder behaves otherwise.
    pub async fn run(&self, embedder: &Arc<dyn Embedder>) {
        (self.run)(embedder).await;
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

macro_rules! checks {
    ($($(#[$attribute:meta])* $name:ident($how:ident)),* $(,)?) => {
        &[$($(#[$attribute])* Check { name: stringify!($name), run: |embedder| Box::pin($name(checks!(@$how embedder))) }),*]
    };
    (@borrowed $embedder:ident) => { &**$embedder };
    (@shared $embedder:ident) => { Arc::clone($embedder) };
}

/// All checks, in the order from simple to demanding.
pub const CHECKS: &[Check] = checks![
    the_model_is_named(borrowed),
    one_row_per_input_in_order(borrowed),
    an_empty_batch_gives_no_rows_and_asks_nobody(borrowed),
    rows_are_as_wide_as_promised_finite_and_not_zero(borrowed),
    a_description_agrees_with_the_answers(borrowed),
    batching_changes_nothing(borrowed),
    the_same_text_twice_in_a_batch_has_equal_rows(borrowed),
    queries_and_documents_both_work(borrowed),
    strange_text_is_answered_or_refused_clearly(borrowed),
    a_large_batch_keeps_its_order(borrowed),
    concurrent_calls_do_not_mix(borrowed),
    a_call_given_up_harms_no_other(borrowed),
    #[cfg(feature = "tokio")]
    the_blocking_adapter_gives_the_same(shared),
];

/// Provider and model have names.
pub async fn the_model_is_named(embedder: &dyn Embedder) {
    let model = embedder.model();
    assert!(!model.provider.is_empty(), "a provider without a name");
    assert!(!model.model.is_empty(), "a model without a name");
}

/// Each row is nearer to its own text than to the others.
pub async fn one_row_per_input_in_order(embedder: &dyn Embedder) {
    let texts = ["the cat sleeps", "rain in the mountains", "a cheap train ticket"];
    let rows = embed(embedder, &texts).await;
    assert_eq!(rows.rows(), texts.len(), "rows");
    assert_order(embedder, &texts, &rows, &[0, 1, 2]).await;
}

/// No inputs: no rows, no request.
pub async fn an_empty_batch_gives_no_rows_and_asks_nobody(embedder: &dyn Embedder) {
    let before = embedder.usage();
    for kind in [InputKind::Document, InputKind::Query] {
        let rows = embedder.embed_batch(&[], kind).await.expect("an empty batch");
        assert_eq!(rows, Embeddings::empty());
    }
    assert_eq!(embedder.usage(), before, "an empty batch asked someone");
}

/// Rows pass the answer gate.
pub async fn rows_are_as_wide_as_promised_finite_and_not_zero(embedder: &dyn Embedder) {
    let texts = [
        "one",
        "a somewhat longer text with many more words than the first",
    ];
    let rows = embed(embedder, &texts).await;
    rows.check(texts.len(), embedder.model().dimensions)
        .expect("sound rows");
}

/// What the server says of the model is true of its answers.
pub async fn a_description_agrees_with_the_answers(embedder: &dyn Embedder) {
    let described = embedder.describe().await.expect("a description");
    assert_eq!(described.provider, embedder.model().provider);
    let rows = embed(embedder, &["a text"]).await;
    // A model that is asked for fewer dimensions than it has may be described with all of them.
    if let Some(dimensions) = embedder.model().dimensions.or(described.dimensions) {
        assert_eq!(rows.dimensions(), dimensions);
    }
}

/// A text has the same embedding alone and among others.
pub async fn batching_changes_nothing(embedder: &dyn Embedder) {
    let texts = [
        "alpha and beta",
        "short",
        "a long sentence about ships, the sea and the people who live there",
    ];
    let batch = embed(embedder, &texts).await;
    for (row, text) in batch.iter().zip(texts) {
        assert_close(row, embed(embedder, &[text]).await.row(0), text);
    }
}

/// Equal texts have equal rows, also in one batch.
pub async fn the_same_text_twice_in_a_batch_has_equal_rows(embedder: &dyn Embedder) {
    let rows = embed(embedder, &["the same words", "other things", "the same words"]).await;
    assert_close(rows.row(0), rows.row(2), "the same words");
    assert_differ(rows.row(0), rows.row(1), "two different texts");
}

/// Both kinds are answered with rows of one width, so that they can be compared.
pub async fn queries_and_documents_both_work(embedder: &dyn Embedder) {
    let text = ["where do cats sleep"];
    let document = embedder
        .embed_batch(&text, InputKind::Document)
        .await
        .expect("a document");
    let query = embedder
        .embed_batch(&text, InputKind::Query)
        .await
        .expect("a query");
    query
        .check(1, Some(document.dimensions()))
        .expect("a query's row");
}

/// Whatever is in a text: a row, or an error that says that this input is refused.
pub async fn strange_text_is_answered_or_refused_clearly(embedder: &dyn Embedder) {
    let texts = [
        "",
        " \t\r\n ",
        "line one\nline two\r\nline three",
        "a \0 in the middle",
        "bell \u{7}, escape \u{1b}[31m, delete \u{7f}",
        "quotes \" and \\ backslashes \\u0041 </script>",
        "Grüße, déjà vu, Ελληνικά, 日本語, العربية, हिन्दी",
        "👩‍👩‍👧‍👦 and e\u{301} and \u{feff} and \u{202e}right to left",
        "\u{10ffff}\u{fffd}\u{2028}\u{2029}",
    ];
    for text in texts {
        match embedder.embed_batch(&[text], DOCUMENT).await {
            Ok(rows) => rows.check(1, embedder.model().dimensions).expect("a sound row"),
            Err(error) => assert_refusal(&error, text),
        }
    }
    match embedder.embed_batch(&texts, DOCUMENT).await {
        Ok(rows) => rows
            .check(texts.len(), embedder.model().dimensions)
            .expect("sound rows"),
        Err(error) => assert_refusal(&error, "all of them"),
    }
    embed(embedder, &["after all that it still works"]).await;
}

/// 200 texts in one call come back in order.
pub async fn a_large_batch_keeps_its_order(embedder: &dyn Embedder) {
    let texts = many(200);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows = embed(embedder, &texts).await;
    assert_eq!(rows.rows(), texts.len(), "rows");
    assert_order(embedder, &texts, &rows, &[0, 1, 63, 64, 65, 127, 128, 199]).await;
}

/// Calls at the same time each get their own rows.
pub async fn concurrent_calls_do_not_mix(embedder: &dyn Embedder) {
    let texts = many(24);
    let calls = texts.iter().map(async |text| embed(embedder, &[text]).await);
    let concurrent = join_all(calls).await;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batch = embed(embedder, &texts).await;
    for ((row, alone), text) in batch.iter().zip(&concurrent).zip(&texts) {
        assert_eq!(alone.rows(), 1, "rows for `{text}`");
        assert_close(row, alone.row(0), text);
    }
}

/// A future that is dropped half-way leaves the embedder as it was.
pub async fn a_call_given_up_harms_no_other(embedder: &dyn Embedder) {
    for _ in 0..3 {
        let mut call = pin!(embedder.embed_batch(&["nobody waits for this"], DOCUMENT));
        // Once is enough to send it on its way; it may even be done.
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    batching_changes_nothing(embedder).await;
}

/// Through [`Blocking`](crate::Blocking) the answers are the same, and inside a runtime it says so instead of stopping it.
#[cfg(feature = "tokio")]
pub async fn the_blocking_adapter_gives_the_same(embedder: Arc<dyn Embedder>) {
    use crate::{Blocking, BlockingEmbedder, ErrorKind};

    let texts = ["the first of two", "and the second"];
    let expected = embed(&*embedder, &texts).await;
    let blocking = Arc::new(Blocking::new(embedder).expect("a runtime"));
    let error = blocking
        .embed_batch(&texts, DOCUMENT)
        .expect_err("inside a runtime");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");

    // A thread that is none of tokio's; the test's own runtime stays free meanwhile.
    let (answer, answered) = tokio::sync::oneshot::channel();
    let caller = Arc::clone(&blocking);
    let thread = std::thread::spawn(move || answer.send(caller.embed_batch(&texts, DOCUMENT)));
    let rows = answered
        .await
        .expect("the thread answers")
        .expect("blocking rows");
    assert!(thread.join().is_ok(), "the thread ends");
    assert_eq!(rows.rows(), expected.rows());
    for ((row, other), text) in expected.iter().zip(&rows).zip(texts) {
        assert_close(row, other, text);
    }
}

async fn embed(embedder: &dyn Embedder, texts: &[&str]) -> Embeddings {
    match embedder.embed_batch(texts, DOCUMENT).await {
        Ok(rows) => rows,
        Err(error) => panic!("a batch of {} failed: {error:?}", texts.len()),
    }
}

/// Different texts that differ in known words, so that even a small vocabulary tells them apart.
fn many(count: usize) -> Vec<String> {
    const THINGS: [&str; 15] = [
        "cat", "house", "river", "doctor", "music", "bread", "war", "computer", "winter", "money", "school",
        "horse", "garden", "ship", "letter",
    ];
    const QUALITIES: [&str; 14] = [
        "red", "old", "fast", "sad", "cheap", "cold", "famous", "broken", "green", "young", "strong",
        "empty", "quiet", "foreign",
    ];
    (0..count)
        .map(|at| {
            let thing = THINGS[at % THINGS.len()];
            let quality = QUALITIES[at / THINGS.len() % QUALITIES.len()];
            format!("the {quality} {thing}")
        })
        .collect()
}

/// The rows at `sample` are those of their own texts and of no other text of the sample.
async fn assert_order(embedder: &dyn Embedder, texts: &[&str], rows: &Embeddings, sample: &[usize]) {
    for &at in sample {
        let alone = embed(embedder, &[texts[at]]).await;
        assert_close(rows.row(at), alone.row(0), texts[at]);
        for &other in sample.iter().filter(|&&other| other != at) {
            assert_differ(rows.row(other), alone.row(0), texts[at]);
        }
    }
}

fn assert_close(a: &[f32], b: &[f32], text: &str) {
    assert_eq!(a.len(), b.len(), "widths of two embeddings of `{text}`");
    let cosine = cosine(a, b);
    assert!(cosine > SAME, "two embeddings of `{text}` have cosine {cosine}");
}

fn assert_differ(a: &[f32], b: &[f32], text: &str) {
    let cosine = cosine(a, b);
    assert!(
        cosine < SAME,
        "another text has the embedding of `{text}`: cosine {cosine}"
    );
}

/// An input is refused for good: trying again would only cost time, and someone must be able to read why.
fn assert_refusal(error: &Error, text: &str) {
    assert!(
        !error.is_retryable(),
        "{text:?} gave an error that promises to go away: {error:?}"
    );
    assert!(
        !error.message().is_empty(),
        "{text:?} was refused without a reason"
    );
}
