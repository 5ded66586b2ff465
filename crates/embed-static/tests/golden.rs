//! The model's own examples, the files' checksums, and what must never happen.

use embed_core::{BlockingEmbedder, ErrorKind, InputKind, cosine};
use embed_static::StaticEmbedder;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn golden() -> Vec<(String, Vec<u32>, Vec<f32>)> {
    let cases: Value = serde_json::from_slice(&read("tests/data/golden.json")).expect("JSON");
    let cases = cases.as_array().expect("cases");
    cases
        .iter()
        .map(|case| {
            let text = case["text"].as_str().expect("text").to_owned();
            let ids = case["ids"].as_array().expect("ids").iter();
            let ids = ids.map(|id| id.as_u64().expect("id") as u32).collect();
            let vector = case["vector"].as_array().expect("vector").iter();
            let vector = vector
                .map(|value| value.as_f64().expect("value") as f32)
                .collect();
            (text, ids, vector)
        })
        .collect()
}

#[test]
fn ids_and_vectors_are_those_of_the_model() {
    let embedder = StaticEmbedder::new();
    let cases = golden();
    assert_eq!(cases.len(), 50);
    for (text, ids, expected) in cases {
        assert_eq!(embedder.token_ids(&text), ids, "{text:?}");
        let found = embedder.embed_batch(&[&text], InputKind::Document);
        if ids.is_empty() {
            let error = found.expect_err("no embedding");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.input(), Some(0));
            continue;
        }
        let found = found.expect("an embedding");
        assert!(cosine(found.row(0), &expected) >= 0.9999, "{text:?}");
        for (found, expected) in found.row(0).iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= 1e-5,
                "{text:?}: {found} instead of {expected}"
            );
        }
    }
}

#[test]
fn the_files_are_those_that_the_model_was_published_with() {
    let config: Value = serde_json::from_slice(&read("model/config.json")).expect("JSON");
    for (file, expected) in config["sha256"].as_object().expect("checksums") {
        let found: String = Sha256::digest(read(&format!("model/{file}")))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(*expected, *found, "{file}");
    }
    let embedder = StaticEmbedder::new();
    let model = embedder.model();
    assert_eq!(model.provider, "static");
    assert_eq!(model.model, config["name"]);
    assert_eq!(model.digest.as_deref(), config["sha256"]["vectors.i8"].as_str());
    assert_eq!(model.dimensions, Some(256));
    assert_eq!(model.context_length, Some(512));
}

#[test]
fn the_input_to_blame_is_named() {
    let embedder = StaticEmbedder::new();
    let inputs = ["a word", "another", "🦀🦀", "fine"];
    let error = embedder
        .embed_batch(&inputs, InputKind::Query)
        .expect_err("no known token");
    assert_eq!(error.input(), Some(2));
    assert!(error.to_string().starts_with("input 2 "), "{error}");
    assert!(!error.is_retryable());
    let none = embedder
        .embed_batch(&[], InputKind::Query)
        .expect("nothing asked");
    assert!(none.is_empty());
}

#[test]
fn a_batch_changes_nothing_and_rows_pass_the_gate() {
    let embedder = StaticEmbedder::new();
    let texts = [
        "How do I rebuild the index?",
        "\u{feff}Ångström — naïve café",
        "fn main() { println!(\"hi\"); }",
    ];
    let rows = embedder.embed_batch(&texts, InputKind::Document).expect("rows");
    rows.check(3, Some(256)).expect("sound rows");
    for (row, text) in texts.iter().enumerate() {
        let alone = embedder.embed_batch(&[text], InputKind::Query).expect("a row");
        assert_eq!(alone.row(0), rows.row(row));
    }
}

#[test]
fn all_tokens_are_counted_and_512_are_used() {
    let embedder = StaticEmbedder::new();
    let text = "word ".repeat(700);
    assert_eq!(embedder.count_tokens(&text), Some(700));
    assert_eq!(embedder.token_ids(&text).len(), 512);
    assert_eq!(embedder.count_tokens(""), Some(0));
    let huge = "a b\u{301}c \u{4e00}".repeat(1_000_000);
    assert_eq!(embedder.token_ids(&huge).len(), 512);
}

#[test]
fn threads_share_one_embedder() {
    let embedder = StaticEmbedder::new();
    let expected = embedder
        .embed_batch(&["shared by all"], InputKind::Document)
        .expect("a row");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let found = embedder.embed_batch(&["shared by all"], InputKind::Document);
                    assert_eq!(found.expect("a row"), expected);
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "\\PC*|[\\x00-\\x7f]*|(?s:.)*") {
        let embedder = StaticEmbedder::new();
        let ids = embedder.token_ids(&text);
        prop_assert!(ids.len() <= 512);
        match embedder.embed_batch(&[&text], InputKind::Document) {
            Ok(rows) => prop_assert!(!ids.is_empty() && rows.check(1, Some(256)).is_ok()),
            Err(error) => prop_assert!(ids.is_empty() && error.input() == Some(0)),
        }
    }

    #[test]
    fn ascii_gives_the_same_beside_other_characters(text in "[ -~]{0,40}") {
        let embedder = StaticEmbedder::new();
        let mut beside = embedder.token_ids(&format!("{text} \u{3042}"));
        let last = embedder.token_ids("\u{3042}");
        beside.truncate(beside.len() - last.len());
        prop_assert_eq!(beside, embedder.token_ids(&text));
    }
}
