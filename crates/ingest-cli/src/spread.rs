//! Several servers with the same model, behind one embedder.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use embed_core::{Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result, TimeoutPhase, Usage};

/// How long a server that could not be reached is asked last.
const AVOIDED: Duration = Duration::from_secs(10);

/// Gives each batch to the server that is least busy. One that cannot be reached is left out for a while, and its
/// batch goes to the next; the batch fails when none can.
#[derive(Debug)]
pub(crate) struct Spread {
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    embedder: Arc<dyn Embedder>,
    busy: AtomicUsize,
    unreachable: Mutex<Option<Instant>>,
}

impl Spread {
    /// `embedders` are of one provider and model; there is at least one.
    pub(crate) fn new(embedders: Vec<Arc<dyn Embedder>>) -> Self {
        let servers = embedders.into_iter().map(|embedder| Server {
            embedder,
            busy: AtomicUsize::new(0),
            unreachable: Mutex::new(None),
        });
        Self {
            servers: servers.collect(),
        }
    }

    /// All servers, the one to ask first in front.
    fn by_load(&self) -> Vec<&Server> {
        let mut servers: Vec<_> = self.servers.iter().collect();
        servers.sort_by_key(|server| (server.is_avoided(), server.busy.load(Ordering::Relaxed)));
        servers
    }
}

impl Server {
    fn is_avoided(&self) -> bool {
        let since = *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < AVOIDED)
    }

    fn note(&self, reachable: bool) {
        let since = (!reachable).then(Instant::now);
        *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Counts a call as long as it lasts, even if it is dropped half way.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_unreachable(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect | ErrorKind::Timeout(TimeoutPhase::Connect)
    )
}

#[async_trait]
impl Embedder for Spread {
    fn model(&self) -> &ModelInfo {
        self.servers[0].embedder.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        let mut last = None;
        for server in self.by_load() {
            let busy = Busy::new(&server.busy);
            let answer = server.embedder.embed_batch(inputs, kind).await;
            drop(busy);
            match answer {
                Err(error) if is_unreachable(&error) => {
                    server.note(false);
                    last = Some(error);
                }
                answer => {
                    server.note(true);
                    return answer;
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::InvalidConfig, "there is no server to ask")))
    }

    /// What the servers say of the model; those that cannot be reached now are left out.
    ///
    /// # Errors
    /// `InvalidConfig` where two servers have different weights: their vectors must not meet in one store.
    async fn describe(&self) -> Result<ModelInfo> {
        let mut known: Option<ModelInfo> = None;
        let mut last = None;
        for server in &self.servers {
            let info = match server.embedder.describe().await {
                Ok(info) => info,
                Err(error) if is_unreachable(&error) => {
                    server.note(false);
                    last = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(known) = &known {
                let differ =
                    |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
                if differ(&known.digest, &info.digest) || known.dimensions != info.dimensions {
                    return Err(Error::new(
                        ErrorKind::InvalidConfig,
                        format!(
                            "the servers have different versions of model `{}`: pull the same on each",
                            info.model
                        ),
                    ));
                }
            } else {
                known = Some(info);
            }
        }
        known.ok_or_else(|| {
            last.unwrap_or_else(|| Error::new(ErrorKind::InvalidConfig, "there is no server to ask"))
        })
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.servers[0].embedder.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        self.servers
            .iter()
            .fold(Usage::default(), |sum, server| sum + server.embedder.usage())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers or refuses, with its name as the weights' digest.
    #[derive(Debug)]
    struct Fake {
        info: ModelInfo,
        up: bool,
        asked: AtomicUsize,
    }

    impl Fake {
        fn new(digest: &str, up: bool) -> Arc<Self> {
            Arc::new(Self {
                info: ModelInfo::new("ollama", "m").with_digest(digest),
                up,
                asked: AtomicUsize::new(0),
            })
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }

        fn answer<T>(&self, value: T) -> Result<T> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.up {
                Ok(value)
            } else {
                Err(Error::new(ErrorKind::Connect, "refused"))
            }
        }
    }

    #[async_trait]
    impl Embedder for Fake {
        fn model(&self) -> &ModelInfo {
            &self.info
        }

        async fn embed_batch<'a>(&self, inputs: &[&'a str], _: InputKind) -> Result<Embeddings> {
            tokio::task::yield_now().await;
            self.answer(Embeddings::from_flat(vec![1.0; inputs.len()], inputs.len())?)
        }

        async fn describe(&self) -> Result<ModelInfo> {
            self.answer(self.info.clone())
        }
    }

    fn spread(servers: &[&Arc<Fake>]) -> Spread {
        Spread::new(
            servers
                .iter()
                .map(|server| Arc::clone(server) as Arc<dyn Embedder>)
                .collect(),
        )
    }

    #[tokio::test]
    async fn batches_at_the_same_time_go_to_different_servers() {
        let (one, two) = (Fake::new("d", true), Fake::new("d", true));
        let spread = spread(&[&one, &two]);
        let batch = || spread.embed_batch(&["a"], InputKind::Document);
        let (first, second) = tokio::join!(batch(), batch());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!((one.asked(), two.asked()), (1, 1));
    }

    #[tokio::test]
    async fn a_server_that_is_gone_costs_no_batch_and_is_asked_last() {
        let (gone, there) = (Fake::new("d", false), Fake::new("d", true));
        let spread = spread(&[&gone, &there]);
        for _ in 0..3 {
            assert!(spread.embed_batch(&["a"], InputKind::Document).await.is_ok());
        }
        assert_eq!((gone.asked(), there.asked()), (1, 3));
    }

    #[tokio::test]
    async fn a_batch_fails_when_no_server_is_there() {
        let (one, two) = (Fake::new("d", false), Fake::new("d", false));
        let error = spread(&[&one, &two])
            .embed_batch(&["a"], InputKind::Document)
            .await;
        assert_eq!(error.expect_err("none there").kind(), ErrorKind::Connect);
        assert_eq!((one.asked(), two.asked()), (1, 1));
    }

    #[tokio::test]
    async fn servers_with_different_weights_are_refused() {
        let (one, two, gone) = (Fake::new("d", true), Fake::new("e", true), Fake::new("x", false));
        let error = spread(&[&one, &two]).describe().await.expect_err("different");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let info = spread(&[&gone, &one]).describe().await.expect("one is there");
        assert_eq!(info.digest.as_deref(), Some("d"));
    }
}
