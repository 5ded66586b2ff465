//! The suite passes what keeps the contract and catches what does not.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use embed_core::testing::{FakeEmbedder, conformance};
use embed_core::{
    Batched, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Prefixed, Prefixes, Result, Retry,
    RetryPolicy, Usage,
};
use futures_util::FutureExt;

/// The checks that an embedder fails.
async fn failing(embedder: impl Embedder) -> Vec<&'static str> {
    let embedder: Arc<dyn Embedder> = Arc::new(embedder);
    let mut names = Vec::new();
    for check in conformance::CHECKS {
        if AssertUnwindSafe(check.run(&embedder))
            .catch_unwind()
            .await
            .is_err()
        {
            names.push(check.name);
        }
    }
    names
}

#[tokio::test]
async fn wrappers_keep_the_contract() {
    let provider = Retry::new(FakeEmbedder::new(16), RetryPolicy::default());
    let prefixes = Prefixes::new("passage: ", "query: ");
    let stack: Box<dyn Embedder> = Box::new(Prefixed::new(Batched::new(provider), prefixes));
    assert_eq!(failing(stack).await, [""; 0]);
}

/// The ways to break the contract, each with the check that is there to notice.
const SINS: [(Sin, &str); 16] = [
    (Sin::NoProvider, "the_model_is_named"),
    (Sin::NoModel, "the_model_is_named"),
    (Sin::ReverseOrder, "one_row_per_input_in_order"),
    (Sin::DropARow, "one_row_per_input_in_order"),
    (Sin::OneVectorForAll, "one_row_per_input_in_order"),
    (Sin::AskForNothing, "an_empty_batch_gives_no_rows_and_asks_nobody"),
    (Sin::ZeroRows, "rows_are_as_wide_as_promised_finite_and_not_zero"),
    (
        Sin::BreakPromise,
        "rows_are_as_wide_as_promised_finite_and_not_zero",
    ),
    (Sin::LieOfProvider, "a_description_agrees_with_the_answers"),
    (Sin::DependOnBatch, "batching_changes_nothing"),
    (
        Sin::DependOnPlace,
        "the_same_text_twice_in_a_batch_has_equal_rows",
    ),
    (Sin::NarrowQueries, "queries_and_documents_both_work"),
    (
        Sin::PromiseToGoAway,
        "strange_text_is_answered_or_refused_clearly",
    ),
    (Sin::SwapLateRows, "a_large_batch_keeps_its_order"),
    (Sin::AnswerTheLastCaller, "concurrent_calls_do_not_mix"),
    (Sin::NeverRecover, "a_call_given_up_harms_no_other"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sin {
    NoProvider,
    NoModel,
    ReverseOrder,
    DropARow,
    OneVectorForAll,
    AskForNothing,
    ZeroRows,
    BreakPromise,
    LieOfProvider,
    DependOnBatch,
    DependOnPlace,
    NarrowQueries,
    PromiseToGoAway,
    SwapLateRows,
    AnswerTheLastCaller,
    NeverRecover,
    DependOnThread,
}

/// A fake that breaks the contract in one way.
#[derive(Debug)]
struct Sinner {
    fake: FakeEmbedder,
    model: ModelInfo,
    sin: Sin,
    last: Mutex<Vec<String>>,
    busy: AtomicBool,
    home: thread::ThreadId,
}

impl Sinner {
    fn new(sin: Sin) -> Self {
        let name = |kind, name| if sin == kind { "" } else { name };
        let model = ModelInfo::new(name(Sin::NoProvider, "sinner"), name(Sin::NoModel, "sinner"));
        Self {
            fake: FakeEmbedder::new(16),
            model: model.with_dimensions(if sin == Sin::BreakPromise { 8 } else { 16 }),
            sin,
            last: Mutex::default(),
            busy: AtomicBool::new(false),
            home: thread::current().id(),
        }
    }
}

#[async_trait]
impl Embedder for Sinner {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        if inputs.is_empty() && self.sin == Sin::AskForNothing {
            self.fake.embed_batch(&["nothing"], kind).await?;
        }
        let mut answered: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
        match self.sin {
            Sin::NeverRecover => {
                assert!(
                    !self.busy.swap(true, Ordering::SeqCst),
                    "still at the call before"
                );
                tokio::task::yield_now().await;
                self.busy.store(false, Ordering::SeqCst);
            }
            Sin::AnswerTheLastCaller => {
                self.last.lock().expect("the slot").clone_from(&answered);
                tokio::task::yield_now().await;
                answered.clone_from(&self.last.lock().expect("the slot"));
            }
            Sin::PromiseToGoAway if inputs.iter().any(|input| input.trim().is_empty()) => {
                return Err(Error::new(ErrorKind::Busy, "not now"));
            }
            _ => {}
        }
        let mut rows: Vec<Vec<f32>> = answered.iter().map(|text| self.fake.vector(text)).collect();
        match self.sin {
            Sin::ReverseOrder => rows.reverse(),
            Sin::DropARow if rows.len() > 1 => drop(rows.pop()),
            Sin::OneVectorForAll => rows.fill(vec![1.0; 16]),
            Sin::ZeroRows => rows.iter_mut().for_each(|row| row.fill(0.0)),
            Sin::DependOnBatch => {
                let batch = rows.len() as f32;
                rows.iter_mut().for_each(|row| row[0] += batch);
            }
            Sin::DependOnPlace => {
                let places = rows.iter_mut().enumerate();
                places.for_each(|(place, row)| row[0] += place as f32);
            }
            Sin::NarrowQueries if kind == InputKind::Query => rows.iter_mut().for_each(|row| row.truncate(8)),
            Sin::SwapLateRows if rows.len() > 128 => rows.swap(127, 128),
            Sin::DependOnThread if thread::current().id() != self.home => {
                rows.iter_mut().for_each(|row| row[0] += 1.0);
            }
            _ => {}
        }
        Embeddings::from_rows(&rows)
    }

    async fn describe(&self) -> Result<ModelInfo> {
        let lie = self.sin == Sin::LieOfProvider;
        Ok(ModelInfo::new(if lie { "saint" } else { "sinner" }, "sinner"))
    }

    fn usage(&self) -> Usage {
        self.fake.usage()
    }
}

#[tokio::test]
async fn every_breach_is_caught_by_the_check_for_it() {
    for (sin, check) in SINS {
        let failing = failing(Sinner::new(sin)).await;
        assert!(
            failing.contains(&check),
            "{sin:?} was not caught by {check}: {failing:?}"
        );
    }
    // Only the adapter asks from another thread.
    assert_eq!(
        failing(Sinner::new(Sin::DependOnThread)).await,
        ["the_blocking_adapter_gives_the_same"]
    );
}

#[tokio::test]
async fn every_check_has_a_breach_that_it_catches() {
    for check in conformance::CHECKS {
        let known = SINS.iter().any(|(_, name)| *name == check.name);
        assert!(
            known || check.name == "the_blocking_adapter_gives_the_same",
            "nothing breaks {}",
            check.name
        );
    }
}

#[test]
fn a_check_shows_its_name() {
    assert_eq!(
        format!("{:?}", conformance::CHECKS[0]),
        "Check(\"the_model_is_named\")"
    );
}
