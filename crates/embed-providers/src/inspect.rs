//! What a server says of itself, for a person who looks for a fault.

#[cfg(feature = "ollama")]
use std::time::Duration;

use embed_core::Result;
use ingest_config::Settings;

use crate::Provider;

/// How long a server may take for each of these questions: none of them makes it load a model.
#[cfg(feature = "ollama")]
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server says of itself and of a model. What it does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Its version.
    pub version: Option<String>,
    /// Its clock: the header `Date` of an answer, as it wrote it.
    pub date: Option<String>,
    /// Whether it has the model; `None` where only an embedding tells.
    pub has_model: Option<bool>,
    /// Whether the model is made for embedding.
    pub can_embed: Option<bool>,
}

/// Where requests go, without credentials; `None` for the built-in model, which asks nobody.
///
/// # Errors
/// `InvalidConfig` for an address that can be none.
pub fn server_address(settings: &Settings, provider: Provider) -> Result<Option<String>> {
    let embedding = &settings.embedding;
    match provider {
        #[cfg(feature = "ollama")]
        Provider::Ollama => {
            let host = embed_ollama::Host::parse(embedding.ollama_host.as_str())?;
            Ok(Some(host.to_string()))
        }
        #[cfg(not(feature = "ollama"))]
        Provider::Ollama => Ok(Some(embedding.ollama_host.to_string())),
        Provider::OpenAi => {
            Ok(Some(embedding.openai_base_url.as_ref().map_or_else(
                || "https://api.openai.com/v1".to_owned(),
                ToString::to_string,
            )))
        }
        Provider::Static => Ok(None),
    }
}

/// Asks the server of these settings for what it says of itself and of `model`. Nothing is embedded.
///
/// A server that speaks like OpenAI has no such questions that all of its kind answer, and the built-in model has no
/// server: both tell nothing here.
///
/// # Errors
/// What the transport gives; `InvalidResponse` where somebody else answers; `InvalidConfig` for settings that cannot
/// work.
pub async fn inspect(settings: &Settings, provider: Provider, model: &str) -> Result<Inspection> {
    match provider {
        #[cfg(feature = "ollama")]
        Provider::Ollama => ollama(settings, model).await,
        _ => {
            let _ = (settings, model);
            Ok(Inspection::default())
        }
    }
}

#[cfg(feature = "ollama")]
async fn ollama(settings: &Settings, model: &str) -> Result<Inspection> {
    let embedder = crate::create::ollama_probe(settings, model, PATIENCE)?;
    let client = embedder.client();
    let version = client.version().await?;
    let date = client.http().head("/api/version").await.ok().and_then(|answer| {
        let date = answer.headers().get("date")?.to_str().ok()?;
        Some(date.to_owned())
    });
    let has_model = client.find(model).await?.is_some();
    let can_embed = if has_model {
        // Servers from before this question are none the worse for it.
        client.show(model).await.ok().and_then(|card| card.can_embed())
    } else {
        None
    };
    Ok(Inspection {
        version: Some(version),
        date,
        has_model: Some(has_model),
        can_embed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_in_full_and_without_credentials() {
        let mut settings = Settings::default();
        let openai = server_address(&settings, Provider::OpenAi).expect("an address");
        assert_eq!(openai.as_deref(), Some("https://api.openai.com/v1"));
        settings.embedding.openai_base_url = Some("http://ann:secret@box/v1".into());
        let openai = server_address(&settings, Provider::OpenAi).expect("an address");
        assert_eq!(openai.as_deref(), Some("http://ann:***@box/v1"));
        assert_eq!(
            server_address(&settings, Provider::Static).expect("no server"),
            None
        );
    }

    #[cfg(feature = "ollama")]
    mod asking {
        use embed_core::ErrorKind;
        use embed_http::testing::{Reply, ScriptedServer};
        use serde_json::json;

        use super::*;

        fn at(server: &ScriptedServer) -> Settings {
            let mut settings = Settings::default();
            settings.embedding.ollama_host = server.url().into();
            settings
        }

        #[test]
        fn a_bare_host_gets_its_scheme_and_port() {
            let mut settings = Settings::default();
            settings.embedding.ollama_host = "ann:secret@gpu-box".into();
            let address = server_address(&settings, Provider::Ollama).expect("an address");
            assert_eq!(address.as_deref(), Some("http://gpu-box:11434"));
            settings.embedding.ollama_host = "ftp://gpu-box".into();
            let error = server_address(&settings, Provider::Ollama).expect_err("no address");
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        }

        #[tokio::test]
        async fn everything_that_an_ollama_tells_is_there() {
            let server = ScriptedServer::handler(|request| match request.path.as_str() {
                "/api/version" => {
                    Reply::json(&json!({"version": "0.17.4"})).header("date", "Sat, 28 Nov 2026 08:00:00 GMT")
                }
                "/api/tags" => Reply::json(&json!({"models": [{"name": "m:latest"}]})),
                "/api/show" => Reply::json(&json!({"capabilities": ["completion"]})),
                _ => Reply::new(404, "404 page not found"),
            });
            let found = inspect(&at(&server), Provider::Ollama, "m")
                .await
                .expect("answers");
            let wanted = Inspection {
                version: Some("0.17.4".into()),
                date: Some("Sat, 28 Nov 2026 08:00:00 GMT".into()),
                has_model: Some(true),
                can_embed: Some(false),
            };
            assert_eq!(found, wanted);
            let other = inspect(&at(&server), Provider::Ollama, "other")
                .await
                .expect("answers");
            assert_eq!((other.has_model, other.can_embed), (Some(false), None));
        }

        #[tokio::test]
        async fn somebody_else_at_the_port_is_an_error() {
            let server = ScriptedServer::handler(|_| Reply::new(200, "<html>It works!</html>"));
            let error = inspect(&at(&server), Provider::Ollama, "m")
                .await
                .expect_err("a page");
            assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        }
    }
}
