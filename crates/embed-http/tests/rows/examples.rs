//! Answers by hand: what is understood, and how each fault is named.

use embed_http::{Answer, DecodeError, DecodeFault, Layout, RowsDecoder};
use serde_json::json;

use crate::{assert_alike, in_pieces};

/// Decodes whole, byte by byte and in two pieces cut at every place: all give the same.
pub(crate) fn decode(layout: Layout, rows: usize, text: impl AsRef<[u8]>) -> Result<Answer, DecodeError> {
    let text = text.as_ref();
    let whole = in_pieces(layout, rows, [text]);
    assert_alike(&in_pieces(layout, rows, text.chunks(1)), &whole);
    if text.len() < 2000 {
        for at in 0..=text.len() {
            let (before, after) = text.split_at(at);
            assert_alike(&in_pieces(layout, rows, [before, after]), &whole);
        }
    }
    whole
}

pub(crate) fn fault(layout: Layout, rows: usize, text: impl AsRef<[u8]>) -> DecodeFault {
    decode(layout, rows, text).expect_err("a fault").fault().clone()
}

pub(crate) fn ollama(text: &str) -> Answer {
    decode(Layout::Ollama, 4, text).expect(text)
}

pub(crate) fn openai(text: &str) -> Answer {
    decode(Layout::OpenAi, 4, text).expect(text)
}

#[test]
fn rows_and_the_rest_are_told_apart() {
    let answer = ollama(
        r#"{"model":"m","embeddings":[[1,-2.5],[3e-1,4]],"total_duration":14,"load":{"embeddings":[[7]]}}"#,
    );
    assert_eq!(answer.embeddings.as_flat(), [1.0, -2.5, 0.3, 4.0]);
    assert_eq!(answer.embeddings.dimensions(), 2);
    assert_eq!(
        answer.rest,
        json!({"model": "m", "embeddings": [2, 2], "total_duration": 14, "load": {"embeddings": [[7]]}})
    );
}

