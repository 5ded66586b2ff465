//! What an embedder tells beside vectors reaches its caller through every wrapper.

use std::sync::Arc;

use embed_core::testing::FakeEmbedder;
use embed_core::{
    Batched, Blocking, BlockingEmbedder, Embedder, Embeddings, InputKind, ModelInfo, Prefixed, Prefixes,
    Result, Retry, RetryPolicy, Unblock, Usage,
};

/// Counts characters, and says it has done a lot.
#[derive(Debug)]
struct Talkative(ModelInfo);

impl Talkative {
    fn new() -> Self {
        Self(ModelInfo::new("talkative", "talkative").with_dimensions(1))
    }
}

fn done() -> Usage {
    let mut usage = Usage::default();
    usage.requests = 11;
    usage.retries = 12;
    usage.connections_opened = 13;
    usage.connections_reused = 14;
    usage.bytes_sent = 15;
    usage.bytes_received = 16;
    usage
}

#[async_trait::async_trait]
impl Embedder for Talkative {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], _: InputKind) -> Result<Embeddings> {
        Embeddings::from_flat(vec![1.0; inputs.len()], inputs.len())
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        Some(input.chars().count())
    }

    fn usage(&self) -> Usage {
        done()
    }
}

fn asked(embedder: &dyn Embedder) {
    assert_eq!(embedder.count_tokens("seven ü"), Some(7));
    assert_eq!(embedder.usage().bytes_received, 16);
}

#[test]
fn wrappers_tell_what_the_embedder_within_tells() {
    asked(&Arc::new(Talkative::new()));
    asked(&Batched::new(Talkative::new()));
    asked(&Retry::new(Talkative::new(), RetryPolicy::default()));
    let prefixed = Prefixed::new(Talkative::new(), Prefixes::new("d: ", "q: "));
    asked(&prefixed);
    assert_eq!(prefixed.prefixes(), &Prefixes::new("d: ", "q: "));
    let blocking = Blocking::new(Talkative::new()).expect("a runtime");
    assert_eq!(blocking.count_tokens("seven ü"), Some(7));
    assert_eq!(blocking.usage(), done());
    asked(&Unblock::new(blocking));
}

#[test]
fn who_cannot_count_tokens_says_so() {
    let fake = FakeEmbedder::new(2);
    assert_eq!(fake.count_tokens("a"), None);
    assert_eq!(Blocking::new(fake).expect("a runtime").count_tokens("a"), None);
}

#[test]
fn each_counter_is_added_and_subtracted_by_itself() {
    let mut twice = Usage::default();
    twice.requests = 22;
    twice.retries = 24;
    twice.connections_opened = 26;
    twice.connections_reused = 28;
    twice.bytes_sent = 30;
    twice.bytes_received = 32;
    assert_eq!(done() + done(), twice);
    assert_eq!(twice - done(), done());
    assert_eq!(done() - twice, Usage::default());
}

#[test]
fn prefixes_are_empty_where_neither_says_anything() {
    assert!(Prefixes::new("", "").is_empty());
    assert!(!Prefixes::new("d", "").is_empty());
    assert!(!Prefixes::new("", "q").is_empty());
}
