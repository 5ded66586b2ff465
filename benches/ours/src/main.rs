//! The load by the crates of this project: `ours ollama|openai|static URL TEXTS DIMENSIONS IN_FLIGHT REQUESTS`.

use std::rc::Rc;

use anyhow::bail;
use embed_core::{BlockingEmbedder, Embedder, InputKind};
use embed_ollama::OllamaEmbedder;
use embed_openai::{Encoding, OpenAiEmbedder};
use embed_static::StaticEmbedder;
use load::Load;

fn main() -> anyhow::Result<()> {
    let load = Load::from_args()?;
    match load.client.as_str() {
        "ollama" => {
            let embedder = OllamaEmbedder::builder("bench").host(&load.url).build()?;
            drive(&load, embedder)
        }
        "openai" => {
            let embedder = OpenAiEmbedder::builder("bench")
                .base_url(format!("{}/v1", load.url))
                .api_key("none")
                .encoding(Encoding::Base64)
                .build()?;
            drive(&load, embedder)
        }
        "static" => {
            let embedder = StaticEmbedder::new();
            load.repeat(|texts| {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                Ok(embedder.embed_batch(&texts, InputKind::Document)?.into_flat())
            })
        }
        other => bail!("no client `{other}`"),
    }
}

fn drive(load: &Load, embedder: impl Embedder) -> anyhow::Result<()> {
    let shared = Rc::new((embedder, load.texts.clone()));
    load.drive(move || {
        let shared = Rc::clone(&shared);
        async move {
            let (embedder, texts) = &*shared;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let rows = embedder.embed_batch(&texts, InputKind::Document).await?;
            Ok(rows.as_flat().len())
        }
    })
}
