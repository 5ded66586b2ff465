//! Several runs on one store: what the others are at is left to them, and done if they leave it.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::{Case, document, documents, fake, lines, sent};
use ingest_core::testing::FaultyStore;
use ingest_core::{Claims, DocumentState, Result, Store};
use ingest_pipeline::Outcome;
use ingest_store::MemoryStore;

/// Another run, which is at some documents and gives each up after it was asked for so many times.
#[derive(Debug)]
struct Another {
    left: Mutex<HashMap<String, usize>>,
    /// What it has done by the time it is asked for the second time, and where.
    finishes: Option<(Arc<dyn Store>, DocumentState)>,
    asked: AtomicUsize,
}

impl Another {
    fn at(documents: &[(&str, usize)]) -> Arc<Self> {
        let left = documents.iter().map(|(name, times)| ((*name).to_owned(), *times));
        Arc::new(Self {
            left: Mutex::new(left.collect()),
            finishes: None,
            asked: AtomicUsize::new(0),
        })
    }

    /// Documents that it is still at.
    fn is_at(&self) -> usize {
        let left = self.left.lock().expect("no panic");
        left.values().filter(|times| **times > 0).count()
    }
}

#[async_trait]
impl Claims for Another {
    async fn claim<'a>(&self, sources: &[&'a str]) -> Result<Vec<bool>> {
        if let (Some((store, state)), 1) = (&self.finishes, self.asked.fetch_add(1, Ordering::Relaxed)) {
            store.touch(vec![state.clone()]).await?;
        }
        let mut left = self.left.lock().expect("no panic");
        let mut claim = |source: &&str| match left.get_mut(*source) {
            Some(times) if *times > 0 => {
                *times -= 1;
                false
            }
            _ => true,
        };
        Ok(sources.iter().map(&mut claim).collect())
    }

    async fn release<'a>(&self, _: &[&'a str]) -> Result<()> {
        Ok(())
    }
}

fn shared(another: &Arc<Another>) -> Case {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    Case::with(Arc::new(store.shared_by(Arc::clone(another) as _)))
}

#[tokio::test(start_paused = true)]
async fn files_that_another_run_leaves_are_done() {
    let another = Another::at(&[("docs/1.md", 3), ("docs/2.md", 9)]);
    let case = shared(&another);
    for number in 0..4 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 3));
    }
    let embedder = fake();
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.documents.added, another.is_at()), (4, 0));
    assert_eq!(sent(&embedder).len(), 12, "each text once");
    let told = case.heard.all();
    let waits: Vec<_> = told.iter().filter(|line| line.starts_with("Waiting")).collect();
    assert_eq!(waits, ["Waiting { documents: 2 }"]);
}

#[tokio::test(start_paused = true)]
async fn lines_that_another_run_leaves_are_done() {
    let another = Another::at(&[("two", 3)]);
    let case = shared(&another);
    let text = r#"{"source":"one","text":"first words"}
{"source":"two","text":"other words"}"#;
    let options = lines(&case, "in", text);
    let embedder = fake();
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.documents.added, another.is_at()), (2, 0));
    assert_eq!(case.sources().await, ["one", "two"]);
    assert_eq!(sent(&embedder).len(), 2, "each text once");
}

#[tokio::test(start_paused = true)]
async fn what_another_run_did_meanwhile_is_not_done_again() {
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let case = Case::with(Arc::clone(&inner));
    case.write("docs/a.md", document("a", 3));
    case.run(&fake(), case.options()).await;
    case.write("docs/a.md", document("changed", 3));
    let elsewhere = Case {
        folder: case.folder,
        ..Case::new()
    };
    elsewhere.run(&fake(), elsewhere.options()).await;
    let state = documents(elsewhere.store.as_ref()).await.remove(0);

    let another = Arc::new(Another {
        left: Mutex::new([("docs/a.md".to_owned(), 5)].into()),
        finishes: Some((Arc::clone(&inner), state)),
        asked: AtomicUsize::new(0),
    });
    let store = FaultyStore::new(inner).shared_by(another);
    let case = Case {
        folder: elsewhere.folder,
        ..Case::with(Arc::new(store))
    };
    let embedder = fake();
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!(report.documents.unchanged, 1);
    assert_eq!(sent(&embedder), Vec::<String>::new());
    assert_eq!(case.heard.count("Waiting"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_shares_with_nobody_waits_for_nobody() {
    let case = shared(&Another::at(&[]));
    case.write("docs/a.md", document("a", 3));
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!(case.heard.count("Waiting"), 0);
}
