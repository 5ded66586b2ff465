//! Runs of the whole flow in bad weather, seed by seed: in memory on a paused clock, into SQLite, and over sockets.
//!
//! A seed that fails is named, and `WEATHER_SEED` in the environment plays that one alone.

use std::sync::{Arc, Mutex};

use ingest_core::Store;
use ingest_store::MemoryStore;
use ingest_tests::weather::{Counts, Effect, Kind, Place, Plan, end, for_each_seed, survive};

/// Seeds at a time where nothing but time is waited for.
const CROWD: usize = 6;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// A new SQLite file in a folder that lives as long as the test.
async fn sqlite(folder: &tempfile::TempDir, seed: u64) -> Arc<dyn Store> {
    let path = folder.path().join(format!("{seed}.db"));
    ingest_store::open(&format!("sqlite:{}", path.display()))
        .await
        .expect("a new store")
}

/// What all seeds of a test met, shown where the test is run with `--nocapture`.
#[derive(Default)]
struct Met(Mutex<Counts>);

impl Met {
    fn add(&self, counts: &Counts) {
        self.0.lock().expect("no panic").add(counts);
    }

    fn check(&self, wanted: impl Fn(Kind) -> bool) {
        let counts = self.0.lock().expect("no panic");
        println!("{counts}");
        if std::env::var_os("WEATHER_SEED").is_none() {
            let missing: Vec<_> = counts
                .missing()
                .into_iter()
                .filter(|kind| wanted(*kind))
                .collect();
            assert!(
                missing.is_empty(),
                "kinds of weather that no seed met: {missing:?}"
            );
        }
    }
}

#[test]
fn every_chunk_ends_stored_or_logged_in_any_weather() {
    let met = Met::default();
    for_each_seed(0..300, threads(), true, async |seed| {
        met.add(&survive(&Plan::rough(seed), Place::Memory, memory()).await);
    });
    met.check(|kind| kind.effect() != Effect::Own || kind == Kind::Restart);
}

#[test]
fn the_same_holds_for_a_file_of_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    for_each_seed(1000..1030, threads(), true, async |seed| {
        survive(&Plan::rough(seed), Place::Memory, sqlite(&folder, seed).await).await;
    });
}

#[test]
fn the_same_holds_over_real_sockets() {
    let folder = tempfile::tempdir().expect("a folder");
    let met = Met::default();
    for_each_seed(2000..2040, CROWD, false, async |seed| {
        let store = if seed % 4 == 0 {
            sqlite(&folder, seed).await
        } else {
            memory()
        };
        let plan = Plan::rough(seed).on_sockets();
        met.add(&survive(&plan, Place::Socket, store).await);
    });
    met.check(|kind| kind == Kind::Restart || kind == Kind::Reset);
}

#[test]
fn texts_that_take_the_server_down_are_found_out_and_the_innocent_are_stored() {
    let met = Met::default();
    for_each_seed(3000..3150, threads(), true, async |seed| {
        met.add(&survive(&Plan::crashing(seed), Place::Memory, memory()).await);
    });
    met.check(|kind| kind == Kind::Crash);
}

#[test]
fn a_run_that_must_stop_says_why_and_keeps_what_it_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let met = Met::default();
    for_each_seed(4000..4200, threads(), true, async |seed| {
        let store = if seed % 10 == 0 {
            sqlite(&folder, seed).await
        } else {
            memory()
        };
        met.add(&end(&Plan::ending(seed), Place::Memory, store).await);
    });
    met.check(|kind| kind == Kind::Ended);
}
