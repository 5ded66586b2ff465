//! Embeds the texts given as arguments with OpenAI, or with the server that `OPENAI_BASE_URL` names, and shows how near
//! they are. The key comes from `OPENAI_API_KEY`:
//! `cargo run -p embed-openai --example embed -- text-embedding-3-small "a cat" "a kitten" "a train"`

use std::error::Error;

use embed_core::{Batched, Embedder, InputKind, Retry, RetryPolicy};
use embed_openai::OpenAiEmbedder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((model, texts)) = arguments.split_first().filter(|(_, texts)| !texts.is_empty()) else {
        return Err("usage: embed MODEL TEXT…".into());
    };
    let provider = OpenAiEmbedder::builder(model).from_env().build()?;
    // Any number of texts, and a server that asks for patience gets it.
    let embedder = Batched::new(Retry::new(provider, RetryPolicy::default()));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows = embedder.embed_batch(&texts, InputKind::Document).await?;
    for (index, text) in texts.iter().enumerate() {
        println!("{:+.3} to the first: {text}", rows.cosine(0, index));
    }
    Ok(())
}
