//! A pool of our own: hyper-util's races a new connection against busy ones and so opens more than there are workers.
//!
//! Every exchange holds one of `max_connections` slots. A new connection is opened only by the holder of a slot who
//! finds no idle one, so busy and idle together never exceed the number of slots, and N workers open N connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use embed_core::{Error, ErrorKind, Result};
use tokio::runtime::{Handle, Id};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::connection::{Connection, Slot};

/// How long connections above `max_idle` may be without work before they are closed. Longer than any pause of a
/// steady load, so that more workers than `max_idle` do not reconnect between their requests.
const SURPLUS_TIMEOUT: Duration = Duration::from_secs(10);

/// When to look again for what to close if there is no slot to close it with.
const CROWDED: Duration = Duration::from_secs(1);

/// Longer idle timeouts are cut to a year, so that adding them to a moment cannot overflow.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The connections of one client.
pub(crate) struct Pool {
    slots: Arc<Semaphore>,
    max_idle: usize,
    idle_timeout: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// Longest idle first. Taken from the end: the most recently used is the least likely to have been closed.
    connections: Vec<(Instant, Connection)>,
    /// Closes what was idle for too long; runs while there is something idle.
    reaper: Option<(Id, JoinHandle<()>)>,
}

impl Pool {
    pub(crate) fn new(max_connections: usize, max_idle: usize, idle_timeout: Duration) -> Self {
        let slots = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let idle_timeout = idle_timeout.min(LONGEST_IDLE);
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            max_idle,
            idle_timeout,
            idle: Mutex::default(),
        }
    }

    /// Waits for the right to use a connection, first come, first served.
    pub(crate) async fn slot(&self) -> Result<Slot> {
        let closed = |_| Error::new(ErrorKind::Cancelled, "the client was closed");
        Arc::clone(&self.slots).acquire_owned().await.map_err(closed)
    }

    /// An idle connection that can be used, or the slot back.
    pub(crate) async fn take(&self, mut slot: Slot) -> Result<Connection, Slot> {
        while let Some((_, mut connection)) = self.pop() {
            // Busy from here on, so that it keeps its slot until it is closed, also where the caller gives up.
            connection.occupy(slot);
            if connection.is_ready().await {
                return Ok(connection);
            }
            // Waited for, so that its replacement does not exceed the limit.
            match connection.close().await {
                Some(back) => slot = back,
                None => unreachable!("it was given a slot"),
            }
        }
        Err(slot)
    }

    // In a function of its own: the lock must not be held while a connection is waited for.
    fn pop(&self) -> Option<(Instant, Connection)> {
        self.lock().connections.pop()
    }

    /// Takes back a connection whose answer was read to its end.
    pub(crate) fn put(self: &Arc<Self>, mut connection: Connection) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let slot = connection.vacate();
        let mut idle = self.lock();
        let now = Instant::now();
        idle.connections.push((now, connection));
        let lives = |(id, task): &(Id, JoinHandle<()>)| *id == runtime.id() && !task.is_finished();
        if !idle.reaper.as_ref().is_some_and(lives) {
            let task = runtime.spawn(reap(Arc::downgrade(self), now + self.surplus_timeout()));
            if let Some((_, old)) = idle.reaper.replace((runtime.id(), task)) {
                old.abort();
            }
        }
        drop(idle);
        // Freed last: whoever waits for it then finds the connection.
        drop(slot);
    }

    /// Closes what was idle for too long; returns when to look again, or `None` if nothing is idle.
    fn trim(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut idle = self.lock();
        loop {
            let surplus = idle.connections.len() > self.max_idle;
            let Some((since, _)) = idle.connections.first() else {
                idle.reaper = None;
                return None;
            };
            let patience = if surplus {
                self.surplus_timeout()
            } else {
                self.idle_timeout
            };
            let until = *since + patience;
            if until > now {
                // A surplus may come at any time, and nobody wakes the reaper for it.
                return Some(until.min(now + self.surplus_timeout()));
            }
            // It counts until it is closed, lest whoever finds nothing idle opens one too many meanwhile.
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                // Those who hold all slots are about to use what is idle, or end soon.
                return Some(now + CROWDED);
            };
            let (_, mut connection) = idle.connections.remove(0);
            connection.occupy(slot);
        }
    }

    fn surplus_timeout(&self) -> Duration {
        self.idle_timeout.min(SURPLUS_TIMEOUT)
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some((_, reaper)) = &self.lock().reaper {
            reaper.abort();
        }
    }
}

/// Looks through the pool at `next` and whenever something may be due again, until nothing is idle. Under a steady load
/// it thus starts at most every few seconds, and not with each request.
async fn reap(pool: Weak<Pool>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        // Held only while it is looked through, so that dropping the client closes everything at once.
        match pool.upgrade().and_then(|pool| pool.trim()) {
            Some(later) => next = later,
            None => return,
        }
    }
}
