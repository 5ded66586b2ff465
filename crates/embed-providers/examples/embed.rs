//! Embeds the texts given as arguments with the provider that `config.toml` and the environment choose:
//! `BBJ_RAG_EMBEDDING_PROVIDER=static cargo run -p embed-providers --example embed -- "a cat" "a kitten"`

use std::error::Error;

use embed_core::InputKind;
use embed_providers::create_embedder;
use ingest_config::Settings;

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::load()?;
    for warning in settings.warnings() {
        eprintln!("warning: {warning}");
    }
    let embedder = create_embedder(&settings)?;
    let texts: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows = embedder.embed_batch(&texts, InputKind::Document)?;
    let model = embedder.model();
    println!(
        "{} rows of {} values from `{}` of {}",
        rows.rows(),
        rows.dimensions(),
        model.model,
        model.provider
    );
    Ok(())
}
