//! States, pages, counts, and what a store keeps when it is closed.

use std::time::SystemTime;

use super::super::samples::{chunk, document, failure, identity, new_vector, text_query};
use super::{Place, bound, sources};
use crate::{ContentHash, Record, Vector};

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

/// As many answers as questions, in their order, repeated ones too.
pub async fn states_come_in_the_order_asked(place: &dyn Place) {
    let store = bound(place).await;
    let documents = ["a", "b"].map(|source| document(source, &[(source, new_vector(EAST))]));
    store.replace(documents.to_vec()).await.expect("replace");
    let asked = ["b", "nobody", "a", "b"];
    let states = store.states(&asked).await.expect("states");
    let names: Vec<_> = states
        .iter()
        .map(|state| state.as_ref().map(|state| state.source.as_str()))
        .collect();
    assert_eq!(names, [Some("b"), None, Some("a"), Some("b")]);
    assert!(store.states(&[]).await.expect("states").is_empty());
    let hashes = ["b", "nobody", "a", "b"].map(ContentHash::of_text);
    assert_eq!(
        store.known(&hashes).await.expect("known"),
        [true, false, true, true]
    );
}

/// By source, bytewise, within an origin or over all of them.
pub async fn documents_come_in_pages_by_origin(place: &dyn Place) {
    let store = bound(place).await;
    let mut documents = Vec::new();
    for (source, origin) in [("b", "x"), ("a", "y"), ("é", "x"), ("B", "x"), ("a/b", "x")] {
        let mut record = document(source, &[]);
        record.origin = origin.into();
        documents.push(record);
    }
    store.replace(documents).await.expect("replace");
    let page = async |origin, after, limit| {
        let states = store.documents(origin, after, limit).await.expect("documents");
        states.into_iter().map(|state| state.source).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None, 10).await, ["B", "a", "a/b", "b", "é"]);
    assert_eq!(page(None, None, 2).await, ["B", "a"]);
    assert_eq!(page(None, Some("a"), 2).await, ["a/b", "b"]);
    assert_eq!(page(None, Some("aa"), usize::MAX).await, ["b", "é"]);
    assert_eq!(page(Some("x"), None, 2).await, ["B", "a/b"]);
    assert_eq!(page(Some("x"), Some("a/b"), 10).await, ["b", "é"]);
    assert!(page(Some("z"), None, 10).await.is_empty());
    assert!(page(None, None, 0).await.is_empty());
}

/// Each place of a text, with a vector or without, and when it was stored; nothing that is set aside or gone.
pub async fn chunks_are_found_by_their_hash(place: &dyn Place) {
    let store = bound(place).await;
    let began = SystemTime::now();
    let aside = || Vector::Failed(failure("long"));
    let documents = [
        document(
            "b",
            &[("x", new_vector(EAST)), ("y", Vector::TextOnly), ("z", aside())],
        ),
        document(
            "a",
            &[
                ("y", Vector::TextOnly),
                ("v", new_vector(EAST)),
                ("x", Vector::Stored),
            ],
        ),
        document("c", &[("x", Vector::Stored)]),
    ];
    store.replace(documents.to_vec()).await.expect("replace");
    store.remove(&["c".into()]).await.expect("remove");
    let find = async |first, last| store.with_hash(first, last).await.expect("with_hash");
    for (text, has_vector, expected) in [
        ("x", true, vec![("a", 2), ("b", 0)]),
        ("y", false, vec![("a", 0), ("b", 1)]),
        ("v", true, vec![("a", 1)]),
        ("z", true, vec![]),
    ] {
        let hash = ContentHash::of_text(text);
        let found = find(hash, hash).await;
        let places: Vec<_> = found
            .iter()
            .map(|found| (found.source.as_str(), found.chunk.ordinal))
            .collect();
        assert_eq!(places, expected, "{text}");
        for found in found {
            assert_eq!((found.chunk.text.as_str(), found.has_vector), (text, has_vector));
            let stored_at = found.stored_at.expect("a time");
            let apart = stored_at
                .duration_since(began)
                .unwrap_or_else(|error| error.duration());
            assert!(
                apart.as_secs() < 60,
                "the clocks of machines may differ a little: {apart:?}"
            );
        }
    }
    let all = find(
        ContentHash::from_bytes([0; 32]),
        ContentHash::from_bytes([0xff; 32]),
    )
    .await;
    assert_eq!(all.len(), 5);
}

