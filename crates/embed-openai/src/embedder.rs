//! The embedder itself.

use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use embed_core::{AnswerFault, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result, Usage};
use embed_http::{DecodeError, HttpClient, Layout, Response, read_rows};

use crate::auth::ApiKey;
use crate::builder::OpenAiBuilder;
use crate::classify::{Asked, classify, error_in_success};
use crate::profile::{Encoding, Profile};
use crate::wire::{EmbeddingsRequest, ModelList, TeiInfo};

/// Embeds texts on OpenAI or a server that speaks like it. Clones share the connection pool, the counters, and what was
/// learned of the model.
///
/// The width of the first answer is held against every later one. Inputs are sent as they are, whatever their
/// [`InputKind`]: wrap the embedder in [`embed_core::Prefixed`] for models that want to be told.
#[derive(Clone)]
pub struct OpenAiEmbedder {
    inner: Arc<Inner>,
}

struct Inner {
    http: HttpClient,
    /// What is known before the first answer.
    info: ModelInfo,
    /// The same, with the width that the first answer had.
    learned: OnceLock<ModelInfo>,
    plan: Plan,
    key: Option<ApiKey>,
}

/// How this server is asked.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) profile: Profile,
    /// Path of embeddings.
    pub(crate) embeddings: String,
    /// Path where the server tells what it can take.
    pub(crate) card: Option<String>,
    pub(crate) encoding: Encoding,
    /// The width asked for, and the name this server has for it.
    pub(crate) dimensions: Option<(&'static str, usize)>,
    pub(crate) forbid_truncation: bool,
}

impl OpenAiEmbedder {
    /// Starts with the model's name, such as `text-embedding-3-small`.
    pub fn builder(model: impl Into<String>) -> OpenAiBuilder {
        OpenAiBuilder::new(model.into())
    }

    pub(crate) fn new(http: HttpClient, info: ModelInfo, plan: Plan, key: Option<ApiKey>) -> Self {
        Self {
            inner: Arc::new(Inner {
                http,
                info,
                learned: OnceLock::new(),
                plan,
                key,
            }),
        }
    }

    /// Which server this was made for.
    pub fn profile(&self) -> &Profile {
        &self.inner.plan.profile
    }

