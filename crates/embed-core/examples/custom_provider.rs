//! A provider of one's own, with everything that is the same for all providers put around it:
//! `cargo run -p embed-core --example custom_provider -- "a cat" "a cart" "a train"`

use embed_core::{
    Batched, Blocking, BlockingEmbedder, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo,
    Result, Retry, RetryPolicy, async_trait,
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
        for (index, (input, row)) in inputs.iter().zip(values.chunks_mut(26)).enumerate() {
            let letters = input.bytes().map(|byte| byte.to_ascii_lowercase());
            letters
                .filter(u8::is_ascii_lowercase)
                .for_each(|letter| row[usize::from(letter - b'a')] += 1.0);
            if row.iter().all(|count| *count == 0.0) {
                // The kind decides what callers do: this text is set aside, and not tried again.
                let error = Error::new(ErrorKind::InvalidInput, "a text without letters has no embedding");
                return Err(error.with_input(index));
            }
        }
        let rows = Embeddings::from_flat(values, inputs.len())?;
        // The gate that every answer passes: number of rows, width, finite, not all zero.
        rows.check(inputs.len(), self.0.dimensions)?;
        Ok(rows)
    }
}

fn main() -> Result<()> {
    let provider = Letters(ModelInfo::new("letters", "v1").with_dimensions(26));
    // Any number of texts, tried again where that helps, for code without `async`.
    let embedder = Blocking::new(Batched::new(Retry::new(provider, RetryPolicy::default())))?;
    let texts: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows = embedder.embed_batch(&texts, InputKind::Document)?;
    for (index, text) in texts.iter().enumerate() {
        println!("{:+.3} to the first: {text}", rows.cosine(0, index));
    }
    Ok(())
}
