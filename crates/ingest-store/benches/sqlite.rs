//! The SQLite store against the least that the same work costs: `cargo bench -p ingest-store`.
//!
//! `write`: rows of 1024 dimensions with all indexes, in commits of some hundred rows as the pipeline makes them, against
//! one transaction that inserts the same rows into the same tables. `search`: the exact top 10 of 100,000 such vectors,
//! against reading as many bytes once from memory.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use divan::counter::ItemsCount;
use ingest_core::testing::samples::{document, identity};
use ingest_core::{DocumentRecord, ModelIdentity, Query, SearchMode, Store, Vector};
use ingest_store::SqliteStore;
use rusqlite::{Connection, params};
use tokio::runtime::Runtime;

const DIMENSIONS: usize = 1024;
const CHUNKS_A_DOCUMENT: usize = 8;
const WRITTEN: usize = 16_384;
const SEARCHED: usize = 100_000;

fn main() {
    divan::main();
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
});

fn model() -> ModelIdentity {
    ModelIdentity {
        dimensions: DIMENSIONS,
        ..identity()
    }
}

/// Rows in documents of eight chunks, about 150 words each of a vocabulary as skewed as a language's.
fn documents(rows: usize) -> Vec<DocumentRecord> {
    let mut random = fastrand::Rng::with_seed(7);
    let vocabulary: Vec<String> = (0..30_000)
        .map(|_| (0..random.usize(3..10)).map(|_| random.lowercase()).collect())
        .collect();
    (0..rows / CHUNKS_A_DOCUMENT)
        .map(|number| {
            let texts: Vec<String> = (0..CHUNKS_A_DOCUMENT)
                .map(|_| {
                    let words = (0..150).map(|_| {
                        let index = (vocabulary.len() as f64).powf(random.f64()) as usize - 1;
                        vocabulary[index].as_str()
                    });
                    words.collect::<Vec<_>>().join(" ")
                })
                .collect();
            let chunks: Vec<_> = texts
                .iter()
                .map(|text| (text.as_str(), Vector::New(vector(&mut random))))
                .collect();
            document(&format!("docs/{number}.md"), &chunks)
        })
        .collect()
}

fn vector(random: &mut fastrand::Rng) -> Arc<[f32]> {
    (0..DIMENSIONS).map(|_| random.f32() - 0.5).collect()
}

#[divan::bench_group(sample_count = 5, sample_size = 1)]
mod write {
    use super::*;

    static DOCUMENTS: LazyLock<Vec<DocumentRecord>> = LazyLock::new(|| documents(WRITTEN));

    #[divan::bench(args = [64, 256, 1024])]
    fn store_with_rows_a_commit(bencher: Bencher<'_, '_>, rows: usize) {
        let input = || {
            let folder = tempfile::tempdir().expect("a folder");
            let store = RUNTIME
                .block_on(SqliteStore::open(folder.path().join("index.db")))
                .expect("a store");
            RUNTIME.block_on(store.bind(&model())).expect("bind");
            let batches: Vec<_> = DOCUMENTS
                .chunks(rows / CHUNKS_A_DOCUMENT)
                .map(<[_]>::to_vec)
                .collect();
            (folder, store, batches)
        };
        bencher
            .counter(ItemsCount::new(WRITTEN))
            .with_inputs(input)
            .bench_values(|(folder, store, batches)| {
                RUNTIME.block_on(async {
                    for batch in batches {
                        store.replace(batch).await.expect("replace");
                    }
                });
                (folder, store)
            });
    }

    /// The tables of a new store, filled by one transaction of plain inserts.
    #[divan::bench]
    fn plain_inserts_in_one_transaction(bencher: Bencher<'_, '_>) {
        let input = || {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("index.db");
            drop(RUNTIME.block_on(SqliteStore::open(&path)).expect("a store"));
            (folder, path)
        };
        bencher
            .counter(ItemsCount::new(WRITTEN))
            .with_inputs(input)
            .bench_values(|(folder, path)| {
                insert(&path, &DOCUMENTS);
                folder
            });
    }
}

