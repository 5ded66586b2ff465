//! The workers, together.

use std::sync::Arc;

use embed_core::{Retrier, RetryPolicy};
use tokio::sync::{Mutex, RwLock, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::RunOptions;
use crate::batch::Batcher;
use crate::context::Context;
use crate::embed::{Batch, Settled, Shared, work};
use crate::outage::Health;

/// Starts a run's workers; they end when the sender of batches is dropped.
pub(crate) fn spawn_workers(
    context: &Arc<Context>,
    tasks: &mut JoinSet<()>,
) -> (mpsc::Sender<Batch>, mpsc::Receiver<Settled>) {
    let workers = context.options.workers.max(1);
    let (batches, queue) = mpsc::channel(workers);
    let (results, settled) = mpsc::channel(2 * workers);
    let queue = Arc::new(Mutex::new(queue));
    let shared = Arc::new(Shared {
        context: Arc::clone(context),
        health: Health::default(),
        retrier: retrier(&context.options),
        crowd: RwLock::default(),
    });
    for number in 1..=workers {
        let work = work(number, Arc::clone(&shared), Arc::clone(&queue), results.clone());
        tasks.spawn(work.in_current_span());
    }
    (batches, settled)
}

/// How batches are tried again, with a budget that all workers share.
pub(crate) fn retrier(options: &RunOptions) -> Retrier {
    let policy = RetryPolicy::default()
        .with_attempts(options.tries)
        .with_base(options.retry_base);
    let retrier = Retrier::new(policy);
    match options.seed {
        Some(seed) => {
            let random = std::sync::Mutex::new(fastrand::Rng::with_seed(seed));
            retrier.with_random(move || random.lock().map_or(0.5, |mut random| random.f64()))
        }
        None => retrier,
    }
}

/// Workers without the flow around them, for batches that are all there.
pub(crate) struct Pool {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    batches: mpsc::Sender<Batch>,
    settled: mpsc::Receiver<Settled>,
}

impl Pool {
    pub(crate) fn start(context: &Arc<Context>) -> Self {
        let mut tasks = JoinSet::new();
        let (batches, settled) = spawn_workers(context, &mut tasks);
        Self {
            context: Arc::clone(context),
            tasks,
            batches,
            settled,
        }
    }

    /// Embeds all full batches; `take` gets what the workers say. Ends early if the run does.
    pub(crate) async fn embed(&mut self, batcher: &mut Batcher, mut take: impl FnMut(Settled)) {
        let mut next = batcher.next();
        let mut embedding = 0_usize;
        while next.is_some() || embedding > 0 {
            let may_send = next.is_some() && self.context.concurrency.has_room(embedding);
            tokio::select! {
                permit = self.batches.reserve(), if may_send => match (permit, next.take()) {
                    (Ok(permit), Some(batch)) => {
                        permit.send(batch);
                        embedding += 1;
                        next = batcher.next();
                    }
                    _ => return,
                },
                settled = self.settled.recv() => match settled {
                    Some(settled) => {
                        embedding -= usize::from(settled.last);
                        take(settled);
                    }
                    None => return,
                },
            }
        }
    }

    pub(crate) async fn finish(self) {
        let Self {
            mut tasks,
            batches,
            settled,
            ..
        } = self;
        drop((batches, settled));
        while tasks.join_next().await.is_some() {}
    }
}
