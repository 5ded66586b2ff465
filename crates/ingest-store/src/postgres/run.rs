//! Runs: who may write, and the record of them.
//!
//! A run holds an advisory lock on a connection of its own, alone or shared with others of its kind, and says every few
//! seconds that it is alive. The lock goes with the connection, however the process ends. What only one of several runs
//! may do is leased by name, and a lease is worth no more than its run's last sign of life: so neither a lock that a
//! restart of the server forgot nor a machine that lost its power holds anything for long.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ingest_core::{Claims, Error, ErrorKind, Result, RunGuard, RunInfo};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::fault::{Tries, Work};
use super::pool::{Mode, Pool, Session};
use super::row::{clean, get};
use super::schema::RUN_LOCK;
use crate::lock::ago;

/// Runs that are remembered.
const RUNS: i64 = 100;

/// Time between two signs of life; a run is taken for dead after four that did not come.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Which runs of `ingest_runs` are alive.
pub(super) const LIVE: &str = "is_live AND seen_at > now() - interval '20 seconds'";

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Whether others may write at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    Alone,
    Shared,
}

pub(super) async fn begin(
    pool: &Arc<Pool>,
    company: Company,
    info: &RunInfo,
    wait: Duration,
) -> Result<Box<dyn RunGuard>> {
    let session = connect(pool).await?;
    let deadline = Instant::now().checked_add(wait);
    let mut pause = FIRST_PAUSE;
    let locked = loop {
        match lock(&session, company).await {
            Ok(false) => {}
            outcome => break outcome,
        }
        let left = deadline.map_or(LONGEST_PAUSE, |at| at.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            break Ok(false);
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    let explain = |fault: super::fault::Fault| fault.explain("begin a run in", &pool.address);
    if !locked.map_err(explain)? {
        return Err(held(&session, pool).await);
    }
    let id = insert(&session, info).await.map_err(explain)?;
    let (end, ended) = oneshot::channel();
    tokio::spawn(stay_alive(Arc::clone(pool), session, company, id, ended));
    Ok(Box::new(Guard {
        pool: Arc::clone(pool),
        company,
        id,
        end,
    }))
}

async fn connect(pool: &Pool) -> Result<Arc<Session>> {
    let mut tries = Tries::new();
    loop {
        match pool.connect().await {
            Ok(session) => return Ok(session),
            Err(fault) => match tries.again(fault.passing()) {
                Some(pause) => sleep(pause).await,
                None => return Err(fault.explain("begin a run in", &pool.address)),
            },
        }
    }
}

async fn lock(session: &Session, company: Company) -> Work<bool> {
    let function = match company {
        Company::Alone => "pg_try_advisory_lock",
        Company::Shared => "pg_try_advisory_lock_shared",
    };
    let sql = format!("SELECT {function}($1, hashtext(current_schema()))");
    get(&session.first(&sql, &[&RUN_LOCK]).await?, 0)
}

/// Says who has it.
async fn held(session: &Session, pool: &Pool) -> Error {
    let sql = format!(
        "SELECT host, process, extract(epoch FROM now() - begun_at)::bigint, description FROM ingest_runs
         WHERE {LIVE} ORDER BY id DESC LIMIT 1"
    );
    let holder = async {
        let row = session.first(&sql, &[]).await?;
        let (host, process): (String, i64) = (get(&row, 0)?, get(&row, 1)?);
        let (seconds, purpose): (i64, String) = (get(&row, 2)?, get(&row, 3)?);
        let purpose = if purpose.is_empty() {
            purpose
        } else {
            format!(" ({purpose})")
        };
        let elapsed = Duration::from_secs(seconds.try_into().unwrap_or(0));
        Work::Ok(format!(
            "process {process} on {host} for {}{purpose}",
            ago(elapsed)
        ))
    };
    // The refusal stands without a name, too.
    let holder = holder.await.unwrap_or_else(|_| "another run".into());
    let message = format!(
        "store {} is held by {holder}: wait for it to end, or use another store",
        pool.address
    );
    Error::new(ErrorKind::Locked, message)
}

async fn insert(session: &Session, info: &RunInfo) -> Work<i64> {
    let row = session
        .first(
            "INSERT INTO ingest_runs (started, finished, outcome, description, host, process, backend)
             VALUES ($1, $2, $3, $4, $5, $6, pg_backend_pid()) RETURNING id",
            &[
                &info.started,
                &info.finished,
                &clean(&info.outcome),
                &clean(&info.description),
                &crate::lock::host(),
                &i64::from(std::process::id()),
            ],
        )
        .await?;
    let id: i64 = get(&row, 0)?;
    let sql = format!("DELETE FROM ingest_runs WHERE id <= $1 AND NOT ({LIVE})");
    session.execute(&sql, &[&(id - RUNS)]).await?;
    Ok(id)
}

/// Tells the others that the run goes on, until its guard is dropped or finished; then gives everything up.
async fn stay_alive(
    pool: Arc<Pool>,
    mut session: Arc<Session>,
    company: Company,
    id: i64,
    mut ended: oneshot::Receiver<oneshot::Sender<()>>,
) {
    loop {
        if let Ok(asked) = timeout(HEARTBEAT, &mut ended).await {
            // If that fails, the lock goes with the connection and the leases with time.
            let _ = give_up(&session, id).await;
            if let Ok(done) = asked {
                let _ = done.send(());
            }
            return;
        }
        if beat(&session, id).await.is_err()
            && let Ok(fresh) = pool.connect().await
        {
            // Whoever was quicker has the lock; then the leases alone keep the runs apart.
            let _ = lock(&fresh, company).await;
            let _ = beat(&fresh, id).await;
            session = fresh;
        }
    }
}

async fn beat(session: &Session, id: i64) -> Work<u64> {
    session
        .execute(
            "UPDATE ingest_runs SET seen_at = now(), backend = pg_backend_pid() WHERE id = $1",
            &[&id],
        )
        .await
}

async fn give_up(session: &Session, id: i64) -> Work<()> {
    session
        .execute("DELETE FROM ingest_claims WHERE run = $1", &[&id])
        .await?;
    session
        .execute("UPDATE ingest_runs SET is_live = false WHERE id = $1", &[&id])
        .await?;
    session.batch("SELECT pg_advisory_unlock_all()").await
}

#[derive(Debug)]
struct Guard {
    pool: Arc<Pool>,
    company: Company,
    id: i64,
    /// Dropped, it tells the task to end.
    end: oneshot::Sender<oneshot::Sender<()>>,
}

#[async_trait]
impl RunGuard for Guard {
    fn claims(&self) -> Option<Arc<dyn Claims>> {
        // Alone there is nobody to keep apart from.
        (self.company == Company::Shared).then(|| {
            Arc::new(Leases {
                pool: Arc::clone(&self.pool),
                run: self.id,
            }) as _
        })
    }

    async fn finish(self: Box<Self>, info: &RunInfo) -> Result<()> {
        let Self { pool, id, end, .. } = *self;
        let recorded = pool
            .transaction(Mode::Write, "write to", |session| record(session, id, info))
            .await;
        let (done, freed) = oneshot::channel();
        if end.send(done).is_ok() {
            // The task may be gone with its runtime: then the connection is, and with it the lock.
            let _ = freed.await;
        }
        recorded
    }
}

async fn record(session: Arc<Session>, id: i64, info: &RunInfo) -> Work<()> {
    session
        .execute(
            "UPDATE ingest_runs SET started = $2, finished = $3, outcome = $4, description = $5 WHERE id = $1",
            &[&id, &info.started, &info.finished, &clean(&info.outcome), &clean(&info.description)],
        )
        .await?;
    Ok(())
}

/// The leases of one run.
#[derive(Debug)]
struct Leases {
    pool: Arc<Pool>,
    run: i64,
}

#[async_trait]
impl Claims for Leases {
    async fn claim<'a>(&self, sources: &[&'a str]) -> Result<Vec<bool>> {
        let claim = |session| claim(session, self.run, sources);
        self.pool
            .transaction(Mode::Write, "claim documents in", claim)
            .await
    }

    async fn release<'a>(&self, sources: &[&'a str]) -> Result<()> {
        let release = |session: Arc<Session>| async move {
            let sources: Vec<_> = sources.iter().map(|source| clean(source)).collect();
            let sql = "DELETE FROM ingest_claims WHERE run = $1 AND source = ANY($2)";
            session.execute(sql, &[&self.run, &sources]).await.map(drop)
        };
        self.pool
            .transaction(Mode::Write, "release documents in", release)
            .await
    }
}

