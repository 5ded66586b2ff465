//! Several runs at once: what keeps them apart.

use std::sync::Arc;
use std::time::Duration;

use ingest_core::testing::samples::{document, identity, new_vector};
use ingest_core::{Claims, ContentHash, ErrorKind, RunGuard, RunInfo, Store};

use ingest_store::testing::Database;

const LONG: Duration = Duration::from_secs(60);

async fn join(store: &Arc<dyn Store>, description: &str) -> (Box<dyn RunGuard>, Arc<dyn Claims>) {
    let info = RunInfo {
        description: description.into(),
        ..RunInfo::default()
    };
    let guard = store.join_run(&info, LONG).await.expect("a run among others");
    let claims = guard.claims().expect("leases");
    (guard, claims)
}

async fn claim(claims: &Arc<dyn Claims>, sources: &[&str]) -> Vec<bool> {
    claims.claim(sources).await.expect("claim")
}

/// Shared runs begin beside each other; one that must be alone waits for all of them, and they for it.
pub(crate) async fn runs_share_or_are_alone(database: Database) {
    let (one, other) = (database.store().await, database.store().await);
    let (first, _) = join(&one, "the first").await;
    let (second, _) = join(&other, "the second").await;
    let info = RunInfo::default();
    let error = one
        .begin_run(&info, Duration::ZERO)
        .await
        .expect_err("two are at work");
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("the second"), "{error}");
    first.finish(&info).await.expect("finish");
    one.begin_run(&info, Duration::ZERO)
        .await
        .expect_err("one is still at work");
    drop(second);
    let alone = one.begin_run(&info, LONG).await.expect("nobody is at work");
    assert!(alone.claims().is_none());
    let error = other
        .join_run(&info, Duration::ZERO)
        .await
        .expect_err("one wants to be alone");
    assert_eq!(error.kind(), ErrorKind::Locked);
    alone.finish(&info).await.expect("finish");
    join(&other, "the last").await;
}

/// A document is one run's until it is stored, released, or the run is over.
pub(crate) async fn a_document_is_claimed_once(database: Database) {
    let (one, other) = (database.store().await, database.store().await);
    one.bind(&identity()).await.expect("bind");
    let (first, a) = join(&one, "the first").await;
    let (_second, b) = join(&other, "the second").await;
    assert_eq!(claim(&a, &["x", "y", "x"]).await, [true, true, true]);
    assert_eq!(claim(&b, &["z", "y", "x"]).await, [true, false, false]);
    assert_eq!(
        claim(&a, &["x", "z"]).await,
        [true, false],
        "what one has one keeps"
    );
    a.release(&["y", "z"]).await.expect("release");
    assert_eq!(
        claim(&b, &["y", "x"]).await,
        [true, false],
        "nobody releases another's"
    );
    one.replace(vec![document(
        "x",
        &[("apple", new_vector([1.0, 0.0, 0.0, 0.0]))],
    )])
    .await
    .expect("replace");
    assert_eq!(
        claim(&b, &["x"]).await,
        [true],
        "it may be looked at again once it is stored"
    );
    assert_eq!(claim(&a, &["v", "w"]).await, [true, true]);
    first.finish(&RunInfo::default()).await.expect("finish");
    assert_eq!(claim(&b, &["v", "w"]).await, [true, true]);
}

/// Of many that claim at the same time each document goes to one.
pub(crate) async fn claims_made_at_once_do_not_overlap(database: Database) {
    let names: Vec<String> = (0..200).map(|number| format!("d{number}")).collect();
    let runs = (0..6).map(|run| {
        let (database, mut names) = (database.clone(), names.clone());
        tokio::spawn(async move {
            let store = database.store().await;
            let (guard, claims) = join(&store, "one of six").await;
            if run % 2 == 1 {
                names.reverse();
            }
            let mut mine = Vec::new();
            for part in names.chunks(16) {
                let part: Vec<_> = part.iter().map(String::as_str).collect();
                let claimed = claim(&claims, &part).await;
                mine.extend(
                    part.iter()
                        .zip(claimed)
                        .filter(|(_, claimed)| *claimed)
                        .map(|(name, _)| (*name).to_owned()),
                );
            }
            (guard, mine)
        })
    });
    let mut guards = Vec::new();
    let mut all = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        let (guard, mine) = run.await.expect("a run");
        guards.push(guard);
        all.extend(mine);
    }
    all.sort();
    let mut expected = names;
    expected.sort();
    assert_eq!(all, expected);
}

/// What a run had that gave no sign of life for a while is taken over, by one.
pub(crate) async fn the_documents_of_a_dead_run_are_taken_over(database: Database) {
    let stores = [
        database.store().await,
        database.store().await,
        database.store().await,
    ];
    let (_dead, claims) = join(&stores[0], "the dead").await;
    assert_eq!(claim(&claims, &["x", "y"]).await, [true, true]);
    let (_b, b) = join(&stores[1], "b").await;
    let (_c, c) = join(&stores[2], "c").await;
    assert_eq!(claim(&b, &["x"]).await, [false]);
    let client = database.client().await;
    let sql = "UPDATE ingest_runs SET seen_at = now() - interval '21 seconds' WHERE description = 'the dead'";
    client.execute(sql, &[]).await.expect("time passes");
    let (for_b, for_c) = tokio::join!(claim(&b, &["x", "y"]), claim(&c, &["y", "x"]));
    let ours = [for_b[0], for_b[1], for_c[1], for_c[0]];
    assert_eq!(ours.iter().filter(|mine| **mine).count(), 2, "{ours:?}");
    assert!(ours[0] != ours[2] && ours[1] != ours[3], "{ours:?}");
    // One that was only asleep finds out.
    assert_eq!(claim(&claims, &["x", "y"]).await, [false, false]);
}

/// Vectors that another run has kept for its next documents are not swept away under it.
pub(crate) async fn a_sweep_spares_what_others_keep(database: Database) {
    let (one, other) = (database.store().await, database.store().await);
    one.bind(&identity()).await.expect("bind");
    let (first, _) = join(&one, "the first").await;
    let (_second, _) = join(&other, "the second").await;
    let hash = ContentHash::of_text("dear");
    other
        .keep_vectors(vec![(hash, new_vector([1.0, 0.0, 0.0, 0.0]))])
        .await
        .expect("keep");
    assert_eq!(one.sweep().await.expect("sweep"), 0);
    assert_eq!(one.known(&[hash]).await.expect("known"), [true]);
    first.finish(&RunInfo::default()).await.expect("finish");
    assert_eq!(other.sweep().await.expect("the last one sweeps"), 1);
}

/// A run whose connection breaks goes on: it takes its lock again, and keeps its documents.
pub(crate) async fn a_broken_connection_does_not_end_a_run(database: Database) {
    let (one, other) = (database.store().await, database.store().await);
    let (guard, a) = join(&one, "the first").await;
    assert_eq!(claim(&a, &["x"]).await, [true]);
    let client = database.client().await;
    let terminate = "SELECT pg_terminate_backend(backend) FROM ingest_runs WHERE is_live";
    client.execute(terminate, &[]).await.expect("terminate");
    let (_second, b) = join(&other, "the second").await;
    assert_eq!(
        claim(&b, &["x"]).await,
        [false],
        "its lease outlives the connection"
    );
    guard
        .finish(&RunInfo {
            outcome: "ok".into(),
            ..RunInfo::default()
        })
        .await
        .expect("finish");
    let row = client
        .query_one("SELECT outcome FROM ingest_runs ORDER BY id LIMIT 1", &[])
        .await
        .expect("the run");
    assert_eq!(row.get::<_, &str>(0), "ok");
}
