//! What is chosen where the settings or the store say something.

use embed_providers::{Choice, Provider, choose_provider};
use ingest_config::{Loader, Settings};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let loader = Loader::new();
    let loader = pairs.iter().fold(loader, |loader, (key, value)| {
        loader.set(*key, *value, format!("--{key}"))
    });
    loader.load().expect("settings")
}

async fn choose(settings: &Settings, recorded: Option<(&str, &str)>) -> Choice {
    choose_provider(settings, recorded).await.expect("a choice")
}

#[tokio::test]
async fn what_is_set_is_taken() {
    let choice = choose(&settings(&[("embedding_provider", "openai")]), None).await;
    assert_eq!(
        (choice.provider, &*choice.model),
        (Provider::OpenAi, "text-embedding-3-small")
    );
    assert!(choice.reason.contains("--embedding_provider"), "{choice}");
    let both = settings(&[
        ("embedding_provider", "ollama"),
        ("embedding_model", "all-minilm"),
    ]);
    let choice = choose(&both, Some(("static", "minilm-static-256"))).await;
    assert_eq!(
        (choice.provider, &*choice.model),
        (Provider::Ollama, "all-minilm")
    );
}

#[tokio::test]
async fn a_provider_without_a_model_takes_that_of_its_own_store() {
    let settings = settings(&[("embedding_provider", "ollama")]);
    let choice = choose(&settings, Some(("ollama", "all-minilm:22m"))).await;
    assert_eq!(choice.model, "all-minilm:22m");
    let choice = choose(&settings, Some(("openai", "text-embedding-3-large"))).await;
    assert_eq!(choice.model, "qwen3-embedding:0.6b");
}

#[tokio::test]
async fn auto_goes_by_the_store_first() {
    let host = settings(&[("ollama_host", "gpu-box")]);
    let choice = choose(&host, Some(("static", "minilm-static-256"))).await;
    assert_eq!(
        (choice.provider, &*choice.model),
        (Provider::Static, "minilm-static-256")
    );
    assert_eq!(choice.reason, "the store was built with it");
    let model = settings(&[("embedding_model", "all-minilm")]);
    let choice = choose(&model, Some(("ollama", "all-minilm:latest"))).await;
    assert_eq!(choice.model, "all-minilm:latest");
}

#[tokio::test]
async fn another_model_than_the_stores_is_not_passed_over() {
    let model = settings(&[("embedding_model", "all-minilm")]);
    let choice = choose(&model, Some(("static", "minilm-static-256"))).await;
    assert_eq!(
        (choice.provider, &*choice.model),
        (Provider::Ollama, "all-minilm")
    );
}

#[tokio::test]
async fn a_store_of_an_unknown_provider_is_told() {
    let error = choose_provider(&Settings::default(), Some(("tealeaves", "v2")))
        .await
        .expect_err("unknown");
    assert!(error.to_string().contains("`tealeaves`"), "{error}");
}

#[tokio::test]
async fn auto_takes_ollama_where_anything_points_to_it() {
    for key in [
        "embedding_model",
        "ollama_host",
        "embedding_dimensions",
        "keep_alive",
    ] {
        let choice = choose(&settings(&[(key, "64")]), None).await;
        assert_eq!(choice.provider, Provider::Ollama, "{key}");
        assert!(choice.reason.contains(key), "{choice}");
    }
    // Even the default host, when it was written down.
    let choice = choose(&settings(&[("ollama_host", "http://localhost:11434")]), None).await;
    assert_eq!(choice.provider, Provider::Ollama);
}

#[tokio::test]
async fn the_name_of_the_built_in_model_means_the_built_in_provider() {
    let choice = choose(&settings(&[("embedding_model", "minilm-static-256")]), None).await;
    assert_eq!(choice.provider, Provider::Static);
}