#[test]
fn a_name_is_the_member_only_at_its_own_place() {
    let answer = ollama(
        r#"{"x":"embeddings","y":{"embeddings":[[9]]},"z":["embeddings",[1]],"\"embeddings\":[[8]]":"\\","embeddings":[[1]]}"#,
    );
    assert_eq!(answer.embeddings.as_flat(), [1.0]);
    let escaped = ollama(r#"{"embedd\u0069ngs":[[5]]}"#);
    assert_eq!(escaped.embeddings.as_flat(), [5.0]);
    let answer = openai(r#"{"embedding":[9],"data":[{"x":{"embedding":[8]},"embedding":[1],"data":[[2]]}]}"#);
    assert_eq!(answer.embeddings.as_flat(), [1.0]);
}

#[test]
fn blanks_may_stand_wherever_json_allows_them() {
    let answer = ollama(" \t\r\n{ \"embeddings\" : [ [ 1 , 2 ] ,\n[ 3.5 ,\t4e1 ] ] , \"a\" : true } \n");
    assert_eq!(answer.embeddings.as_flat(), [1.0, 2.0, 3.5, 40.0]);
    assert_eq!(answer.rest, json!({"embeddings": [2, 2], "a": true}));
}

#[test]
fn no_rows_are_an_answer_too() {
    for text in [
        r#"{"embeddings":[]}"#,
        r#"{"embeddings": [ ] }"#,
        r#"{"embeddings":null}"#,
    ] {
        assert!(decode(Layout::Ollama, 0, text).expect(text).embeddings.is_empty());
        assert!(ollama(text).embeddings.is_empty());
    }
    assert!(openai(r#"{"data":[]}"#).embeddings.is_empty());
    assert!(openai(r#"{"data":null}"#).embeddings.is_empty());
    let legacy = decode(Layout::OllamaLegacy, 1, r#"{"embedding":[]}"#).expect("no row");
    assert!(legacy.embeddings.is_empty());
    let legacy = decode(Layout::OllamaLegacy, 1, r#"{"embedding":[0.5,1]}"#).expect("a row");
    assert_eq!(legacy.embeddings.as_flat(), [0.5, 1.0]);
}

#[test]
fn rows_go_into_the_order_of_their_index() {
    let text =
        r#"{"data":[{"index":2,"embedding":[3]},{"embedding":[1],"index":0},{"embedding":[2],"index":1}]}"#;
    let answer = openai(text);
    assert_eq!(answer.embeddings.as_flat(), [1.0, 2.0, 3.0]);
    assert_eq!(
        openai(r#"{"data":[{"embedding":[2]},{"embedding":[1],"index":null}]}"#)
            .embeddings
            .as_flat(),
        [2.0, 1.0]
    );
    for (text, hint) in [
        (
            r#"{"data":[{"embedding":[2],"index":0},{"embedding":[1],"index":0}]}"#,
            "`index` 0 is there twice",
        ),
        (
            r#"{"data":[{"embedding":[2],"index":1},{"embedding":[1],"index":2}]}"#,
            "row 1 of 2 has the `index` 2",
        ),
        (r#"{"data":[{"embedding":[2],"index":-1}]}"#, "`index` -1"),
        (r#"{"data":[{"embedding":[2],"index":"0"}]}"#, "`index` \"0\""),
        (r#"{"data":[{"embedding":[2],"index":0.0}]}"#, "`index` 0.0"),
        (
            r#"{"data":[{"embedding":[2]},{"embedding":[1],"index":1}]}"#,
            "row 0 has none",
        ),
    ] {
        let found = fault(Layout::OpenAi, 4, text);
        assert!(matches!(found, DecodeFault::Index { .. }), "{text}: {found:?}");
        assert!(found.to_string().contains(hint), "{text}: {found}");
    }
}

#[test]
fn base64_is_understood_in_every_spelling() {
    // 1.0, -2.0 and 0.5 as little-endian floats.
    for text in [
        "AACAPwAAAMAAAAA/",
        r"AACAPwAAAMAAAAA\/",
        r"AACAPwAAAMAAAAA\u002f",
        r"\u0041ACAPwAAAMAAAAA\u002F",
    ] {
        let answer = openai(&format!(r#"{{"data":[{{"embedding":"{text}","index":0}}]}}"#));
        assert_eq!(answer.embeddings.as_flat(), [1.0, -2.0, 0.5], "{text}");
        assert_eq!(answer.rest, json!({"data": [{"embedding": 3, "index": 0}]}));
    }
    for text in ["AACAPw==", "AACAPw", r"AACAPw\u003d="] {
        let answer = openai(&format!(
            r#"{{"data":[{{"embedding":"{text}"}},{{"embedding":[2.0]}}]}}"#
        ));
        assert_eq!(answer.embeddings.as_flat(), [1.0, 2.0], "{text}");
    }
}

#[test]
fn base64_that_is_none_is_named() {
    for (text, hint) in [
        ("AACAPwA=", "multiple of 4"),
        ("AACAPwAA", "multiple of 4"),
        ("AACA", "multiple of 4"),
        ("AACAP", "characters are missing"),
        ("AACAPw=", "characters are missing"),
        ("AACAPw===", "it holds `=`"),
        ("AACAPw==A", "it holds `A`"),
        ("=", "characters are missing"),
        ("AACAPx==", "bits beyond"),
        ("AACA-w==", "it holds `-`"),
        ("AACA Pw==", "it holds ` `"),
        (r"AACA\nPw==", r"it holds `\n`"),
        (r"AACA\u00e9Pw==", "it holds"),
        (r"AACA\u00zz", "it holds"),
        ("AACAéPw==", "it holds"),
    ] {
        let found = fault(
            Layout::OpenAi,
            4,
            format!(r#"{{"data":[{{"embedding":[2]}},{{"embedding":"{text}"}}]}}"#),
        );
        let DecodeFault::Base64 { row: 1, message } = &found else {
            panic!("{text}: {found:?}");
        };
        assert!(message.contains(hint), "{text}: {message}");
    }
    let nan = r#"{"data":[{"embedding":"AACAPwAAwH8="}]}"#;
    let found = fault(Layout::OpenAi, 4, nan);
    assert!(
        matches!(
            found,
            DecodeFault::NotFinite {
                row: 0,
                column: 1,
                ..
            }
        ),
        "{found:?}"
    );
    let empty = fault(Layout::OpenAi, 4, r#"{"data":[{"embedding":""}]}"#);
    assert_eq!(empty, DecodeFault::EmptyRow { row: 0 });
}

#[test]
fn what_is_no_number_is_named_with_its_place() {
    for (found, expected) in [
        ("null", "null"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("+1", "+1"),
        ("01", "01"),
        (".5", ".5"),
        ("1.", "1."),
        ("1.5e", "1.5e"),
        ("0x1", "0x1"),
        ("\"1\"", "\""),
        ("[1]", "["),
        ("{}", "{"),
        ("]", "]"),
        (",", ","),
    ] {
        let text = format!(r#"{{"embeddings":[[1,2,3],[4,{found},6]]}}"#);
        let expected = DecodeFault::NotANumber {
            row: 1,
            column: 1,
            found: expected.to_owned(),
        };
        assert_eq!(fault(Layout::Ollama, 4, text), expected);
    }
    let text = r#"{"embeddings":[[1,2,3],[4,5 6]]}"#;
    assert!(matches!(
        fault(Layout::Ollama, 4, text),
        DecodeFault::NotSeparated {
            row: 1,
            column: 1,
            ..
        }
    ));
}

#[test]
fn values_beyond_f32_are_not_finite() {
    for value in ["3.5e38", "-1e39", "1e999", "1e99999999999999999999"] {
        let found = fault(Layout::Ollama, 1, format!(r#"{{"embeddings":[[1,{value}]]}}"#));
        assert!(
            matches!(
                found,
                DecodeFault::NotFinite {
                    row: 0,
                    column: 1,
                    ..
                }
            ),
            "{found:?}"
        );
    }
    assert_eq!(
        ollama(r#"{"embeddings":[[1e-999,-0.0]]}"#).embeddings.as_flat(),
        [0.0, 0.0]
    );
}

#[test]
fn rows_of_unlike_width_are_named() {
    let short = fault(Layout::Ollama, 4, r#"{"embeddings":[[1,2],[3]]}"#);
    assert!(
        matches!(
            short,
            DecodeFault::ShortRow {
                row: 1,
                expected: 2,
                found: 1
            }
        ),
        "{short:?}"
    );
    let long = fault(Layout::Ollama, 4, r#"{"embeddings":[[1,2],[3,4],[5,6,7]]}"#);
    assert_eq!(long, DecodeFault::LongRow { row: 2, expected: 2 });
    assert_eq!(
        fault(Layout::Ollama, 4, r#"{"embeddings":[[]]}"#),
        DecodeFault::EmptyRow { row: 0 }
    );
    assert_eq!(
        fault(Layout::Ollama, 4, r#"{"embeddings":[[1],[]]}"#),
        DecodeFault::EmptyRow { row: 1 }
    );
}

#[test]
fn a_row_that_never_ends_is_noticed_in_long_rows_too() {
    for width in [1, 63, 64, 65, 200] {
        let row = |width| format!("[{}]", vec!["-0.012345678"; width].join(","));
        let even = format!(r#"{{"embeddings":[{},{}]}}"#, row(width), row(width));
        assert_eq!(
            in_pieces(Layout::Ollama, 2, [even.as_bytes()])
                .expect("even")
                .embeddings
                .dimensions(),
            width
        );
        for more in [1, 2, 64, 1000] {
            let long = format!(r#"{{"embeddings":[{},{}]}}"#, row(width), row(width + more));
            let expected = DecodeFault::LongRow {
                row: 1,
                expected: width,
            };
            assert_eq!(fault(Layout::Ollama, 2, long), expected);
        }
    }
}

#[test]
fn more_rows_than_asked_for_end_it_at_once() {
    let mut decoder = RowsDecoder::new(Layout::Ollama, 2, None);
    decoder.push(br#"{"embeddings":[[1],[2],"#).expect("two rows");
    let error = decoder.push(b"[").expect_err("a third row");
    assert_eq!(*error.fault(), DecodeFault::TooManyRows { expected: 2 });
    assert_eq!(decoder.push(b"3").expect_err("the same"), error);
    assert_eq!(decoder.finish().expect_err("the same"), error);
}

#[test]
fn other_things_in_place_of_rows_are_named() {
    for (text, found) in [
        ("1", "a number"),
        ("\"x\"", "a string"),
        ("{}", "an object"),
        ("true", "a boolean"),
    ] {
        let answer = fault(Layout::Ollama, 4, format!(r#"{{"embeddings":{text}}}"#));
        let member = "embeddings";
        assert_eq!(answer, DecodeFault::NotRows { member, found });
        let answer = fault(Layout::Ollama, 4, format!(r#"{{"embeddings":[[1],{text}]}}"#));
        assert_eq!(answer, DecodeFault::NotARow { row: 1, found });
    }
    let null = fault(Layout::OpenAi, 4, r#"{"data":[{"embedding":null}]}"#);
    assert_eq!(
        null,
        DecodeFault::NotARow {
            row: 0,
            found: "null"
        }
    );
    let array = fault(Layout::OpenAi, 4, r#"{"data":[[1]]}"#);
    assert_eq!(
        array,
        DecodeFault::NotARow {
            row: 0,
            found: "an array"
        }
    );
}

#[test]
fn a_member_that_is_missing_is_named_and_the_rest_is_kept() {
    let error = decode(Layout::Ollama, 1, r#"{"base_resp":{"status_code":1002}}"#).expect_err("no rows");
    assert_eq!(
        error.to_string(),
        r#"the answer has no member `embeddings`; the answer begins with `{"base_resp":{"status_code":1002}}`"#
    );
    assert_eq!(error.rest(), Some(&json!({"base_resp": {"status_code": 1002}})));
    for row in [r#"{"index":0}"#, "{}"] {
        let missing = fault(
            Layout::OpenAi,
            4,
            format!(r#"{{"data":[{{"embedding":[1]}},{row}]}}"#),
        );
        let member = "embedding";
        assert_eq!(missing, DecodeFault::MissingMember { member, row: Some(1) });
    }
}

#[test]
fn an_error_under_200_reaches_the_provider() {
    let answer = ollama(r#"{"error":"out of memory"}"#);
    assert!(answer.embeddings.is_empty());
    assert_eq!(answer.rest["error"], "out of memory");
    assert!(decode(Layout::Ollama, 1, r#"{"error":null}"#).is_err());
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let member = "embeddings";
    let twice = DecodeFault::DuplicateMember { member, row: None };
    assert_eq!(
        fault(Layout::Ollama, 4, r#"{"embeddings":[[1]],"embeddings":[[1]]}"#),
        twice
    );
    assert_eq!(
        fault(
            Layout::Ollama,
            4,
            r#"{"embeddings":[[1]],"embeddin\u0067s":[[1]]}"#
        ),
        twice
    );
    let member = "embedding";
    let twice = DecodeFault::DuplicateMember { member, row: Some(0) };
    assert_eq!(
        fault(
            Layout::OpenAi,
            4,
            r#"{"data":[{"embedding":[1],"embedding":[1]}]}"#
        ),
        twice
    );
}
