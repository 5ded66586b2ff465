//! From settings to an embedder. The one place that knows every provider.

use std::num::NonZeroUsize;
use std::sync::Arc;
#[cfg(any(feature = "ollama", feature = "openai"))]
use std::time::Duration;

use embed_core::{
    Batched, Blocking, BlockingEmbedder, Embedder, Error, ErrorKind, Prefixed, Prefixes, Result, Retry,
    RetryPolicy,
};
#[cfg(feature = "ollama")]
use ingest_config::OnTooLong;
use ingest_config::{Settings, Workers};

use crate::Provider;
use crate::choose::without_asking;

/// Who cuts an input that is longer than the model reads, where the settings want it cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cuts {
    /// The server may, since nobody else will.
    Server,
    /// The caller does, and must hear of it.
    Caller,
}

/// The embedder that the settings describe, ready for use: it takes any number of texts, puts the model's prefixes
/// before them, and tries again what can help, as often as `ingest_batch_retries` says.
///
/// Nothing is asked of a server here. With the provider `auto` this is Ollama where the settings say anything of it or
/// name a model, else the built-in model; [`choose_provider`](crate::choose_provider) also looks whether a server
/// answers.
///
/// # Errors
/// `InvalidConfig` for settings that cannot work, and for a provider that is not in this build.
pub fn create_async_embedder(settings: &Settings) -> Result<Arc<dyn Embedder>> {
    let (provider, model) = without_asking(settings);
    let bare = build(settings, provider, &model, Cuts::Server)?;
    let batched = Batched::new(Retry::new(bare, retry_policy(settings)))
        .with_max_texts(at_least_one(settings.embedding.batch_size))
        .with_concurrency(at_least_one(match settings.run.workers {
            Workers::Count(count) => count,
            Workers::Auto => settings.run.max_workers,
        }));
    Ok(Arc::new(Prefixed::new(batched, prefixes(settings, &model))))
}

/// [`create_async_embedder`] for code without `async`. Inside an async runtime its calls give an error that says so.
///
/// # Errors
/// As [`create_async_embedder`], and `InvalidConfig` where the system gives no thread.
pub fn create_embedder(settings: &Settings) -> Result<Arc<dyn BlockingEmbedder>> {
    Ok(Arc::new(Blocking::new(create_async_embedder(settings)?)?))
}

/// The provider with the model's prefixes and nothing else, for callers that make requests, retries and cuts of long
/// texts their own business. A text that is too long is always an error here.
///
/// # Errors
/// As [`create_async_embedder`].
pub fn create_provider(settings: &Settings) -> Result<Arc<dyn Embedder>> {
    let (provider, model) = without_asking(settings);
    let bare = build(settings, provider, &model, Cuts::Caller)?;
    Ok(Arc::new(Prefixed::new(bare, prefixes(settings, &model))))
}

/// What is put before the texts of a model: what the settings say, else what a known model wants, else nothing.
pub fn prefixes(settings: &Settings, model: &str) -> Prefixes {
    let known = Prefixes::for_model(model).unwrap_or_default();
    let embedding = &settings.embedding;
    Prefixes::new(
        embedding.document_prefix.clone().unwrap_or(known.document),
        embedding.query_prefix.clone().unwrap_or(known.query),
    )
}

/// How often and how long apart the settings want a batch tried.
pub fn retry_policy(settings: &Settings) -> RetryPolicy {
    RetryPolicy::default().with_attempts(settings.run.batch_retries)
}

/// What in the settings was read in another way than it was written, for a person to be told once.
pub fn warnings(settings: &Settings) -> Vec<String> {
    #[cfg(feature = "ollama")]
    let warning = embed_ollama::Host::parse(settings.embedding.ollama_host.as_str())
        .ok()
        .and_then(|host| host.warning().map(str::to_owned));
    #[cfg(not(feature = "ollama"))]
    let warning = {
        let _ = settings;
        None
    };
    warning.into_iter().collect()
}

