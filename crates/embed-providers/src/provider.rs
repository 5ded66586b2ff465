//! The providers there are, and which of them this build holds.

use std::fmt;
use std::str::FromStr;

use embed_core::{Error, ErrorKind, Result};
use ingest_config::ProviderChoice;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// An Ollama server.
    Ollama,
    /// OpenAI, or a server that speaks like it.
    OpenAi,
    /// The built-in model.
    Static,
}

impl Provider {
    /// All of them, in this build or not.
    pub const ALL: [Self; 3] = [Self::Ollama, Self::OpenAi, Self::Static];

    /// The name in settings and stores, which is also that of the feature: `ollama`, `openai`, `static`.
    pub fn as_str(self) -> &'static str {
        ProviderChoice::from(self).as_str()
    }

    /// Whether its feature is on.
    pub fn is_in_build(self) -> bool {
        match self {
            Self::Ollama => cfg!(feature = "ollama"),
            Self::OpenAi => cfg!(feature = "openai"),
            Self::Static => cfg!(feature = "static"),
        }
    }

    /// The model that is asked for when the settings name none.
    pub fn default_model(self) -> &'static str {
        match self {
            Self::Ollama => "qwen3-embedding:0.6b",
            Self::OpenAi => "text-embedding-3-small",
            Self::Static => "minilm-static-256",
        }
    }

    /// The provider that settings name; `None` is `auto`.
    pub fn from_choice(choice: ProviderChoice) -> Option<Self> {
        match choice {
            ProviderChoice::Auto => None,
            ProviderChoice::Ollama => Some(Self::Ollama),
            ProviderChoice::OpenAi => Some(Self::OpenAi),
            ProviderChoice::Static => Some(Self::Static),
        }
    }

    /// What stands in where nothing points to a provider: the one that needs nobody, else any there is.
    pub(crate) fn stand_in() -> Self {
        [Self::Static, Self::Ollama, Self::OpenAi]
            .into_iter()
            .find(|provider| provider.is_in_build())
            .unwrap_or(Self::Static)
    }
}

impl From<Provider> for ProviderChoice {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Ollama => Self::Ollama,
            Provider::OpenAi => Self::OpenAi,
            Provider::Static => Self::Static,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str() == name)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidConfig,
                    format!("there is no provider `{name}`: use `ollama`, `openai` or `static`"),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_there_and_back() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse::<Provider>().expect("a name"), provider);
            assert_eq!(Provider::from_choice(provider.into()), Some(provider));
        }
        assert_eq!(Provider::from_choice(ProviderChoice::Auto), None);
        let error = "olama".parse::<Provider>().expect_err("a slip");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("`olama`"), "{error}");
    }
}
