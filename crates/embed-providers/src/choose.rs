//! Which provider, where the settings leave it open.

use std::fmt;
#[cfg(feature = "ollama")]
use std::time::Duration;

use embed_core::{Error, ErrorKind, Result};
use ingest_config::{EmbeddingSettings, Settings};

use crate::Provider;

/// How long a server may take to say that it is there. One on this machine or next to it says so at once.
#[cfg(feature = "ollama")]
const PATIENCE: Duration = Duration::from_secs(1);

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// Who answers.
    pub provider: Provider,
    /// The name it is asked for.
    pub model: String,
    /// Why, for a person: what goes on after "provider `x`, model `y`: ".
    pub reason: String,
}

impl Choice {
    /// The settings with this choice in the place of `auto` and of a model left open.
    #[must_use]
    pub fn settings(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        settings.embedding.provider = self.provider.into();
        settings.embedding.model = Some(self.model.clone());
        settings
    }

    fn new(provider: Provider, model: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            provider,
            model: model.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "provider `{}`, model `{}`: {}",
            self.provider, self.model, self.reason
        )
    }
}

/// Chooses provider and model. `recorded` is what the store was built with, if it holds anything.
///
/// A provider that is set is taken. With `auto` it is what the store was built with, unless another model is set; else
/// Ollama, where a host, a model or anything else of it is set, or where a server answers at the host and has the
/// model; else the built-in model. Only that last question is asked of anyone, and for about a second.
///
/// # Errors
/// `InvalidConfig` with `auto` and a store that was built with a provider not known here.
pub async fn choose_provider(settings: &Settings, recorded: Option<(&str, &str)>) -> Result<Choice> {
    let embedding = &settings.embedding;
    if let Some(provider) = Provider::from_choice(embedding.provider) {
        return Ok(set(settings, provider, recorded));
    }
    if let Some((provider, model)) = recorded
        && embedding
            .model
            .as_deref()
            .is_none_or(|set| same_model(set, model))
    {
        let provider = provider.parse().map_err(|error: Error| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "the store was built with provider `{provider}`, which this version does not have: use the \
                     program that built it, or another store"
                ),
            )
            .with_source(error)
        })?;
        return Ok(Choice::new(provider, model, "the store was built with it"));
    }
    if let Some(choice) = configured(settings) {
        return Ok(choice);
    }
    Ok(probed(settings).await)
}

/// The choice as far as it can be made without asking anyone: provider and model.
pub(crate) fn without_asking(settings: &Settings) -> (Provider, String) {
    let choice = match Provider::from_choice(settings.embedding.provider) {
        Some(provider) => set(settings, provider, None),
        None => configured(settings).unwrap_or_else(|| stand_in("")),
    };
    (choice.provider, choice.model)
}

/// A provider that the settings name, with their model, else the store's if it has the same provider.
fn set(settings: &Settings, provider: Provider, recorded: Option<(&str, &str)>) -> Choice {
    let recorded = recorded
        .filter(|(name, _)| *name == provider.as_str())
        .map(|(_, model)| model);
    let model = match (settings.embedding.model.as_deref(), recorded) {
        // Spelled as the store has it.
        (Some(set), Some(model)) if same_model(set, model) => model,
        (Some(set), _) => set,
        (None, Some(model)) => model,
        (None, None) => provider.default_model(),
    };
    let reason = if settings.is_set("embedding_provider") {
        format!("set by {}", settings.origin("embedding_provider"))
    } else {
        "set by the program".to_owned()
    };
    Choice::new(provider, model, reason)
}

/// What settings point to although none of them names a provider.
fn configured(settings: &Settings) -> Option<Choice> {
    let embedding = &settings.embedding;
    if embedding.model.as_deref() == Some(Provider::Static.default_model()) {
        let reason = "`embedding_model` names the built-in model";
        return Some(Choice::new(
            Provider::Static,
            Provider::Static.default_model(),
            reason,
        ));
    }
    let key = pointing_to_ollama(settings, embedding)?;
    let model = embedding.model.as_deref();
    let reason = match settings.origin(key) {
        origin if settings.is_set(key) => format!("`{key}` is set by {origin}"),
        _ => format!("`{key}` is set by the program"),
    };
    let model = model.unwrap_or(Provider::Ollama.default_model());
    Some(Choice::new(Provider::Ollama, model, reason))
}

/// The first setting that means nothing to the built-in model. Batch sizes and the like suit every provider, and keys
/// of OpenAI lie in many an environment for other programs.
fn pointing_to_ollama(settings: &Settings, embedding: &EmbeddingSettings) -> Option<&'static str> {
    let host_is_set = || {
        settings.is_set("ollama_host") || embedding.ollama_host != Settings::default().embedding.ollama_host
    };
    [
        ("embedding_model", embedding.model.is_some()),
        ("ollama_host", host_is_set()),
        ("embedding_dimensions", embedding.dimensions.is_some()),
        ("keep_alive", embedding.keep_alive.is_some()),
        ("ollama_api_key", embedding.ollama_api_key.is_some()),
    ]
    .into_iter()
    .find_map(|(key, is_set)| is_set.then_some(key))
}

