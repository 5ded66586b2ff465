//! Answers that are no JSON, cut short, or without end.

use embed_http::{DecodeFault, Layout, RowsDecoder};

use crate::examples::{decode, fault, ollama};
use crate::in_pieces;

#[test]
fn half_a_surrogate_pair_costs_no_vectors() {
    let answer = ollama(r#"{"model":"a\ud800b\ud83d\ude00\udc00","\udfff":1,"embeddings":[[1]]}"#);
    assert_eq!(answer.rest["model"], "a\u{fffd}b\u{1f600}\u{fffd}");
    assert_eq!(answer.rest["\u{fffd}"], 1);
    assert_eq!(answer.embeddings.as_flat(), [1.0]);
}

#[test]
fn what_is_no_json_says_where() {
    for (text, hint) in [
        ("<html>busy</html>", "expected `{` at byte 0, found `<`"),
        ("\u{feff}{}", "byte order mark"),
        ("[[1]]", "expected `{` at byte 0, found `[`"),
        (
            r#"{"embeddings":[[1]]}x"#,
            "expected nothing more at byte 20, found `x`",
        ),
        (r#"{"embeddings":[[1]]}{}"#, "expected nothing more at byte 20"),
        (r#"{"embeddings" [[1]]}"#, "expected `:` at byte 14"),
        (r#"{"embeddings":[[1][2]]}"#, "expected `,` or `]` at byte 18"),
        (r#"{"embeddings":[[1],]}"#, "expected a value at byte 19"),
        (
            r#"{"embeddings":[[1]],}"#,
            "expected the name of a member at byte 20",
        ),
        (r#"{"embeddings":[[1]}}"#, "expected `,` or `]` at byte 18"),
        (r#"{"embeddings":[[1]]]"#, "expected `,` or `}` at byte 19"),
        (r#"{embeddings:[[1]]}"#, "expected the name of a member at byte 1"),
        (r#"{"a":tru,"embeddings":[[1]]}"#, "expected ident"),
        (r#"{"a":01,"embeddings":[[1]]}"#, "invalid number"),
        (r#"{"a":"\x","embeddings":[[1]]}"#, "invalid escape"),
        ("{\"a\":\"\n\",\"embeddings\":[[1]]}", "control character"),
    ] {
        let found = fault(Layout::Ollama, 4, text);
        assert!(matches!(found, DecodeFault::Syntax { .. }), "{text}: {found:?}");
        assert!(found.to_string().contains(hint), "{text}: {found}");
    }
    let found = fault(Layout::Ollama, 4, b"{\"a\":\"\xff\",\"embeddings\":[[1]]}");
    assert!(matches!(found, DecodeFault::Syntax { .. }), "{found:?}");
}

#[test]
fn an_answer_that_ends_too_early_is_never_taken() {
    let text =
        br#" {"model":"m","data":[{"embedding":[1.5,2],"index":0},{"index":1,"embedding":"AACAPwAAAMA="}]}"#;
    assert_eq!(
        decode(Layout::OpenAi, 2, text)
            .expect("complete")
            .embeddings
            .rows(),
        2
    );
    assert_eq!(fault(Layout::OpenAi, 2, ""), DecodeFault::Empty);
    for end in 1..text.len() {
        let found = in_pieces(Layout::OpenAi, 2, [&text[..end]]).expect_err("cut");
        assert!(
            matches!(found.fault(), DecodeFault::Truncated { bytes, .. } if *bytes == end as u64),
            "{found:?}"
        );
    }
}

#[test]
fn nothing_a_server_sends_grows_without_bound() {
    let deep = fault(Layout::Ollama, 1, format!(r#"{{"a":{}"#, "[".repeat(200)));
    assert!(
        matches!(deep, DecodeFault::TooLarge { limit: 127, .. }),
        "{deep:?}"
    );
    let number = fault(
        Layout::Ollama,
        1,
        format!(r#"{{"embeddings":[[{}]]}}"#, "1".repeat(2000)),
    );
    assert!(
        matches!(number, DecodeFault::TooLarge { limit: 1024, .. }),
        "{number:?}"
    );
    let long = format!("0.{}1", "0".repeat(1000));
    let answer = ollama(&format!(r#"{{"embeddings":[[{long}]]}}"#));
    assert_eq!(answer.embeddings.as_flat(), [0.0]);

    let mut decoder = RowsDecoder::new(Layout::Ollama, 1, None);
    decoder.push(br#"{"model":""#).expect("a beginning");
    let error = (0..1000).find_map(|_| decoder.push(&[b'x'; 4096]).err());
    assert!(matches!(
        error.expect("an end").fault(),
        DecodeFault::TooLarge { .. }
    ));

    let mut decoder = RowsDecoder::new(Layout::Ollama, 1, None);
    decoder.push(br#"{"embeddings":[[0"#).expect("a beginning");
    let error = (0..2000).find_map(|_| decoder.push(&b",0".repeat(1000)).err());
    assert!(matches!(
        error.expect("an end").fault(),
        DecodeFault::TooLarge { .. }
    ));
}
