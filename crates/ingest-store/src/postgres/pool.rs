//! The connections to a server: a few, each with its prepared statements, used by one transaction at a time.
//!
//! A pool of our own, because what is wanted of one is little and particular: a connection goes back only from a
//! transaction that ended, statements stay prepared with their connection, and a lost server empties the pool at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ingest_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row, Statement};

use super::address::Address;
use super::fault::{Fault, Passing, Tries, Work};
use super::tls::Tls;

/// Longer than any operation takes that does not wait for people.
const PATIENCE: Duration = Duration::from_secs(60);

/// Compiling costs more than our statements take, and notices would tell of stop words. New words wait in a longer list
/// before they go to their index, which makes writing rows half as fast again; the end of a run empties it.
const SETTINGS: &str =
    "SET jit = off; SET client_min_messages = warning; SET gin_pending_list_limit = '64MB'";

/// How a transaction sees the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One snapshot for all that is asked, and nothing is changed.
    Read,
    /// The usual isolation; what must not change meanwhile is locked.
    Write,
}

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

pub(super) struct Pool {
    pub(super) address: Address,
    config: Config,
    tls: Tls,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Session>>>,
    /// Whether the server was ever there: one that never was is not waited for.
    reached: AtomicBool,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(address: Address) -> Result<Self> {
        Ok(Self {
            config: address.config(),
            tls: Tls::new(&address)?,
            permits: Arc::new(Semaphore::new(address.connections)),
            idle: Mutex::default(),
            reached: AtomicBool::new(false),
            address,
        })
    }

    /// Does `work` in a transaction, as a whole or not at all; again, where that can help.
    pub(super) async fn transaction<T, F>(
        &self,
        mode: Mode,
        doing: &str,
        work: impl Fn(Arc<Session>) -> F + Send + Sync,
    ) -> Result<T>
    where
        F: Future<Output = Work<T>> + Send,
        T: Send,
    {
        let mut tries = Tries::new();
        loop {
            let fault = match self.once(mode, &work).await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let never_there = fault.is_unreachable() && !self.reached.load(Ordering::Relaxed);
            let passing = if never_there { Passing::No } else { fault.passing() };
            let Some(pause) = tries.again(passing) else {
                return Err(fault.explain(doing, &self.address));
            };
            if matches!(passing, Passing::Lost | Passing::Stale) {
                self.idle().clear();
            }
            sleep(pause).await;
        }
    }

    async fn once<T, F>(&self, mode: Mode, work: &(impl Fn(Arc<Session>) -> F + Send + Sync)) -> Work<T>
    where
        F: Future<Output = Work<T>> + Send,
        T: Send,
    {
        let (session, _permit) = self.take().await?;
        session
            .batch(match mode {
                Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            })
            .await?;
        // A connection on whose way back anything fails is dropped, and the server undoes what was begun on it. So is
        // one whose transaction nobody waits for any more.
        match work(Arc::clone(&session)).await {
            Ok(done) => {
                session.batch("COMMIT").await?;
                self.idle().push(session);
                Ok(done)
            }
            Err(fault) => {
                if fault.passing() != Passing::Lost && session.batch("ROLLBACK").await.is_ok() {
                    self.idle().push(session);
                }
                Err(fault)
            }
        }
    }

    async fn take(&self) -> Work<(Arc<Session>, OwnedSemaphorePermit)> {
        let Ok(Ok(permit)) = timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await else {
            let message = format!(
                "all {} connections to store {} were busy for {} s: raise `?connections=` in its address",
                self.address.connections,
                self.address,
                PATIENCE.as_secs()
            );
            return Err(Error::new(ErrorKind::Transient, message).into());
        };
        let idle = std::iter::from_fn(|| self.idle().pop()).find(|session| !session.client.is_closed());
        match idle {
            Some(session) => Ok((session, permit)),
            None => Ok((self.connect().await?, permit)),
        }
    }

    /// A connection beside the pool's.
    pub(super) async fn connect(&self) -> Work<Arc<Session>> {
        let runtime = Handle::try_current().map_err(|cause| {
            let message = format!("store {} works only within a tokio runtime", self.address);
            Error::new(ErrorKind::Unavailable, message).with_source(cause)
        })?;
        // The client library bounds the TCP connect alone; a server that accepts and says nothing is no better.
        let wait = self.address.connect_timeout * 2;
        let connected = timeout(wait, self.config.connect(self.tls.clone())).await;
        let (client, connection) =
            connected
                .map_err(|_| Fault::Silent(wait))?
                .map_err(|error| match error.code() {
                    Some(_) => Fault::Postgres(error),
                    None => Fault::Unreachable(error),
                })?;
        // It ends when the client is dropped; what went wrong before is told by the statement that met it.
        runtime.spawn(connection);
        self.reached.store(true, Ordering::Relaxed);
        let session = Session {
            client,
            tls: self.tls.clone(),
            statements: Mutex::default(),
        };
        session.batch(SETTINGS).await?;
        Ok(Arc::new(session))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection and the statements prepared on it.
pub(super) struct Session {
    client: Client,
    tls: Tls,
    statements: Mutex<HashMap<String, Statement>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("closed", &self.client.is_closed())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) async fn query(&self, sql: &str, params: &[Param<'_>]) -> Work<Vec<Row>> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.query(&statement, params).await?)
    }

    /// The first row of an answer that has one.
    pub(super) async fn first(&self, sql: &str, params: &[Param<'_>]) -> Work<Row> {
        let row = self.query(sql, params).await?.into_iter().next();
        row.ok_or_else(|| Fault::Damaged("an answer without a row".into()))
    }

    pub(super) async fn execute(&self, sql: &str, params: &[Param<'_>]) -> Work<u64> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    /// Statements without parameters, one after the other.
    pub(super) async fn batch(&self, sql: &str) -> Work<()> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Asks the server, on a connection of its own, to give up the statement that is running on this one.
    pub(super) fn cancel(&self) {
        let (token, tls) = (self.client.cancel_token(), self.tls.clone());
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { token.cancel_query(tls).await });
        }
    }

    /// Statements are few and come again and again.
    async fn prepared(&self, sql: &str) -> Work<Statement> {
        let known = self.statements().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<String, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
