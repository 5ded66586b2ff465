//! Replacing documents.

use super::super::samples::{chunk, document, failure, new_vector, text_query, vector_query};
use super::{Place, bound, found, sources};
use crate::{ContentHash, Document, DocumentState, ErrorKind, Markup, Record, Vector};

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const NORTH: [f32; 4] = [0.0, 1.0, 0.0, 0.0];

/// Nothing of the earlier version is left, however many chunks it had.
pub async fn replacing_is_whole(place: &dyn Place) {
    let store = bound(place).await;
    let first = document(
        "a",
        &[
            ("apple", new_vector(EAST)),
            ("pear", new_vector(NORTH)),
            ("plum", Vector::TextOnly),
        ],
    );
    store.replace(vec![first]).await.expect("first version");
    let second = document("a", &[("cherry", new_vector(NORTH))]);
    let revision = second.revision;
    store.replace(vec![second]).await.expect("second version");

    let state = store
        .states(&["a"])
        .await
        .expect("states")
        .remove(0)
        .expect("a is stored");
    assert_eq!((state.revision, state.chunks, state.failed), (revision, 1, 0));
    let texts: Vec<_> = store.chunks(None, 10).await.expect("chunks");
    let texts: Vec<_> = texts.iter().map(|stored| stored.chunk.text.as_str()).collect();
    assert_eq!(texts, ["cherry"]);
    assert!(found(&*store, &text_query("apple pear plum")).await.is_empty());
    assert_eq!(found(&*store, &text_query("cherry")).await, [("a".into(), 0)]);
    assert_eq!(found(&*store, &vector_query(EAST)).await, [("a".into(), 0)]);

    store
        .replace(vec![document("a", &[])])
        .await
        .expect("a version without chunks");
    let state = store
        .states(&["a"])
        .await
        .expect("states")
        .remove(0)
        .expect("a is stored");
    assert_eq!((state.chunks, state.failed), (0, 0));
    assert!(found(&*store, &text_query("cherry")).await.is_empty());
}

/// What is told of a document and its chunks comes back as it was given.
pub async fn replacing_keeps_every_field(place: &dyn Place) {
    let store = bound(place).await;
    let mut record = document("dir/a.md", &[]);
    record.document = Document {
        source: "dir/a.md".into(),
        text: String::new(),
        markup: Markup::Markdown,
        title: "A title".into(),
        doc_type: "markdown".into(),
        context_header: "Manual".into(),
        generations: vec!["one".into(), "two".into()],
        deprecated: true,
        display_url: "https://example.org/a".into(),
        metadata: [("key".to_owned(), "value".to_owned())].into(),
    };
    let mut kept = chunk(7, "Manual > Setup\n\nTighten the bolts.");
    kept.heading_path = vec!["Setup".into(), "Tools".into()];
    kept.context_header = "Manual > Setup".into();
    let values = [0.1, -0.25, 3.5e-8, 1.0e9];
    record.records = vec![Record {
        chunk: kept.clone(),
        vector: new_vector(values),
    }];
    let mut aside = chunk(9, "Too long.");
    aside.heading_path = vec!["Setup".into()];
    record.records.push(Record {
        chunk: aside.clone(),
        vector: Vector::Failed(failure("long")),
    });
    let expected = DocumentState {
        source: "dir/a.md".into(),
        origin: record.origin.clone(),
        revision: record.revision,
        recipe: record.recipe,
        chunks: 1,
        failed: 1,
    };
    store.replace(vec![record]).await.expect("replace");

    assert_eq!(
        store.states(&["dir/a.md"]).await.expect("states"),
        [Some(expected)]
    );
    let stored = store.chunks(None, 10).await.expect("chunks").remove(0);
    assert_eq!(
        (stored.source.as_str(), stored.title.as_str()),
        ("dir/a.md", "A title")
    );
    assert_eq!(
        (&stored.chunk, stored.vector.as_deref()),
        (&kept, Some(&values[..]))
    );
    let hit = store
        .search(&text_query("bolts"))
        .await
        .expect("search")
        .remove(0);
    assert_eq!((hit.title.as_str(), &hit.chunk), ("A title", &kept));
    let failed = store.failed(None, 10).await.expect("failed").remove(0);
    assert_eq!((&failed.chunk, failed.failure), (&aside, failure("long")));
    assert_eq!(
        (
            failed.source.as_str(),
            failed.title.as_str(),
            failed.display_url.as_str()
        ),
        ("dir/a.md", "A title", "https://example.org/a")
    );
}

