//! The models of a server: which there are, what they can do, getting more.

use std::collections::BTreeMap;

use bytes::Bytes;
use embed_core::{Error, ErrorKind, Result, Usage};
use embed_http::{HttpClient, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::classify::classify;
use crate::ndjson::Lines;
use crate::wire::{self, CreateRequest, ModelRequest, ModelsAnswer, ShowAnswer, VersionAnswer};

/// What an Ollama server can be asked besides embeddings. Clones share one connection pool.
#[derive(Clone, Debug)]
pub struct OllamaClient {
    http: HttpClient,
}

/// A model on the server's disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct InstalledModel {
    /// Name with tag, such as `nomic-embed-text:latest`.
    pub name: String,
    /// SHA-256 of its manifest in hexadecimal: the identity of the weights.
    #[serde(default)]
    pub digest: String,
    /// Bytes on disk.
    #[serde(default, rename = "size")]
    pub bytes: u64,
}

/// A model in the server's memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LoadedModel {
    /// Name with tag.
    pub name: String,
    /// SHA-256 of its manifest in hexadecimal.
    #[serde(default)]
    pub digest: String,
    /// Bytes of graphics memory it takes; 0 on a CPU.
    #[serde(default, rename = "size_vram")]
    pub vram_bytes: u64,
    /// When it is unloaded, as RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// Tokens it was loaded for; newer servers tell.
    #[serde(default)]
    pub context_length: Option<u64>,
}

/// What a server knows of a model. What an older server does not tell is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelCard {
    /// Architecture, such as `bert`.
    pub architecture: Option<String>,
    /// Tokens the model was made to read at once.
    pub context_length: Option<usize>,
    /// Tokens it reads on this server, where its model file sets `num_ctx`.
    pub num_ctx: Option<usize>,
    /// Values per embedding, before `dimensions` cuts them.
    pub embedding_length: Option<usize>,
    /// What it can do, such as `embedding`. Older servers tell nothing.
    pub capabilities: Vec<String>,
    /// Number of parameters as the server writes it, such as `137M`.
    pub parameter_size: Option<String>,
    /// Form of the weights, such as `F16`.
    pub quantization: Option<String>,
}

impl ModelCard {
    /// Whether the model can embed; `None` where the server does not tell.
    pub fn can_embed(&self) -> Option<bool> {
        (!self.capabilities.is_empty()).then(|| self.capabilities.iter().any(|one| one == "embedding"))
    }

    fn from_answer(answer: ShowAnswer) -> Self {
        let info = answer.model_info.unwrap_or_default();
        let details = answer.details.unwrap_or_default();
        let architecture = info
            .get("general.architecture")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or(details.family)
            .filter(|name| !name.is_empty());
        let number = |key: &str, otherwise: Option<u64>| {
            let stated = architecture
                .as_ref()
                .and_then(|architecture| info.get(&format!("{architecture}.{key}")))
                .and_then(Value::as_u64);
            stated
                .or(otherwise)
                .filter(|&number| number > 0)
                .and_then(|number| usize::try_from(number).ok())
        };
        Self {
            context_length: number("context_length", details.context_length),
            embedding_length: number("embedding_length", details.embedding_length),
            num_ctx: answer.parameters.as_deref().and_then(num_ctx),
            capabilities: answer.capabilities.unwrap_or_default(),
            parameter_size: details.parameter_size.filter(|text| !text.is_empty()),
            quantization: details.quantization_level.filter(|text| !text.is_empty()),
            architecture,
        }
    }
}

/// Reads `num_ctx` out of a model's parameters, which the server writes as lines of a name and a value.
fn num_ctx(parameters: &str) -> Option<usize> {
    parameters.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("num_ctx"))
            .then(|| words.next()?.parse().ok())
            .flatten()
    })
}

/// How far the server is with getting or making a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing, such as `pulling manifest`.
    pub status: String,
    /// The part it is doing that to.
    pub digest: Option<String>,
    /// Bytes of that part.
    pub total: Option<u64>,
    /// Bytes of that part that are there.
    pub completed: Option<u64>,
    error: Option<Value>,
}

