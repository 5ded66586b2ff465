//! The settings that differ from their defaults, each with the place that says so:
//! `BBJ_RAG_CHUNK_SIZE=256 cargo run -p ingest-config --example origins`

use ingest_config::{Error, Origin, Settings};

fn main() -> Result<(), Error> {
    let settings = Settings::load()?;
    let set = settings
        .entries()
        .filter(|entry| entry.provenance.origin != Origin::Default);
    for entry in set {
        // Secrets are masked already.
        println!("{} = {} ({})", entry.key, entry.value, entry.provenance);
    }
    println!("the store is {}", settings.store_url());
    Ok(())
}
