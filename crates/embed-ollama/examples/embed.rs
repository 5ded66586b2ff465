//! Embeds the texts given as arguments on the server that `OLLAMA_HOST` names, and shows how near they are:
//! `cargo run -p embed-ollama --example embed -- nomic-embed-text "a cat" "a kitten" "a train"`

use std::error::Error;

use embed_core::{Embedder, InputKind};
use embed_ollama::OllamaEmbedder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((model, texts)) = arguments.split_first().filter(|(_, texts)| !texts.is_empty()) else {
        return Err("usage: embed MODEL TEXT…".into());
    };
    let embedder = OllamaEmbedder::builder(model).from_env().build()?;
    if let Some(warning) = embedder.warning() {
        eprintln!("warning: {warning}");
    }
    println!(
        "server {}, {:?}",
        embedder.client().version().await?,
        embedder.describe().await?
    );

    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows = embedder.embed_batch(&texts, InputKind::Document).await?;
    for (index, text) in texts.iter().enumerate() {
        println!("{:+.3} to the first: {text}", rows.cosine(0, index));
    }
    let usage = embedder.usage();
    println!(
        "{} requests over {} connections, {} bytes sent, {} received",
        usage.requests, usage.connections_opened, usage.bytes_sent, usage.bytes_received
    );
    Ok(())
}
