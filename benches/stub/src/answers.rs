//! What the server says, rendered once for each number of texts and then said again.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Different answers to the same number of texts.
const VARIANTS: usize = 4;

/// Bodies of requests below this size, in bytes, ask for a word or two.
const SHORT: usize = 256;

/// What matters of a request.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Asked {
    pub(crate) input: Count,
    encoding_format: Option<String>,
}

/// How many texts there are. They are not kept.
#[derive(Debug)]
pub(crate) struct Count(pub(crate) usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;

        impl<'de> Visitor<'de> for Counter {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or texts")
            }

            fn visit_str<E>(self, _: &str) -> Result<Count, E> {
                Ok(Count(1))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while texts.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }

        deserializer.deserialize_any(Counter)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Ollama,
    OpenAi,
    Base64,
}

#[derive(Debug)]
pub(crate) struct Answers {
    dimensions: usize,
    rendered: HashMap<(Form, usize), Vec<Bytes>>,
    random: u64,
    said: usize,
}

impl Answers {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            rendered: HashMap::new(),
            random: 7,
            said: 0,
        }
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The answer to a request whose body has so many bytes. One that is as short as those by which clients find out
    /// whether the model is still the same is always answered alike.
    pub(crate) fn render(&mut self, asked: &Asked, openai: bool, bytes: usize) -> Bytes {
        let form = match (openai, asked.encoding_format.as_deref()) {
            (false, _) => Form::Ollama,
            (true, Some("base64")) => Form::Base64,
            (true, _) => Form::OpenAi,
        };
        let key = (form, asked.input.0);
        if !self.rendered.contains_key(&key) {
            let variants = (0..VARIANTS).map(|_| self.body(form, asked.input.0)).collect();
            self.rendered.insert(key, variants);
        }
        if bytes < SHORT {
            return self.rendered[&key][0].clone();
        }
        self.said += 1;
        self.rendered[&key][self.said % VARIANTS].clone()
    }

    fn body(&mut self, form: Form, texts: usize) -> Bytes {
        let rows: Vec<String> = (0..texts)
            .map(|index| {
                let row = self.row();
                let numbers = || {
                    row.iter()
                        .map(|value| printed(*value))
                        .collect::<Vec<_>>()
                        .join(",")
                };
                match form {
                    Form::Ollama => format!("[{}]", numbers()),
                    Form::OpenAi => format!(
                        r#"{{"object":"embedding","index":{index},"embedding":[{}]}}"#,
                        numbers()
                    ),
                    Form::Base64 => {
                        let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
                        let text = BASE64_STANDARD.encode(bytes);
                        format!(r#"{{"object":"embedding","index":{index},"embedding":"{text}"}}"#)
                    }
                }
            })
            .collect();
        let rows = rows.join(",");
        let body = match form {
            Form::Ollama => format!(
                r#"{{"model":"bench","embeddings":[{rows}],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}}"#
            ),
            Form::OpenAi | Form::Base64 => format!(
                r#"{{"object":"list","data":[{rows}],"model":"bench","usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#
            ),
        };
        body.into()
    }

    /// A vector of unit length.
    fn row(&mut self) -> Vec<f32> {
        let row: Vec<f32> = (0..self.dimensions)
            .map(|_| self.uniform() + self.uniform() + self.uniform())
            .collect();
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.into_iter().map(|value| value / norm).collect()
    }

    fn uniform(&mut self) -> f32 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// As Go prints a `float32` in JSON: the shortest text that is read as the same value, an exponent below 10^-6.
fn printed(value: f32) -> String {
    if value == 0.0 || value.abs() >= 1e-6 {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}
