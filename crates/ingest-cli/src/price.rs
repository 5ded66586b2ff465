//! What embedding costs, for the models whose makers sell it.

use embed_providers::Provider;
use ingest_config::Settings;
use serde::Serialize;

/// The day of the prices below. They were published with the models: <https://openai.com/index/new-embedding-models-and-api-updates/>.
const DATE: &str = "2024-01-25";

/// US dollars for a million tokens, as published by the models' maker.
const PRICES: [(&str, f64); 3] = [
    ("text-embedding-3-small", 0.02),
    ("text-embedding-3-large", 0.13),
    ("text-embedding-ada-002", 0.10),
];

/// A price, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Price {
    /// US dollars for a million tokens.
    pub(crate) per_million_tokens: f64,
    /// Where the price is from.
    pub(crate) from: String,
}

impl Price {
    /// What the settings say, else what is known of the model. `None` where nobody asks for money, or nothing is known.
    pub(crate) fn of(settings: &Settings, provider: Provider, model: &str) -> Option<Self> {
        const KEY: &str = "price_per_million_tokens";
        if let Some(price) = settings.embedding.price_per_million_tokens {
            return Some(Self {
                per_million_tokens: price,
                from: format!("`{KEY}`, {}", settings.origin(KEY)),
            });
        }
        // Proxies put the maker before the model's name.
        let name = model.rsplit('/').next().unwrap_or(model);
        let (_, price) = PRICES
            .iter()
            .find(|(known, _)| provider == Provider::OpenAi && *known == name)?;
        Some(Self {
            per_million_tokens: *price,
            from: format!("as published on {DATE}"),
        })
    }

    /// What so many tokens cost, in US dollars.
    pub(crate) fn cost(&self, tokens: u64) -> f64 {
        tokens as f64 / 1e6 * self.per_million_tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_model_has_its_price_and_a_setting_another() {
        let mut settings = Settings::default();
        let price = |settings: &Settings, model| Price::of(settings, Provider::OpenAi, model);
        let large = price(&settings, "openai/text-embedding-3-large").expect("known");
        assert!((large.cost(2_000_000) - 0.26).abs() < 1e-9, "{large:?}");
        assert!(large.from.contains(DATE));
        assert_eq!(price(&settings, "text-embedding-3-large-of-mine"), None);
        assert_eq!(
            Price::of(&settings, Provider::Ollama, "text-embedding-3-large"),
            None
        );
        settings.embedding.price_per_million_tokens = Some(1.5);
        let own = Price::of(&settings, Provider::Ollama, "m").expect("set");
        assert!((own.cost(1_000_000) - 1.5).abs() < 1e-9, "{own:?}");
    }
}
