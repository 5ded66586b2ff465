//! The embedder itself.

use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use embed_core::{AnswerFault, Embedder, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result, Usage};
use embed_http::{HttpClient, Layout, Response, read_rows};

use crate::builder::{OllamaBuilder, Request};
use crate::classify::{classify, error_in_success, is_unknown_path};
use crate::models::OllamaClient;
use crate::wire::{self, EmbedRequest, LegacyRequest};

const EMBED: &str = "/api/embed";
const LEGACY: &str = "/api/embeddings";

/// Embeds texts on an Ollama server. Clones share the connection pool, the counters, and what was learned of the model.
///
/// The width of the first answer is held against every later one, so that a model replaced on the server does not mix
/// its rows with those of its predecessor. Inputs are sent as they are, whatever their [`InputKind`]: wrap the embedder
/// in [`embed_core::Prefixed`] for models that want to be told.
#[derive(Clone)]
pub struct OllamaEmbedder {
    inner: Arc<Inner>,
}

struct Inner {
    client: OllamaClient,
    /// What is known before the first answer.
    info: ModelInfo,
    /// The same, with the width that the first answer had.
    learned: OnceLock<ModelInfo>,
    request: Request,
    /// The server answered at the old path after it did not know the new one.
    legacy: AtomicBool,
    warning: Option<String>,
}

impl OllamaEmbedder {
    /// Starts with the model's name, such as `nomic-embed-text` or `qwen3-embedding:0.6b`.
    pub fn builder(model: impl Into<String>) -> OllamaBuilder {
        OllamaBuilder::new(model.into())
    }

