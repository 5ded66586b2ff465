//! Wires the stages, and drains them however the run ends.

use std::sync::Arc;
use std::time::SystemTime;

use embed_core::{Embedder, Usage};
use ingest_core::{RunGuard, RunInfo, Store};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

use crate::batch::{Channels, batch};
use crate::budget::Budget;
use crate::canary::Canary;
use crate::concurrency::Concurrency;
use crate::context::{Context, SHORTEST_CHUNK, Tokens, chunker, recipe};
use crate::halt::{Halt, Reason};
use crate::pool::{retrier, spawn_workers};
use crate::preflight::{self, Model};
use crate::source::{Plan, find, gather};
use crate::tally::Tally;
use crate::{
    Cancel, Error, ErrorKind, Event, FailureLog, LogContents, Observer, Outcome, Pace, Result, RunOptions,
    RunReport, dry, log, remove, retry, split, trace, write,
};

/// Groups of documents between reading and cutting.
const GROUPS: usize = 2;
/// Documents between cutting and batching, and between batching and writing. Memory is bounded by bytes, not by these.
const DOCUMENTS: usize = 64;

/// Brings a store in step with documents, or with `retry_failed`, takes up what failed before.
///
/// The embedder should not retry by itself: the run does, since it must tell an outage from a bad text.
///
/// # Errors
/// Where the run could not start; nothing was touched then. A run that started always ends in a report, whose
/// [`outcome`](RunReport::outcome) says how.
pub async fn run(
    store: Arc<dyn Store>,
    embedder: Arc<dyn Embedder>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    cancel: &Cancel,
) -> Result<RunReport> {
    let span = trace::run(&options);
    let run = whole_run(store, embedder, options, observer, cancel);
    run.instrument(span).await
}

async fn whole_run(
    store: Arc<dyn Store>,
    embedder: Arc<dyn Embedder>,
    mut options: RunOptions,
    observer: Arc<dyn Observer>,
    cancel: &Cancel,
) -> Result<RunReport> {
    let started = Start::now(embedder.usage());
    let log = options.failure_log.clone().map(FailureLog::new);
    let failed = if options.retry_failed {
        take_up(log.as_ref(), &mut options, observer.as_ref()).await?
    } else {
        LogContents::default()
    };
    let prepared = prepare(store, embedder, options, log, observer, &started);
    let context = tokio::select! {
        context = prepared => context?,
        () = cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled before the run began")),
    };
    let Prepared {
        context,
        model,
        guard,
    } = context;
    let context = Arc::new(context);
    let work = work(&context, &model, &failed, started.at);
    tokio::pin!(work);
    let done = tokio::select! {
        done = &mut work => done,
        () = cancel.cancelled() => {
            context.halt.halt(Reason::Interrupted);
            work.await
        }
    };
    let refused = match done {
        Ok(refused) => refused,
        Err(error) => {
            context.store_failed(&error);
            None
        }
    };
    let mut report = report(&context, &started, refused);
    if let Some(guard) = guard {
        let info = started.info(&context, Some(report.outcome));
        if let Err(error) = guard.finish(&info).await {
            // All documents are committed; only the note of this run is lost.
            context
                .tally
                .warn(&format!("the end of the run could not be recorded: {error}"));
        }
    }
    report.duration = started.clock.elapsed();
    Ok(report)
}

/// A run ready to go.
struct Prepared {
    context: Context,
    model: Model,
    guard: Option<Box<dyn RunGuard>>,
}

/// Checks everything, and claims the store.
async fn prepare(
    store: Arc<dyn Store>,
    embedder: Arc<dyn Embedder>,
    mut options: RunOptions,
    log: Option<FailureLog>,
    observer: Arc<dyn Observer>,
    started: &Start,
) -> Result<Prepared> {
    if !options.base.is_absolute() {
        let base = options.base.display();
        return Err(Error::usage(format!(
            "the base folder `{base}` is not an absolute path"
        )));
    }
    let (chunker, splitter) = (chunker(&options, options.chunk_overlap)?, chunker(&options, 0)?);
    let plan = Arc::new(Plan::new(&mut options)?);
    let mut model = preflight::check(store.as_ref(), &embedder, &options, &retrier(&options)).await?;
    let tokens = Tokens::new(&embedder);
    let recipe = recipe(&chunker, &tokens);
    let dimensions = model.identity.as_ref().map(|identity| identity.dimensions);
    let mut context = Context {
        tally: Tally::new(observer, &plan),
        halt: Halt::default(),
        budget: Budget::new(options.memory),
        seen: crate::seen::Seen::default(),
        log: log.filter(|_| !options.dry_run),
        tokens,
        chunker,
        splitter,
        recipe,
        dimensions: dimensions.or(embedder.model().dimensions),
        chunk_bytes: SHORTEST_CHUNK.into(),
        commits: 0.into(),
        caps: Arc::default(),
        concurrency: Concurrency::new(&options),
        canary: Canary::new(
            model
                .identity
                .as_ref()
                .and_then(|identity| identity.canary.clone()),
        ),
        opening: std::mem::take(&mut model.opening),
        pressing: Arc::new(watch::Sender::new(false)),
        store,
        claims: None,
        embedder,
        plan,
        options,
    };
    let guard = if context.options.dry_run {
        None
    } else {
        let info = started.info(&context, None);
        let (store, wait) = (&context.store, context.options.lock_wait);
        let guard = if context.options.clean {
            // What is forgotten first must not be what another run is just writing.
            store.begin_run(&info, wait).await?
        } else {
            store.join_run(&info, wait).await?
        };
        context.claims = guard.claims();
        Some(guard)
    };
    Ok(Prepared {
        context,
        model,
        guard,
    })
}

