//! The load by other people's clients:
//! `peers ollama-rs|async-openai|model2vec|tokenizers URL TEXTS DIMENSIONS IN_FLIGHT REQUESTS`.
//!
//! Each is used as its documentation shows it, over a connection pool of its own default.

mod embedded;

use std::rc::Rc;

use anyhow::bail;
use async_openai::config::OpenAIConfig;
use async_openai::types::embeddings::{CreateEmbeddingRequest, EmbeddingInput, EncodingFormat};
use load::Load;
use ollama_rs::Ollama;
use ollama_rs::generation::embeddings::request::{EmbeddingsInput, GenerateEmbeddingsRequest};

fn main() -> anyhow::Result<()> {
    let load = Load::from_args()?;
    match load.client.as_str() {
        "ollama-rs" => ollama(&load),
        "async-openai" => openai(&load),
        "model2vec" => embedded::model2vec(&load),
        "tokenizers" => embedded::tokenizers(&load),
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
