//! The suite passes what keeps the contract and catches what does not.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use embed_core::testing::{FakeEmbedder, conformance};
use embed_core::{
    Batched, Embedder, Embeddings, InputKind, ModelInfo, Prefixed, Prefixes, Result, Retry, RetryPolicy,
    Usage,
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

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sin {
    ReverseOrder,
    DropARow,
    OneVectorForAll,
    AskForNothing,
    ZeroRows,
    BreakPromise,
    DependOnBatch,
}

/// A fake that breaks the contract in one way.
#[derive(Debug)]
struct Sinner {
    fake: FakeEmbedder,
    model: ModelInfo,
    sin: Sin,
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
        let mut rows: Vec<Vec<f32>> = self
            .fake
            .embed_batch(inputs, kind)
            .await?
            .iter()
            .map(<[f32]>::to_vec)
            .collect();
        match self.sin {
            Sin::ReverseOrder => rows.reverse(),
            Sin::DropARow if rows.len() > 1 => drop(rows.pop()),
            Sin::OneVectorForAll => rows.fill(vec![1.0; 16]),
            Sin::ZeroRows => rows.iter_mut().for_each(|row| row.fill(0.0)),
            Sin::DependOnBatch => {
                let batch = rows.len() as f32;
                rows.iter_mut().for_each(|row| row[0] += batch);
            }
            _ => {}
        }
        Embeddings::from_rows(&rows)
    }

    fn usage(&self) -> Usage {
        self.fake.usage()
    }
}

#[tokio::test]
async fn every_breach_is_caught() {
    for (sin, check) in [
        (Sin::ReverseOrder, "one_row_per_input_in_order"),
        (Sin::DropARow, "one_row_per_input_in_order"),
        (Sin::OneVectorForAll, "a_large_batch_keeps_its_order"),
        (Sin::AskForNothing, "an_empty_batch_gives_no_rows_and_asks_nobody"),
        (Sin::ZeroRows, "rows_are_as_wide_as_promised_finite_and_not_zero"),
        (
            Sin::BreakPromise,
            "rows_are_as_wide_as_promised_finite_and_not_zero",
        ),
        (Sin::DependOnBatch, "batching_changes_nothing"),
    ] {
        let promised = if sin == Sin::BreakPromise { 8 } else { 16 };
        let sinner = Sinner {
            fake: FakeEmbedder::new(16),
            model: ModelInfo::new("sinner", "sinner").with_dimensions(promised),
            sin,
        };
        let failing = failing(sinner).await;
        assert!(
            failing.contains(&check),
            "{sin:?} was not caught by {check}: {failing:?}"
        );
    }
}