/// Reads the log of a run that takes up what failed, and makes sources of its documents.
async fn take_up(
    log: Option<&FailureLog>,
    options: &mut RunOptions,
    observer: &dyn Observer,
) -> Result<LogContents> {
    options.sources.clear();
    let Some(log) = log.cloned() else {
        return Ok(LogContents::default());
    };
    let path = log.path().display().to_string();
    let contents = log::blocking(move || log.read()).await.unwrap_or_else(|error| {
        // The store knows by itself which chunks failed.
        observer.event(&Event::Warning(&format!(
            "cannot read the failure log {path}: {error}; only chunks that the store has set aside are taken up"
        )));
        LogContents::default()
    });
    options.sources = retry::sources(&contents, &options.base, |message| {
        observer.event(&Event::Warning(message));
    });
    Ok(contents)
}

/// Does the work; returns why a removal was refused.
async fn work(
    context: &Arc<Context>,
    model: &Model,
    failed: &LogContents,
    started: SystemTime,
) -> ingest_core::Result<Option<String>> {
    let options = &context.options;
    if options.clean && !options.retry_failed {
        clean(context, model.differs).await?;
        if context.halt.is_halted() {
            return Ok(None);
        }
    } else if model.differs && !options.dry_run {
        // The store was found to hold nothing.
        context.store.clear().await?;
    }
    if let Some(identity) = &model.identity {
        context.store.bind(identity).await?;
    }
    let info = context.embedder.model();
    context.tally.event(&Event::Ready {
        provider: &info.provider,
        model: &info.model,
        dimensions: model.identity.as_ref().map_or(0, |identity| identity.dimensions),
    });
    if options.retry_failed && !options.dry_run {
        retry::retry_chunks(context, &failed.entries).await?;
    }
    flow(context).await;
    if context.concurrency.is_unsettled() {
        context.tally.event(&Event::Workers {
            workers: context.concurrency.found(),
            rate: None,
        });
    }
    if context.halt.is_halted() {
        return Ok(None);
    }
    let refused = if options.retry_failed || (options.clean && options.dry_run) {
        None
    } else {
        remove::remove_vanished(context).await?
    };
    if !options.dry_run && !context.halt.is_halted() {
        context.store.sweep().await?;
        finish_load(context).await;
        log::settle_log(context, started).await?;
    }
    Ok(refused)
}

/// Builds what the store builds at the end. Without it searches are slower, and the next run builds it: no failure.
async fn finish_load(context: &Arc<Context>) {
    let hears = Arc::clone(context);
    let progress = Arc::new(move |share| hears.tally.event(&Event::Indexing { share }));
    let outcome = tokio::select! {
        outcome = context.store.finish_load(progress) => outcome,
        () = context.halt.halted() => return,
    };
    match outcome {
        Ok(remarks) => remarks.iter().for_each(|remark| context.tally.warn(remark)),
        Err(error) => {
            let cause = crate::error::chain(&error);
            context
                .tally
                .warn(&format!("the index was not built, the next run will: {cause}"));
        }
    }
}

/// Forgets the sources' documents and their vectors; everything, where the model changes.
async fn clean(context: &Context, model_differs: bool) -> ingest_core::Result<()> {
    if model_differs {
        let others = remove::others(context).await?;
        if others > 0 {
            context.halt.stop(
                ingest_core::ErrorKind::ModelMismatch.as_str(),
                format!(
                    "the store {} holds {others} documents of other sources, made with another model: clean them as \
                     well, or choose another store",
                    context.store.location()
                ),
            );
            return Ok(());
        }
    }
    remove::forget(context).await?;
    if context.options.dry_run || context.halt.is_halted() {
        return Ok(());
    }
    if model_differs {
        context.store.clear().await?;
    } else {
        context.store.sweep().await?;
    }
    Ok(())
}

