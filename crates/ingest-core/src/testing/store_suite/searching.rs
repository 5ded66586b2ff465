//! What a search finds, and in which order.

use super::super::samples::{document, failure, identity, new_vector, text_query, vector_query};
use super::{Place, bound, found, sources};
use crate::{ErrorKind, ModelIdentity, Query, SearchMode, Vector};

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const NORTH: [f32; 4] = [0.0, 1.0, 0.0, 0.0];
const WEST: [f32; 4] = [-1.0, 0.0, 0.0, 0.0];

fn hybrid(text: &str, values: [f32; 4]) -> Query {
    Query {
        mode: SearchMode::Hybrid,
        text: text.into(),
        ..vector_query(values)
    }
}

/// Directions count, lengths don't; the score is the cosine.
pub async fn vectors_rank_by_cosine(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("away", &[("d", new_vector(WEST))]),
        document("far", &[("c", new_vector([0.0, 50.0, 0.0, 0.0]))]),
        document("near", &[("b", new_vector([30.0, 40.0, 0.0, 0.0]))]),
        document("same", &[("a", new_vector([0.001, 0.0, 0.0, 0.0]))]),
    ];
    store.replace(documents).await.expect("replace");
    let mut question = vector_query([7.0, 0.0, 0.0, 0.0]);
    let hits = store.search(&question).await.expect("search");
    let expected = [("same", 1.0), ("near", 0.6), ("far", 0.0), ("away", -1.0)];
    assert_eq!(hits.len(), expected.len());
    for (hit, (source, score)) in hits.iter().zip(expected) {
        assert_eq!(hit.source, source);
        assert!((hit.score - score).abs() < 1e-5, "{source}: {}", hit.score);
    }
    question.top_k = 2;
    assert_eq!(sources(&*store, &question).await, ["same", "near"]);
    question.top_k = 0;
    assert!(sources(&*store, &question).await.is_empty());
    question.top_k = usize::MAX;
    assert_eq!(sources(&*store, &question).await.len(), 4);
}

/// More of the words, and rarer ones, come first; any of them is enough.
pub async fn words_rank_by_relevance(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("one", &[("a turbine spins", Vector::TextOnly)]),
        document("both", &[("a turbine has a gearbox", Vector::TextOnly)]),
        document("neither", &[("an apple hangs", Vector::TextOnly)]),
        document("fillers", &[("an orange rolls", Vector::TextOnly)]),
        document("more", &[("a pear falls", Vector::TextOnly)]),
    ];
    store.replace(documents).await.expect("replace");
    let hits = store
        .search(&text_query("Turbine, GEARBOX?"))
        .await
        .expect("search");
    let names: Vec<_> = hits.iter().map(|hit| hit.source.as_str()).collect();
    assert_eq!(names, ["both", "one"]);
    assert!(hits[0].score > hits[1].score && hits[1].score > 0.0);
    let one = Query {
        top_k: 1,
        ..text_query("turbine gearbox")
    };
    assert_eq!(sources(&*store, &one).await, ["both"]);
}

/// A title counts for every chunk of its document, and so does a heading for its own.
pub async fn words_are_found_in_titles_and_headings(place: &dyn Place) {
    let store = bound(place).await;
    let mut titled = document(
        "titled",
        &[("spins", Vector::TextOnly), ("turns", Vector::TextOnly)],
    );
    titled.document.title = "Gearbox".into();
    let mut headed = document("headed", &[("Turbine\n\nspins", Vector::TextOnly)]);
    headed.records[0].chunk.context_header = "Turbine".into();
    store.replace(vec![titled, headed]).await.expect("replace");
    assert_eq!(
        found(&*store, &text_query("gearbox")).await,
        [("titled".into(), 0), ("titled".into(), 1)]
    );
    assert_eq!(sources(&*store, &text_query("turbine")).await, ["headed"]);
}

