//! How an embedder is made.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use embed_core::{Error, ErrorKind, ModelInfo, Result};
use embed_http::{Connect, HttpClient, HttpClientBuilder, ProxyMode};

use crate::auth::ApiKey;
use crate::base::Base;
use crate::embedder::{OpenAiEmbedder, Plan};
use crate::known::{self, Known};
use crate::profile::{Encoding, Profile};

/// What the embedder calls itself at the server.
const USER_AGENT: &str = concat!("embed-openai/", env!("CARGO_PKG_VERSION"));

/// OpenAI's own estimate, by which it refuses requests, is a quarter of a token for each byte of UTF-8.
const BYTES_PER_TOKEN: usize = 4;

/// Settings of an [`OpenAiEmbedder`]. Setters cannot fail; [`build`](Self::build) checks everything at once.
#[derive(Clone)]
#[must_use]
pub struct OpenAiBuilder {
    model: String,
    base_url: Option<String>,
    profile: Option<Profile>,
    key: Option<KeySource>,
    /// Whether a header of the caller's own says who is asking.
    own_credentials: bool,
    dimensions: Option<usize>,
    encoding: Option<Encoding>,
    max_batch: Option<NonZeroUsize>,
    max_batch_bytes: Option<NonZeroUsize>,
    http: HttpClientBuilder,
}

#[derive(Clone, Debug)]
enum KeySource {
    Key(ApiKey),
    File(PathBuf),
    /// Sent as `Authorization: Bearer`, whatever the profile.
    Token(ApiKey),
}

impl OpenAiBuilder {
    pub(crate) fn new(model: String) -> Self {
        Self {
            model,
            base_url: None,
            profile: None,
            key: None,
            own_credentials: false,
            dimensions: None,
            encoding: None,
            max_batch: None,
            max_batch_bytes: None,
            http: HttpClient::builder("").user_agent(USER_AGENT),
        }
    }

    /// Where the server is, such as `http://gpu-box:8000/v1`. Without a path, `/v1` is meant. Default
    /// `https://api.openai.com/v1`; other profiles need it said.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Which server answers there. Default: what the base URL gives away, see [`Profile::from_base_url`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// The key, sent as `Authorization: Bearer`, to Azure as `api-key`. Replaces an earlier one.
    pub fn api_key(mut self, key: impl Into<ApiKey>) -> Self {
        self.key = Some(KeySource::Key(key.into()));
        self
    }

