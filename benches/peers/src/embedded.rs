//! The built-in model by other people's means: the same words, the same table.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use load::Load;
use model2vec_rs::model::StaticModel;
use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;

const DIMENSIONS: usize = 256;
/// Tokens that count, at most.
const CONTEXT: usize = 512;

/// By the library for models of this kind.
pub(crate) fn model2vec(load: &Load) -> anyhow::Result<()> {
    let (vectors, scales) = (read("vectors.i8")?, read("scales.f32")?);
    let rows = vectors.len() / DIMENSIONS;
    let header = json!({
        "embeddings": {"dtype": "I8", "shape": [rows, DIMENSIONS], "data_offsets": [0, vectors.len()]},
        "weights": {
            "dtype": "F32", "shape": [rows], "data_offsets": [vectors.len(), vectors.len() + scales.len()]
        }
    });
    let header = header.to_string();
    let mut tensors = (header.len() as u64).to_le_bytes().to_vec();
    tensors.extend_from_slice(header.as_bytes());
    tensors.extend_from_slice(&vectors);
    tensors.extend_from_slice(&scales);
    let model = StaticModel::from_bytes(tokenizer()?, tensors, r#"{"normalize": true}"#, None)?;
    load.repeat(|texts| Ok(model.encode_flat(texts)))
}

/// By a plain loop over the library for tokenizers.
pub(crate) fn tokenizers(load: &Load) -> anyhow::Result<()> {
    let tokenizer = Tokenizer::from_bytes(tokenizer()?).map_err(|error| anyhow!(error))?;
    let vectors = read("vectors.i8")?;
    let scales: Vec<f32> = read("scales.f32")?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    load.repeat(|texts| {
        let mut values = Vec::with_capacity(texts.len() * DIMENSIONS);
        for text in texts {
            let encoding = tokenizer
                .encode_fast(text.as_str(), false)
                .map_err(|error| anyhow!(error))?;
            let mut sums = [0.0_f32; DIMENSIONS];
            // The first is the unknown word.
            let known = encoding.get_ids().iter().filter(|id| **id != 0);
            for id in known.take(CONTEXT).map(|id| *id as usize) {
                let row = &vectors[id * DIMENSIONS..][..DIMENSIONS];
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += scales[id] * f32::from(value.cast_signed());
                }
            }
            let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
            values.extend(sums.iter().map(|sum| sum / length));
        }
        Ok(values)
    })
}

/// What a tokenizer of this model is told by, in the form of these libraries.
fn tokenizer() -> anyhow::Result<String> {
    let vocabulary = String::from_utf8(read("vocab.txt")?)?;
    let words: Map<String, Value> = vocabulary
        .lines()
        .enumerate()
        .map(|(id, word)| (word.to_owned(), json!(id)))
        .collect();
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": true,
            "lowercase": true
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": words
        }
    });
    Ok(tokenizer.to_string())
}

fn read(name: &str) -> anyhow::Result<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/embed-static/model");
    fs::read(folder.join(name)).with_context(|| format!("{name} of the built-in model"))
}