/// In order of source and position, with vectors and without, whatever the order they were stored in.
pub async fn chunks_come_in_pages_with_their_vectors(place: &dyn Place) {
    let store = bound(place).await;
    let mut gaps = document("c", &[]);
    gaps.records = [2, 5]
        .map(|ordinal| Record {
            chunk: chunk(ordinal, &format!("c{ordinal}")),
            vector: Vector::TextOnly,
        })
        .to_vec();
    let aside = Vector::Failed(failure("long"));
    let documents = vec![
        gaps,
        document(
            "b",
            &[("b0", new_vector(EAST)), ("b1", aside), ("b2", Vector::TextOnly)],
        ),
        document("empty", &[]),
        document("a", &[("a0", new_vector(EAST))]),
    ];
    store.replace(documents).await.expect("replace");
    let mut seen = Vec::new();
    let mut after: Option<(String, u32)> = None;
    loop {
        let from = after
            .as_ref()
            .map(|(source, ordinal)| (source.as_str(), *ordinal));
        let page = store.chunks(from, 2).await.expect("chunks");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some((last.source.clone(), last.chunk.ordinal));
        seen.extend(
            page.into_iter()
                .map(|stored| (stored.chunk.text, stored.vector.is_some())),
        );
    }
    let expected = [
        ("a0", true),
        ("b0", true),
        ("b2", false),
        ("c2", false),
        ("c5", false),
    ];
    assert_eq!(
        seen,
        expected.map(|(text, has_vector)| (text.to_owned(), has_vector))
    );
    let from = Some(("b", u32::MAX));
    assert_eq!(store.chunks(from, 10).await.expect("chunks").len(), 2);
    assert_eq!(store.chunks(Some(("aa", 0)), 10).await.expect("chunks").len(), 4);
}

/// Those that have no documents left are gone.
pub async fn origins_are_counted(place: &dyn Place) {
    let store = bound(place).await;
    assert_eq!(store.origins().await.expect("origins"), []);
    let mut documents: Vec<_> = ["a", "b", "c"].map(|source| document(source, &[])).into();
    documents[1].origin = "files:other".to_owned();
    let usual = documents[0].origin.clone();
    store.replace(documents).await.expect("replace");
    let mut expected = vec![(usual.clone(), 2), ("files:other".to_owned(), 1)];
    expected.sort();
    assert_eq!(store.origins().await.expect("origins"), expected);
    store.remove(&["b".to_owned()]).await.expect("remove");
    assert_eq!(store.origins().await.expect("origins"), [(usual, 2)]);
}

/// In order of source and position.
pub async fn failures_come_in_pages(place: &dyn Place) {
    let store = bound(place).await;
    let aside = || Vector::Failed(failure("long"));
    let documents = vec![
        document("b", &[("b0", aside()), ("b1", Vector::TextOnly), ("b2", aside())]),
        document("a", &[("a0", aside())]),
    ];
    store.replace(documents).await.expect("replace");
    let page = async |after, limit| {
        let failed = store.failed(after, limit).await.expect("failed");
        failed
            .into_iter()
            .map(|failed| failed.chunk.text)
            .collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, ["a0", "b0", "b2"]);
    assert_eq!(page(None, 2).await, ["a0", "b0"]);
    assert_eq!(page(Some(("b", 0)), 10).await, ["b2"]);
    assert!(page(Some(("b", 2)), 10).await.is_empty());
}

/// Every count, by itself.
pub async fn status_counts_what_is_there(place: &dyn Place) {
    let store = bound(place).await;
    let aside = || Vector::Failed(failure("long"));
    let documents = vec![
        document(
            "a",
            &[
                ("apple", new_vector(EAST)),
                ("pear", Vector::TextOnly),
                ("plum", aside()),
                ("fig", aside()),
            ],
        ),
        document("b", &[("apple", new_vector(EAST))]),
        document("c", &[]),
    ];
    store.replace(documents).await.expect("replace");
    store
        .keep_vectors(vec![(ContentHash::of_text("lime"), new_vector(EAST))])
        .await
        .expect("keep");
    let status = store.status().await.expect("status");
    assert_eq!(status.identity, Some(identity()));
    assert_eq!((status.documents, status.incomplete), (3, 1));
    assert_eq!((status.chunks, status.text_only, status.failed), (3, 1, 2));
    assert_eq!(status.vectors, 2);
    assert!(status.bytes > 0);
    assert_eq!(status.last_run, None);
}