/// Asks whether there is an Ollama with the model.
#[cfg(feature = "ollama")]
async fn probed(settings: &Settings) -> Choice {
    let model = Provider::Ollama.default_model();
    let host = &settings.embedding.ollama_host;
    let found = match crate::create::ollama_probe(settings, model, PATIENCE) {
        Ok(embedder) => embedder.client().find(model).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(_)) => Choice::new(
            Provider::Ollama,
            model,
            format!("Ollama answers at {host} and has the model"),
        ),
        Ok(None) => stand_in(format!(
            "no provider is set, and the Ollama at {host} does not have `{model}`"
        )),
        Err(_) => stand_in(format!("no provider is set, and no Ollama answers at {host}")),
    }
}

#[cfg(not(feature = "ollama"))]
async fn probed(_: &Settings) -> Choice {
    stand_in("no provider is set, and Ollama is not in this build")
}

fn stand_in(reason: impl Into<String>) -> Choice {
    let provider = Provider::stand_in();
    Choice::new(provider, provider.default_model(), reason)
}

/// Whether two names mean one model: Ollama takes a name without a tag for `latest`.
fn same_model(one: &str, other: &str) -> bool {
    let untagged = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_ascii_lowercase();
    untagged(one) == untagged(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_is_the_latest() {
        assert!(same_model("all-minilm", "all-minilm:latest"));
        assert!(same_model("All-MiniLM", "all-minilm"));
        assert!(!same_model("all-minilm:22m", "all-minilm"));
    }

    #[test]
    fn without_asking_ollama_needs_a_sign() {
        let mut settings = Settings::default();
        let stand_in = Provider::stand_in();
        assert_eq!(
            without_asking(&settings),
            (stand_in, stand_in.default_model().to_owned())
        );
        settings.embedding.dimensions = Some(256);
        let model = Provider::Ollama.default_model().to_owned();
        assert_eq!(without_asking(&settings), (Provider::Ollama, model));
        settings.embedding.model = Some("minilm-static-256".to_owned());
        assert_eq!(without_asking(&settings).0, Provider::Static);
    }

    #[cfg(feature = "ollama")]
    mod probing {
        use std::time::Instant;

        use embed_http::testing::{Reply, ScriptedServer};
        use serde_json::json;

        use super::*;

        /// What is chosen when nothing is set, with the server in the place of the default host.
        async fn probe(server: &ScriptedServer) -> Choice {
            let mut settings = Settings::default();
            settings.embedding.ollama_host = server.url().into();
            probed(&settings).await
        }

        fn serving(models: &[&str]) -> ScriptedServer {
            let models: Vec<_> = models
                .iter()
                .map(|name| json!({"name": name, "model": name, "digest": "d1", "size": 1}))
                .collect();
            ScriptedServer::handler(move |request| match request.path.as_str() {
                "/api/tags" => Reply::json(&json!({"models": models})),
                _ => Reply::new(404, "404 page not found"),
            })
        }

        #[tokio::test]
        async fn an_ollama_with_the_model_is_taken() {
            let server = serving(&["llama3:8b", "qwen3-embedding:0.6b"]);
            let choice = probe(&server).await;
            assert_eq!(
                (choice.provider, &*choice.model),
                (Provider::Ollama, "qwen3-embedding:0.6b")
            );
            assert!(choice.reason.contains(server.url()), "{choice}");
        }

        #[tokio::test]
        async fn an_ollama_without_the_model_is_not() {
            let choice = probe(&serving(&["llama3:8b"])).await;
            assert_eq!(choice.provider, Provider::stand_in());
            assert!(
                choice.reason.contains("does not have `qwen3-embedding:0.6b`"),
                "{choice}"
            );
        }

        #[tokio::test]
        async fn somebody_else_at_the_port_is_no_ollama() {
            let page = || Reply::new(200, "<html>It works!</html>").header("content-type", "text/html");
            for reply in [page(), Reply::new(401, "who are you?"), Reply::close()] {
                let server = ScriptedServer::handler(move |_| reply.clone());
                let choice = probe(&server).await;
                assert_eq!(choice.provider, Provider::stand_in());
                assert!(choice.reason.contains("no Ollama answers"), "{choice}");
            }
        }

        #[tokio::test]
        async fn a_server_that_says_nothing_is_not_waited_for() {
            let server = ScriptedServer::handler(|_| Reply::hang());
            let start = Instant::now();
            assert_eq!(probe(&server).await.provider, Provider::stand_in());
            // A second, with room for a busy machine; an answer would be waited for five minutes.
            assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
        }
    }
}
