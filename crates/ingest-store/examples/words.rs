//! Searches a store for words, which needs no embedder:
//! `cargo run -p ingest-store --example words -- sqlite:.ingest/index.db "rotate the key"`

use std::error::Error;

use ingest_core::{Query, SearchMode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: words STORE QUERY".into());
    };
    // Unlike `open`, this makes no store where there is none.
    let store = ingest_store::find(&url).await?.ok_or("there is no such store")?;
    let query = Query {
        text,
        vector: None,
        mode: SearchMode::Text,
        top_k: 5,
        source: None,
        vector_weight: None,
    };
    for hit in store.search(&query).await? {
        println!("{:.3} {}:{}", hit.score, hit.source, hit.chunk.span.line_start);
    }
    Ok(())
}
