//! `ingest run`: brings the store in step with the documents.

use std::sync::Arc;

use ingest_config::{OnTooLong, ProviderChoice, Settings, Workers};
use ingest_pipeline::{MaxDelete, Outcome, Pace, RunOptions, RunReport, Scope};

use crate::args::{Global, Run};
use crate::console::{Console, Level};
use crate::embedder::{self, Chosen};
use crate::failure::{Result, Status, embedder_hint, goes_on_after};
use crate::layers::{Layers, warn_of_slips};
use crate::output::{Output, counted};
use crate::price::Price;
use crate::progress::Reporter;
use crate::recorders::{self, Recorders};
use crate::rounds::Rounds;
use crate::sources::{Selection, select};
use crate::{store, summary, watch};

pub(crate) async fn run(
    args: &Run,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
) -> Result<Status> {
    if args.work.watch {
        return watch::watch(args, global, console, output).await;
    }
    round(args, global, console, output, &mut Rounds::default()).await
}

/// One run.
pub(crate) async fn round(
    args: &Run,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
    rounds: &mut Rounds,
) -> Result<Status> {
    let recorders = Recorders::begin(&args.work, console)?;
    let result = recorded(args, global, console, output, (&recorders, rounds)).await;
    let status = result.as_ref().map(|status| *status);
    recorders.end(status, !args.work.dry_run).await;
    result
}

/// The settings of a run by its flags.
fn layers(args: &Run, global: &Global) -> Result<Layers> {
    let mut layers = Layers::new(global);
    layers.embedding(&args.embedding);
    layers.run(&args.input, &args.work)?;
    Ok(layers)
}

/// What a run looks at, to be watched.
pub(crate) fn scope(args: &Run, global: &Global) -> Result<Scope> {
    let settings = layers(args, global)?.load()?;
    let selection = select(&args.input, &settings)?;
    Ok(Scope::new(places(args, &settings, selection))?)
}

async fn recorded(
    args: &Run,
    global: &Global,
    console: &Arc<Console>,
    output: &mut Output,
    (recorders, rounds): (&Recorders, &mut Rounds),
) -> Result<Status> {
    // What holds for all rounds is told in the first.
    let aside = &Arc::new(console.quieter(!rounds.is_first()));
    let mut layers = layers(args, global)?;
    let settings = layers.load()?;
    warn_of_slips(&settings, aside);
    let selection = if args.work.retry_failed {
        None
    } else {
        Some(select(&args.input, &settings)?)
    };

    let found = if args.work.adopt && rounds.is_first() {
        Some(store::adopt(&settings).await?)
    } else if args.work.dry_run {
        store::find(&settings).await?
    } else {
        store::find_to_write(&settings).await?
    };
    if args.work.retry_failed && found.is_none() {
        console.tell(
            Level::Normal,
            &format!(
                "there is nothing to try again: no store at {}",
                settings.store_url()
            ),
        );
        return Ok(Status::Done);
    }
    // What an empty store was meant for binds nobody.
    let (identity, last_run) = match &found {
        Some(store) => {
            let is_empty = store.is_empty().await?;
            let identity = store.identity().await?.filter(|_| !is_empty);
            (identity, store.last_run().await?)
        }
        None => (None, None),
    };
    // With `--clean` of everything the model may change; the pipeline decides, from what is left in the store.
    // Several servers are asked what they have, and must not be told a key that is none.
    if args.work.dry_run
        && settings.embedding.provider == ProviderChoice::OpenAi
        && args.embedding.host.len() < 2
    {
        layers.spare_key()?;
    }
    let chosen = embedder::choose(layers, &args.embedding.host, identity.as_ref(), aside).await?;
    if !args.work.dry_run {
        chosen.agree().await?;
    }
    let mut options = options(args, &settings, &chosen, selection, aside);
    options.clean &= rounds.is_first();
    // Another model has another pace.
    let same = identity.filter(|identity| {
        identity.provider == chosen.choice.provider.as_str() && identity.model == chosen.choice.model
    });
    options.pace = same.and(last_run).and_then(|run| Pace::of(&run));
    let price = Price::of(&settings, chosen.choice.provider, &chosen.choice.model);
    let store = found.unwrap_or_else(|| store::to_make(&settings));

    rounds.listen(console);
    let reporter = Arc::new(Reporter::new(Arc::clone(console)));
    let observer = recorders.follow(&store, &chosen.embedder, &options, Arc::clone(&reporter) as _);
    let result = ingest_pipeline::run(store, chosen.embedder, options, observer, rounds.cancel()).await;
    reporter.finish();
    let report = match result {
        Ok(report) => report,
        Err(error) if error.kind() == ingest_pipeline::ErrorKind::Cancelled => {
            return Ok(rounds.interrupted());
        }
        Err(error) => return Err(error.into()),
    };
    recorders.report(&report);
    let is_first = rounds.is_first();
    if !rounds.end(&report) && matches!(report.outcome, Outcome::Ok | Outcome::Partial) {
        return Ok(status_of(report.outcome));
    }
    if is_first {
        summary::write(&report, price.as_ref(), output)?;
    } else {
        summary::write_round(&report, output)?;
    }
    if let Some(traffic) = summary::traffic(&report) {
        console.tell(Level::More, &traffic);
    }
    let status = verdict(&report, &settings, rounds.interrupted(), console);
    if is_first && rounds.is_watching() && report.outcome != Outcome::Interrupted {
        console.tell(Level::Normal, "watching for changes; Ctrl-C ends it");
    }
    Ok(status)
}