/// Takes what nobody has, and what dead runs had: of several that see a run dead, each takes what the others have not
/// locked, and none waits.
async fn claim(session: Arc<Session>, run: i64, sources: &[&str]) -> Work<Vec<bool>> {
    let sources: Vec<_> = sources.iter().map(|source| clean(source)).collect();
    let rows = session
        .query(
            &format!(
                "WITH taken_over AS (
                     UPDATE ingest_claims SET run = $2 WHERE source IN (
                         SELECT c.source FROM ingest_claims AS c
                         WHERE c.source = ANY($1) AND c.run <> $2
                             AND NOT EXISTS (SELECT FROM ingest_runs AS r WHERE r.id = c.run AND {LIVE})
                         FOR UPDATE SKIP LOCKED)
                     RETURNING source),
                 fresh AS (
                     INSERT INTO ingest_claims (source, run)
                     SELECT DISTINCT source COLLATE \"C\", $2 FROM unnest($1::text[]) AS source ORDER BY 1
                     ON CONFLICT DO NOTHING RETURNING source)
                 SELECT source FROM taken_over UNION SELECT source FROM fresh
                 UNION SELECT source FROM ingest_claims WHERE source = ANY($1) AND run = $2"
            ),
            &[&sources, &run],
        )
        .await?;
    let claimed: HashSet<&str> = rows.iter().map(|row| get(row, 0)).collect::<Work<_>>()?;
    Ok(sources.iter().map(|source| claimed.contains(&**source)).collect())
}