impl OllamaClient {
    /// Asks over an existing client. A client that bounds the time of a whole answer also bounds a
    /// [`pull`](Self::pull).
    pub fn new(http: HttpClient) -> Self {
        Self { http }
    }

    /// The HTTP client underneath.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// What has been done over the connection pool so far.
    pub fn usage(&self) -> Usage {
        self.http.usage()
    }

    /// The server's version, such as `0.17.4`.
    ///
    /// # Errors
    /// What the transport gives; `InvalidResponse` where no Ollama answers.
    pub async fn version(&self) -> Result<String> {
        let response = self.succeeded(self.http.get("/api/version").await?, "").await?;
        Ok(response.json::<VersionAnswer>().await?.version)
    }

    /// The models on the server's disk.
    ///
    /// # Errors
    /// What the transport gives; `InvalidResponse` where no Ollama answers.
    pub async fn list(&self) -> Result<Vec<InstalledModel>> {
        let response = self.succeeded(self.http.get("/api/tags").await?, "").await?;
        Ok(response
            .json::<ModelsAnswer<_>>()
            .await?
            .models
            .unwrap_or_default())
    }

    /// The model of that name on the server's disk; a name without a tag means `latest`, as everywhere in Ollama.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn find(&self, model: &str) -> Result<Option<InstalledModel>> {
        let wanted = with_tag(model);
        let models = self.list().await?;
        Ok(models
            .into_iter()
            .find(|one| with_tag(&one.name).eq_ignore_ascii_case(&wanted)))
    }

    /// The models in the server's memory.
    ///
    /// # Errors
    /// What the transport gives; `InvalidConfig` from old servers, which cannot tell.
    pub async fn loaded(&self) -> Result<Vec<LoadedModel>> {
        let response = self.succeeded(self.http.get("/api/ps").await?, "").await?;
        Ok(response
            .json::<ModelsAnswer<_>>()
            .await?
            .models
            .unwrap_or_default())
    }

    /// What the server knows of a model.
    ///
    /// # Errors
    /// `ModelNotFound`, and what the transport gives.
    pub async fn show(&self, model: &str) -> Result<ModelCard> {
        let body = wire::json(&ModelRequest::new(model))?;
        let response = self
            .succeeded(self.http.post_json("/api/show", body).await?, model)
            .await?;
        Ok(ModelCard::from_answer(response.json().await?))
    }

    /// Has the server download a model, and tells how far it is.
    ///
    /// # Errors
    /// `ModelNotFound` where the registry does not have it, `Server` where the download fails, `InvalidResponse` where
    /// the answer ends without success. What was downloaded stays with the server: the next call goes on from there.
    pub async fn pull(&self, model: &str, progress: impl FnMut(&Progress) + Send) -> Result<()> {
        let body = wire::json(&ModelRequest::new(model))?;
        let response = self.http.post_json("/api/pull", body).await?;
        self.follow(response, model, progress).await
    }

    /// Whether the server holds a file of that digest (`sha256:` and 64 hexadecimal digits).
    ///
    /// # Errors
    /// What the transport gives.
    pub async fn has_blob(&self, digest: &str) -> Result<bool> {
        let response = self.http.head(&format!("/api/blobs/{digest}")).await?;
        match response.status().as_u16() {
            404 => Ok(false),
            _ => self.succeeded(response, "").await.map(|_| true),
        }
    }

    /// Gives the server a file for [`create`](Self::create), unless it holds it already.
    ///
    /// # Errors
    /// `InvalidInput` where the digest is not that of the content, and what the transport gives.
    pub async fn upload_blob(&self, digest: &str, content: Bytes) -> Result<()> {
        // Asked first: a server that has the file cuts an upload off.
        if self.has_blob(digest).await? {
            return Ok(());
        }
        let path = format!("/api/blobs/{digest}");
        let response = self
            .http
            .post_bytes(&path, "application/octet-stream", content)
            .await?;
        self.succeeded(response, "").await.map(drop)
    }

    /// Has the server make a model of files it was given: paths within the model's folder, each with its digest.
    ///
    /// # Errors
    /// `Server` or `InvalidInput` where the files make no model, `InvalidResponse` where the answer ends without
    /// success.
    pub async fn create(
        &self,
        model: &str,
        files: &BTreeMap<String, String>,
        progress: impl FnMut(&Progress) + Send,
    ) -> Result<()> {
        let body = wire::json(&CreateRequest { model, files })?;
        let response = self.http.post_json("/api/create", body).await?;
        self.follow(response, model, progress).await
    }

    /// Reads progress to its end, which must be success.
    async fn follow(
        &self,
        response: Response,
        model: &str,
        mut progress: impl FnMut(&Progress) + Send,
    ) -> Result<()> {
        let mut lines = Lines::new(self.succeeded(response, model).await?);
        let mut succeeded = false;
        while let Some(step) = lines.next::<Progress>().await? {
            if let Some(error) = &step.error {
                return Err(self.refused(lines.url(), model, error));
            }
            succeeded = step.status == "success";
            progress(&step);
        }
        if succeeded {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidResponse,
            format!(
                "model `{model}`: the answer of {} ended without success; try again, it goes on from where it was",
                lines.url()
            ),
        ))
    }

    /// An error that came as a line under a status of success.
    fn refused(&self, url: &str, model: &str, error: &Value) -> Error {
        let said = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        let said = self.http.scrub(&said);
        let (kind, hint) = if said.contains("does not exist") || said.contains("not found") {
            (
                ErrorKind::ModelNotFound,
                "; check the spelling of the model's name",
            )
        } else {
            (ErrorKind::Server, "")
        };
        Error::new(kind, format!("model `{model}`: {url} failed: {said}{hint}")).with_status(200)
    }

    async fn succeeded(&self, response: Response, model: &str) -> Result<Response> {
        if response.status().is_success() {
            return Ok(response);
        }
        Err(classify(response.failure().await, model, 0))
    }
}