/// The exit status of a run that went to its end.
fn status_of(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Ok => Status::Done,
        // A new kind of end is not a good one until it is known.
        _ => Status::Fault,
    }
}

/// Which documents a run is about.
fn places(args: &Run, settings: &Settings, selection: Selection) -> RunOptions {
    let (work, input) = (&args.work, &args.input);
    let mut options = RunOptions::new(selection.sources, selection.base);
    options.include = input.include.clone();
    options.exclude = input.exclude.clone();
    options.no_ignore = input.no_ignore;
    options.skip_paths = store::files(settings);
    options.skip_paths.extend(recorders::files(work));
    options.failure_log = Some(settings.run.failure_log.clone());
    options
}

fn options(
    args: &Run,
    settings: &Settings,
    chosen: &Chosen,
    selection: Option<Selection>,
    console: &Console,
) -> RunOptions {
    let selection = selection.unwrap_or_else(|| Selection {
        sources: Vec::new(),
        base: std::env::current_dir().unwrap_or_default(),
    });
    let work = &args.work;
    let mut options = places(args, settings, selection);
    options.chunk_size = settings.chunking.size;
    options.chunk_overlap = settings.chunking.overlap;
    if work.sequential {
        options.workers = 1;
    } else {
        options.workers = workers(settings, console);
        let adapts = settings.run.workers == Workers::Auto;
        options.adapt_from = adapts.then(|| args.embedding.host.len().max(1));
    }
    options.batch_size = settings.embedding.batch_size;
    options.max_file_bytes = settings.run.max_file_size << 20;
    #[cfg(feature = "pdf")]
    {
        options.pdf_reader = super::read_pdf::reader();
    }
    options.tries = settings.run.batch_retries;
    options.wait = settings.run.wait;
    options.on_too_long = match settings.embedding.on_too_long {
        OnTooLong::Split => ingest_pipeline::OnTooLong::Split,
        OnTooLong::Truncate => ingest_pipeline::OnTooLong::Truncate,
        OnTooLong::Fail => ingest_pipeline::OnTooLong::Fail,
    };
    options.prefixes = chosen.prefixes.clone();
    options.server = chosen.servers(&args.embedding.host);
    options.vector_weight = chosen.vector_weight;
    options.clean = work.clean;
    options.dry_run = work.dry_run;
    options.no_delete = work.no_delete;
    options.max_delete = match settings.run.max_delete {
        ingest_config::MaxDelete::Documents(count) => MaxDelete::Count(count),
        ingest_config::MaxDelete::Percent(share) => MaxDelete::Percent(share),
    };
    options.fail_fast = work.fail_fast;
    options.retry_failed = work.retry_failed;
    options.count_ahead = console.bars().is_some();
    options
}

/// Most workers: those asked for, capped with a warning.
fn workers(settings: &Settings, console: &Console) -> usize {
    let most = settings.run.max_workers;
    let Workers::Count(asked) = settings.run.workers else {
        return most;
    };
    if asked > most {
        console.warn(&format!(
            "{asked} workers were asked for ({}), {most} are used: `ingest_max_workers` allows no more ({})",
            settings.origin("ingest_workers"),
            settings.origin("ingest_max_workers"),
        ));
    }
    asked.min(most)
}

/// Says what to do next, and which exit status the run has.
fn verdict(report: &RunReport, settings: &Settings, interrupted: Status, console: &Console) -> Status {
    for source in &report.sources {
        if let Some(error) = &source.error {
            console.error(&format!("{}: {error}", source.name));
        }
    }
    if let Some(refused) = &report.refused {
        console.error(refused);
    }
    let failed = report.documents.failed.max(report.chunks.failed);
    if failed > 0 {
        console.hint(&format!(
            "{} noted in {}; `ingest run --retry-failed` tries again",
            if failed == 1 {
                "1 failure is".to_owned()
            } else {
                format!("{} are", counted(failed, "failure"))
            },
            settings.run.failure_log.display(),
        ));
    }
    match report.outcome {
        Outcome::Ok => {
            if report.documents.seen == 0 && report.sources.iter().any(|source| source.error.is_none()) {
                console.warn("no documents were found; -v tells which files were passed over");
            }
            status_of(report.outcome)
        }
        Outcome::Interrupted => {
            console.tell(
                Level::Normal,
                "interrupted: what is finished is stored, and the next run goes on from there",
            );
            interrupted
        }
        Outcome::Stopped => match &report.stopped {
            Some(stop) if stop.kind == "fail_fast" => Status::Fault,
            stop => {
                let message = stop.as_ref().map_or("it could not go on", |stop| &stop.message);
                console.error(&format!("the run stopped: {message}"));
                if let Some(hint) = stop.as_ref().and_then(|stop| embedder_hint(&stop.kind)) {
                    console.hint(hint);
                }
                if stop.as_ref().is_none_or(|stop| goes_on_after(&stop.kind)) {
                    console.tell(
                        Level::Normal,
                        "what is finished is stored, and the next run goes on from there",
                    );
                }
                Status::Stopped
            }
        },
        outcome => status_of(outcome),
    }
}
