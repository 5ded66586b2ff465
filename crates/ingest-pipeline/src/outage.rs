//! Tells a server that is away from a text that makes it fail: a probe with a text known to be good, one for all workers.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use embed_core::{EmbedderExt, Error, ErrorKind, InputKind};
use ingest_core::CANARY;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::Event;
use crate::context::Context;
use crate::error::chain;

/// The longest wait a server may ask for before a person should know.
const LONGEST_ASKED: Duration = Duration::from_secs(120);
/// The longest wait between two probes: work goes on within it, and the time of a probe, after the server's return.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long a probe may hang before another one asks beside it: the server may have come back without a word to those who
/// asked before.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server works: what failed is to blame itself.
    Works,
    /// The server was away and is back: what failed deserves all its tries again.
    Returned,
    /// The run is over.
    Over,
}

/// Whether the server works, as all workers see it.
#[derive(Debug)]
pub(crate) struct Health {
    successes: AtomicU64,
    /// Held by the one that probes.
    probing: Mutex<()>,
    /// How many outages have ended; a worker that waited through one needs no probe of its own.
    returns: AtomicU64,
    away: watch::Sender<bool>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            successes: AtomicU64::new(0),
            probing: Mutex::new(()),
            returns: AtomicU64::new(0),
            away: watch::Sender::new(false),
        }
    }
}

impl Health {
    /// How many batches and probes have succeeded.
    pub(crate) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Acquire)
    }

    pub(crate) fn succeeded(&self) {
        self.successes.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits while the server is known to be away.
    pub(crate) async fn ready(&self) {
        let mut away = self.away.subscribe();
        // The sender lives as long as `self`.
        let _ = away.wait_for(|away| !away).await;
    }

    /// Finds out whether the server works, unless somebody succeeded since `successes` was read. An outage is waited
    /// out here, and ends the run if it lasts too long.
    pub(crate) async fn verdict(&self, context: &Context, successes: u64) -> Verdict {
        let returns = self.returns.load(Ordering::Acquire);
        let verdict = async {
            let _probing = self.probing.lock().await;
            if self.returns.load(Ordering::Acquire) != returns {
                return Verdict::Returned;
            }
            if self.successes() != successes {
                return Verdict::Works;
            }
            match probe(context).await {
                Ok(()) if context.canary.has_changed() => Verdict::Over,
                Ok(()) => {
                    self.succeeded();
                    Verdict::Works
                }
                Err(error) => self.wait_out(context, error).await,
            }
        };
        tokio::select! {
            verdict = verdict => verdict,
            () = context.halt.halted() => Verdict::Over,
        }
    }

    async fn wait_out(&self, context: &Context, mut error: Error) -> Verdict {
        if !error.is_retryable() {
            return refuse(context, &error);
        }
        let wait = context.options.wait;
        let began = Instant::now();
        let deadline = began + wait;
        let _away = Away::announce(&self.away);
        context.tally.event(&Event::OutageBegan {
            error: &chain(&error),
            wait,
        });
        let mut pause = Duration::from_millis(500);
        let mut pending = None;
        while Instant::now() < deadline {
            if stops_by_its_wait(context, &error) {
                return Verdict::Over;
            }
            let least = error.retry_after().unwrap_or_default();
            // Where a probe hangs, that was pause enough.
            if pending.is_none() || !least.is_zero() {
                sleep(pause.max(least).min(deadline - Instant::now())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            // The last probe may begin at the deadline itself, so it is given a moment of its own.
            let until = deadline.max(Instant::now() + Duration::from_secs(1));
            match timeout_at(until, probe_beside(context, &mut pending)).await {
                Ok(Some(Ok(()))) if context.canary.has_changed() => return Verdict::Over,
                Ok(Some(Ok(()))) => {
                    self.succeeded();
                    self.returns.fetch_add(1, Ordering::AcqRel);
                    context.tally.event(&Event::OutageEnded {
                        after: began.elapsed(),
                    });
                    return Verdict::Returned;
                }
                Ok(Some(Err(next))) if !next.is_retryable() => return refuse(context, &next),
                Ok(Some(Err(next))) => error = next,
                Ok(None) | Err(_) => {}
            }
        }
        let message = format!(
            "the embedding server was of no use for {} s: {}; see to it and run again to go on",
            began.elapsed().as_secs(),
            chain(&error)
        );
        context.halt.stop(error.kind().as_str(), message);
        Verdict::Over
    }
}

/// Tells the workers that the server is away until it is dropped.
struct Away<'a>(&'a watch::Sender<bool>);

impl<'a> Away<'a> {
    fn announce(away: &'a watch::Sender<bool>) -> Self {
        away.send_replace(true);
        Self(away)
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// Stops the run if a server asks for so long a wait that a person should know; returns whether it did.
pub(crate) fn stops_by_its_wait(context: &Context, error: &Error) -> bool {
    let Some(asked) = error.retry_after().filter(|asked| *asked > LONGEST_ASKED) else {
        return false;
    };
    let message = format!(
        "the embedding server asks to wait {} s: {}; run again then to go on",
        asked.as_secs(),
        chain(error)
    );
    context.halt.stop(error.kind().as_str(), message);
    true
}

fn refuse(context: &Context, error: &Error) -> Verdict {
    let message = match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InputTooLong => {
            format!(
                "the embedding server refuses even the text `{CANARY}`: {}",
                chain(error)
            )
        }
        _ => chain(error),
    };
    context.halt.stop(error.kind().as_str(), message);
    Verdict::Over
}

/// A probe under way.
type Probe<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Probes; returns what is heard within [`PATIENCE`]. One probe that hangs goes on, since giving it up would make a server
/// give up loading its model, and is asked beside.
async fn probe_beside<'a>(
    context: &'a Context,
    pending: &mut Option<Probe<'a>>,
) -> Option<Result<(), Error>> {
    let Some(mut first) = pending.take() else {
        let mut first: Probe<'_> = Box::pin(probe(context));
        let heard = timeout(PATIENCE, &mut first).await.ok();
        *pending = heard.is_none().then_some(first);
        return heard;
    };
    let beside = tokio::select! {
        heard = &mut first => return Some(heard),
        heard = timeout(PATIENCE, probe(context)) => heard.ok(),
    };
    *pending = Some(first);
    beside
}

/// Embeds the canary. A server that comes back with another model ends the run here.
async fn probe(context: &Context) -> Result<(), Error> {
    let answer = context.embedder.embed_one(CANARY, InputKind::Document).await?;
    context.canary.compare(context, &answer);
    Ok(())
}