/// A plural finds its singular, and the other way round.
pub async fn word_forms_do_not_matter(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("one", &[("the turbine", Vector::TextOnly)]),
        document("many", &[("many turbines", Vector::TextOnly)]),
    ];
    store.replace(documents).await.expect("replace");
    for word in ["turbine", "turbines", "TURBINES"] {
        assert_eq!(sources(&*store, &text_query(word)).await.len(), 2, "{word}");
    }
}

/// What both halves like comes first; the score is the sum of 1/(50 + rank).
pub async fn hybrid_search_fuses_ranks(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("both", &[("turbine blade", new_vector([0.9, 0.1, 0.0, 0.0]))]),
        document("vector", &[("something else", new_vector(EAST))]),
        document("words", &[("turbine turbine", Vector::TextOnly)]),
        document("neither", &[("an apple", Vector::TextOnly)]),
        document("nothing", &[("a pear", Vector::TextOnly)]),
    ];
    store.replace(documents).await.expect("replace");
    let hits = store.search(&hybrid("turbine", EAST)).await.expect("search");
    assert_eq!(hits[0].source, "both");
    assert_eq!(hits.len(), 3);
    let worded = sources(&*store, &text_query("turbine")).await;
    let rank = 1 + worded
        .iter()
        .position(|source| source == "both")
        .expect("both holds the word");
    let expected = 1.0 / (50.0 + rank as f64) + 1.0 / 52.0;
    assert!(
        (hits[0].score - expected).abs() < 1e-9,
        "{} {expected}",
        hits[0].score
    );

    let words_only = Query {
        vector: None,
        ..hybrid("turbine", EAST)
    };
    assert_eq!(sources(&*store, &words_only).await, worded);
}

/// A chunk that is good on both sides wins over the best of each, however few are wanted.
pub async fn hybrid_search_looks_beyond_what_is_wanted(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("words1", &[("turbine turbine", Vector::TextOnly)]),
        document("words2", &[("turbine turbine", Vector::TextOnly)]),
        document("vector1", &[("an apple", new_vector(EAST))]),
        document("vector2", &[("a pear", new_vector([1.0, 0.1, 0.0, 0.0]))]),
        document(
            "both",
            &[("one turbine among other words", new_vector([1.0, 0.2, 0.0, 0.0]))],
        ),
    ];
    store.replace(documents).await.expect("replace");
    let one = Query {
        top_k: 1,
        ..hybrid("turbine", EAST)
    };
    assert_eq!(sources(&*store, &one).await, ["both"]);
}

/// The stored weight counts, the question's own wins over it, and 0 leaves vectors out.
pub async fn the_weight_of_vectors_counts(place: &dyn Place) {
    let store = bound(place).await;
    let documents = vec![
        document("vector", &[("something else", new_vector(EAST))]),
        document("words", &[("turbine", Vector::TextOnly)]),
        document("neither", &[("an apple", Vector::TextOnly)]),
    ];
    store.replace(documents).await.expect("replace");
    let weighed = |weight| Query {
        vector_weight: weight,
        ..hybrid("turbine", EAST)
    };
    assert_eq!(sources(&*store, &weighed(Some(2.0))).await, ["vector", "words"]);
    assert_eq!(sources(&*store, &weighed(Some(0.5))).await, ["words", "vector"]);
    assert_eq!(sources(&*store, &weighed(Some(0.0))).await, ["words"]);
    for (weight, first) in [(0.2, "words"), (5.0, "vector")] {
        store
            .bind(&ModelIdentity {
                vector_weight: weight,
                ..identity()
            })
            .await
            .expect("bind");
        assert_eq!(sources(&*store, &weighed(None)).await[0], first);
    }
}

