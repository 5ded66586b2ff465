//! The exact search through all vectors: every sketch is read, and the few vectors that may be among the nearest.

use std::thread;

use rusqlite::{Connection, Transaction, params};

use super::fault::Work;
use super::schema::Database;
use super::search::Scope;
use crate::rank::{Best, Needle};
use crate::sketch::Outline;

/// More threads than these wait for memory.
const MAX_THREADS: usize = 8;

/// Under a filter that fewer vectors than one in this many pass, those are looked up one by one.
const SPARSE: usize = 8;

/// The nearest vectors that chunks in `scope` refer to, with their cosines: `wanted` of them, and ties with the last.
pub(super) fn nearest(
    tx: &Transaction<'_>,
    database: &Database,
    values: &[f32],
    scope: Option<&Scope>,
    wanted: usize,
) -> Work<Vec<(f64, i64)>> {
    // Two questions, since SQLite looks up one end of a table but reads all of it for both.
    let bounds = tx.query_row(
        "SELECT (SELECT min(id) FROM sketches), (SELECT max(id) FROM sketches)",
        (),
        |row| Ok(Option::zip(row.get(0)?, row.get(1)?)),
    )?;
    let Some((first, last)) = bounds else {
        return Ok(Vec::new());
    };
    let allowed = scope.map(|scope| scope.vectors(tx)).transpose()?;
    let scan = Scan {
        outline: Outline::of(values),
        allowed: allowed.as_deref(),
        wanted,
    };
    let needle = Needle::new(values);
    let ids: i64 = last - first + 1;
    match &allowed {
        Some(allowed) if (allowed.len() as i64).saturating_mul(SPARSE as i64) < ids => {
            compare(tx, &needle, allowed.iter().copied(), wanted)
        }
        _ => compare(
            tx,
            &needle,
            scan.everything(tx, database, first, last)?.into_iter(),
            wanted,
        ),
    }
}

/// Compares vectors themselves.
fn compare(
    tx: &Transaction<'_>,
    needle: &Needle<'_>,
    ids: impl Iterator<Item = i64>,
    wanted: usize,
) -> Work<Vec<(f64, i64)>> {
    let mut statement = tx.prepare_cached("SELECT scale, value FROM vectors WHERE id = ?1")?;
    let mut best = Best::new(wanted);
    for id in ids {
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let value = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            best.push(needle.cosine(value, row.get(0)?), id);
        }
    }
    Ok(best.into_kept())
}

/// A search through sketches.
#[derive(Debug)]
struct Scan<'a> {
    outline: Outline,
    /// The vectors a filter lets pass, rising; without a filter, all that a chunk refers to.
    allowed: Option<&'a [i64]>,
    wanted: usize,
}

impl Scan<'_> {
    /// Searches a range of ids on as many threads as are worth it. Returns those that may be among the nearest, rising.
    fn everything(&self, tx: &Transaction<'_>, database: &Database, first: i64, last: i64) -> Work<Vec<i64>> {
        let mut ranges = split(first, last, database.worth_a_thread).into_iter();
        let own = ranges.next().unwrap_or((first, last));
        let seen = changes(tx)?;
        thread::scope(|scope| {
            let others: Vec<_> = ranges
                .map(|range| {
                    let read = move || self.elsewhere(database, seen, range);
                    (
                        range,
                        thread::Builder::new()
                            .name("store-scan".into())
                            .spawn_scoped(scope, read),
                    )
                })
                .collect();
            let mut found = self.within(tx, own)?;
            for (range, other) in others {
                // Where no thread was to be had, or it sees another state of the store, this one reads on its own.
                let theirs = other
                    .ok()
                    .and_then(|thread| thread.join().ok())
                    .unwrap_or(Ok(None))?;
                found.join(match theirs {
                    Some(theirs) => theirs,
                    None => self.within(tx, range)?,
                });
            }
            Ok(found.into_ids())
        })
    }

    /// Searches a range on a connection of its own; `None` if that does not see the state `seen`.
    fn elsewhere(&self, database: &Database, seen: i64, range: (i64, i64)) -> Work<Option<Shortlist>> {
        let mut connection = database.reader()?;
        let tx = connection.transaction()?;
        if changes(&tx)? != seen {
            return Ok(None);
        }
        self.within(&tx, range).map(Some)
    }

    /// Searches a range of ids. Whether a chunk still refers to a vector is asked only of those near enough to matter.
    fn within(&self, tx: &Transaction<'_>, (first, last): (i64, i64)) -> Work<Shortlist> {
        let mut allowed = self
            .allowed
            .map(|ids| ids[ids.partition_point(|&id| id < first)..].iter());
        let mut next = allowed.as_mut().and_then(Iterator::next);
        let mut used = tx.prepare("SELECT 1 FROM chunks WHERE vector = ?1 LIMIT 1")?;
        let mut scan = tx.prepare("SELECT sketch, id FROM sketches WHERE id BETWEEN ?1 AND ?2")?;
        let mut rows = scan.query(params![first, last])?;
        let mut found = Shortlist::new(self.wanted);
        while let Some(row) = rows.next()? {
            if let Some(allowed) = &mut allowed {
                let id: i64 = row.get(1)?;
                while next.is_some_and(|&allowed| allowed < id) {
                    next = allowed.next();
                }
                if next != Some(&id) {
                    continue;
                }
            }
            let sketch = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            let (low, high) = self.outline.bounds(sketch);
            if found.takes(high) {
                let id: i64 = row.get(1)?;
                if allowed.is_some() || used.exists([id])? {
                    found.push(low, high, id);
                }
            }
        }
        Ok(found)
    }
}