/// Runs the stages until the last document is committed or the run is over.
async fn flow(context: &Arc<Context>) {
    let mut tasks = JoinSet::new();
    let (groups, read) = mpsc::channel(GROUPS);
    let (documents, cut) = mpsc::channel(DOCUMENTS);
    if context.options.count_ahead {
        tasks.spawn(find::count_ahead(Arc::clone(context)).in_current_span());
    }
    tasks.spawn(gather::gather(Arc::clone(context), groups).in_current_span());
    if context.options.dry_run {
        tasks.spawn(split::split(Arc::clone(context), read, documents, None).in_current_span());
        tasks.spawn(dry::count(Arc::clone(context), cut).in_current_span());
    } else {
        let (jobs, to_write) = mpsc::channel(DOCUMENTS);
        let (commits, committed) = mpsc::unbounded_channel();
        let (batches, results) = spawn_workers(context, &mut tasks);
        let channels = Channels {
            documents: cut,
            batches,
            results,
            jobs: jobs.clone(),
            committed,
        };
        tasks.spawn(split::split(Arc::clone(context), read, documents, Some(jobs)).in_current_span());
        tasks.spawn(batch(Arc::clone(context), channels).in_current_span());
        tasks.spawn(write::write(Arc::clone(context), to_write, commits).in_current_span());
    }
    while let Some(ended) = tasks.join_next().await {
        if ended.is_err() {
            // The others end by their channels or by this.
            context.halt.stop(
                "internal",
                "a stage of the run ended in an unforeseen way".to_owned(),
            );
        }
    }
}

/// When a run began, and with what on the meter.
struct Start {
    at: SystemTime,
    clock: Instant,
    usage: Usage,
}

impl Start {
    fn now(usage: Usage) -> Self {
        Self {
            at: SystemTime::now(),
            clock: Instant::now(),
            usage,
        }
    }

    /// What the store keeps of the run.
    fn info(&self, context: &Context, outcome: Option<Outcome>) -> RunInfo {
        let labels: Vec<_> = context
            .plan
            .sources
            .iter()
            .map(|source| source.label.as_str())
            .collect();
        let what = if context.options.retry_failed {
            "what failed before".to_owned()
        } else {
            labels.join(", ")
        };
        RunInfo {
            started: Some(self.at),
            finished: outcome.map(|_| SystemTime::now()),
            outcome: outcome.map(Outcome::as_str).unwrap_or_default().to_owned(),
            description: match self.pace(context) {
                Some(pace) => format!("{what}; {pace}"),
                None => what,
            },
        }
    }

    /// What is known of the pace so far.
    fn pace(&self, context: &Context) -> Option<Pace> {
        let texts = context.tally.counts().chunks.embedded;
        let options = &context.options;
        Pace::next(options.pace, texts, self.clock.elapsed(), options.batch_size)
    }
}

fn report(context: &Context, started: &Start, refused: Option<String>) -> RunReport {
    let reason = context.halt.reason();
    let usage = context.embedder.usage() - started.usage;
    let options = &context.options;
    let model = context.embedder.model();
    let outcome = match &reason {
        Some(Reason::Interrupted) => Outcome::Interrupted,
        Some(Reason::Stopped(stop)) if stop.kind == "fail_fast" => Outcome::Partial,
        Some(Reason::Stopped(_)) => Outcome::Stopped,
        None if refused.is_some() || context.tally.counts().any_failed() => Outcome::Partial,
        None => Outcome::Ok,
    };
    let mode = match (options.workers, options.adapt_from) {
        (0 | 1, _) => "sequential".to_owned(),
        (_, Some(_)) => "parallel (auto)".to_owned(),
        (workers, None) => format!("parallel ({workers}w)"),
    };
    let mut report = RunReport {
        outcome,
        refused,
        mode: match (options.dry_run, options.retry_failed) {
            (true, _) => format!("{mode}, dry run"),
            (false, true) => format!("{mode}, retry"),
            (false, false) => mode,
        },
        workers: context.concurrency.found(),
        provider: model.provider.clone(),
        model: model.model.clone(),
        dimensions: context.dimensions,
        store: context.store.location(),
        forecast: options.dry_run.then(|| dry::forecast(context)),
        requests: usage.requests,
        connections: usage.connections_opened,
        bytes_sent: usage.bytes_sent,
        bytes_received: usage.bytes_received,
        peak_bytes: context.budget.high(),
        stopped: match reason.clone() {
            Some(Reason::Stopped(stop)) => Some(stop),
            _ => None,
        },
        ..RunReport::default()
    };
    context.tally.fill(&mut report, reason.is_some());
    report.retries += usage.retries;
    report
}