/// The name with the tag that Ollama thinks of where none is written.
fn with_tag(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    if name.contains(':') {
        model.to_owned()
    } else {
        format!("{model}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(json: Value) -> ModelCard {
        ModelCard::from_answer(serde_json::from_value(json).expect("an answer"))
    }

    #[test]
    fn a_card_is_read_from_what_the_server_tells() {
        let card = card(serde_json::json!({
            "parameters": "num_ctx                        8192\nstop    \"x\"",
            "details": {"family": "nomic-bert", "parameter_size": "137M", "quantization_level": "F16"},
            "model_info": {
                "general.architecture": "nomic-bert",
                "nomic-bert.context_length": 2048,
                "nomic-bert.embedding_length": 768,
                "bert.context_length": 1,
            },
            "capabilities": ["embedding"],
            "license": "…",
        }));
        assert_eq!(card.architecture.as_deref(), Some("nomic-bert"));
        assert_eq!(
            (card.context_length, card.embedding_length),
            (Some(2048), Some(768))
        );
        assert_eq!(card.num_ctx, Some(8192));
        assert_eq!(card.can_embed(), Some(true));
        assert_eq!(card.parameter_size.as_deref(), Some("137M"));
        assert_eq!(card.quantization.as_deref(), Some("F16"));
    }

    #[test]
    fn an_old_or_odd_server_leaves_gaps_and_breaks_nothing() {
        assert_eq!(card(serde_json::json!({})), ModelCard::default());
        let odd = card(serde_json::json!({
            "model_info": {"general.architecture": "bert", "bert.context_length": "many", "bert.embedding_length": 0},
            "parameters": "num_ctx",
            "details": null,
            "capabilities": null,
        }));
        assert_eq!(
            (odd.context_length, odd.embedding_length, odd.num_ctx),
            (None, None, None)
        );
        assert_eq!(odd.can_embed(), None);
        let remote = card(serde_json::json!({"details": {"context_length": 512, "embedding_length": 384}}));
        assert_eq!(
            (remote.context_length, remote.embedding_length),
            (Some(512), Some(384))
        );
    }

    #[test]
    fn a_name_without_a_tag_means_latest() {
        assert_eq!(with_tag("all-minilm"), "all-minilm:latest");
        assert_eq!(with_tag("all-minilm:22m"), "all-minilm:22m");
        assert_eq!(
            with_tag("hub:5000/me/all-minilm"),
            "hub:5000/me/all-minilm:latest"
        );
    }
}