/// A document that comes twice in one call is stored once.
pub async fn the_later_of_two_versions_stays(place: &dyn Place) {
    let store = bound(place).await;
    let versions =
        [("apple", EAST), ("pear", NORTH)].map(|(text, values)| document("a", &[(text, new_vector(values))]));
    store.replace(versions.to_vec()).await.expect("two versions");
    assert_eq!(store.status().await.expect("status").documents, 1);
    assert!(found(&*store, &text_query("apple")).await.is_empty());
    assert_eq!(sources(&*store, &text_query("pear")).await, ["a"]);
}

/// Chunks of one document must have places of their own; their order in the call does not matter.
pub async fn two_chunks_at_one_position_are_refused(place: &dyn Place) {
    let store = bound(place).await;
    let mut record = document("a", &[("apple", Vector::TextOnly), ("pear", Vector::TextOnly)]);
    record.records.reverse();
    store
        .replace(vec![record.clone()])
        .await
        .expect("chunks in any order");
    record.records[0].chunk.ordinal = 0;
    let error = store
        .replace(vec![document("b", &[]), record])
        .await
        .expect_err("two chunks at 0");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(store.states(&["b"]).await.expect("states"), [None]);
    let pages = store.chunks(None, 10).await.expect("chunks");
    assert_eq!(
        pages
            .iter()
            .map(|stored| stored.chunk.text.as_str())
            .collect::<Vec<_>>(),
        ["apple", "pear"]
    );
}

/// A vector counts as stored when another document of the same call brings it, in any order.
pub async fn a_vector_may_come_from_the_same_call(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("a", &[("apple", Vector::Stored)]),
        document("b", &[("apple", new_vector(EAST))]),
    ];
    store.replace(documents).await.expect("replace");
    assert_eq!(sources(&*store, &vector_query(EAST)).await, ["a", "b"]);
}

/// A vector of another width, or without a direction, is refused with all that came with it.
pub async fn a_wrong_vector_changes_nothing(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document("a", &[("apple", new_vector(EAST))])])
        .await
        .expect("replace");
    let wrong: [&[f32]; 5] = [
        &[1.0; 3],
        &[],
        &[0.0; 4],
        &[1.0, f32::NAN, 0.0, 0.0],
        &[f32::INFINITY, 0.0, 0.0, 0.0],
    ];
    for values in wrong {
        let documents = vec![
            document("a", &[("pear", new_vector(NORTH))]),
            document("b", &[("plum", Vector::New(values.into()))]),
        ];
        let error = store.replace(documents).await.expect_err("a wrong vector");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{values:?}");
        let kept = vec![
            (ContentHash::of_text("fig"), new_vector(NORTH)),
            (ContentHash::of_text("plum"), Vector::New(values.into())),
        ];
        let error = store.keep_vectors(kept).await.expect_err("a wrong vector");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{values:?}");
    }
    assert_eq!(sources(&*store, &text_query("apple pear plum")).await, ["a"]);
    assert_eq!(store.states(&["b"]).await.expect("states"), [None]);
    let hashes = ["apple", "pear", "plum", "fig"].map(ContentHash::of_text);
    assert_eq!(
        store.known(&hashes).await.expect("known"),
        [true, false, false, false]
    );
}

/// A chunk that refers to a vector nobody stored is refused with all that came with it.
pub async fn a_stored_vector_must_be_stored(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document("b", &[("apple", new_vector(EAST))])])
        .await
        .expect("replace");
    let documents = vec![
        document("a", &[("pear", new_vector(NORTH))]),
        document("b", &[("plum", Vector::Stored)]),
    ];
    let error = store.replace(documents).await.expect_err("no vector for plum");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let hash = ContentHash::of_text("plum").to_string();
    assert!(error.to_string().contains(&hash), "{error}");
    assert_eq!(sources(&*store, &text_query("apple pear plum")).await, ["b"]);
    assert_eq!(
        store.known(&[ContentHash::of_text("pear")]).await.expect("known"),
        [false]
    );
}
