//! Many callers of one embedder at once: tasks for the async interface, threads for the blocking one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, ensure};
use embed_core::{Blocking, BlockingEmbedder, Embedder, Embeddings, InputKind, Result, Unblock};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::axes::Adapter;

/// An embedder behind the interface that a cell is about.
#[derive(Clone, Debug)]
pub(crate) enum Callee {
    Async(Arc<dyn Embedder>),
    Blocking(Arc<Blocking<Arc<dyn Embedder>>>),
}

impl Callee {
    pub(crate) fn new(embedder: Arc<dyn Embedder>, adapter: Adapter) -> anyhow::Result<Self> {
        Ok(match adapter {
            Adapter::Async => Self::Async(embedder),
            Adapter::Blocking => Self::Blocking(Arc::new(Blocking::new(embedder)?)),
        })
    }

    /// For the pipeline, which is async: a blocking embedder goes through both adapters.
    pub(crate) fn for_pipeline(&self) -> Arc<dyn Embedder> {
        match self {
            Self::Async(embedder) => Arc::clone(embedder),
            Self::Blocking(embedder) => Arc::new(Unblock::new(Arc::clone(embedder))),
        }
    }

    /// Embeds all batches, so many at a time; the answers in the order of the batches.
    pub(crate) async fn embed_all(
        &self,
        batches: Vec<Vec<String>>,
        concurrency: usize,
    ) -> anyhow::Result<Vec<Embeddings>> {
        let count = batches.len();
        let work = Arc::new(Work {
            batches,
            next: AtomicUsize::new(0),
        });
        let (answers, mut answered) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for _ in 0..concurrency {
            let (work, answers) = (Arc::clone(&work), answers.clone());
            match self.clone() {
                Self::Async(embedder) => {
                    tasks.spawn(async move {
                        while let Some((at, inputs)) = work.take() {
                            let answer = embedder.embed_batch(&inputs, InputKind::Document).await;
                            // Nobody listens after the first error.
                            let _ = answers.send((at, answer));
                        }
                    });
                }
                Self::Blocking(embedder) => {
                    // Threads of our own: within tokio's a blocking embedder refuses to work.
                    thread::spawn(move || {
                        while let Some((at, inputs)) = work.take() {
                            let answer = embedder.embed_batch(&inputs, InputKind::Document);
                            let _ = answers.send((at, answer));
                        }
                    });
                }
            }
        }
        drop(answers);
        let mut all: Vec<Option<Embeddings>> = vec![None; count];
        while let Some((at, answer)) = answered.recv().await {
            let answer: Result<Embeddings> = answer;
            all[at] = Some(answer.with_context(|| format!("batch {at} failed"))?);
        }
        let all: Vec<_> = all.into_iter().flatten().collect();
        ensure!(
            all.len() == count,
            "{} of {count} batches were answered",
            all.len()
        );
        Ok(all)
    }
}

/// Batches for whoever is free.
struct Work {
    batches: Vec<Vec<String>>,
    next: AtomicUsize,
}

impl Work {
    fn take(&self) -> Option<(usize, Vec<&str>)> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let batch = self.batches.get(at)?;
        Some((at, batch.iter().map(String::as_str).collect()))
    }
}
