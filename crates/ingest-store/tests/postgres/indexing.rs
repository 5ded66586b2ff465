//! The index of vectors: when it is built, and what a search finds by it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ingest_core::testing::samples::{document, identity, new_vector, vector_query};
use ingest_core::{ModelIdentity, Query, RunInfo, Store, Vector};

use ingest_store::testing::Database;

async fn index(database: &Database) -> Option<String> {
    let sql = "SELECT indexdef FROM pg_indexes WHERE tablename = 'chunks' AND indexdef LIKE '%hnsw%'";
    let rows = database.client().await.query(sql, &[]).await.expect("indexes");
    rows.first().map(|row| row.get(0))
}

/// Directions all around, the same each time.
fn direction(number: usize, dimensions: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(number as u64);
    (0..dimensions).map(|_| random.f32() - 0.5).collect()
}

/// Documents of a hundred chunks each.
async fn fill(store: &Arc<dyn Store>, documents: usize, dimensions: usize) {
    store
        .bind(&ModelIdentity {
            dimensions,
            ..identity()
        })
        .await
        .expect("bind");
    for number in 0..documents {
        let texts: Vec<String> = (0..100).map(|chunk| format!("text {number} {chunk}")).collect();
        let chunks: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(chunk, text)| {
                (
                    text.as_str(),
                    Vector::New(direction(number * 100 + chunk, dimensions).into()),
                )
            })
            .collect();
        store
            .replace(vec![document(&format!("d{number:03}"), &chunks)])
            .await
            .expect("replace");
    }
}

async fn found(store: &Arc<dyn Store>, question: &Query) -> Vec<(String, u32)> {
    let hits = store.search(question).await.expect("search");
    hits.into_iter()
        .map(|hit| (hit.source, hit.chunk.ordinal))
        .collect()
}

/// It comes after the first load, with its progress told, and goes with the store's contents.
pub(crate) async fn the_index_is_built_once_at_the_end(database: Database) {
    let store = database.store().await;
    assert!(
        store
            .finish_load(Arc::new(|_| {}))
            .await
            .expect("nothing to index")
            .is_empty()
    );
    fill(&store, 3, 4).await;
    assert_eq!(index(&database).await, None);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let remarks = store
        .finish_load(Arc::new(move |share| hears.lock().expect("a lock").push(share)))
        .await;
    assert!(remarks.expect("the index").is_empty());
    assert_eq!(told.lock().expect("a lock").last(), Some(&1.0));
    assert!(
        index(&database)
            .await
            .expect("the index")
            .contains("(embedding vector_cosine_ops)")
    );
    fill(&store, 4, 4).await;
    store
        .finish_load(Arc::new(|_| panic!("there is one already")))
        .await
        .expect("no other");
    store.clear().await.expect("clear");
    assert_eq!(index(&database).await, None, "the next load is a first one");
}

/// Of several runs the last one builds it.
pub(crate) async fn the_last_of_several_runs_builds_it(database: Database) {
    let (one, other) = (database.store().await, database.store().await);
    fill(&one, 1, 4).await;
    let info = RunInfo::default();
    let first = one.join_run(&info, Duration::ZERO).await.expect("a run");
    let _second = other.join_run(&info, Duration::ZERO).await.expect("another");
    one.finish_load(Arc::new(|_| {}))
        .await
        .expect("left to the other");
    assert_eq!(index(&database).await, None);
    first.finish(&info).await.expect("finish");
    other.finish_load(Arc::new(|_| {})).await.expect("built");
    assert!(index(&database).await.is_some());
}

