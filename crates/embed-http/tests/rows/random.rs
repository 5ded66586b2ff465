//! Answers made up at random, printed in random ways, cut at random places and damaged.

use embed_http::Layout;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::{assert_alike, in_pieces};

/// Blanks, often none.
fn blanks() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "", " ", "\n", "\t \r\n", "      "])
}

/// A number as some server may print it.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-1.0_f32..1.0).prop_map(|value| value.to_string()),
        2 => (-1.0_f64..1.0).prop_map(|value| value.to_string()),
        1 => any::<f32>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| format!("{value:e}")),
        1 => "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?"
            .prop_filter("finite", |text| text.parse::<f32>().is_ok_and(f32::is_finite)),
    ]
}

/// Rows of one width, each value as text.
fn matrix() -> impl Strategy<Value = Vec<Vec<String>>> {
    (0_usize..6, 1_usize..40)
        .prop_flat_map(|(rows, width)| prop::collection::vec(prop::collection::vec(number(), width), rows))
}

/// Some JSON that stands around the vectors.
fn other() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        select(vec![
            "embeddings",
            "\"embeddings\":[[1]]",
            "data",
            "]}",
            "\\",
            "\u{1}\n\u{7f}"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(
                select(vec!["a", "embeddings", "embedding", "data", "index", "é\"\\"]),
                inner,
                0..4
            )
            .prop_map(|map| map
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Prints a document with blanks between all tokens, as the vectors' numbers stand there.
struct Printer<'a> {
    text: String,
    blanks: std::iter::Cycle<std::slice::Iter<'a, &'static str>>,
}

impl<'a> Printer<'a> {
    fn new(blanks: &'a [&'static str]) -> Self {
        let blanks = blanks.iter().cycle();
        Self {
            text: String::new(),
            blanks,
        }
    }

    fn token(&mut self, token: &str) {
        self.text.push_str(self.blanks.next().unwrap_or(&""));
        self.text.push_str(token);
        self.text.push_str(self.blanks.next().unwrap_or(&""));
    }

    fn list<T>(
        &mut self,
        [open, close]: [&str; 2],
        items: impl IntoIterator<Item = T>,
        mut print: impl FnMut(&mut Self, T),
    ) {
        self.token(open);
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.token(",");
            }
            print(self, item);
        }
        self.token(close);
    }

    fn vector(&mut self, row: &[String]) {
        self.list(["[", "]"], row, |printer, value| printer.token(value));
    }

    fn member(&mut self, name: &str) {
        self.token(&Value::from(name).to_string());
        self.token(":");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Array(items) => self.list(["[", "]"], items, Self::value),
            Value::Object(members) => self.list(["{", "}"], members, |printer, (name, value)| {
                printer.member(name);
                printer.value(value);
            }),
            scalar => self.token(&scalar.to_string()),
        }
    }
}

