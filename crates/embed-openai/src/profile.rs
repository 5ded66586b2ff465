//! How the servers that speak like OpenAI differ, as a table.

/// The form that vectors are asked for in. Either is understood in any answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// JSON numbers.
    Float,
    /// Little-endian f32 in base64: about a quarter of the bytes.
    Base64,
    /// Not said, for servers that refuse the setting.
    Unsaid,
}

/// Which server answers. It decides limits, the form of vectors, and where the model's card is.
///
/// The limits of servers other than OpenAI and Azure come from their documentation, and may be set otherwise there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// OpenAI itself: 2,048 inputs, 300,000 estimated tokens a request.
    OpenAi,
    /// Azure OpenAI by its `/openai/v1` path: the model in the body, the key in the header `api-key`.
    Azure,
    /// Azure OpenAI by the path of a deployment, which decides the model.
    AzureDeployment {
        /// The deployment's name.
        deployment: String,
        /// Such as `2024-10-21`.
        api_version: String,
    },
    /// Amazon Bedrock behind a gateway: 96 inputs.
    Bedrock,
    /// Cohere's compatibility path: 96 inputs.
    Cohere,
    /// Alibaba's DashScope: 10 inputs.
    DashScope,
    /// Gemini and Vertex AI: 250 inputs, 20,000 tokens.
    Gemini,
    /// A LiteLLM proxy, whatever is behind it: 16 inputs.
    LiteLlm,
    /// The server of llama.cpp.
    LlamaCpp,
    /// LM Studio.
    LmStudio,
    /// MiniMax: 16 inputs; refuses under HTTP 200.
    MiniMax,
    /// Mistral: 128 inputs, 16,000 tokens.
    Mistral,
    /// Servers on MLX, which cut inputs at 512 tokens without a word.
    Mlx,
    /// Ollama's own look-alike path. The crate `embed-ollama` can do more with it.
    Ollama,
    /// OpenRouter, whatever is behind it: 16 inputs.
    OpenRouter,
    /// SiliconFlow: 64 inputs.
    SiliconFlow,
    /// Hugging Face Text Embeddings Inference: 32 inputs unless its card says otherwise.
    Tei,
    /// vLLM.
    Vllm,
    /// Voyage: 128 inputs, 120,000 tokens.
    Voyage,
    /// Any other: 16 inputs.
    Compatible,
}

impl Profile {
    /// All that need nothing more than a name.
    pub const ALL: &[Self] = &[
        Self::OpenAi,
        Self::Azure,
        Self::Bedrock,
        Self::Cohere,
        Self::DashScope,
        Self::Gemini,
        Self::LiteLlm,
        Self::LlamaCpp,
        Self::LmStudio,
        Self::MiniMax,
        Self::Mistral,
        Self::Mlx,
        Self::Ollama,
        Self::OpenRouter,
        Self::SiliconFlow,
        Self::Tei,
        Self::Vllm,
        Self::Voyage,
        Self::Compatible,
    ];

    /// The profile of that name, as settings write it: `openai`, `azure`, `vllm`, `tei` and so on.
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = |name: &str| name.replace(['-', '_', '.', ' '], "").to_ascii_lowercase();
        let wanted = plain(name);
        Self::ALL
            .iter()
            .find(|profile| plain(profile.name()) == wanted)
            .cloned()
    }

    /// The profile that a base URL gives away by its host or port; [`Compatible`](Self::Compatible) where it does not.
    pub fn from_base_url(url: &str) -> Self {
        let (host, port) = host_and_port(url);
        Self::ALL
            .iter()
            .find(|profile| {
                let traits = profile.traits();
                traits.hosts.iter().any(|pattern| matches_host(pattern, &host))
                    || port.is_some_and(|port| traits.ports.contains(&port))
            })
            .cloned()
            .unwrap_or(Self::Compatible)
    }

    /// The name as settings write it.
    pub fn name(&self) -> &'static str {
        self.traits().name
    }
}

/// Host in lower case and port of a URL, as far as they can be told.
fn host_and_port(url: &str) -> (String, Option<u16>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    (host.trim_end_matches('.').to_ascii_lowercase(), port)
}

fn matches_host(pattern: &str, host: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            host.len() >= start.len() + end.len() && host.starts_with(start) && host.ends_with(end)
        }
        None => host
            .strip_suffix(pattern)
            .is_some_and(|before| before.is_empty() || before.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_gives_its_server_away_by_host_or_port() {
        for (url, expected) in [
            ("https://api.openai.com/v1", Profile::OpenAi),
            ("https://eu.api.openai.com/v1", Profile::OpenAi),
            ("https://api.openai.com.evil.example/v1", Profile::Compatible),
            ("https://notapi.openai.com/v1", Profile::Compatible),
            ("https://me.openai.azure.com", Profile::Azure),
            ("https://me.cognitiveservices.azure.com/", Profile::Azure),
            (
                "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
                Profile::DashScope,
            ),
            ("https://api.siliconflow.cn/v1", Profile::SiliconFlow),
            ("https://api.cohere.ai/compatibility/v1", Profile::Cohere),
            ("https://api.mistral.ai/v1", Profile::Mistral),
            ("https://api.voyageai.com/v1", Profile::Voyage),
            (
                "https://generativelanguage.googleapis.com/v1beta/openai",
                Profile::Gemini,
            ),
            (
                "https://us-central1-aiplatform.googleapis.com/v1",
                Profile::Gemini,
            ),
            (
                "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
                Profile::Bedrock,
            ),
            ("https://OpenRouter.ai/api/v1", Profile::OpenRouter),
            ("https://api.minimax.chat/v1", Profile::MiniMax),
            ("http://localhost:11434/v1", Profile::Ollama),
            ("http://[::1]:11434/v1", Profile::Ollama),
            ("http://user:11434@[::1]/v1", Profile::Compatible),
            ("http://localhost:1234/v1", Profile::LmStudio),
            ("http://localhost:8000/v1", Profile::Compatible),
            ("unix:/run/server.sock", Profile::Compatible),
            ("", Profile::Compatible),
        ] {
            assert_eq!(Profile::from_base_url(url), expected, "{url}");
        }
    }

    #[test]
    fn every_profile_is_found_by_its_name_in_any_spelling() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_name(profile.name()).as_ref(), Some(profile));
        }
        assert_eq!(Profile::from_name("LM-Studio"), Some(Profile::LmStudio));
        assert_eq!(Profile::from_name("llama_cpp"), Some(Profile::LlamaCpp));
        assert_eq!(Profile::from_name("nobody"), None);
    }
}
