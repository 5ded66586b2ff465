//! A provider of one's own, with everything that is the same for all providers put around it:
//! `cargo run -p embed-core --example custom_provider`

use embed_core::{
    Batched, Blocking, BlockingEmbedder, Embedder, Embeddings, InputKind, ModelInfo, Result, Retry,
    RetryPolicy, async_trait,
};

/// Counts letters. A real provider asks a server here, or runs a model.
#[derive(Debug)]
struct Letters(ModelInfo);

#[async_trait]
impl Embedder for Letters {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], _kind: InputKind) -> Result<Embeddings> {
        let mut values = vec![0.0; inputs.len() * 26];
        for (input, row) in inputs.iter().zip(values.chunks_mut(26)) {
            for letter in input.bytes().filter(u8::is_ascii_lowercase) {
                row[usize::from(letter - b'a')] += 1.0;
            }
        }
        let rows = Embeddings::from_flat(values, inputs.len())?;
        // The gate that every answer passes: number of rows, width, finite, not all zero.
        rows.check(inputs.len(), self.0.dimensions).map(|()| rows)
    }
}

fn main() -> Result<()> {
    let provider = Letters(ModelInfo::new("letters", "v1").with_dimensions(26));
    // Any number of texts, tried again where that helps, for code without `async`.
    let embedder = Blocking::new(Batched::new(Retry::new(provider, RetryPolicy::default())))?;
    let rows = embedder.embed_batch(&["a cat", "a cart", "a train"], InputKind::Document)?;
    println!("a cat, a cart: {:.2}", rows.cosine(0, 1));
    println!("a cat, a train: {:.2}", rows.cosine(0, 2));
    Ok(())
}