fn insert(path: &Path, documents: &[DocumentRecord]) {
    let mut connection = Connection::open(path).expect("a connection");
    connection
        .execute_batch("PRAGMA synchronous = full; PRAGMA cache_size = -8192")
        .expect("settings");
    let tx = connection.transaction().expect("a transaction");
    {
        let mut add_vector = tx
            .prepare("INSERT INTO vectors (content_hash, scale, value) VALUES (?1, 1.0, ?2)")
            .expect("vectors");
        let mut add_sketch = tx
            .prepare("INSERT INTO sketches VALUES (?1, ?2)")
            .expect("sketches");
        let mut add_chunk = tx
            .prepare("INSERT INTO chunks VALUES (?1, ?2, ?3, 0, 0, 0, 0, '[]', '', ?4)")
            .expect("chunks");
        let mut add_words = tx
            .prepare("INSERT INTO words (rowid, title, header, body) VALUES (?1, '', '', ?2)")
            .expect("words");
        let mut id = 0;
        for record in documents.iter().flat_map(|document| &document.records) {
            let Vector::New(values) = &record.vector else {
                continue;
            };
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let (hash, text) = (record.chunk.content_hash, &record.chunk.text);
            id += 1;
            // What the store needs to search by is part of the work; a row of as many bytes stands for it.
            add_sketch
                .execute(params![id, &bytes[..DIMENSIONS + 8]])
                .expect("a sketch");
            add_vector
                .execute(params![hash.as_bytes(), bytes])
                .expect("a vector");
            add_chunk
                .execute(params![id, id, hash.as_bytes(), text])
                .expect("a chunk");
            add_words.execute(params![id, text]).expect("words");
        }
    }
    tx.commit().expect("commit");
}

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod search {
    use super::*;

    /// A store of many vectors with short texts.
    static STORE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index.db");
        RUNTIME.block_on(async {
            let store = SqliteStore::open(&path).await.expect("a store");
            store.bind(&model()).await.expect("bind");
            let mut random = fastrand::Rng::with_seed(11);
            for number in 0..SEARCHED / 1000 {
                let texts: Vec<String> = (0..1000)
                    .map(|chunk| format!("part {chunk} of {number}"))
                    .collect();
                let chunks: Vec<_> = texts
                    .iter()
                    .map(|text| (text.as_str(), Vector::New(vector(&mut random))))
                    .collect();
                store
                    .replace(vec![document(&format!("{number}"), &chunks)])
                    .await
                    .expect("replace");
            }
        });
        (folder, path)
    });

    fn question() -> Query {
        Query {
            text: "part 7 of 77".into(),
            vector: Some(vector(&mut fastrand::Rng::with_seed(13)).to_vec()),
            mode: SearchMode::Vector,
            top_k: 10,
            source: None,
            vector_weight: None,
        }
    }

    fn bench(bencher: Bencher<'_, '_>, query: &Query) {
        let store = RUNTIME
            .block_on(SqliteStore::open_existing(&STORE.1))
            .expect("the store");
        bencher.bench(|| RUNTIME.block_on(store.search(black_box(query))).expect("search"));
    }

    #[divan::bench]
    fn by_vector(bencher: Bencher<'_, '_>) {
        bench(bencher, &question());
    }

    #[divan::bench]
    fn by_vector_under_a_filter_that_all_pass(bencher: Bencher<'_, '_>) {
        bench(
            bencher,
            &Query {
                source: Some("*".into()),
                ..question()
            },
        );
    }

    #[divan::bench]
    fn by_vector_under_a_narrow_filter(bencher: Bencher<'_, '_>) {
        bench(
            bencher,
            &Query {
                source: Some("7".into()),
                ..question()
            },
        );
    }

    #[divan::bench]
    fn by_words_that_every_chunk_holds(bencher: Bencher<'_, '_>) {
        bench(
            bencher,
            &Query {
                mode: SearchMode::Text,
                ..question()
            },
        );
    }

    #[divan::bench]
    fn hybrid(bencher: Bencher<'_, '_>) {
        bench(
            bencher,
            &Query {
                mode: SearchMode::Hybrid,
                ..question()
            },
        );
    }

    #[divan::bench]
    fn opening_and_by_vector(bencher: Bencher<'_, '_>) {
        let query = question();
        bencher.bench(|| {
            let store = RUNTIME
                .block_on(SqliteStore::open_existing(&STORE.1))
                .expect("the store");
            RUNTIME.block_on(store.search(black_box(&query))).expect("search")
        });
    }

    /// Every byte of as many vectors read once.
    #[divan::bench]
    fn reading_as_much_memory(bencher: Bencher<'_, '_>) {
        let bytes = vec![1u8; SEARCHED * DIMENSIONS * 4];
        bencher.bench(|| {
            let (blocks, _) = black_box(&bytes).as_chunks::<64>();
            let mut sums = [0u64; 8];
            for block in blocks {
                let (words, _) = block.as_chunks::<8>();
                for (sum, &word) in sums.iter_mut().zip(words) {
                    *sum = sum.wrapping_add(u64::from_le_bytes(word));
                }
            }
            sums
        });
    }
}
