//! From async to sync and back, so that both worlds use the same providers.

use std::any::Any;
use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::{io, thread};

use async_trait::async_trait;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};

use crate::{BlockingEmbedder, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result, Usage};

/// An async embedder for code without `async`.
///
/// It owns a small runtime that one thread of its own drives; the calls themselves run on the threads that make them,
/// any number at once, without a copy of the texts. Inside async code it would stop the runtime it is called on, so
/// there it answers with an [`InvalidConfig`](ErrorKind::InvalidConfig) error instead; see [`may_block`].
///
/// ```
/// # use embed_core::{Blocking, BlockingEmbedder, Embedder, InputKind, Result};
/// # fn sync(provider: impl Embedder) -> Result<()> {
/// let embedder = Blocking::new(provider)?;
/// let rows = embedder.embed_batch(&["no runtime in sight"], InputKind::Document)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Blocking<E> {
    inner: E,
    handle: Handle,
    /// Dropped with the adapter, which ends the thread. Nobody waits for that, so dropping is fine in async code too.
    _running: oneshot::Sender<()>,
}

impl<E: Embedder> Blocking<E> {
    /// Starts the runtime for `inner`, which should not be in use by another one.
    ///
    /// # Errors
    /// `InvalidConfig` where the system gives no thread or no timer.
    pub fn new(inner: E) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(
                ErrorKind::InvalidConfig,
                "cannot start the runtime of a blocking embedder",
            )
            .with_source(error)
        };
        let (running, stopped) = oneshot::channel::<()>();
        let (built, handle) = mpsc::channel();
        // The thread makes the runtime and drops it too: here, that would not be allowed in async code.
        thread::Builder::new()
            .name("embed-blocking".into())
            .spawn(move || {
                // Nobody receives only where `new` is gone, and then there is nothing to tell.
                match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => {
                        if built.send(Ok(runtime.handle().clone())).is_ok() {
                            // Ends with an error, since the sender is never used but dropped.
                            let _ = runtime.block_on(stopped);
                        }
                    }
                    Err(error) => drop(built.send(Err(error))),
                }
            })
            .map_err(failed)?;
        let handle = handle
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("its thread ended")))
            .map_err(failed)?;
        Ok(Self {
            inner,
            handle,
            _running: running,
        })
    }

    /// The embedder within.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    fn wait<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        if Handle::try_current().is_ok() && !MAY_BLOCK.get() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "a blocking embedder was called inside an async runtime: use the async embedder there, \
                 or wrap this one in `Unblock`",
            ));
        }
        self.handle.block_on(call)
    }
}

impl<E: Embedder> BlockingEmbedder for Blocking<E> {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    fn embed_batch(&self, inputs: &[&str], kind: InputKind) -> Result<Embeddings> {
        self.wait(self.inner.embed_batch(inputs, kind))
    }

    fn describe(&self) -> Result<ModelInfo> {
        self.wait(self.inner.describe())
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.inner.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

/// A blocking embedder for async code: calls run on tokio's threads for blocking work.
///
/// A dropped call is not waited for, but its computation runs to its end.
#[derive(Debug)]
pub struct Unblock<B> {
    inner: Arc<B>,
}

impl<B> Clone for Unblock<B> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<B: BlockingEmbedder> Unblock<B> {
    /// Wraps `inner`.
    pub fn new(inner: B) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The embedder within.
    pub fn inner(&self) -> &B {
        &self.inner
    }

    async fn run<T: Send + 'static>(&self, call: impl FnOnce(&B) -> Result<T> + Send + 'static) -> Result<T> {
        if Handle::try_current().is_err() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "an async embedder was called outside a tokio runtime: use the blocking one there",
            ));
        }
        let inner = Arc::clone(&self.inner);
        spawn_blocking(move || may_block(|| call(&inner)))
            .await
            .unwrap_or_else(|error| Err(ended(error, &self.inner.model().provider)))
    }
}

#[async_trait]
impl<B: BlockingEmbedder> Embedder for Unblock<B> {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        if inputs.is_empty() {
            return Ok(Embeddings::empty());
        }
        // The work may outlive this call, so it owns its texts.
        let inputs: Vec<Box<str>> = inputs.iter().map(|&input| input.into()).collect();
        self.run(move |inner| {
            let inputs: Vec<&str> = inputs.iter().map(|input| &**input).collect();
            inner.embed_batch(&inputs, kind)
        })
        .await
    }

    async fn describe(&self) -> Result<ModelInfo> {
        self.run(B::describe).await
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.inner.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

/// What became of a computation that gave no answer.
fn ended(error: JoinError, provider: &str) -> Error {
    match error.try_into_panic() {
        // Like a server that crashed: perhaps one input is to blame, and bisecting finds it.
        Ok(panic) => Error::new(
            ErrorKind::Server,
            format!("provider `{provider}` panicked: {}", panic_text(&*panic)),
        ),
        Err(_) => Error::new(
            ErrorKind::Cancelled,
            "the runtime was shut down during an embedding call",
        ),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread that may block although it belongs to a runtime, so that a [`Blocking`] embedder can be used
/// in it. Tokio does not tell such threads from those that run async code, hence this word of the caller.
///
/// # Panics
/// A blocking embedder used in `work` panics where the word is not true, and this is async code after all.
///
/// ```
/// # use std::sync::Arc;
/// # use embed_core::{BlockingEmbedder, Embeddings, InputKind, Result, may_block};
/// # async fn handler(embedder: Arc<dyn BlockingEmbedder>) -> Result<Embeddings> {
/// tokio::task::spawn_blocking(move || {
///     may_block(|| embedder.embed_batch(&["a text"], InputKind::Query))
/// })
/// .await
/// # .expect("no panic")
/// # }
/// ```
pub fn may_block<R>(work: impl FnOnce() -> R) -> R {
    /// Puts the old value back, also when `work` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            MAY_BLOCK.set(self.0);
        }
    }
    let _restore = Restore(MAY_BLOCK.replace(true));
    work()
}