/// Ties are decided by name, whatever order they were stored in and however few are wanted.
pub async fn equal_scores_come_in_order_of_source_and_position(place: &dyn Place) {
    let store = bound(place).await;
    let names: Vec<String> = (0..150)
        .map(|number| format!("doc{:03}", number * 7 % 150))
        .collect();
    for name in &names {
        // Texts of one length in words, so that they tie by words too; vectors of their own that tie by cosine.
        let texts = [format!("turbine {name}a"), format!("turbine {name}b")];
        let records = [
            (texts[0].as_str(), new_vector(EAST)),
            (texts[1].as_str(), new_vector([2.0, 0.0, 0.0, 0.0])),
        ];
        store
            .replace(vec![document(name, &records)])
            .await
            .expect("replace");
    }
    let expected: Vec<(String, u32)> = ["doc000", "doc001", "doc002"]
        .iter()
        .flat_map(|name| [((*name).to_owned(), 0), ((*name).to_owned(), 1)])
        .take(5)
        .collect();
    for question in [vector_query(EAST), text_query("turbine"), hybrid("turbine", EAST)] {
        let question = Query { top_k: 5, ..question };
        assert_eq!(found(&*store, &question).await, expected, "{:?}", question.mode);
    }
}

/// A filter leaves as many hits as wanted, if so many are there.
pub async fn filters_apply_before_counting(place: &dyn Place) {
    let store = bound(place).await;
    let mut documents = Vec::new();
    for number in 0..40 {
        let text = format!("turbine {number}");
        documents.push(document(
            &format!("near/{number}.md"),
            &[(&text, new_vector(EAST))],
        ));
    }
    for name in ["far/a.md", "far/b.txt", "far/deep/c.md", "far/[x].md"] {
        let text = format!("apple pear orange turbine and much besides {name}");
        documents.push(document(
            name,
            &[(&text, new_vector(NORTH)), ("turbine 1", Vector::Stored)],
        ));
    }
    store.replace(documents).await.expect("replace");
    let questions = |pattern: &str, top_k| {
        [vector_query(EAST), text_query("turbine"), hybrid("turbine", EAST)].map(|query| Query {
            source: Some(pattern.into()),
            top_k,
            ..query
        })
    };
    for (pattern, expected) in [
        (
            "far/*",
            vec!["far/[x].md", "far/a.md", "far/b.txt", "far/deep/c.md"],
        ),
        ("far/*.md", vec!["far/[x].md", "far/a.md", "far/deep/c.md"]),
        ("far/?.md", vec!["far/a.md"]),
        ("far/[ab].*", vec!["far/a.md", "far/b.txt"]),
        ("far/[^b].*", vec!["far/a.md"]),
        ("far/[[]x].md", vec!["far/[x].md"]),
        ("far/a.md", vec!["far/a.md"]),
        ("far", vec![]),
        ("FAR/*", vec![]),
    ] {
        for question in questions(pattern, 8) {
            let mut names = sources(&*store, &question).await;
            assert_eq!(names.len(), expected.len() * 2, "{pattern} {:?}", question.mode);
            names.sort();
            names.dedup();
            assert_eq!(names, expected, "{pattern} {:?}", question.mode);
        }
    }
    // The shared text is found only under the names asked for.
    let [vector, ..] = questions("far/*", 3);
    let hits = found(&*store, &vector).await;
    assert_eq!(
        hits,
        [
            ("far/[x].md".to_owned(), 1),
            ("far/a.md".to_owned(), 1),
            ("far/b.txt".to_owned(), 1)
        ]
    );
}

/// A text that no model knows a word of is found by its words, in text and in hybrid mode, never by vector.
pub async fn texts_without_a_vector_are_found_by_words(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document(
            "a",
            &[("qwzx", Vector::TextOnly), ("apple", new_vector(EAST))],
        )])
        .await
        .expect("replace");
    assert_eq!(found(&*store, &text_query("qwzx")).await, [("a".into(), 0)]);
    assert_eq!(found(&*store, &vector_query(EAST)).await, [("a".into(), 1)]);
    assert_eq!(found(&*store, &hybrid("qwzx", EAST)).await.len(), 2);
}

