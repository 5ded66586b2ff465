//! The plain way to read an answer: `serde_json` for the structure, `str::parse` for each number.

use std::fmt;

use embed_http::Layout;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The rows as they were sent, and all values in the order that their indices make.
pub(crate) struct Rows {
    pub(crate) sent: Vec<Vec<f32>>,
    pub(crate) ordered: Vec<f32>,
}

/// Reads an answer; `None` where it is none.
pub(crate) fn rows(layout: Layout, answer: &[u8]) -> Option<Rows> {
    let answer = paired(str::from_utf8(answer).ok()?);
    let Members(members) = serde_json::from_str(&answer).ok()?;
    let name = match layout {
        Layout::Ollama => "embeddings",
        Layout::OllamaLegacy => "embedding",
        Layout::OpenAi => "data",
    };
    let rows = match once(&members, name) {
        Once::Twice => return None,
        Once::Never => {
            let error = members.iter().rfind(|member| member.0 == "error")?;
            if error.1.get() == "null" {
                return None;
            }
            "null"
        }
        Once::Value(rows) => rows,
    };
    if rows == "null" {
        return Some(in_order(Vec::new()));
    }
    match layout {
        Layout::Ollama => {
            let rows: Vec<&RawValue> = serde_json::from_str(rows).ok()?;
            rows.into_iter()
                .map(|row| array(row.get()))
                .collect::<Option<_>>()
                .map(in_order)
        }
        Layout::OllamaLegacy => {
            let row = array(rows)?;
            Some(in_order(if row.is_empty() { Vec::new() } else { vec![row] }))
        }
        Layout::OpenAi => {
            let rows: Vec<Members<'_>> = serde_json::from_str(rows).ok()?;
            by_index(&rows)
        }
    }
}

fn in_order(sent: Vec<Vec<f32>>) -> Rows {
    let ordered = sent.concat();
    Rows { sent, ordered }
}

fn by_index(rows: &[Members<'_>]) -> Option<Rows> {
    let mut sent = Vec::new();
    let mut indices = Vec::new();
    for Members(members) in rows {
        let Once::Value(vector) = once(members, "embedding") else {
            return None;
        };
        sent.push(if vector.starts_with('"') {
            base64(vector)?
        } else {
            array(vector)?
        });
        let index = members
            .iter()
            .rfind(|member| member.0 == "index")
            .map_or("null", |member| member.1.get());
        indices.push(serde_json::from_str::<Option<usize>>(index).ok()?);
    }
    if indices.iter().all(Option::is_none) {
        return Some(in_order(sent));
    }
    let mut ordered = Vec::new();
    for place in 0..sent.len() {
        let row = indices.iter().position(|index| *index == Some(place))?;
        ordered.extend(&sent[row]);
    }
    Some(Rows { sent, ordered })
}

fn array(text: &str) -> Option<Vec<f32>> {
    let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let number = |value: &&RawValue| {
        let text = value.get();
        text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    values.iter().map(number).collect()
}

fn base64(text: &str) -> Option<Vec<f32>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: String = serde_json::from_str(text).ok()?;
    let bare = text.strip_suffix('=').unwrap_or(&text);
    let bare = bare.strip_suffix('=').unwrap_or(bare);
    if bare.len() != text.len() && text.len() % 4 != 0 {
        return None;
    }
    let mut bits = Vec::new();
    for character in bare.chars() {
        let value = ALPHABET.find(character)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1 == 1));
    }
    let whole = bits.len() / 8 * 8;
    if bits.len() - whole >= 6 || bits[whole..].contains(&true) || whole % 32 != 0 {
        return None;
    }
    let bytes: Vec<u8> = bits[..whole]
        .chunks(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect();
    Some(
        bytes
            .chunks(4)
            .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
            .collect(),
    )
}

/// The members of an object in the order of the text, none left out.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}

enum Once<'a> {
    Never,
    Value(&'a str),
    Twice,
}

fn once<'a>(members: &[(String, &'a RawValue)], name: &str) -> Once<'a> {
    let mut found = members.iter().filter(|member| member.0 == name);
    match (found.next(), found.next()) {
        (None, _) => Once::Never,
        (Some(member), None) => Once::Value(member.1.get()),
        (Some(_), Some(_)) => Once::Twice,
    }
}

/// The text with U+FFFD for each escape of a surrogate that has no partner.
fn paired(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => &rest[..12],
            (Some(0xd800..=0xdfff), _) => {
                out.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            _ => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                &rest[..1 + escaped]
            }
        };
        out.push_str(escape);
        rest = &rest[escape.len()..];
    }
    out + rest
}

fn unit(text: &str) -> Option<u16> {
    let hex = text.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` takes a sign too.
    hex.bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(hex, 16).ok())?
}
