//! Threads that own connections. SQLite blocks; the contract is asynchronous and bound to no runtime.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use ingest_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::Work;

type Job = Box<dyn FnOnce(&mut Slot) + Send>;
type Opener = dyn Fn() -> Work<Connection> + Send + Sync;

/// A connection that is opened when it is first needed.
struct Slot {
    connection: Option<Connection>,
    open: Arc<Opener>,
}

impl Slot {
    fn get(&mut self) -> Work<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.open)()?,
        };
        Ok(self.connection.insert(connection))
    }
}

/// Threads with a connection each, taking work from one queue in the order it came.
pub(super) struct Worker {
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts `count` threads whose connections `open` makes.
    pub(super) fn start(
        name: &str,
        count: usize,
        open: impl Fn() -> Work<Connection> + Send + Sync + 'static,
    ) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let open: Arc<Opener> = Arc::new(open);
        let start = |_| {
            let receiver = Arc::clone(&receiver);
            let mut slot = Slot {
                connection: None,
                open: Arc::clone(&open),
            };
            let serve = move || {
                loop {
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    job(&mut slot);
                }
            };
            thread::Builder::new().name(name.to_owned()).spawn(serve)
        };
        let threads = (0..count).map(start).collect::<std::io::Result<_>>();
        let threads = threads
            .map_err(|error| Error::new(ErrorKind::Other, "cannot start a thread").with_source(error))?;
        Ok(Self {
            jobs: Some(sender),
            threads,
        })
    }

    /// Does `work` on one of the connections. It is done to its end even if nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Work<T> + Send + 'static,
    ) -> Work<T> {
        self.send(|slot| slot.get().and_then(work)).await
    }

    /// Makes the first connection by `open`, or none if it says so.
    pub(super) async fn prepare(
        &self,
        open: impl FnOnce() -> Work<Option<Connection>> + Send + 'static,
    ) -> Work<()> {
        self.send(|slot| {
            slot.connection = open()?;
            Ok(())
        })
        .await
    }

    async fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Slot) -> Work<T> + Send + 'static,
    ) -> Work<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |slot| drop(sender.send(work(slot))));
        let stopped = || {
            Error::new(
                ErrorKind::Other,
                "a thread of the store has stopped after a fault",
            )
        };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).map_err(|_| stopped())?;
        receiver.await.unwrap_or_else(|_| Err(stopped().into()))
    }
}

impl Drop for Worker {
    /// Waits for what is under way, so that a store that was dropped is closed.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
