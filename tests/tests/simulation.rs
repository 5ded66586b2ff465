//! The pooled client and the whole flow over thousands of seeds, in memory and on a paused clock.
//!
//! What a seed decides is the documents, the run and the weather. A seed that fails is named, and `WEATHER_SEED` in the
//! environment plays that one alone; `WEATHER_SEEDS` plays more or fewer than usual. With several workers, of two things
//! that happen at the very same instant tokio picks one by chance: about one seed in fifty does not ask exactly the same
//! of the server each time, and may have to be played more than once to fail again.

use std::sync::{Arc, Mutex};

use ingest_core::Store;
use ingest_store::MemoryStore;
use ingest_tests::weather::{Counts, Effect, Place, Plan, call, end, for_each_seed, survive, trace};

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn check_met(counts: &Mutex<Counts>, own: bool) {
    let counts = counts.lock().expect("no panic");
    println!("{counts}");
    if std::env::var_os("WEATHER_SEED").is_none() {
        let wanted = |effect: Effect| own || effect != Effect::Own;
        let missing = counts.missing();
        let missing: Vec<_> = missing.iter().filter(|kind| wanted(kind.effect())).collect();
        assert!(
            missing.is_empty(),
            "kinds of weather that no seed met: {missing:?}"
        );
    }
}

#[test]
fn a_thousand_runs_keep_every_promise_in_any_weather() {
    let met = Mutex::<Counts>::default();
    for_each_seed(10_000..11_000, threads(), true, async |seed| {
        let counts = match seed % 10 {
            0 => survive(&Plan::crashing(seed), Place::Memory, memory()).await,
            1 | 2 => end(&Plan::ending(seed), Place::Memory, memory()).await,
            _ => survive(&Plan::rough(seed), Place::Memory, memory()).await,
        };
        met.lock().expect("no panic").add(&counts);
    });
    check_met(&met, true);
}

#[test]
fn the_pooled_client_ends_every_call_within_its_connections() {
    let met = Mutex::<Counts>::default();
    for_each_seed(20_000..21_200, threads(), true, async |seed| {
        let counts = call(&Plan::rough(seed)).await;
        met.lock().expect("no panic").add(&counts);
    });
    check_met(&met, false);
}

#[test]
fn a_seed_with_one_worker_asks_the_same_of_the_server_each_time() {
    for_each_seed(30_000..30_040, threads(), true, async |seed| {
        let mut plan = Plan::rough(seed);
        plan.workers = 1;
        assert_eq!(trace(&plan).await, trace(&plan).await);
    });
}