/// The arm of each provider.
#[cfg_attr(
    not(feature = "ollama"),
    expect(
        unused_variables,
        reason = "only Ollama cuts, and without a provider nobody reads anything"
    )
)]
fn build(settings: &Settings, provider: Provider, model: &str, cuts: Cuts) -> Result<Arc<dyn Embedder>> {
    match provider {
        #[cfg(feature = "ollama")]
        Provider::Ollama => Ok(Arc::new(ollama(settings, model, cuts).build()?)),
        #[cfg(feature = "openai")]
        Provider::OpenAi => Ok(Arc::new(openai(settings, model).build()?)),
        #[cfg(feature = "static")]
        Provider::Static => Ok(Arc::new(built_in(settings, model)?)),
        #[cfg(not(all(feature = "ollama", feature = "openai", feature = "static")))]
        absent => Err(not_in_build(absent)),
    }
}

#[cfg(not(all(feature = "ollama", feature = "openai", feature = "static")))]
fn not_in_build(provider: Provider) -> Error {
    invalid(format!(
        "provider `{provider}` is not in this build: build with the feature `{provider}`, or choose another provider"
    ))
}

/// What both HTTP providers are told of the transport.
#[cfg(any(feature = "ollama", feature = "openai"))]
macro_rules! with_transport {
    ($builder:expr, $settings:expr, $proxy:path) => {{
        let http = &$settings.http;
        let (first_byte, total) = timeouts($settings);
        let mut builder = $builder
            .max_connections(http.max_connections)
            .max_idle(http.max_idle_connections)
            .connect_timeout(http.connect_timeout)
            .first_byte_timeout(first_byte)
            .request_timeout(total);
        if let Some(file) = &http.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(proxy) = &http.proxy {
            builder = builder.proxy($proxy(proxy.as_str().to_owned()));
        }
        builder
    }};
}

#[cfg(feature = "ollama")]
fn ollama(settings: &Settings, model: &str, cuts: Cuts) -> embed_ollama::OllamaBuilder {
    let embedding = &settings.embedding;
    let builder = embed_ollama::OllamaEmbedder::builder(model)
        .host(embedding.ollama_host.as_str())
        .truncate(cuts == Cuts::Server && embedding.on_too_long == OnTooLong::Truncate);
    let mut builder = with_transport!(builder, settings, embed_ollama::ProxyMode::Url);
    if let Some(dimensions) = embedding.dimensions {
        builder = builder.dimensions(dimensions);
    }
    if let Some(key) = &embedding.ollama_api_key {
        builder = builder.api_key(key.expose());
    }
    if let Some(keep_alive) = &embedding.keep_alive {
        builder = builder.keep_alive(keep_alive.as_str());
    }
    builder
}

/// An Ollama client for a question whose answer is not worth waiting for.
#[cfg(feature = "ollama")]
pub(crate) fn ollama_probe(
    settings: &Settings,
    model: &str,
    patience: Duration,
) -> Result<embed_ollama::OllamaEmbedder> {
    ollama(settings, model, Cuts::Caller)
        .connect_timeout(patience)
        .request_timeout(patience)
        .build()
}

#[cfg(feature = "openai")]
fn openai(settings: &Settings, model: &str) -> embed_openai::OpenAiBuilder {
    let embedding = &settings.embedding;
    let builder = embed_openai::OpenAiEmbedder::builder(model);
    let mut builder = with_transport!(builder, settings, embed_openai::ProxyMode::Url);
    if let Some(url) = &embedding.openai_base_url {
        builder = builder.base_url(url.as_str());
    }
    if let Some(key) = &embedding.openai_api_key {
        builder = builder.api_key(key.expose());
    } else if let Some(file) = &embedding.openai_api_key_file {
        builder = builder.api_key_file(file);
    }
    if let Some(organization) = &embedding.openai_organization {
        builder = builder.organization(organization);
    }
    if let Some(project) = &embedding.openai_project {
        builder = builder.project(project);
    }
    if let Some(deployment) = &embedding.azure_deployment {
        builder = builder.profile(embed_openai::Profile::AzureDeployment {
            deployment: deployment.clone(),
            api_version: embedding.azure_api_version.clone(),
        });
    }
    if let Some(dimensions) = embedding.dimensions {
        builder = builder.dimensions(dimensions);
    }
    builder
}

