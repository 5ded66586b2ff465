//! Ctrl-C and SIGTERM: the first asks a run to end, the second ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use ingest_pipeline::Cancel;

use crate::console::{Console, Level};
use crate::failure::Status;

/// Which signal came, if one did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Begins to listen. Until then a signal ends the program as it ends any other.
    pub(crate) fn listen(cancel: Cancel, console: Arc<Console>) -> std::io::Result<Self> {
        let interrupt = Self::default();
        let mut signals = Signals::new()?;
        let noted = interrupt.clone();
        tokio::spawn(async move {
            let first = signals.next().await;
            noted.0.store(first, Ordering::SeqCst);
            console.tell(
                Level::Normal,
                "stopping: finished work is being stored; the next run goes on from there (once more: end at once)",
            );
            cancel.cancel();
            let second = signals.next().await;
            std::process::exit(i32::from(Status::Signal(second).code()));
        });
        Ok(interrupt)
    }

    /// The exit status of a run that was interrupted.
    pub(crate) fn status(&self) -> Status {
        match self.0.load(Ordering::SeqCst) {
            0 => Status::Signal(2),
            signal => Status::Signal(signal),
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        // Where Ctrl-C cannot be heard, nothing ever comes.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        2
    }
}