/// Neither words nor vectors of what was removed, replaced or set aside, also while their vectors are kept.
pub async fn no_search_finds_what_is_gone(place: &dyn Place) {
    let store = bound(place).await;
    let text = |number: u32| format!("turbine number{number}");
    for number in 0..30 {
        let record = document(&format!("d{number:02}"), &[(&text(number), new_vector(EAST))]);
        store.replace(vec![record]).await.expect("replace");
    }
    let gone: Vec<String> = (0..10).map(|number| format!("d{number:02}")).collect();
    store.remove(&gone).await.expect("remove");
    for number in 10..20 {
        let record = document(&format!("d{number:02}"), &[("an apple", new_vector(NORTH))]);
        store.replace(vec![record]).await.expect("another version");
    }
    for number in 20..25 {
        let aside = Vector::Failed(failure("long"));
        let record = document(&format!("d{number:02}"), &[(&text(number), aside)]);
        store.replace(vec![record]).await.expect("a failed version");
    }
    let left: Vec<String> = (25..30).map(|number| format!("d{number:02}")).collect();
    for question in [vector_query(EAST), text_query("turbine"), hybrid("turbine", EAST)] {
        let question = Query { top_k: 5, ..question };
        assert_eq!(sources(&*store, &question).await, left, "{:?}", question.mode);
    }
    assert_eq!(store.sweep().await.expect("sweep"), 25);
    assert_eq!(
        sources(
            &*store,
            &Query {
                top_k: 5,
                ..vector_query(EAST)
            }
        )
        .await,
        left
    );
    let fresh: Vec<_> = store.search(&text_query("turbine")).await.expect("search");
    assert!(fresh.iter().all(|hit| (hit.score - fresh[0].score).abs() < 1e-9));
}

/// Syntax, nothing, noise and very much: an answer, and no error.
pub async fn odd_questions_are_harmless(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document(
            "a",
            &[("the turbine and the gearbox", new_vector(EAST))],
        )])
        .await
        .expect("replace");
    let long = "turbine gearbox ".repeat(20_000);
    let many: String = (0..5000).map(|number| format!("word{number} ")).collect();
    let questions = [
        "",
        " ",
        "\0",
        "tur\0bine",
        "\"",
        "'",
        "\"turbine",
        "turbine*",
        "turbine AND",
        "NOT turbine",
        "NEAR(turbine, 2)",
        "title:turbine",
        "body : x",
        "^turbine",
        "turbine + gearbox",
        "(((",
        ")",
        "-turbine",
        "a OR",
        "{turbine}",
        "%",
        "'; DROP TABLE chunks; --",
        "the and of",
        "🦀",
        "\u{202e}",
        "\\",
        "turbine:*",
        "&|!<->",
        &long,
        &many,
    ];
    for text in questions {
        for query in [text_query(text), hybrid(text, EAST)] {
            let outcome = store.search(&query).await;
            assert!(outcome.is_ok(), "{text:.40}: {outcome:?}");
        }
    }
    for text in [
        "\"turbine",
        "turbine AND",
        "NOT turbine",
        "(turbine",
        "turbine*",
        "title:turbine",
        long.as_str(),
    ] {
        assert_eq!(sources(&*store, &text_query(text)).await, ["a"], "{text:.40}");
    }
    let odd_filter = Query {
        source: Some("[a".into()),
        ..text_query("turbine")
    };
    assert!(sources(&*store, &odd_filter).await.is_empty());
}

/// A question no store could answer is the asker's error.
pub async fn senseless_questions_are_refused(place: &dyn Place) {
    let store = bound(place).await;
    store
        .replace(vec![document("a", &[("apple", new_vector(EAST))])])
        .await
        .expect("replace");
    let questions = [
        Query {
            vector: None,
            ..vector_query(EAST)
        },
        Query {
            vector: Some(vec![1.0; 3]),
            ..vector_query(EAST)
        },
        Query {
            vector: Some(vec![1.0; 5]),
            ..hybrid("apple", EAST)
        },
        Query {
            vector: Some(vec![0.0; 4]),
            ..vector_query(EAST)
        },
        Query {
            vector: Some(vec![f32::NAN; 4]),
            ..vector_query(EAST)
        },
        Query {
            vector_weight: Some(-1.0),
            ..hybrid("apple", EAST)
        },
        Query {
            vector_weight: Some(f32::NAN),
            ..hybrid("apple", EAST)
        },
    ];
    for question in questions {
        let error = store.search(&question).await.expect_err("a senseless question");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{question:?}");
    }
}