    fn asked(&self, inputs: usize) -> Asked<'_> {
        Asked {
            model: &self.inner.info.model,
            key: self.inner.key.as_ref(),
            dimensions: self.inner.plan.dimensions.map(|(_, dimensions)| dimensions),
            inputs,
        }
    }

    /// Reads the answer to a request of so many inputs, and lets only sound rows pass.
    async fn read(&self, response: Response, inputs: usize) -> Result<Embeddings> {
        let asked = self.asked(inputs);
        if !response.status().is_success() {
            return Err(classify(response.failure().await, asked));
        }
        let url = response.url().to_owned();
        let dimensions = self.model().dimensions;
        let answer = read_rows(response, Layout::OpenAi, inputs, dimensions)
            .await
            .map_err(|error| self.refused_in_success(&url, &error, asked).unwrap_or(error))?;
        if let Some(error) = error_in_success(&self.inner.http, &url, &answer.rest, asked) {
            return Err(error);
        }
        let rows = answer.embeddings;
        rows.check(inputs, dimensions)
            .map_err(|fault| self.unusable(&url, fault))?;
        if self.inner.learned.get().is_none() {
            let width = rows.dimensions();
            let learned = self
                .inner
                .learned
                .get_or_init(|| self.inner.info.clone().with_dimensions(width));
            // Another call may have learned another width meanwhile: only one of the two may be right.
            rows.check(inputs, learned.dimensions)
                .map_err(|fault| self.unusable(&url, fault))?;
        }
        Ok(rows)
    }

    /// What a server says that answers 200 and means no.
    fn refused_in_success(&self, url: &str, error: &Error, asked: Asked<'_>) -> Option<Error> {
        let rest = error.source()?.downcast_ref::<DecodeError>()?.rest()?;
        error_in_success(&self.inner.http, url, rest, asked)
    }

    /// Says whose answer it was that did not pass the gate, and what can be done.
    fn unusable(&self, url: &str, error: Error) -> Error {
        let fault = error
            .source()
            .and_then(|source| source.downcast_ref::<AnswerFault>())
            .copied();
        let mut message = format!(
            "model `{}`: {url} gave rows that cannot be used",
            self.inner.info.model
        );
        let mut kind = error.kind();
        if let Some(AnswerFault::Width { expected, found, .. }) = fault {
            if self.inner.plan.dimensions.is_some() {
                // No retry changes what the server is.
                kind = ErrorKind::InvalidConfig;
                message = format!(
                    "{message}: they have {found} values although `dimensions` = {expected} was asked for; drop the \
                     setting or choose a model and server that heed it"
                );
            } else {
                message = format!(
                    "{message}: they have {found} values instead of {expected}; was the model replaced?"
                );
            }
        }
        let outer = Error::new(kind, message);
        match fault {
            Some(fault @ (AnswerFault::NotFinite { row, .. } | AnswerFault::ZeroRow { row })) => {
                outer.with_input(row).with_source(fault)
            }
            Some(fault) => outer.with_source(fault),
            None => outer.with_source(error),
        }
    }

    /// What Text Embeddings Inference tells of its one model.
    async fn describe_by_info(&self, response: Response, info: &mut ModelInfo) -> Result<()> {
        let card: TeiInfo = response.json().await?;
        info.digest = card.model_sha;
        info.context_length = card.max_input_length.or(info.context_length);
        info.max_batch = card
            .max_client_batch_size
            .and_then(NonZeroUsize::new)
            .or(info.max_batch);
        Ok(())
    }

    async fn describe_by_list(&self, response: Response, info: &mut ModelInfo) -> Result<()> {
        let list: ModelList = response.json().await?;
        let model = list.data.into_iter().find(|model| model.id == info.model);
        info.context_length = model
            .and_then(|model| model.max_model_len)
            .or(info.context_length);
        Ok(())
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    /// The width is known for OpenAI's own models, where `dimensions` was set, and after the first answer.
    fn model(&self) -> &ModelInfo {
        self.inner.learned.get().unwrap_or(&self.inner.info)
    }

    /// Blank inputs are refused here: servers refuse the batch or leave their rows out.
    async fn embed_batch<'a>(&self, inputs: &[&'a str], _kind: InputKind) -> Result<Embeddings> {
        if inputs.is_empty() {
            return Ok(Embeddings::empty());
        }
        let model = &self.inner.info.model;
        if let Some(index) = inputs.iter().position(|input| input.trim().is_empty()) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("model `{model}`: input {index} is blank, and a blank text has no embedding"),
            )
            .with_input(index));
        }
        let plan = &self.inner.plan;
        let request = EmbeddingsRequest {
            model,
            input: inputs,
            encoding: plan.encoding,
            dimensions: plan.dimensions,
            forbid_truncation: plan.forbid_truncation,
        };
        let response = self
            .inner
            .http
            .post_json(&plan.embeddings, request.json()?)
            .await?;
        self.read(response, inputs.len()).await
    }

    /// Asks servers that tell (Text Embeddings Inference, vLLM) for their limits; of others, what is known already.
    async fn describe(&self) -> Result<ModelInfo> {
        let mut info = self.model().clone();
        let Some(path) = &self.inner.plan.card else {
            return Ok(info);
        };
        let response = self.inner.http.get(path).await?;
        // A proxy before the server may know the path of embeddings only.
        if matches!(response.status().as_u16(), 404 | 405) {
            return Ok(info);
        }
        if !response.status().is_success() {
            return Err(classify(response.failure().await, self.asked(0)));
        }
        match self.inner.plan.profile {
            Profile::Tei => self.describe_by_info(response, &mut info).await?,
            _ => self.describe_by_list(response, &mut info).await?,
        }
        Ok(info)
    }

    fn usage(&self) -> Usage {
        self.inner.http.usage()
    }
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiEmbedder")
            .field("base", &self.inner.http.base())
            .field("model", self.model())
            .field("plan", &self.inner.plan)
            .field("key", &self.inner.key)
            .finish_non_exhaustive()
    }
}