/// Searches by it find what comparing everything finds, filtered or not.
pub(crate) async fn the_index_finds_what_comparing_all_finds(database: Database) {
    let store = database.store().await;
    fill(&store, 60, 16).await;
    let questions: Vec<Query> = (0..20)
        .map(|number| Query {
            vector: Some(direction(1_000_000 + number, 16)),
            ..vector_query([0.0; 4])
        })
        .collect();
    let filtered = |question: &Query| Query {
        source: Some("d05?".into()),
        ..question.clone()
    };
    let mut exact = Vec::new();
    for question in &questions {
        exact.push((
            found(&store, question).await,
            found(&store, &filtered(question)).await,
        ));
    }
    store.finish_load(Arc::new(|_| {})).await.expect("the index");
    let (mut met, mut wanted) = (0, 0);
    for (question, (all, some)) in questions.iter().zip(&exact) {
        let by_index = found(&store, question).await;
        wanted += all.len();
        met += all.iter().filter(|hit| by_index.contains(hit)).count();
        // So few are compared one by one.
        assert_eq!(&found(&store, &filtered(question)).await, some);
    }
    assert!(met * 100 >= wanted * 95, "{met} of {wanted}");
    let many = Query {
        top_k: 700,
        ..questions[0].clone()
    };
    assert_eq!(found(&store, &many).await.len(), 700);
    let sql = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE '%hnsw'";
    let client = database.client().await;
    let mut scans = 0;
    for _ in 0..100 {
        client
            .execute("SELECT pg_stat_clear_snapshot()", &[])
            .await
            .expect("fresh figures");
        scans = client
            .query_one(sql, &[])
            .await
            .expect("figures")
            .get::<_, i64>(0);
        if scans >= 20 {
            break;
        }
        // A connection reports what it did after a while, or when it ends.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(scans >= 20, "{scans} of 21 searches took the index");
}

/// Beyond what pgvector indexes, half precision serves, and beyond that no index, which is said.
pub(crate) async fn wide_vectors_have_another_index_or_none(database: Database) {
    let store = database.store().await;
    fill(&store, 1, 2500).await;
    assert!(
        store
            .finish_load(Arc::new(|_| {}))
            .await
            .expect("the index")
            .is_empty()
    );
    assert!(
        index(&database)
            .await
            .expect("the index")
            .contains("halfvec(2500)) halfvec_cosine_ops")
    );
    let question = Query {
        vector: Some(direction(7, 2500)),
        top_k: 3,
        ..vector_query([0.0; 4])
    };
    let exact = found(&store, &question).await;
    assert_eq!(exact[0], ("d000".into(), 7));
    let many = "UPDATE pg_class SET reltuples = 100000 WHERE relname = 'chunks'";
    database
        .client()
        .await
        .execute(many, &[])
        .await
        .expect("as if there were many");
    let by_index = found(&store, &question).await;
    assert_eq!((by_index.len(), &by_index[0]), (3, &exact[0]));

    store.clear().await.expect("clear");
    fill(&store, 1, 4500).await;
    let remarks = store.finish_load(Arc::new(|_| {})).await.expect("no index");
    assert!(
        remarks.len() == 1 && remarks[0].contains("4500 dimensions are too wide"),
        "{remarks:?}"
    );
    assert_eq!(index(&database).await, None);
    let question = Query {
        vector: Some(direction(7, 4500)),
        ..question
    };
    assert_eq!(found(&store, &question).await[0], ("d000".into(), 7));
}

/// Nobody waits for a build that was given up: neither writers nor the server go on with it.
pub(crate) async fn a_build_that_is_given_up_ends(database: Database) {
    let store = database.store().await;
    fill(&store, 1, 4).await;
    let writer = database.client().await;
    writer
        .batch_execute("BEGIN; UPDATE chunks SET title = title")
        .await
        .expect("a writer in the way");
    let building = store.finish_load(Arc::new(|_| {}));
    assert!(
        tokio::time::timeout(Duration::from_millis(700), building)
            .await
            .is_err(),
        "it waits for the writer"
    );
    let client = database.client().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'
               AND datname = current_database()";
    let mut left = 1;
    for _ in 0..200 {
        left = client
            .query_one(sql, &[])
            .await
            .expect("activity")
            .get::<_, i64>(0);
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(left, 0);
    writer.batch_execute("ROLLBACK").await.expect("the writer ends");
    store
        .replace(vec![document("late", &[("x", new_vector([1.0, 0.0, 0.0, 0.0]))])])
        .await
        .expect("writing goes on");
    assert_eq!(index(&database).await, None);
}