    /// The file that holds the key and nothing else. `build` reads it. Replaces an earlier key.
    pub fn api_key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(KeySource::File(path.into()));
        self
    }

    /// A token that is sent as `Authorization: Bearer` to Azure too, as Entra issues them. Replaces an earlier key.
    pub fn bearer_token(mut self, token: impl Into<ApiKey>) -> Self {
        self.key = Some(KeySource::Token(token.into()));
        self
    }

    /// The organization that pays, for keys that belong to several.
    pub fn organization(self, id: impl Into<String>) -> Self {
        self.plain_header("OpenAI-Organization", id)
    }

    /// The project that pays, for keys that belong to several.
    pub fn project(self, id: impl Into<String>) -> Self {
        self.plain_header("OpenAI-Project", id)
    }

    /// Takes the key from `OPENAI_API_KEY`, the base URL from `OPENAI_BASE_URL`, organization and project from
    /// `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID`, as far as they are set and not blank.
    pub fn from_env(self) -> Self {
        self.with_variables(|name| std::env::var(name).ok())
    }

    fn with_variables(mut self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| lookup(name).filter(|value| !value.trim().is_empty());
        if let Some(key) = set("OPENAI_API_KEY") {
            self = self.api_key(key);
        }
        if let Some(url) = set("OPENAI_BASE_URL") {
            self = self.base_url(url);
        }
        if let Some(id) = set("OPENAI_ORG_ID") {
            self = self.organization(id);
        }
        if let Some(id) = set("OPENAI_PROJECT_ID") {
            self = self.project(id);
        }
        self
    }

    /// Asks for rows of so many values, where the model allows it. Default: not asked, as wide as the model makes them.
    pub fn dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// The form that vectors are asked for in. Default: base64 of OpenAI and Azure, else what the profile takes. Either
    /// is understood in any answer.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = Some(encoding);
        self
    }

    /// Most inputs in one request, as [`ModelInfo::max_batch`] tells. Default: what the profile is known for.
    pub fn max_batch(mut self, inputs: NonZeroUsize) -> Self {
        self.max_batch = Some(inputs);
        self
    }

    /// Most bytes of text in one request, as [`ModelInfo::max_batch_bytes`] tells. Default: four for each token the
    /// profile takes in one request.
    pub fn max_batch_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.max_batch_bytes = Some(bytes);
        self
    }

    /// Adds a header to every request. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.own_credentials |= ["authorization", "api-key", "x-api-key"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        self.plain_header(name, value)
    }

    fn plain_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.http = self.http.header(name, value);
        self
    }

    /// Longest time for a whole request, its answer included. Default: no bound.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.total_timeout(Some(timeout));
        self
    }

    /// Longest time to open a connection. Default 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.connect_timeout(timeout);
        self
    }

    /// Longest wait for an answer to begin. Default 300 seconds: a local server may have to load the model first.
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.first_byte_timeout(timeout);
        self
    }

    /// Longest time between two pieces of an answer. Default 60 seconds.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.body_timeout(timeout);
        self
    }

    /// Most connections open at once. Default 10.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.http = self.http.max_connections(count);
        self
    }

    /// Connections kept open without work. Default 5.
    pub fn max_idle(mut self, count: usize) -> Self {
        self.http = self.http.max_idle(count);
        self
    }

    /// Trusts the certificates of this PEM file besides the system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.http = self.http.ca_file(path);
        self
    }

    /// Whether connections go through a proxy. Default: as the environment tells.
    pub fn proxy(mut self, mode: ProxyMode) -> Self {
        self.http = self.http.proxy(mode);
        self
    }

    /// Opens connections by `connector` instead of the operating system. Meant for tests and simulations.
    pub fn connector(mut self, connector: Arc<dyn Connect>) -> Self {
        self.http = self.http.connector(connector);
        self
    }

    /// Makes the embedder. Nothing is asked of the server; at most a key or CA file is read.
    ///
    /// # Errors
    /// `InvalidConfig` for a model without a name, dimensions that the model is known not to have, a key that is
    /// missing where one is always needed or that cannot be one, a deployment's name that cannot stand in a path, and
    /// for what the transport cannot use: base URL, header, CA file, `https://` without the feature `tls`.
    pub fn build(self) -> Result<OpenAiEmbedder> {
        let model = self.model.trim();
        if model.is_empty() {
            return Err(invalid(
                "an embedding model must be named, such as `text-embedding-3-small`",
            ));
        }
        let profile = match (self.profile, &self.base_url) {
            (Some(profile), _) => profile,
            (None, Some(url)) => Profile::from_base_url(url),
            (None, None) => Profile::OpenAi,
        };
        let traits = profile.traits();
        let base = match &self.base_url {
            Some(url) => Base::parse(url)?,
            None if profile == Profile::OpenAi => Base::parse("https://api.openai.com/v1")?,
            None => {
                return Err(invalid(&format!(
                    "the profile `{}` needs a base URL",
                    traits.name
                )));
            }
        };
        let (dimensions, width) = dimensions(&profile, model, self.dimensions)?;
        let mut info = ModelInfo::new("openai", model);
        info.dimensions = width;
        info.context_length = traits
            .context_length
            .or_else(|| Known::of(model).map(|_| known::CONTEXT_LENGTH));
        info.max_batch = self.max_batch.or(traits.max_batch.and_then(NonZeroUsize::new));
        info.max_batch_bytes = self.max_batch_bytes.or(traits
            .max_tokens
            .and_then(|tokens| NonZeroUsize::new(tokens * BYTES_PER_TOKEN)));

        let mut http = self.http.base(base.origin());
        let key = match self.key {
            Some(KeySource::File(path)) => Some((ApiKey::from_file(&path)?, traits.azure)),
            Some(KeySource::Key(key)) => Some((key, traits.azure)),
            Some(KeySource::Token(token)) => Some((token, false)),
            None => None,
        };
        if let Some((key, in_azures_header)) = &key {
            key.check()?;
            http = if *in_azures_header {
                http.header("api-key", key.reveal())
            } else {
                http.bearer(key.reveal())
            };
        } else if matches!(traits.name, "openai" | "azure")
            && !self.own_credentials
            && !base.has_credentials()
        {
            return Err(invalid(
                "no API key: set OPENAI_API_KEY, or name a file that holds the key",
            ));
        }
        let plan = Plan {
            embeddings: base.embeddings(&profile)?,
            card: base.card(traits.card),
            encoding: self.encoding.unwrap_or(traits.encoding),
            dimensions: dimensions.map(|dimensions| (traits.dimensions_field, dimensions)),
            forbid_truncation: traits.cuts_unless_told,
            profile,
        };
        Ok(OpenAiEmbedder::new(
            http.build()?,
            info,
            plan,
            key.map(|(key, _)| key),
        ))
    }
}