fn base64_of(row: &[String]) -> String {
    use base64::Engine as _;
    let bytes: Vec<u8> = row.iter().flat_map(|value| parsed(value).to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn parsed(text: &str) -> f32 {
    text.parse().expect("a number")
}

fn cut<'a>(text: &'a str, places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(text.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places {
        pieces.push(&text.as_bytes()[from..place]);
        from = place;
    }
    pieces.push(&text.as_bytes()[from..]);
    pieces
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_answer_of_ollama_is_read_bit_by_bit(
        matrix in matrix(),
        before in prop::collection::btree_map("[a-d]{1,3}", other(), 0..3),
        after in prop::collection::btree_map("[e-h]{1,3}", other(), 0..3),
        blanks in prop::collection::vec(blanks(), 1..20),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let mut printer = Printer::new(&blanks);
        let members = before.iter().map(Some).chain([None]).chain(after.iter().map(Some));
        printer.list(["{", "}"], members, |printer, member| {
            match member {
                Some((name, value)) => {
                    printer.member(name);
                    printer.value(value);
                }
                None => {
                    printer.member("embeddings");
                    printer.list(["[", "]"], &matrix, |printer, row| printer.vector(row));
                }
            }
        });
        let answer = in_pieces(Layout::Ollama, matrix.len(), cut(&printer.text, &places))?;
        let expected: Vec<f32> = matrix.iter().flatten().map(|text| parsed(text)).collect();
        prop_assert_eq!(bits(answer.embeddings.as_flat()), bits(&expected));
        prop_assert_eq!(answer.embeddings.rows(), matrix.len());
        let mut rest: serde_json::Map<String, Value> = before.into_iter().chain(after).collect();
        rest.insert("embeddings".to_owned(), matrix.iter().map(Vec::len).collect());
        prop_assert_eq!(answer.rest, Value::Object(rest));
    }

    #[test]
    fn any_answer_of_openai_is_read_in_its_order(
        matrix in matrix(),
        order in any::<u64>(),
        extra in other(),
        blanks in prop::collection::vec(blanks(), 1..20),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let mut sent: Vec<usize> = (0..matrix.len()).collect();
        sent.sort_by_key(|row| order.rotate_left(*row as u32 * 11) % 97);
        let mut printer = Printer::new(&blanks);
        printer.list(["{", "}"], ["data", "usage"], |printer, name| {
            printer.member(name);
            if name == "usage" {
                return printer.value(&extra);
            }
            printer.list(["[", "]"], &sent, |printer, row| {
                let mut members = ["index", "embedding", "object"];
                members.rotate_left(*row % 3);
                printer.list(["{", "}"], members, |printer, name| {
                    printer.member(name);
                    match name {
                        "index" => printer.token(&row.to_string()),
                        "object" => printer.value(&extra),
                        _ if order >> (row % 64) & 1 == 0 => printer.vector(&matrix[*row]),
                        _ => printer.token(&format!("\"{}\"", base64_of(&matrix[*row]).replace('/', "\\/"))),
                    }
                });
            });
        });
        let answer = in_pieces(Layout::OpenAi, matrix.len(), cut(&printer.text, &places))?;
        let expected: Vec<f32> = matrix.iter().flatten().map(|text| parsed(text)).collect();
        prop_assert_eq!(bits(answer.embeddings.as_flat()), bits(&expected));
        prop_assert_eq!(&answer.rest["usage"], &extra);
    }

    #[test]
    fn a_damaged_answer_gives_the_same_in_any_pieces(
        matrix in matrix(),
        damage in prop::collection::vec((any::<Index>(), select(b"\"\\[]{},:0-.eE \xff\x00n/=uA".to_vec())), 1..4),
        delete in any::<bool>(),
        layout in select(vec![Layout::Ollama, Layout::OllamaLegacy, Layout::OpenAi]),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let rows: Vec<String> = matrix.iter().map(|row| format!("[{}]", row.join(","))).collect();
        let mut text = match layout {
            Layout::Ollama => format!(r#"{{"model":"m","embeddings":[{}],"n":-1.5e3}}"#, rows.join(",")),
            Layout::OllamaLegacy => format!(r#"{{"embedding":{}}}"#, rows.first().map_or("[]", |row| row)),
            _ => {
                let items: Vec<String> = matrix.iter().enumerate().map(|(index, row)| {
                    format!(r#"{{"embedding":"{}","index":{index}}}"#, base64_of(row))
                }).collect();
                format!(r#"{{"data":[{}],"model":"m"}}"#, items.join(","))
            }
        }.into_bytes();
        for (place, byte) in damage {
            let place = place.index(text.len());
            if delete {
                text.remove(place);
            } else {
                text[place] = byte;
            }
        }
        let whole = in_pieces(layout, 4, [&text[..]]);
        let mut cuts: Vec<usize> = places.iter().map(|place| place.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for place in cuts.into_iter().chain([text.len()]) {
            pieces.push(&text[from..place]);
            from = place;
        }
        assert_alike(&in_pieces(layout, 4, pieces), &whole);
    }
}
