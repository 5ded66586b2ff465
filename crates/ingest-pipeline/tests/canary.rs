//! A server whose model is another one of the same name: found at the start, in between and after an outage.

mod common;

use std::time::Duration;

use common::{Case, document, documents, error, export, fake, sent};
use embed_core::ErrorKind;
use embed_core::testing::FakeEmbedder;
use ingest_core::{CANARY, ContentHash, ModelIdentity};
use ingest_pipeline::{Outcome, RunReport};
use tokio::time::{Instant, sleep};

fn another() -> FakeEmbedder {
    fake().as_another_when(|_| true)
}

/// 600 texts: alone in their batches they are enough for two looks.
fn long_case() -> Case {
    let case = Case::new();
    for number in 0..12 {
        case.write(
            &format!("docs/{number:02}.md"),
            document(&format!("d{number}"), 50),
        );
    }
    case
}

async fn run_by_single_texts(case: &Case, embedder: &FakeEmbedder) -> RunReport {
    let mut options = case.options();
    options.batch_size = 1;
    case.run(embedder, options).await
}

async fn is_stored(case: &Case, text: &str) -> bool {
    let known = case.store.known(&[ContentHash::of_text(text)]).await;
    known.expect("an answer") == [true]
}

fn stop_of<'a>(report: &'a RunReport, kind: &str) -> &'a str {
    assert_eq!(report.outcome, Outcome::Stopped, "{report:?}");
    let stop = report.stopped.as_ref().expect("a stop");
    assert_eq!(stop.kind, kind);
    &stop.message
}

#[tokio::test]
async fn a_store_of_another_version_is_refused_before_anything_is_sent() {
    let case = Case::new();
    case.write("docs/a.md", document("a", 3));
    case.run(&fake(), case.options()).await;
    let before = export(case.store.as_ref()).await;
    case.write("docs/a.md", document("b", 3));
    let other = another();
    let mut options = case.options();
    options.server = Some("http://gpu:1".to_owned());
    let refused = case.run(&other, options).await;
    let message = stop_of(&refused, "model_mismatch");
    for part in [
        "version of model `fake` of provider `fake` at http://gpu:1",
        "cosine",
        "--clean",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(export(case.store.as_ref()).await, before);
    assert_eq!(sent(&other), Vec::<String>::new());

    let mut options = case.options();
    options.clean = true;
    let report = case.run(&other, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    let report = case.run(&other, case.options()).await;
    assert_eq!(report.documents.unchanged, 1, "it is the store's model now");
}

#[tokio::test]
async fn a_store_without_a_canary_takes_the_first_answer() {
    let case = Case::new();
    case.write("docs/a.md", document("a", 3));
    let old = ModelIdentity {
        provider: "fake".into(),
        model: "fake".into(),
        digest: None,
        dimensions: common::DIMENSIONS,
        document_prefix: String::new(),
        query_prefix: String::new(),
        vector_weight: 1.0,
        canary: None,
    };
    case.store
        .bind(&old)
        .await
        .expect("a store of an earlier version");
    case.run(&fake(), case.options()).await;
    let identity = case.store.identity().await.expect("identity").expect("bound");
    assert_eq!(identity.canary, Some(fake().vector(CANARY)));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_changes_in_between_stops_the_run_and_nothing_after_that_is_stored() {
    let case = long_case();
    // A look is short, so that all batches sent beside it are answered after it.
    let embedder = fake()
        .as_another_when(|call| call.number > 200)
        .before_answer(|call| {
            sleep(Duration::from_millis(if call.inputs == [CANARY] {
                5
            } else {
                50
            }))
        });
    let report = run_by_single_texts(&case, &embedder).await;
    let message = stop_of(&report, "model_changed");
    assert!(
        message.contains("model `fake`") && message.contains("cosine"),
        "{message}"
    );

    let calls = embedder.calls();
    let looks: Vec<_> = calls.iter().filter(|call| call.inputs == [CANARY]).collect();
    assert_eq!(looks.len(), 2, "at the start, and before the 256th batch");
    assert_eq!(looks[1].number, 257);
    let mut stored = 0;
    for call in &calls {
        if is_stored(&case, &call.inputs[0]).await {
            // The other three workers' batches were under way beside the look.
            assert!(call.number < looks[1].number - 3, "{call:?}");
            stored += 1;
        }
    }
    assert!(stored > 200, "what came before stays: {stored}");
    assert_eq!(case.log(), None);
    let again = another();
    stop_of(&case.run(&again, case.options()).await, "model_mismatch");
    assert_eq!(sent(&again), Vec::<String>::new(), "the next run sends nothing");
}

#[tokio::test]
async fn a_model_that_stays_is_looked_at_once_in_256_batches() {
    let case = long_case();
    let embedder = fake();
    let report = run_by_single_texts(&case, &embedder).await;
    assert_eq!(report.outcome, Outcome::Ok);
    let looks = embedder.inputs().iter().filter(|input| *input == CANARY).count();
    assert_eq!(looks, 3, "at the start, and twice in 600 batches");
}

#[tokio::test(start_paused = true)]
async fn a_look_in_vain_harms_nothing_and_is_made_up_for() {
    let case = long_case();
    let embedder = fake().fail_when(|call| (call.number == 257).then(|| error(ErrorKind::Busy)));
    let report = run_by_single_texts(&case, &embedder).await;
    assert_eq!((report.outcome, report.chunks.embedded), (Outcome::Ok, 600));
    let calls = embedder.calls();
    let looks: Vec<_> = calls.iter().filter(|call| call.inputs == [CANARY]).collect();
    let numbers: Vec<_> = looks.iter().map(|call| call.number).collect();
    assert_eq!(numbers[..2], [1, 257]);
    assert!(numbers[2] < 265, "{numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_with_another_model_gets_no_batch() {
    let case = long_case();
    let began = Instant::now();
    let is_back = move || began.elapsed() >= Duration::from_secs(20);
    let embedder = fake()
        .fail_when(move |call| (call.number > 10 && !is_back()).then(|| error(ErrorKind::Connect)))
        .as_another_when(move |_| is_back());
    let report = run_by_single_texts(&case, &embedder).await;
    stop_of(&report, "model_changed");
    assert_eq!(case.heard.count("OutageEnded"), 0, "{:?}", case.heard.all());
    let last = embedder.calls().pop().expect("a call");
    assert_eq!(last.inputs, [CANARY], "nothing was sent after it");
    assert_eq!(documents(case.store.as_ref()).await, []);
}