/// The width to ask for, and the width that rows will have as far as that is known.
fn dimensions(
    profile: &Profile,
    model: &str,
    asked: Option<usize>,
) -> Result<(Option<usize>, Option<usize>)> {
    // A deployment may bear the name of a model it is not; OpenAI's own names are what they say.
    let known = matches!(profile, Profile::OpenAi)
        .then(|| Known::of(model))
        .flatten();
    match (asked, known) {
        (None, known) => Ok((None, known.map(|known| known.dimensions))),
        (Some(0), _) => Err(invalid("`dimensions` must be at least 1")),
        (Some(asked), Some(known)) if asked > known.dimensions => Err(invalid(&format!(
            "`dimensions` = {asked}, but the embeddings of model `{model}` have only {} values",
            known.dimensions
        ))),
        (Some(asked), Some(known)) if asked == known.dimensions => Ok((None, Some(asked))),
        (Some(asked), Some(known)) if !known.can_cut => Err(invalid(&format!(
            "`dimensions` = {asked}, but model `{model}` always gives {} values; drop the setting or choose a \
             text-embedding-3 model",
            known.dimensions
        ))),
        (Some(asked), _) => Ok((Some(asked), Some(asked))),
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

impl fmt::Debug for OpenAiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiBuilder")
            .field("model", &self.model)
            // As it was typed, it may hold a password.
            .field(
                "base_url",
                &self.base_url.as_deref().map(|url| Base::parse(url).ok()),
            )
            .field("profile", &self.profile)
            .field("key", &self.key)
            .field("dimensions", &self.dimensions)
            .field("encoding", &self.encoding)
            .field("max_batch", &self.max_batch)
            .field("max_batch_bytes", &self.max_batch_bytes)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_taken_as_far_as_it_is_set() {
        let builder = || OpenAiBuilder::new("m".to_owned());
        let vllm = |name: &str| {
            Some(match name {
                "OPENAI_API_KEY" => "the-key".to_owned(),
                "OPENAI_BASE_URL" => "http://gpu-box:8000/v1".to_owned(),
                "OPENAI_ORG_ID" => "org-1".to_owned(),
                _ => String::new(),
            })
        };
        let set = builder().with_variables(vllm);
        assert!(matches!(&set.key, Some(KeySource::Key(key)) if key.reveal() == "the-key"));
        let shown = format!("{:?}", set.http);
        assert!(
            shown.contains("OpenAI-Organization") && !shown.contains("OpenAI-Project"),
            "{shown}"
        );
        assert_eq!(set.build().expect("an embedder").profile(), &Profile::Compatible);

        let unset = builder().with_variables(|_| None);
        assert!(unset.key.is_none() && unset.base_url.is_none());
        assert_eq!(
            unset.build().expect_err("no key").kind(),
            ErrorKind::InvalidConfig
        );
    }
}
