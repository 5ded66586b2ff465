//! Embeddings a second on one thread. `cargo bench -p embed-static`

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use embed_core::{BlockingEmbedder, InputKind};
use embed_static::StaticEmbedder;

fn main() {
    divan::main();
}

/// Texts of so many words, no two alike, of the words of this paragraph.
fn texts(count: usize, words: usize, between: &str) -> Vec<String> {
    const PARAGRAPH: &str = "When a connection from the pool is closed by the server, the client retries the request \
        once; timeouts, configuration errors and authentication failures are returned to the caller immediately. See \
        the documentation of `HttpClient::builder()` for the defaults (idle_timeout = 60s), and consider enabling \
        structured logging: it shows which worker reopened a socket, how long tokenization took and whether the \
        embeddings were normalized beforehand.";
    let source: Vec<&str> = PARAGRAPH.split_whitespace().collect();
    let mut state = 1_usize;
    (0..count)
        .map(|_| {
            let words: Vec<&str> = (0..words)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    source[(state >> 33) % source.len()]
                })
                .collect();
            words.join(between)
        })
        .collect()
}

fn embed(bencher: Bencher<'_, '_>, texts: &[String]) {
    let embedder = StaticEmbedder::new();
    let inputs: Vec<&str> = texts.iter().map(String::as_str).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    bencher
        .counter(ItemsCount::new(inputs.len()))
        .counter(BytesCount::new(bytes))
        .bench(|| {
            embedder
                .embed_batch(black_box(&inputs), InputKind::Document)
                .expect("rows")
        });
}

#[divan::bench(args = [10, 100, 400])]
fn words(bencher: Bencher<'_, '_>, words: usize) {
    embed(bencher, &texts(256, words, " "));
}

/// The same with a no-break space between words, which takes the way for all of Unicode.
#[divan::bench]
fn words_100_beyond_ascii(bencher: Bencher<'_, '_>) {
    embed(bencher, &texts(256, 100, "\u{a0}"));
}

#[divan::bench]
fn tokens_of_100_words(bencher: Bencher<'_, '_>) {
    let embedder = StaticEmbedder::new();
    let texts = texts(256, 100, " ");
    bencher.counter(ItemsCount::new(texts.len())).bench(|| {
        texts
            .iter()
            .map(|text| embedder.count_tokens(black_box(text)).unwrap_or(0))
            .sum::<usize>()
    });
}
