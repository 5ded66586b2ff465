//! Which of the lines of standard input is nearest to a question, without a server:
//! `cargo run -p embed-static --example nearest -- "how do I restart it" < notes.txt`

use std::error::Error;
use std::io::stdin;

use embed_core::{BlockingEmbedder, InputKind, cosine};
use embed_static::StaticEmbedder;

fn main() -> Result<(), Box<dyn Error>> {
    let question = std::env::args().nth(1).ok_or("usage: nearest QUESTION")?;
    let embedder = StaticEmbedder::new();
    let asked = embedder.embed_batch(&[&question], InputKind::Query)?;
    let mut best: Option<(f32, String)> = None;
    for line in stdin().lines() {
        let line = line?;
        // A line without a word that the model knows is near to nothing.
        let Ok(row) = embedder.embed_batch(&[&line], InputKind::Document) else {
            continue;
        };
        let likeness = cosine(asked.row(0), row.row(0));
        if best.as_ref().is_none_or(|(before, _)| likeness > *before) {
            best = Some((likeness, line));
        }
    }
    match best {
        Some((likeness, line)) => println!("{likeness:.3} {line}"),
        None => println!("there was no line to compare with"),
    }
    Ok(())
}
