//! A seed from its first run to its last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use embed_http::testing::Request;
use ingest_core::Store;
use ingest_pipeline::{ErrorKind, Outcome, RunReport};
use ingest_store::MemoryStore;
use tokio::time::{Instant, timeout};

use super::{Counts, End, Export, Harbour, Place, Plan, Sky, Trial, Weather};

/// What a run may take for each request: the time limits, a wait that the server asks for, and one that is computed.
const PER_REQUEST: Duration = Duration::from_secs(60 + 20 + 8);
/// What it may take besides: an outage that is waited out.
const BESIDES: Duration = Duration::from_secs(240 + 10);
/// Longer than any run takes.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
/// The text that a run asks for to see whether the server works.
const PROBE: &str = "test";

/// Plays a survivable plan: the run does all it would do in fair weather, and a second one finds nothing to do.
///
/// # Panics
/// Where a promise is broken.
pub async fn survive(plan: &Plan, place: Place, store: Arc<dyn Store>) -> Counts {
    let trial = Trial::new(plan, store);
    let harbour = harbour(plan.clone(), place);
    let report = sail(&trial, &harbour, plan.workers)
        .await
        .expect("a run that starts");
    assert_eq!(report.stopped, None, "nothing was to stop this run");
    let after = trial.check_complete().await;
    let wanted = undisturbed(plan).await;
    assert_eq!(
        after, wanted,
        "the store after bad weather and after fair: {report:?}"
    );
    check_outcome(&report, &after);
    if place == Place::Memory {
        check_nothing_twice(harbour.weather());
    }

    let fair = fair(plan, place);
    sail(&trial, &fair, plan.workers).await.expect("a second run");
    assert_eq!(
        trial.check_complete().await,
        wanted,
        "the store after a second run"
    );
    check_nothing_again(&after, &fair);
    harbour.weather().counts()
}

/// Plays a plan that ends: the run says why, what it finished stays, and a second run completes it.
///
/// # Panics
/// Where a promise is broken.
pub async fn end(plan: &Plan, place: Place, store: Arc<dyn Store>) -> Counts {
    let Sky::Ending(end, _) = plan.sky else {
        panic!("a plan without an end");
    };
    let trial = Trial::new(plan, store);
    let harbour = harbour(plan.clone(), place);
    let weather = harbour.weather();
    let outcome = sail(&trial, &harbour, plan.workers).await;
    let kept = trial.check_promise().await;
    match outcome {
        Ok(report) if weather.ended() > 0 => check_stop(&report, end),
        // It was through before anything happened.
        Ok(report) => check_outcome(&report, &kept),
        Err(error) => {
            assert!(weather.ended() > 0 && weather.clean().is_empty(), "{error}");
            assert_eq!(error.kind(), ErrorKind::Embedder, "{error}");
            assert!(kept.documents.is_empty(), "nothing was to be touched");
        }
    }
    if end != End::Outage && end != End::LongWait {
        let after = weather.ended();
        assert!(
            after <= 1 + plan.workers,
            "{after} requests after one that is final"
        );
    }

    let fair = fair(plan, place);
    let report = sail(&trial, &fair, plan.workers).await.expect("a second run");
    let after = trial.check_complete().await;
    assert_eq!(
        after,
        undisturbed(plan).await,
        "the store after a second run: {report:?}"
    );
    check_outcome(&report, &after);
    check_nothing_again(&kept, &fair);
    if end != End::Outage && place == Place::Memory {
        // Nothing was cut, so that all that was paid for arrived, also of documents that were not whole.
        let again: Vec<_> = both(weather, fair.weather()).collect();
        assert!(again.is_empty(), "embedded again: {again:?}");
    }
    weather.counts()
}

/// What arrived at the server in the first run of a plan, in order.
///
/// # Panics
/// Where a promise is broken.
pub async fn trace(plan: &Plan) -> Vec<String> {
    let trial = Trial::new(plan, Arc::new(MemoryStore::new()));
    let harbour = harbour(plan.clone(), Place::Memory);
    // Whether it could start at all is part of what the requests tell.
    let _ = sail(&trial, &harbour, plan.workers).await;
    let line = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body);
        format!("{} {} {body}", request.connection, request.path)
    };
    harbour.requests().iter().map(line).collect()
}

/// Makes one run and checks what holds of the transport and of time, whatever becomes of it.
async fn sail(trial: &Trial, harbour: &Harbour, workers: usize) -> ingest_pipeline::Result<RunReport> {
    if !trial.is_in_memory() {
        // A paused clock does not wait for the threads of a store, so its time means nothing there.
        let report = trial.run(harbour, workers).await;
        harbour.check_transport();
        return report;
    }
    let began = Instant::now();
    let Ok(report) = timeout(NEVER, trial.run(harbour, workers)).await else {
        panic!("a run without end: {:?}", harbour.usage());
    };
    let (took, requests) = (began.elapsed(), harbour.requests().len());
    let most = PER_REQUEST * u32::try_from(requests).unwrap_or(u32::MAX) + BESIDES;
    assert!(took <= most, "{took:?} for {requests} requests");
    harbour.check_transport();
    report
}

fn harbour(plan: Plan, place: Place) -> Harbour {
    Harbour::open(Weather::new(plan), place).expect("an embedder")
}

fn fair(plan: &Plan, place: Place) -> Harbour {
    harbour(plan.in_fair_weather(), place)
}

/// What one worker makes of the same documents in fair weather.
async fn undisturbed(plan: &Plan) -> Export {
    let trial = Trial::new(plan, Arc::new(MemoryStore::new()));
    let report = sail(&trial, &fair(plan, Place::Memory), 1)
        .await
        .expect("a run in fair weather");
    let export = trial.check_complete().await;
    check_outcome(&report, &export);
    export
}

fn check_outcome(report: &RunReport, export: &Export) {
    let wanted = if export.failed.is_empty() {
        Outcome::Ok
    } else {
        Outcome::Partial
    };
    assert_eq!(report.outcome, wanted, "{report:?}");
}

fn check_stop(report: &RunReport, end: End) {
    assert_eq!(report.outcome, Outcome::Stopped, "{report:?}");
    let kind = report.stopped.as_ref().map_or("", |stop| &stop.kind);
    assert!(
        end.kinds().contains(&kind),
        "{end:?} was told as {kind}: {report:?}"
    );
}

/// A text whose vector came is not asked for again in the same run. What a cut took on its way is another matter.
fn check_nothing_twice(weather: &Weather) {
    if weather.cuts() == 0 {
        let twice: Vec<_> = weather
            .clean()
            .into_iter()
            .filter(|(text, times)| *times > 1 && text != PROBE)
            .collect();
        assert!(twice.is_empty(), "embedded twice: {twice:?}");
    }
}

/// What the store holds is not embedded by a later run.
fn check_nothing_again(held: &Export, later: &Harbour) {
    let asked = later.weather().clean();
    let held: BTreeSet<_> = held
        .chunks
        .iter()
        .map(|stored| stored.chunk.text.as_str())
        .collect();
    let again: Vec<_> = asked.keys().filter(|text| held.contains(text.as_str())).collect();
    assert!(again.is_empty(), "embedded although stored: {again:?}");
}

fn both(first: &Weather, second: &Weather) -> impl Iterator<Item = String> + use<> {
    let second = second.clean();
    first
        .clean()
        .into_keys()
        .filter(move |text| text != PROBE && second.contains_key(text))
}