/// Vectors that may be among the nearest: at least the wanted number are sure to be no farther than any left out.
#[derive(Debug)]
struct Shortlist {
    lows: Best<()>,
    candidates: Vec<(f64, i64)>,
    prune_at: usize,
}

impl Shortlist {
    fn new(wanted: usize) -> Self {
        Self {
            lows: Best::new(wanted),
            candidates: Vec::new(),
            prune_at: 256,
        }
    }

    fn takes(&self, high: f64) -> bool {
        self.lows.takes(high)
    }

    fn push(&mut self, low: f64, high: f64, id: i64) {
        self.lows.push(low, ());
        self.candidates.push((high, id));
        if self.candidates.len() >= self.prune_at {
            self.prune();
            self.prune_at = self.candidates.len().saturating_mul(2).max(256);
        }
    }

    fn prune(&mut self) {
        let floor = self.lows.floor();
        self.candidates.retain(|(high, _)| *high >= floor);
    }

    fn join(&mut self, other: Self) {
        for (low, ()) in other.lows.into_kept() {
            self.lows.push(low, ());
        }
        self.candidates.extend(other.candidates);
    }

    fn into_ids(mut self) -> Vec<i64> {
        self.prune();
        let mut ids: Vec<i64> = self.candidates.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids
    }
}

/// Ranges of ids, one a thread.
fn split(first: i64, last: i64, worth_a_thread: i64) -> Vec<(i64, i64)> {
    let ids = last - first + 1;
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS)) as i64;
    let threads = (ids / worth_a_thread).clamp(1, cores);
    (0..threads)
        .map(|index| {
            (
                first + ids * index / threads,
                first + ids * (index + 1) / threads - 1,
            )
        })
        .collect()
}

/// How often the store was changed, which tells its states apart.
fn changes(connection: &Connection) -> Work<i64> {
    Ok(connection.query_row("SELECT changes FROM store", (), |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ingest_core::testing::samples::{document, vector_query};
    use ingest_core::{ModelIdentity, Query, Store, Vector};
    use proptest::prelude::*;

    use super::*;
    use crate::{MemoryStore, SqliteStore};

    const DIMENSIONS: usize = 24;

    fn vector(random: &mut fastrand::Rng, clusters: u32) -> Arc<[f32]> {
        // Vectors that crowd together are the hard case: then sketches alone decide little.
        let center = random.u32(0..clusters);
        (0..DIMENSIONS)
            .map(|index| (index as u32 % clusters == center) as u8 as f32 + 0.02 * random.f32())
            .collect()
    }

    async fn filled(seed: u64, clusters: u32, path: &std::path::Path) -> (MemoryStore, SqliteStore) {
        let mut random = fastrand::Rng::with_seed(seed);
        let memory = MemoryStore::new();
        let mut sqlite = SqliteStore::open(path).await.expect("a store");
        sqlite.database.worth_a_thread = 50;
        let model = ModelIdentity {
            dimensions: DIMENSIONS,
            ..ingest_core::testing::samples::identity()
        };
        let documents: Vec<_> = (0..20)
            .map(|number| {
                let texts: Vec<String> = (0..15).map(|chunk| format!("{number} {}", chunk % 14)).collect();
                let chunks: Vec<_> = texts
                    .iter()
                    .map(|text| (text.as_str(), Vector::New(vector(&mut random, clusters))))
                    .collect();
                document(&format!("{}/{number}", number % 3), &chunks)
            })
            .collect();
        for store in [&memory as &dyn Store, &sqlite] {
            store.bind(&model).await.expect("bind");
            store.replace(documents.clone()).await.expect("replace");
            store.remove(&["0/0".into(), "1/4".into()]).await.expect("remove");
        }
        (memory, sqlite)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn sketches_and_threads_find_what_comparing_everything_finds(seed: u64, clusters in 1u32..6, top_k in 1usize..40) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let folder = tempfile::tempdir().expect("a folder");
            runtime.block_on(async {
                let (memory, sqlite) = filled(seed, clusters, &folder.path().join("index.db")).await;
                let mut random = fastrand::Rng::with_seed(!seed);
                for source in [None, Some("*"), Some("1/*"), Some("2/8"), Some("none")] {
                    let question = Query {
                        vector: Some(vector(&mut random, clusters).to_vec()),
                        source: source.map(str::to_owned),
                        top_k,
                        ..vector_query([1.0; 4])
                    };
                    let expected = memory.search(&question).await.expect("search");
                    assert_eq!(sqlite.search(&question).await.expect("search"), expected, "{source:?}");
                }
            });
        }
    }

    #[tokio::test]
    async fn a_thread_that_sees_another_state_reads_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, sqlite) = filled(1, 2, &folder.path().join("index.db")).await;
        let scan = Scan {
            outline: Outline::of(&[1.0; DIMENSIONS]),
            allowed: None,
            wanted: 3,
        };
        let seen = changes(&sqlite.database.reader().expect("a reader")).expect("changes");
        let read = |seen| {
            scan.elsewhere(&sqlite.database, seen, (1, 100))
                .expect("reading")
                .is_some()
        };
        assert!(read(seen));
        sqlite.sweep().await.expect("a change");
        assert!(!read(seen));
    }

    #[test]
    fn ranges_meet() {
        for (first, last) in [(1, 1), (1, 100), (7, 1_000_003)] {
            let ranges = split(first, last, 10);
            assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (first, last));
            assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        }
    }
}
