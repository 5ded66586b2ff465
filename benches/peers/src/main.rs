//! The load by other people's clients: `peers ollama-rs|async-openai|model2vec URL TEXTS DIMENSIONS IN_FLIGHT REQUESTS`.
//!
//! Each is used as its documentation shows it, over a connection pool of its own default.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, bail};
use async_openai::config::OpenAIConfig;
use async_openai::types::embeddings::{CreateEmbeddingRequest, EmbeddingInput, EncodingFormat};
use load::Load;
use model2vec_rs::model::StaticModel;
use ollama_rs::Ollama;
use ollama_rs::generation::embeddings::request::{EmbeddingsInput, GenerateEmbeddingsRequest};
use serde_json::{Map, Value, json};

fn main() -> anyhow::Result<()> {
    let load = Load::from_args()?;
    match load.client.as_str() {
        "ollama-rs" => ollama(&load),
        "async-openai" => openai(&load),
        "model2vec" => static_model(&load),
        other => bail!("no client `{other}`"),
    }
}

fn ollama(load: &Load) -> anyhow::Result<()> {
    let client = Rc::new((Ollama::try_new(load.url.as_str())?, load.texts.clone()));
    load.drive(move || {
        let client = Rc::clone(&client);
        async move {
            let (client, texts) = &*client;
            let input = EmbeddingsInput::Multiple(texts.clone());
            let request = GenerateEmbeddingsRequest::new("bench".into(), input);
            let answer = client.generate_embeddings(request).await?;
            Ok(answer.embeddings.iter().map(Vec::len).sum())
        }
    })
}

fn openai(load: &Load) -> anyhow::Result<()> {
    let config = OpenAIConfig::new()
        .with_api_base(format!("{}/v1", load.url))
        .with_api_key("none");
    let client = Rc::new((async_openai::Client::with_config(config), load.texts.clone()));
    load.drive(move || {
        let client = Rc::clone(&client);
        async move {
            let (client, texts) = &*client;
            let request = CreateEmbeddingRequest {
                model: "bench".into(),
                input: EmbeddingInput::StringArray(texts.clone()),
                encoding_format: Some(EncodingFormat::Base64),
                user: None,
                dimensions: None,
            };
            let answer = client.embeddings().create_base64(request).await?;
            let rows = answer.data.into_iter().map(|row| Vec::<f32>::from(row.embedding));
            Ok(rows.map(|row| row.len()).sum())
        }
    })
}

fn static_model(load: &Load) -> anyhow::Result<()> {
    let model = Rc::new((table()?, load.texts.clone()));
    load.drive(move || {
        let (model, texts) = &*model;
        let values = model.encode_flat(texts).len();
        std::future::ready(Ok(values))
    })
}

/// The built-in model in the form that this peer reads: the same words, the same table.
fn table() -> anyhow::Result<StaticModel> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/embed-static/model");
    let read =
        |name: &str| fs::read(folder.join(name)).with_context(|| format!("{name} of the built-in model"));
    let vectors = read("vectors.i8")?;
    let scales = read("scales.f32")?;
    let vocabulary = String::from_utf8(read("vocab.txt")?)?;
    let words: Map<String, Value> = vocabulary
        .lines()
        .enumerate()
        .map(|(id, word)| (word.to_owned(), json!(id)))
        .collect();
    let rows = words.len();
    let dimensions = vectors.len() / rows;
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
    let header = json!({
        "embeddings": {"dtype": "I8", "shape": [rows, dimensions], "data_offsets": [0, vectors.len()]},
        "weights": {
            "dtype": "F32", "shape": [rows], "data_offsets": [vectors.len(), vectors.len() + scales.len()]
        }
    });
    let header = header.to_string();
    let mut tensors = (header.len() as u64).to_le_bytes().to_vec();
    tensors.extend_from_slice(header.as_bytes());
    tensors.extend_from_slice(&vectors);
    tensors.extend_from_slice(&scales);
    StaticModel::from_bytes(tokenizer.to_string(), tensors, r#"{"normalize": true}"#, None)
}