    pub(crate) fn new(http: HttpClient, info: ModelInfo, request: Request, warning: Option<String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                client: OllamaClient::new(http),
                info,
                learned: OnceLock::new(),
                request,
                legacy: AtomicBool::new(false),
                warning,
            }),
        }
    }

    /// The server's other side, over the same connections: its version, its models, getting more.
    pub fn client(&self) -> &OllamaClient {
        &self.inner.client
    }

    /// What was read in another way than it was written in the host, worth telling a person once.
    pub fn warning(&self) -> Option<&str> {
        self.inner.warning.as_deref()
    }

    /// Has the server load the model, so that the first batch does not wait for it. It stays for `keep_alive`.
    ///
    /// # Errors
    /// `ModelNotFound`, and what loading or the transport gives.
    pub async fn warm_up(&self) -> Result<()> {
        let mut response = self.post_embed(&[]).await?;
        if is_unknown_path_of(&response) {
            let failure = response.failure().await;
            if !is_unknown_path(failure.status, &failure.body) {
                return Err(classify(failure, self.name(), 0));
            }
            // An empty prompt only loads the model.
            response = self.post_legacy("").await?;
        }
        if !response.status().is_success() {
            return Err(classify(response.failure().await, self.name(), 0));
        }
        response.bytes().await.map(drop)
    }

    fn name(&self) -> &str {
        &self.inner.info.model
    }

    fn http(&self) -> &HttpClient {
        self.inner.client.http()
    }

    async fn post_embed(&self, inputs: &[&str]) -> Result<Response> {
        let request = &self.inner.request;
        let body = wire::json(&EmbedRequest {
            model: self.name(),
            input: inputs,
            truncate: request.truncate,
            dimensions: request.dimensions,
            keep_alive: request.keep_alive.as_ref(),
            options: &request.options,
        })?;
        self.http().post_json(EMBED, body).await
    }

    async fn post_legacy(&self, prompt: &str) -> Result<Response> {
        let request = &self.inner.request;
        let body = wire::json(&LegacyRequest {
            model: self.name(),
            prompt,
            keep_alive: request.keep_alive.as_ref(),
            options: &request.options,
        })?;
        self.http().post_json(LEGACY, body).await
    }

    /// Embeds by the path of servers that do not know `/api/embed`: one text a request, rows of any length.
    async fn embed_legacy(&self, inputs: &[&str]) -> Result<Embeddings> {
        let mut rows = Embeddings::empty();
        for (index, input) in inputs.iter().enumerate() {
            let response = self.post_legacy(input).await?;
            let row = self
                .read(response, Layout::OllamaLegacy, 1)
                .await
                .map_err(|error| match error.input() {
                    // The request's only input is this one of the batch.
                    Some(_) => error.with_input(index),
                    None => error,
                })?;
            rows.append(&row)?;
            self.inner.legacy.store(true, Ordering::Relaxed);
        }
        rows.normalize();
        Ok(rows)
    }

    /// Reads the answer to a request of so many inputs, and lets only sound rows pass.
    async fn read(&self, response: Response, layout: Layout, inputs: usize) -> Result<Embeddings> {
        if !response.status().is_success() {
            return Err(classify(response.failure().await, self.name(), inputs));
        }
        let url = response.url().to_owned();
        let dimensions = self.model().dimensions;
        let answer = read_rows(response, layout, inputs, dimensions).await?;
        if let Some(error) = error_in_success(self.http(), &url, &answer.rest, self.name(), inputs) {
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

    /// Says whose answer it was that did not pass the gate, and what can be done.
    fn unusable(&self, url: &str, error: Error) -> Error {
        let fault = error
            .source()
            .and_then(|source| source.downcast_ref::<AnswerFault>())
            .copied();
        let mut message = format!("model `{}`: {url} gave rows that cannot be used", self.name());
        let mut kind = error.kind();
        if let Some(AnswerFault::Width { expected, found, .. }) = fault {
            match self.inner.request.dimensions {
                // No retry changes what the server is.
                Some(asked) => {
                    kind = ErrorKind::InvalidConfig;
                    message = if found > asked {
                        format!(
                            "{message}: it ignored `dimensions` = {asked} and gave {found} values a row; update Ollama \
                             or drop the setting"
                        )
                    } else {
                        format!(
                            "{message}: its rows have {found} values, `dimensions` asks for {asked}; ask for at most \
                             {found} or drop the setting"
                        )
                    };
                }
                None => {
                    message = format!(
                        "{message}: they have {found} values, earlier ones had {expected}; was the model replaced?"
                    );
                }
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
}

#[async_trait]
impl Embedder for OllamaEmbedder {
    /// The width is known where `dimensions` was set, and after the first answer.
    fn model(&self) -> &ModelInfo {
        self.inner.learned.get().unwrap_or(&self.inner.info)
    }

    /// Blank inputs are refused here: for an empty one alone the server would answer without a row.
    async fn embed_batch<'a>(&self, inputs: &[&'a str], _kind: InputKind) -> Result<Embeddings> {
        if inputs.is_empty() {
            return Ok(Embeddings::empty());
        }
        if let Some(index) = inputs.iter().position(|input| input.trim().is_empty()) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "model `{}`: input {index} is blank, and a blank text has no embedding",
                    self.name()
                ),
            )
            .with_input(index));
        }
        if self.inner.legacy.load(Ordering::Relaxed) {
            return self.embed_legacy(inputs).await;
        }
        let response = self.post_embed(inputs).await?;
        if !is_unknown_path_of(&response) {
            return self.read(response, Layout::Ollama, inputs.len()).await;
        }
        let failure = response.failure().await;
        if !is_unknown_path(failure.status, &failure.body) {
            return Err(classify(failure, self.name(), inputs.len()));
        }
        self.embed_legacy(inputs).await
    }

    /// Asks for the model's card and digest. What an older server does not tell stays open.
    async fn describe(&self) -> Result<ModelInfo> {
        let mut info = self.model().clone();
        let card = match self.client().show(self.name()).await {
            Ok(card) => card,
            // The path is newer than the server.
            Err(error) if error.kind() == ErrorKind::InvalidConfig && error.status().is_some() => {
                return Ok(info);
            }
            Err(error) => return Err(error),
        };
        info.dimensions = info.dimensions.or(card.embedding_length);
        let asked = self
            .inner
            .request
            .options
            .get("num_ctx")
            .and_then(serde_json::Value::as_u64);
        let limit = asked
            .and_then(|tokens| usize::try_from(tokens).ok())
            .or(card.num_ctx);
        // The model cannot read more than it was made for, however much room it is given.
        info.context_length = match (card.context_length, limit) {
            (Some(model), Some(limit)) => Some(model.min(limit)),
            (model, limit) => model.or(limit),
        };
        if let Some(installed) = self.client().find(self.name()).await? {
            info.digest = Some(installed.digest).filter(|digest| !digest.is_empty());
        }
        Ok(info)
    }

    fn usage(&self) -> Usage {
        self.inner.client.usage()
    }
}

/// Whether the status leaves it open that the server does not know the path.
fn is_unknown_path_of(response: &Response) -> bool {
    matches!(response.status().as_u16(), 404 | 405)
}

impl fmt::Debug for OllamaEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OllamaEmbedder")
            .field("base", &self.http().base())
            .field("model", self.model())
            .field("request", &self.inner.request)
            .finish_non_exhaustive()
    }
}
