//! Calls of a bare embedder, many at once: the pooled client without any retry around it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use embed_core::testing::FakeEmbedder;
use embed_core::{Embeddings, InputKind, Result};
use embed_http::testing::Request;
use fastrand::Rng;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::play::texts;
use super::{Counts, DIMENSIONS, Harbour, Place, Plan, Weather};

/// Longer than all calls of a seed take one after another.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
/// What one call may take once it has a connection: its time limit, and a second connection.
const PER_CALL: Duration = Duration::from_secs(60 + 10);
/// The calls begin within this time.
const SPREAD: Duration = Duration::from_secs(100);
/// Some calls begin after a whole number of these: the very moment at which a connection is closed that nobody needed.
const BEAT: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_secs(1);
/// After this time without work every connection is closed.
const IDLE: Duration = Duration::from_secs(70);

/// One call.
#[derive(Clone, Debug)]
struct Call {
    texts: Vec<String>,
    begins: Duration,
    /// When the caller loses patience, if ever.
    patience: Option<Duration>,
}

/// Makes some calls in bad weather, of which the callers give some up, and checks what the client promises: every call
/// ends, with the true rows or an error; connections stay within their limit and none is lost; a request is sent a
/// second time only after a connection that had been in use was found dead.
///
/// # Panics
/// Where a promise is broken.
pub async fn call(plan: &Plan) -> Counts {
    let plan = plan.clone().without_ration();
    let mut rng = Rng::with_seed(plan.seed ^ 0xca11);
    let weather = Weather::new(plan.clone());
    let harbour = Harbour::open(weather.clone(), Place::Memory).expect("an embedder");
    let calls: Vec<_> = (0..rng.usize(4..32))
        .map(|number| a_call(number, &mut rng))
        .collect();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for call in calls.clone() {
        let embedder = harbour.embedder();
        tasks.spawn(async move {
            // In two steps, so that of what happens at the same moment this may be what comes last.
            sleep(call.begins.saturating_sub(STEP)).await;
            sleep(call.begins.min(STEP)).await;
            let inputs: Vec<_> = call.texts.iter().map(String::as_str).collect();
            let answer = embedder.embed_batch(&inputs, InputKind::Document);
            let outcome = timeout(call.patience.unwrap_or(NEVER), answer).await;
            (call, outcome.ok())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        let (call, outcome) = ended.expect("no panic");
        assert!(
            outcome.is_some() || call.patience.is_some(),
            "a call that never ends: {call:?}"
        );
        check(&call, outcome);
    }
    let most = SPREAD + PER_CALL * u32::try_from(calls.len()).unwrap_or(u32::MAX);
    assert!(
        began.elapsed() <= most,
        "{:?} for {} calls",
        began.elapsed(),
        calls.len()
    );
    harbour.check_transport();
    check_arrivals(&harbour.requests(), &weather, plan.connections);

    weather.clear_up();
    check_slots(&harbour, plan.connections).await;
    weather.counts()
}

fn a_call(number: usize, rng: &mut Rng) -> Call {
    let seconds = |most: Duration, rng: &mut Rng| most.mul_f64(rng.f64());
    let begins = if rng.bool() {
        BEAT * rng.u32(..11)
    } else {
        seconds(SPREAD, rng)
    };
    Call {
        texts: (0..rng.usize(1..5))
            .map(|text| format!("call {number} text {text}"))
            .collect(),
        begins,
        patience: (rng.u8(..5) == 0).then(|| seconds(SPREAD / 5, rng)),
    }
}

fn check(call: &Call, outcome: Option<Result<Embeddings>>) {
    match outcome {
        Some(Ok(rows)) => {
            let fake = FakeEmbedder::new(DIMENSIONS);
            let wanted: Vec<_> = call.texts.iter().map(|text| fake.vector(text)).collect();
            assert!(
                rows.iter().eq(wanted.iter().map(Vec::as_slice)),
                "rows of other texts for {call:?}"
            );
        }
        Some(Err(error)) => assert!(error.is_retryable(), "nothing here needs a person: {error:?}"),
        None => {}
    }
}

/// A request arrives once. It arrives once more only if it first came over a connection that had been in use, and then
/// over one that had not.
fn check_arrivals(requests: &[Request], weather: &Weather, connections: usize) {
    let mut used = HashSet::new();
    let mut arrivals: HashMap<String, Vec<bool>> = HashMap::new();
    for request in requests {
        let reused = !used.insert(request.connection);
        let name = texts(request).into_iter().next().unwrap_or_default();
        arrivals.entry(name).or_default().push(reused);
    }
    let again: Vec<_> = arrivals.iter().filter(|(_, reused)| reused.len() > 1).collect();
    for (name, reused) in &again {
        assert_eq!(
            **reused,
            [true, false],
            "{name}: arrivals over connections in use before"
        );
    }
    let dead = weather.silent() + weather.cuts() * connections as u64;
    assert!(
        again.len() as u64 <= dead,
        "{} sent again for {dead} dead connections",
        again.len()
    );
}

/// With nothing open, as many calls at once as there may be connections open one each: none of the slots was lost.
async fn check_slots(harbour: &Harbour, connections: usize) {
    sleep(IDLE).await;
    assert_eq!(
        harbour.connections().open(),
        0,
        "idle connections are closed in time"
    );
    let opened = harbour.connections().opened();
    let embedder = harbour.embedder();
    let inputs = ["after the storm"];
    let calls = (0..connections).map(|_| embedder.embed_batch(&inputs, InputKind::Document));
    for outcome in timeout(NEVER, join_all(calls)).await.expect("calls that end") {
        outcome.expect("rows in fair weather");
    }
    assert_eq!(
        harbour.connections().opened() - opened,
        connections,
        "a connection each"
    );
}
