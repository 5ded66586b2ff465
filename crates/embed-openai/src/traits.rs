//! The table of what servers take, refuse and tell.

use crate::profile::{Encoding, Profile};

/// Where a server tells what it can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    /// Nowhere.
    None,
    /// `GET /info` of Text Embeddings Inference.
    TeiInfo,
    /// `max_model_len` in `GET /v1/models` of vLLM.
    ModelList,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// As it is written in settings.
    pub(crate) name: &'static str,
    /// Hosts that give it away: a domain and what is below it, or a pattern with one `*`.
    pub(crate) hosts: &'static [&'static str],
    /// Ports that give it away.
    pub(crate) ports: &'static [u16],
    /// Most inputs in one request.
    pub(crate) max_batch: Option<usize>,
    /// Most tokens in one request, all inputs together.
    pub(crate) max_tokens: Option<usize>,
    /// Tokens of one input that are read, whatever the model.
    pub(crate) context_length: Option<usize>,
    pub(crate) encoding: Encoding,
    /// The field that asks for a width.
    pub(crate) dimensions_field: &'static str,
    /// Whether the server cuts long inputs unless it is told not to by `truncation`.
    pub(crate) cuts_unless_told: bool,
    pub(crate) card: Card,
    /// Whether the key goes into the header `api-key`.
    pub(crate) azure: bool,
}

/// A server of which nothing is known.
const UNKNOWN: Traits = Traits {
    name: "compatible",
    hosts: &[],
    ports: &[],
    // Known limits begin at 10; a local server gains little from more.
    max_batch: Some(16),
    max_tokens: None,
    context_length: None,
    encoding: Encoding::Float,
    dimensions_field: "dimensions",
    cuts_unless_told: false,
    card: Card::None,
    azure: false,
};

const LOCAL: Traits = Traits {
    max_batch: None,
    ..UNKNOWN
};

const OPEN_AI: Traits = Traits {
    name: "openai",
    hosts: &["api.openai.com"],
    max_batch: Some(2048),
    max_tokens: Some(300_000),
    encoding: Encoding::Base64,
    ..UNKNOWN
};

const AZURE: Traits = Traits {
    name: "azure",
    hosts: &[
        "openai.azure.com",
        "cognitiveservices.azure.com",
        "services.ai.azure.com",
    ],
    azure: true,
    ..OPEN_AI
};

impl Profile {
    pub(crate) fn traits(&self) -> Traits {
        match self {
            Self::OpenAi => OPEN_AI,
            Self::Azure | Self::AzureDeployment { .. } => AZURE,
            Self::Bedrock => Traits {
                name: "bedrock",
                hosts: &["bedrock*.amazonaws.com"],
                max_batch: Some(96),
                encoding: Encoding::Unsaid,
                ..UNKNOWN
            },
            Self::Cohere => Traits {
                name: "cohere",
                hosts: &["cohere.ai", "cohere.com"],
                max_batch: Some(96),
                ..UNKNOWN
            },
            Self::DashScope => Traits {
                name: "dashscope",
                hosts: &["dashscope*.aliyuncs.com"],
                max_batch: Some(10),
                ..UNKNOWN
            },
            Self::Gemini => Traits {
                name: "gemini",
                hosts: &["generativelanguage.googleapis.com", "*aiplatform.googleapis.com"],
                max_batch: Some(250),
                max_tokens: Some(20_000),
                encoding: Encoding::Unsaid,
                ..UNKNOWN
            },
            // Behind a proxy may be a server that refuses `encoding_format`.
            Self::LiteLlm => Traits {
                name: "litellm",
                encoding: Encoding::Unsaid,
                ..UNKNOWN
            },
            Self::LlamaCpp => Traits {
                name: "llama.cpp",
                ..LOCAL
            },
            Self::LmStudio => Traits {
                name: "lmstudio",
                ports: &[1234],
                ..LOCAL
            },
            Self::MiniMax => Traits {
                name: "minimax",
                hosts: &["minimax.chat", "minimax.io", "minimaxi.com"],
                ..UNKNOWN
            },
            Self::Mistral => Traits {
                name: "mistral",
                hosts: &["mistral.ai"],
                max_batch: Some(128),
                max_tokens: Some(16_000),
                ..UNKNOWN
            },
            Self::Mlx => Traits {
                name: "mlx",
                context_length: Some(512),
                ..LOCAL
            },
            Self::Ollama => Traits {
                name: "ollama",
                hosts: &["ollama.com"],
                ports: &[11434],
                ..LOCAL
            },
            Self::OpenRouter => Traits {
                name: "openrouter",
                hosts: &["openrouter.ai"],
                ..UNKNOWN
            },
            Self::SiliconFlow => Traits {
                name: "siliconflow",
                hosts: &["siliconflow.cn", "siliconflow.com"],
                max_batch: Some(64),
                ..UNKNOWN
            },
            Self::Tei => Traits {
                name: "tei",
                max_batch: Some(32),
                // Bodies of more than 2 MB are refused; at 4 bytes a token this leaves room for escapes.
                max_tokens: Some(350_000),
                card: Card::TeiInfo,
                ..UNKNOWN
            },
            Self::Vllm => Traits {
                name: "vllm",
                card: Card::ModelList,
                ..LOCAL
            },
            // Takes `base64` or nothing for `encoding_format`, and cuts long inputs unless told otherwise.
            Self::Voyage => Traits {
                name: "voyage",
                hosts: &["voyageai.com"],
                max_batch: Some(128),
                max_tokens: Some(120_000),
                encoding: Encoding::Unsaid,
                dimensions_field: "output_dimension",
                cuts_unless_told: true,
                ..UNKNOWN
            },
            Self::Compatible => UNKNOWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_the_servers_are_known_for() {
        let limits = |profile: Profile| (profile.traits().max_batch, profile.traits().max_tokens);
        assert_eq!(limits(Profile::OpenAi), (Some(2048), Some(300_000)));
        assert_eq!(limits(Profile::Azure), (Some(2048), Some(300_000)));
        assert_eq!(limits(Profile::DashScope), (Some(10), None));
        assert_eq!(limits(Profile::SiliconFlow), (Some(64), None));
        assert_eq!(limits(Profile::Cohere), (Some(96), None));
        assert_eq!(limits(Profile::Mistral), (Some(128), Some(16_000)));
        assert_eq!(limits(Profile::Voyage), (Some(128), Some(120_000)));
        assert_eq!(limits(Profile::Gemini), (Some(250), Some(20_000)));
        assert_eq!(limits(Profile::Bedrock), (Some(96), None));
        assert_eq!(limits(Profile::Tei).0, Some(32));
        for unknown in [
            Profile::Compatible,
            Profile::LiteLlm,
            Profile::OpenRouter,
            Profile::MiniMax,
        ] {
            assert_eq!(limits(unknown), (Some(16), None));
        }
        for local in [
            Profile::Vllm,
            Profile::LlamaCpp,
            Profile::LmStudio,
            Profile::Ollama,
            Profile::Mlx,
        ] {
            assert_eq!(limits(local), (None, None));
        }
        assert_eq!(Profile::Mlx.traits().context_length, Some(512));
    }

    #[test]
    fn only_openai_and_azure_are_asked_for_base64() {
        for profile in Profile::ALL {
            let expected = matches!(profile, Profile::OpenAi | Profile::Azure);
            assert_eq!(
                profile.traits().encoding == Encoding::Base64,
                expected,
                "{}",
                profile.name()
            );
        }
    }
}
