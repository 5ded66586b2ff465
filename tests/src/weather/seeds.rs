//! Many seeds over a few threads.

use std::env;
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::Builder;

/// The variable that names the one seed to play.
const SEED: &str = "WEATHER_SEED";
/// The variable that says how many seeds to play instead of the usual number.
const SEEDS: &str = "WEATHER_SEEDS";
/// Seeds that fail before the others are not played any more.
const ENOUGH: usize = 3;

/// Plays a future for each seed, each in a runtime of its own, `threads` at a time; on a paused clock if `paused`.
/// `WEATHER_SEED` in the environment plays that one alone, and `WEATHER_SEEDS` so many from the first one on.
///
/// # Panics
/// If a seed does, naming it.
pub fn for_each_seed<F>(seeds: Range<u64>, threads: usize, paused: bool, play: impl Fn(u64) -> F + Sync)
where
    F: Future<Output = ()>,
{
    let seeds = match (number(SEED), number(SEEDS)) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => seeds.start..seeds.start + count,
        (None, None) => seeds,
    };
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = failed.lock().unwrap_or_else(PoisonError::into_inner).len() >= ENOUGH;
            if seed >= seeds.end || enough {
                return;
            }
            let runtime = Builder::new_current_thread()
                .enable_all()
                .start_paused(paused)
                .build()
                .unwrap_or_else(|error| panic!("no runtime: {error}"));
            if catch_unwind(AssertUnwindSafe(|| runtime.block_on(play(seed)))).is_err() {
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(seed) = failed.first() {
        panic!("seeds {failed:?} failed, as told above; {SEED}={seed} plays that one alone");
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}
