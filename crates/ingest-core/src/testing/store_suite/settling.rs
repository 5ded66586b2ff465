//! Chunks that were set aside, and what becomes of them.

use super::super::samples::{chunk, document, failure, new_vector, text_query, vector_query};
use super::{Place, bound, found};
use crate::{ContentHash, ErrorKind, Vector};

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const NORTH: [f32; 4] = [0.0, 1.0, 0.0, 0.0];

/// A failed chunk is no part of any answer, but is kept with its text.
pub async fn failed_chunks_are_kept_aside(place: &dyn Place) {
    let store = bound(place).await;
    let records = [
        ("apple", new_vector(EAST)),
        ("apple fig", Vector::Failed(failure("long"))),
    ];
    store
        .replace(vec![document("a", &records)])
        .await
        .expect("replace");
    assert_eq!(found(&*store, &text_query("apple fig")).await, [("a".into(), 0)]);
    let state = store
        .states(&["a"])
        .await
        .expect("states")
        .remove(0)
        .expect("a is stored");
    assert_eq!((state.chunks, state.failed), (1, 1));
    let status = store.status().await.expect("status");
    assert_eq!((status.incomplete, status.failed, status.chunks), (1, 1, 1));
    assert_eq!(
        store.failed(None, 10).await.expect("failed")[0].chunk,
        chunk(1, "apple fig")
    );

    store
        .replace(vec![document("a", &records[..1])])
        .await
        .expect("a whole version");
    assert!(store.failed(None, 10).await.expect("failed").is_empty());
    assert_eq!(store.status().await.expect("status").incomplete, 0);
}

/// The last settled chunk makes its document complete; unknown ones are passed over.
pub async fn settling_makes_a_document_complete(place: &dyn Place) {
    let store = bound(place).await;
    let aside = || Vector::Failed(failure("long"));
    let records = [
        ("apple", aside()),
        ("pear", aside()),
        ("plum", aside()),
        ("fig", new_vector(EAST)),
    ];
    let mut record = document("a", &records);
    record.document.title = "Orchard".into();
    store.replace(vec![record]).await.expect("replace");
    let settled = vec![
        ("a".to_owned(), 0, Ok(new_vector(NORTH))),
        ("a".to_owned(), 1, Ok(Vector::TextOnly)),
        ("a".to_owned(), 3, Ok(new_vector(NORTH))),
        ("a".to_owned(), 4, Ok(Vector::TextOnly)),
        ("nobody".to_owned(), 0, Ok(Vector::TextOnly)),
    ];
    store.settle(settled).await.expect("settle");
    let state = store
        .states(&["a"])
        .await
        .expect("states")
        .remove(0)
        .expect("a is stored");
    assert_eq!((state.chunks, state.failed), (3, 1));
    assert_eq!(found(&*store, &vector_query(NORTH)).await[0], ("a".into(), 0));
    assert_eq!(found(&*store, &text_query("pear")).await, [("a".into(), 1)]);
    assert!(found(&*store, &text_query("plum")).await.is_empty());

    store
        .keep_vectors(vec![(ContentHash::of_text("plum"), new_vector(EAST))])
        .await
        .expect("keep");
    store
        .settle(vec![("a".into(), 2, Ok(Vector::Stored))])
        .await
        .expect("settle");
    let status = store.status().await.expect("status");
    assert_eq!(
        (status.incomplete, status.failed, status.chunks, status.text_only),
        (0, 0, 4, 1)
    );
    assert_eq!(found(&*store, &text_query("plum")).await, [("a".into(), 2)]);
    assert_eq!(
        found(&*store, &text_query("orchard")).await.len(),
        4,
        "the title counts for settled chunks too"
    );
}

/// A chunk that failed again stays aside with what was said last.
pub async fn settling_keeps_the_newer_cause(place: &dyn Place) {
    let store = bound(place).await;
    let records = [
        ("apple", Vector::Failed(failure("old"))),
        ("pear", Vector::Failed(failure("old"))),
    ];
    store
        .replace(vec![document("a", &records)])
        .await
        .expect("replace");
    let mut newer = failure("new");
    (newer.status, newer.attempts) = (None, 6);
    let settled = vec![
        ("a".to_owned(), 0, Err(newer.clone())),
        ("a".to_owned(), 1, Ok(Vector::Failed(newer.clone()))),
    ];
    store.settle(settled).await.expect("settle");
    let failed = store.failed(None, 10).await.expect("failed");
    assert_eq!(
        failed.iter().map(|chunk| &chunk.failure).collect::<Vec<_>>(),
        [&newer, &newer]
    );
    assert_eq!(store.status().await.expect("status").incomplete, 1);
}

/// Of outcomes one of which makes no sense, none is settled.
pub async fn a_refused_settling_changes_nothing(place: &dyn Place) {
    let store = bound(place).await;
    let aside = || Vector::Failed(failure("long"));
    store
        .replace(vec![document("a", &[("apple", aside()), ("pear", aside())])])
        .await
        .expect("replace");
    for wrong in [Vector::Stored, Vector::New([1.0].as_slice().into())] {
        let outcomes = vec![
            ("a".to_owned(), 0, Ok(new_vector(EAST))),
            ("a".to_owned(), 1, Ok(wrong)),
        ];
        let error = store.settle(outcomes).await.expect_err("a wrong vector");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let state = store
        .states(&["a"])
        .await
        .expect("states")
        .remove(0)
        .expect("a is stored");
    assert_eq!((state.chunks, state.failed), (0, 2));
    assert_eq!(
        store
            .known(&[ContentHash::of_text("apple")])
            .await
            .expect("known"),
        [false]
    );
}
