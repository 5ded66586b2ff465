//! Vectors that outlive their chunks, and documents that go.

use super::super::samples::{document, failure, identity, new_vector, text_query, vector_query};
use super::{Place, bound, found, sources};
use crate::{ContentHash, DocumentState, ErrorKind, ModelIdentity, Removed, Vector};

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const NORTH: [f32; 4] = [0.0, 1.0, 0.0, 0.0];

/// One text in several places has one vector, and every place is found.
pub async fn equal_texts_share_a_vector_and_are_each_found(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document(
            "b",
            &[("boilerplate", new_vector(EAST)), ("boilerplate", Vector::Stored)],
        ),
        document("a", &[("boilerplate", new_vector(EAST))]),
    ];
    store.replace(documents).await.expect("replace");
    let everywhere = [("a".to_owned(), 0), ("b".to_owned(), 0), ("b".to_owned(), 1)];
    assert_eq!(found(&*store, &vector_query(EAST)).await, everywhere);
    assert_eq!(found(&*store, &text_query("boilerplate")).await, everywhere);
    let status = store.status().await.expect("status");
    assert_eq!((status.chunks, status.vectors), (3, 1));
    store.remove(&["b".into()]).await.expect("remove");
    assert_eq!(store.sweep().await.expect("sweep"), 0, "a still needs the vector");
    assert_eq!(found(&*store, &vector_query(EAST)).await, [("a".into(), 0)]);
}

/// What was embedded for a document that isn't finished can be used later, until a sweep.
pub async fn kept_vectors_stay_until_swept(place: &dyn Place) {
    let store = bound(place).await;
    let hashes = ["apple", "pear", "plum"].map(ContentHash::of_text);
    let kept = vec![
        (hashes[0], new_vector(EAST)),
        (hashes[1], new_vector(NORTH)),
        (hashes[2], Vector::TextOnly),
    ];
    store.keep_vectors(kept.clone()).await.expect("keep");
    store.keep_vectors(kept).await.expect("keeping twice is harmless");
    assert_eq!(store.known(&hashes).await.expect("known"), [true, true, false]);
    assert!(
        found(&*store, &vector_query(EAST)).await.is_empty(),
        "no chunk needs it yet"
    );
    assert_eq!(store.status().await.expect("status").vectors, 2);
    assert!(!store.is_empty().await.expect("vectors alone"));

    store
        .replace(vec![document("a", &[("apple", Vector::Stored)])])
        .await
        .expect("replace");
    assert_eq!(sources(&*store, &vector_query(EAST)).await, ["a"]);
    assert_eq!(store.sweep().await.expect("sweep"), 1);
    assert_eq!(store.known(&hashes).await.expect("known"), [true, false, false]);
}

/// Vectors of documents that are not whole go to the store beside whole ones.
pub async fn vectors_are_kept_beside_documents(place: &dyn Place) {
    let store = bound(place).await;
    let hashes = ["apple", "pear"].map(ContentHash::of_text);
    let kept = |apple| vec![(hashes[0], apple), (hashes[1], new_vector(NORTH))];
    let documents = || vec![document("a", &[("apple", Vector::Stored)])];
    let wrong = new_vector([0.0; 4]);
    let refused = store.replace_and_keep(documents(), kept(wrong)).await;
    assert_eq!(
        refused.expect_err("a vector without a direction").kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(store.status().await.expect("status").documents, 0);
    let done = store.replace_and_keep(documents(), kept(new_vector(EAST))).await;
    done.expect("both");
    assert_eq!(sources(&*store, &vector_query(EAST)).await, ["a"]);
    assert_eq!(store.known(&hashes).await.expect("known"), [true, true]);
    store
        .replace_and_keep(Vec::new(), Vec::new())
        .await
        .expect("nothing");
}

/// A renamed file embeds nothing: its vectors outlive it until the sweep at the end of the run.
pub async fn a_moved_document_reuses_its_vectors(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document("old", &[("apple", new_vector(EAST))])])
        .await
        .expect("replace");
    assert_eq!(
        store.remove(&["old".into()]).await.expect("remove"),
        Removed {
            documents: 1,
            chunks: 1
        }
    );
    assert!(found(&*store, &vector_query(EAST)).await.is_empty());
    store
        .replace(vec![document("new", &[("apple", Vector::Stored)])])
        .await
        .expect("reuse");
    assert_eq!(sources(&*store, &vector_query(EAST)).await, ["new"]);
    assert_eq!(store.sweep().await.expect("sweep"), 0);
}

/// Unknown documents are passed over; chunks stay.
pub async fn touching_changes_origin_and_revision_alone(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document("a", &[("apple", new_vector(EAST))])])
        .await
        .expect("replace");
    let state = DocumentState {
        source: "a".into(),
        origin: "another".into(),
        revision: ContentHash::of_bytes(b"revision"),
        recipe: ContentHash::of_bytes(b"another recipe"),
        chunks: 1,
        failed: 0,
    };
    let unknown = DocumentState {
        source: "b".into(),
        ..state.clone()
    };
    store.touch(vec![unknown, state.clone()]).await.expect("touch");
    assert_eq!(
        store.states(&["a", "b"]).await.expect("states"),
        [Some(state), None]
    );
    assert_eq!(sources(&*store, &text_query("apple")).await, ["a"]);
}

/// What is there goes, what is not is no error, and the counts tell.
pub async fn removing_passes_over_unknown_sources(place: &dyn Place) {
    let store = bound(place).await;
    let documents = ["a", "b", "c"].map(|source| {
        let failed = Vector::Failed(failure("long"));
        document(
            source,
            &[(&format!("apple {source}"), new_vector(EAST)), ("fig", failed)],
        )
    });
    store.replace(documents.to_vec()).await.expect("replace");
    let gone = ["c", "nobody", "a", "a"].map(str::to_owned);
    assert_eq!(
        store.remove(&gone).await.expect("remove"),
        Removed {
            documents: 2,
            chunks: 2
        }
    );
    assert_eq!(sources(&*store, &text_query("apple")).await, ["b"]);
    assert_eq!(store.failed(None, 10).await.expect("failed").len(), 1);
}

/// A cleared store takes any model.
pub async fn clearing_forgets_everything(place: &dyn Place) {
    let store = bound(place).await;
    let records = [
        ("apple", new_vector(EAST)),
        ("fig", Vector::Failed(failure("long"))),
    ];
    store
        .replace(vec![document("a", &records)])
        .await
        .expect("replace");
    assert_eq!(
        store.clear().await.expect("clear"),
        Removed {
            documents: 1,
            chunks: 1
        }
    );
    assert!(store.is_empty().await.expect("whether it is empty"));
    let status = store.status().await.expect("status");
    assert_eq!(
        (
            status.identity,
            status.documents,
            status.chunks,
            status.vectors,
            status.failed
        ),
        (None, 0, 0, 0, 0)
    );
    let other = ModelIdentity {
        model: "other".into(),
        dimensions: 2,
        ..identity()
    };
    store.bind(&other).await.expect("another model");
    let vector = Vector::New([0.6, 0.8].as_slice().into());
    store
        .replace(vec![document("b", &[("apple", vector)])])
        .await
        .expect("another width");
    assert_eq!(sources(&*store, &text_query("apple")).await, ["b"]);
}
