//! Which model a store is of, and what it answers before it has one.

use super::super::samples::{document, identity, new_vector, text_query, vector_query};
use super::{Place, bound, found};
use crate::{ContentHash, ErrorKind, ModelIdentity, Removed, Vector};

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

/// Nothing there is nothing found, and no error.
pub async fn an_empty_store_answers_everything(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.identity().await.expect("identity"), None);
    assert_eq!(store.states(&["a"]).await.expect("states"), [None]);
    assert_eq!(
        store.known(&[ContentHash::of_text("a")]).await.expect("known"),
        [false]
    );
    assert!(
        store
            .documents(None, None, 10)
            .await
            .expect("documents")
            .is_empty()
    );
    assert!(store.chunks(None, 10).await.expect("chunks").is_empty());
    assert!(store.failed(None, 10).await.expect("failed").is_empty());
    assert_eq!(store.sweep().await.expect("sweep"), 0);
    assert_eq!(
        store.remove(&["a".into()]).await.expect("remove"),
        Removed::default()
    );
    assert!(found(&*store, &text_query("anything")).await.is_empty());
    assert!(found(&*store, &vector_query(EAST)).await.is_empty());
    assert_eq!(store.status().await.expect("status").documents, 0);
    assert!(store.is_empty().await.expect("whether it is empty"));
    assert_eq!(store.last_run().await.expect("runs"), None);
}

/// A digest that was unknown, and the weight, follow the last binding.
pub async fn binding_takes_over_what_was_unknown(place: &dyn Place) {
    let store = bound(place).await;
    let known = ModelIdentity {
        digest: Some("sha256:1".into()),
        vector_weight: 0.5,
        ..identity()
    };
    store.bind(&known).await.expect("binding with a digest");
    assert_eq!(store.identity().await.expect("identity"), Some(known.clone()));
    store.bind(&identity()).await.expect("binding without a digest");
    let kept = ModelIdentity {
        vector_weight: 1.0,
        ..known
    };
    assert_eq!(store.identity().await.expect("identity"), Some(kept));
}

/// Whatever makes vectors incomparable is refused, and the error names both sides.
pub async fn binding_another_model_names_both(place: &dyn Place) {
    let store = bound(place).await;
    let known = ModelIdentity {
        digest: Some("sha256:1".into()),
        ..identity()
    };
    store.bind(&known).await.expect("binding with a digest");
    let others = [
        (
            ModelIdentity {
                provider: "other".into(),
                ..known.clone()
            },
            "other",
        ),
        (
            ModelIdentity {
                model: "other-model".into(),
                ..known.clone()
            },
            "other-model",
        ),
        (
            ModelIdentity {
                dimensions: 768,
                ..known.clone()
            },
            "768",
        ),
        (
            ModelIdentity {
                digest: Some("sha256:2".into()),
                ..known.clone()
            },
            "sha256:2",
        ),
        (
            ModelIdentity {
                document_prefix: "passage: ".into(),
                ..known.clone()
            },
            "passage: ",
        ),
        (
            ModelIdentity {
                query_prefix: "query: ".into(),
                ..known.clone()
            },
            "query: ",
        ),
    ];
    for (other, shown) in others {
        let error = store.bind(&other).await.expect_err("another model");
        assert_eq!(error.kind(), ErrorKind::ModelMismatch);
        let message = error.to_string();
        assert!(
            message.contains("sample-model") && message.contains(shown),
            "{message}"
        );
    }
    assert_eq!(store.identity().await.expect("identity"), Some(known));
}

/// The first vector of the canary is kept to the bit: one that is a little different is of the same model and does not
/// take its place, another one is refused. A store without any, of an earlier version, takes the first that comes.
pub async fn the_first_canary_stays_and_another_is_refused(place: &dyn Place) {
    let store = bound(place).await;
    let with = |canary: Vec<f32>| ModelIdentity {
        canary: Some(canary),
        ..identity()
    };
    let first = with(vec![0.6, -0.8, f32::MIN_POSITIVE, 0.0]);
    store.bind(&first).await.expect("binding with a canary");
    let near = with(vec![0.61, -0.79, 0.0, 0.0]);
    store.bind(&near).await.expect("binding with one that is near");
    store.bind(&identity()).await.expect("binding without one");
    drop(store);
    let store = place.open().await;
    assert_eq!(store.identity().await.expect("identity"), Some(first.clone()));
    let error = store
        .bind(&with(vec![0.8, -0.6, 0.0, 0.0]))
        .await
        .expect_err("another canary");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    assert!(error.to_string().contains("cosine 0.9600"), "{error}");
    assert_eq!(store.identity().await.expect("identity"), Some(first));
    store.clear().await.expect("clear");
    let other = with(vec![0.8, -0.6, 0.0, 0.0]);
    store.bind(&other).await.expect("an empty store takes any");
    assert_eq!(store.identity().await.expect("identity"), Some(other));
}

/// Vectors of nobody knows which model are refused; texts alone need none.
pub async fn a_vector_needs_a_model(place: &dyn Place) {
    let store = place.open().await;
    let error = store
        .replace(vec![document("a", &[("apple", new_vector(EAST))])])
        .await
        .expect_err("no model");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    store
        .replace(vec![document("a", &[("apple", Vector::TextOnly)])])
        .await
        .expect("texts alone");
    assert_eq!(store.status().await.expect("status").text_only, 1);
}