/// Closing loses nothing.
pub async fn reopening_finds_everything(place: &dyn Place) {
    let store = bound(place).await;
    let records = [
        ("apple", new_vector(EAST)),
        ("fig", Vector::Failed(failure("long"))),
    ];
    store
        .replace(vec![document("a", &records)])
        .await
        .expect("replace");
    let chunks = store.chunks(None, 10).await.expect("chunks");
    let failed = store.failed(None, 10).await.expect("failed");
    let second = place.open().await;
    drop(store);
    assert_eq!(
        second.chunks(None, 10).await.expect("chunks"),
        chunks,
        "a handle that was open beside it"
    );
    drop(second);
    let third = place.open().await;
    assert_eq!(third.identity().await.expect("identity"), Some(identity()));
    assert_eq!(third.chunks(None, 10).await.expect("chunks"), chunks);
    assert_eq!(third.failed(None, 10).await.expect("failed"), failed);
    assert_eq!(sources(&*third, &text_query("apple")).await, ["a"]);
    third
        .replace(vec![document("b", &[("apple", Vector::Stored)])])
        .await
        .expect("going on");
    assert_eq!(sources(&*third, &text_query("apple")).await, ["a", "b"]);
}

/// Whatever a text or a name holds comes back byte for byte, and can be asked for.
pub async fn hostile_texts_are_kept_exactly(place: &dyn Place) {
    let store = bound(place).await;
    let long = "word ".repeat(200_000);
    let texts = [
        "quotes ' \" ` and ; DROP TABLE chunks; --",
        "percent % under_score \\ backslash",
        "emoji 🦀 and combining e\u{301} and right-to-left \u{202e}txet",
        "line\r\nfeeds\tand\u{1b}[31mescapes",
        "\u{feff}a mark first",
        " white space at both ends \n",
        "",
        long.as_str(),
    ];
    let sources = ["it's \"a\" %_*?[] name", "näme/🦀\nwith a line feed", "./a"];
    let records: Vec<_> = texts.iter().map(|&text| (text, new_vector(EAST))).collect();
    let mut documents = sources.map(|source| document(source, &records));
    for record in &mut documents {
        record.document.title = texts[0].into();
        record.origin = texts[3].into();
        for record in &mut record.records {
            record.chunk.heading_path = texts[..5].iter().map(|&text| text.to_owned()).collect();
            record.chunk.context_header = texts[2].into();
        }
    }
    store.replace(documents.to_vec()).await.expect("replace");
    let states = store.states(&sources).await.expect("states");
    for (state, source) in states.iter().zip(sources) {
        assert_eq!(state.as_ref().map(|state| state.source.as_str()), Some(source));
    }
    assert_eq!(
        store
            .documents(Some(texts[3]), None, 10)
            .await
            .expect("documents")
            .len(),
        3
    );
    let stored = store.chunks(None, 100).await.expect("chunks");
    assert_eq!(stored.len(), sources.len() * texts.len());
    for stored in stored {
        let document = documents
            .iter()
            .find(|record| record.document.source == stored.source)
            .expect("its document");
        assert_eq!(
            stored.chunk,
            document.records[stored.chunk.ordinal as usize].chunk
        );
        assert_eq!(stored.title, texts[0]);
    }
    let crab = store
        .search(&text_query("combining 🦀 e\u{301}"))
        .await
        .expect("search");
    assert_eq!(crab.len(), 3);

    // A store may clean a NUL away, since not every engine can hold one; the text around it stays.
    let nul = document(
        "nul",
        &[("before\0after", new_vector(EAST)), ("\0", Vector::TextOnly)],
    );
    store.replace(vec![nul]).await.expect("NUL");
    let kept = store.chunks(Some(("nul", 0)), 1).await.expect("chunks");
    assert_eq!(kept.len(), 1);
    let found = store.search(&text_query("before")).await.expect("search");
    assert_eq!(found.len(), 1);
    assert!(found[0].chunk.text.starts_with("before") && found[0].chunk.text.ends_with("after"));
}
