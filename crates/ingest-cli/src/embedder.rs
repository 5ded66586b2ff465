//! The embedder that flags, settings and the store's record ask for.

use std::sync::Arc;

use embed_core::{Embedder, ErrorKind, Prefixes};
use embed_providers::{
    Choice, Provider, choose_provider, create_provider, prefixes, server_address, warnings,
};
use ingest_config::{ProviderChoice, Settings};
use ingest_core::ModelIdentity;

use crate::console::{Console, Level};
use crate::failure::Result;
use crate::layers::Layers;
use crate::spread::Spread;

/// How much the vectors' ranks of the built-in model count beside the words'. Measured (`cargo xtask quality`): at 0.05
/// hybrid search beats both its halves, from 0.2 on it falls below the words alone.
const STATIC_WEIGHT: f32 = 0.05;
/// How much those of a transformer count.
const MODEL_WEIGHT: f32 = 1.0;

/// An embedder and what a store keeps of it.
pub(crate) struct Chosen {
    /// Provider and model, and why these.
    pub(crate) choice: Choice,
    /// What it was made of: the settings with the choice in the place of what they left open.
    pub(crate) settings: Settings,
    pub(crate) embedder: Arc<dyn Embedder>,
    /// The same, where there are several servers.
    spread: Option<Arc<Spread>>,
    pub(crate) prefixes: Prefixes,
    pub(crate) vector_weight: f32,
}

impl Chosen {
    /// Makes sure that all servers have the same model. Each is asked for a short text.
    ///
    /// # Errors
    /// Servers whose models differ, both named; what a server says that only a person can mend.
    pub(crate) async fn agree(&self) -> Result<()> {
        match &self.spread {
            Some(spread) => Ok(spread.agree().await?),
            None => Ok(()),
        }
    }

    /// The addresses that are asked, for messages; `None` for the built-in model. `hosts` come from `--host`.
    pub(crate) fn servers(&self, hosts: &[String]) -> Option<String> {
        let provider = self.choice.provider;
        let address = |settings: &Settings| server_address(settings, provider).ok().flatten();
        if hosts.len() < 2 {
            return address(&self.settings);
        }
        let addresses = hosts
            .iter()
            .map(|host| address(&at_host(&self.settings, provider, host)));
        Some(addresses.collect::<Option<Vec<_>>>()?.join(", "))
    }
}

/// Chooses and makes the embedder. `recorded` is what the store was built with; `hosts` come from `--host`.
///
/// # Errors
/// Settings that cannot work, and a provider that is not in this build.
pub(crate) async fn choose(
    mut layers: Layers,
    hosts: &[String],
    recorded: Option<&ModelIdentity>,
    console: &Arc<Console>,
) -> Result<Chosen> {
    if let Some(first) = hosts.first() {
        let provider = match (layers.load()?.embedding.provider, recorded) {
            (ProviderChoice::Auto, Some(recorded)) => recorded.provider.clone(),
            (choice, _) => choice.as_str().to_owned(),
        };
        layers.host(&provider, first);
    }
    let settings = layers.load()?;
    let names = recorded.map(|identity| (&*identity.provider, &*identity.model));
    let choice = choose_provider(&settings, names).await?;
    let level = match settings.embedding.provider {
        ProviderChoice::Auto => Level::Normal,
        _ => Level::More,
    };
    console.tell(level, &choice.to_string());
    for warning in warnings(&settings) {
        console.warn(&warning);
    }

    let mut settings = choice.settings(&settings);
    let same = recorded
        .filter(|identity| identity.provider == choice.provider.as_str() && identity.model == choice.model);
    if let Some(identity) = same {
        follow(identity, &choice, &mut settings);
    }
    let default_weight = match choice.provider {
        Provider::Static => STATIC_WEIGHT,
        Provider::Ollama | Provider::OpenAi => MODEL_WEIGHT,
    };
    let recorded_weight = same.map(|identity| identity.vector_weight);
    let spread = create_spread(&settings, choice.provider, hosts, console).await?;
    Ok(Chosen {
        embedder: match &spread {
            Some(spread) => Arc::clone(spread) as _,
            None => create_provider(&settings)?,
        },
        spread,
        prefixes: prefixes(&settings, &choice.model),
        vector_weight: settings
            .search
            .vector_weight
            .or(recorded_weight)
            .unwrap_or(default_weight),
        choice,
        settings,
    })
}

/// Takes over from the store's record what the settings leave open, so that a search needs not repeat a run's flags.
fn follow(identity: &ModelIdentity, choice: &Choice, settings: &mut Settings) {
    let embedding = &mut settings.embedding;
    embedding
        .document_prefix
        .get_or_insert_with(|| identity.document_prefix.clone());
    embedding
        .query_prefix
        .get_or_insert_with(|| identity.query_prefix.clone());
    // Servers that only speak like OpenAI may refuse to be told a width, even their own.
    let takes_width = match choice.provider {
        Provider::Ollama => true,
        Provider::OpenAi => choice.model.starts_with("text-embedding-3-"),
        Provider::Static => false,
    };
    if takes_width {
        embedding.dimensions.get_or_insert(identity.dimensions);
    }
}

/// All servers behind one embedder, where there are several.
async fn create_spread(
    settings: &Settings,
    provider: Provider,
    hosts: &[String],
    console: &Arc<Console>,
) -> Result<Option<Arc<Spread>>> {
    if hosts.len() < 2 || provider == Provider::Static {
        return Ok(None);
    }
    let mut servers = Vec::with_capacity(hosts.len());
    for host in hosts {
        let settings = at_host(settings, provider, host);
        let name = server_address(&settings, provider)?.unwrap_or_else(|| host.clone());
        servers.push((name, create_provider(&settings)?));
    }
    let console = Arc::clone(console);
    let spread = Arc::new(Spread::new(servers, move |message| console.warn(message)));
    match spread.describe().await {
        // Vectors of different weights would go into one store.
        Err(error) if error.kind() == ErrorKind::InvalidConfig => Err(error.into()),
        // A server that is away, or cannot describe its models, is told of when it is asked to embed.
        _ => Ok(Some(spread)),
    }
}

/// The settings with this address in the place of the provider's own.
pub(crate) fn at_host(settings: &Settings, provider: Provider, host: &str) -> Settings {
    let mut settings = settings.clone();
    match provider {
        Provider::OpenAi => settings.embedding.openai_base_url = Some(host.into()),
        _ => settings.embedding.ollama_host = host.into(),
    }
    settings
}
