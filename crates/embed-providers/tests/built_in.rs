//! The built-in model through the settings: nobody to ask.

use embed_core::testing::conformance;
use embed_core::{ErrorKind, InputKind};
use embed_providers::{Provider, choose_provider, create_async_embedder, create_embedder, create_provider};
use ingest_config::{ProviderChoice, Settings};

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.embedding.provider = ProviderChoice::Static;
    settings
}

#[tokio::test]
async fn the_built_in_model_keeps_the_contract() {
    let embedder = create_async_embedder(&settings()).expect("an embedder");
    assert_eq!(embedder.model().provider, "static");
    assert_eq!(embedder.model().model, Provider::Static.default_model());
    for check in conformance::CHECKS {
        check.run(&embedder).await;
    }
}

#[test]
fn callers_without_async_need_nothing_else() {
    let embedder = create_embedder(&settings()).expect("an embedder");
    let rows = embedder
        .embed_batch(
            &["the cat sleeps", "a cat is sleeping", "tax law"],
            InputKind::Document,
        )
        .expect("rows");
    assert!(rows.cosine(0, 1) > rows.cosine(0, 2));
}

#[test]
fn another_model_or_width_is_refused() {
    let mut other = settings();
    other.embedding.model = Some("nomic-embed-text".to_owned());
    let error = create_provider(&other).expect_err("another model");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("minilm-static-256"), "{error}");
    let mut wider = settings();
    wider.embedding.dimensions = Some(1024);
    let error = create_provider(&wider).expect_err("another width");
    assert!(error.to_string().contains("1024"), "{error}");
}

#[tokio::test]
async fn a_choice_leads_to_its_embedder() {
    let open = Settings::default();
    let recorded = Some(("static", "minilm-static-256"));
    let choice = choose_provider(&open, recorded).await.expect("a choice");
    let provider = create_provider(&choice.settings(&open)).expect("a provider");
    let info = provider.model();
    assert_eq!((&*info.provider, &info.model), ("static", &choice.model));
}