#[cfg(feature = "static")]
fn built_in(settings: &Settings, model: &str) -> Result<impl Embedder> {
    let embedder = embed_static::StaticEmbedder::new();
    let info = BlockingEmbedder::model(&embedder);
    if info.model != model {
        return Err(invalid(format!(
            "the provider `static` has no model `{model}`, only `{}`: leave `embedding_model` out, or choose the \
             provider that has it",
            info.model
        )));
    }
    if let (Some(asked), Some(width)) = (settings.embedding.dimensions, info.dimensions)
        && asked != width
    {
        return Err(invalid(format!(
            "`embedding_dimensions` is {asked}, but the embeddings of the built-in model have {width} values: leave \
             it out, or choose another provider"
        )));
    }
    Ok(embed_core::Unblock::new(embedder))
}

/// Time to the first byte, and for the whole answer.
///
/// The two limit each other: a server that computes for ten minutes needs both above that. So one that is still at its
/// default gives way to one that was set to more.
#[cfg(any(feature = "ollama", feature = "openai"))]
fn timeouts(settings: &Settings) -> (Duration, Duration) {
    let (http, default) = (&settings.http, Settings::default().http);
    let (first_byte, total) = (http.load_timeout, http.timeout);
    let first_byte_untouched = first_byte == default.load_timeout && !settings.is_set("load_timeout");
    let total_untouched = total == default.timeout && !settings.is_set("timeout");
    (
        if first_byte_untouched {
            first_byte.max(total)
        } else {
            first_byte
        },
        if total_untouched {
            total.max(first_byte)
        } else {
            total
        },
    )
}

/// Settings are at least 1 where they were read; code may put a 0 there.
fn at_least_one(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_from_the_settings_else_from_the_model() {
        let mut settings = Settings::default();
        let nomic = prefixes(&settings, "nomic-embed-text:v1.5");
        assert_eq!(nomic, Prefixes::new("search_document: ", "search_query: "));
        settings.embedding.document_prefix = Some(String::new());
        let nomic = prefixes(&settings, "nomic-embed-text:v1.5");
        assert_eq!(nomic, Prefixes::new("", "search_query: "));
        settings.embedding.query_prefix = Some("Q: ".into());
        assert_eq!(prefixes(&settings, "my-own"), Prefixes::new("", "Q: "));
    }

    #[cfg(any(feature = "ollama", feature = "openai"))]
    #[test]
    fn a_timeout_at_its_default_gives_way_to_one_that_was_set() {
        let with = |pairs: &[(&str, &str)]| {
            let loader = pairs
                .iter()
                .fold(ingest_config::Loader::new(), |loader, (key, value)| {
                    loader.set(*key, *value, "a test")
                });
            let (first_byte, total) = timeouts(&loader.load().expect("settings"));
            (first_byte.as_secs(), total.as_secs())
        };
        assert_eq!(with(&[]), (300, 300));
        assert_eq!(with(&[("timeout", "2s")]), (300, 2));
        assert_eq!(with(&[("timeout", "600s")]), (600, 600));
        assert_eq!(with(&[("load_timeout", "600s")]), (600, 600));
        assert_eq!(with(&[("load_timeout", "2s")]), (2, 300));
        assert_eq!(with(&[("load_timeout", "600s"), ("timeout", "300s")]), (600, 300));
    }

    #[cfg(not(feature = "openai"))]
    #[test]
    fn a_provider_that_is_not_in_this_build_is_named_with_its_feature() {
        let mut settings = Settings::default();
        settings.embedding.provider = ingest_config::ProviderChoice::OpenAi;
        let error = create_async_embedder(&settings).expect_err("not here");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let message = error.to_string();
        assert!(
            message.starts_with("provider `openai` is not in this build"),
            "{message}"
        );
        assert!(message.contains("the feature `openai`"), "{message}");
        assert!(create_provider(&settings).is_err() && create_embedder(&settings).is_err());
    }
}
