//! A server under test, and what is known of it before the first cell.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use embed_core::{Embedder, EmbedderExt, ErrorKind, InputKind, cosine, normalize};
use embed_ollama::{OllamaClient, OllamaEmbedder};
use embed_openai::{Encoding, OpenAiEmbedder, Profile};

use crate::axes::{Endpoint, Mode, Width};
use crate::end_to_end::Exported;
use crate::server::{self, Server};
use crate::texts;

/// Connections that an embedder may hold, fewer than the most callers of a cell.
pub(crate) const MOST_CONNECTIONS: usize = 4;

/// Servers are not bit-exact: the batch that a text is in may change the last digits.
pub(crate) const SAME: f32 = 0.999;

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server under test.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) model: String,
    pub(crate) digest: String,
    /// Whether it cuts rows to `dimensions`.
    pub(crate) can_cut: bool,
    /// The server, if it is ours to stop and start.
    pub(crate) server: Option<Server>,
    /// Where cells leave files; absolute.
    pub(crate) folder: PathBuf,
    pub(crate) texts: Vec<String>,
    /// What an undisturbed run leaves in a store, once it was made.
    pub(crate) undisturbed: Option<Exported>,
    alone: Vec<Vec<f32>>,
}

impl Target {
    /// Learns the server: its version, whether it cuts rows, and the vector that each text gets alone.
    pub(crate) async fn learn(
        url: String,
        model: Option<String>,
        server: Option<Server>,
        folder: PathBuf,
    ) -> anyhow::Result<Self> {
        let client = server::client(&url)?;
        let version = client.version().await.with_context(|| {
            format!("no Ollama answers at {url}: start it, or have one installed by --provision")
        })?;
        let model = match model {
            Some(model) => model,
            None => smallest_embedding_model(&client, &url).await?,
        };
        let Some(installed) = client.find(&model).await? else {
            bail!("the server at {url} does not have the model {model}: run `ollama pull {model}`");
        };
        std::fs::create_dir_all(&folder)?;
        let mut target = Self {
            url,
            version,
            model,
            digest: installed.digest,
            can_cut: false,
            server,
            folder,
            texts: texts::short(),
            undisturbed: None,
            alone: Vec::new(),
        };
        target.can_cut = target.cuts_rows().await?;
        target.embed_alone().await?;
        Ok(target)
    }

    /// An embedder with a pool of its own.
    pub(crate) fn embedder(&self, mode: Mode, width: Width) -> anyhow::Result<Arc<dyn Embedder>> {
        self.embedder_for(&self.model, mode, width)
    }

    /// The same, for any model's name.
    pub(crate) fn embedder_for(
        &self,
        model: &str,
        mode: Mode,
        width: Width,
    ) -> anyhow::Result<Arc<dyn Embedder>> {
        macro_rules! common {
            ($builder:expr) => {{
                let builder = $builder
                    .max_connections(MOST_CONNECTIONS)
                    .max_idle(MOST_CONNECTIONS)
                    .request_timeout(PATIENCE);
                match width {
                    Width::Native => builder,
                    Width::Cut => builder.dimensions(Width::CUT),
                }
            }};
        }
        let encoding = match mode.endpoint {
            Endpoint::Native => {
                let builder = OllamaEmbedder::builder(model).host(&self.url);
                let builder = builder.truncate(mode.truncate == Some(true));
                return Ok(Arc::new(common!(builder).build()?));
            }
            Endpoint::Float => Encoding::Float,
            Endpoint::Base64 => Encoding::Base64,
        };
        let builder = OpenAiEmbedder::builder(model)
            .base_url(format!("{}/v1", self.url))
            .profile(Profile::Ollama)
            .max_batch(NonZeroUsize::MAX)
            .encoding(encoding);
        Ok(Arc::new(common!(builder).build()?))
    }

    /// The vector that a short text gets alone, as wide as asked.
    pub(crate) fn alone(&self, text: usize, width: Width) -> Vec<f32> {
        let mut row = self.alone[text].clone();
        if width == Width::Cut {
            row.truncate(Width::CUT);
            normalize(&mut row);
        }
        row
    }

    /// Holds a row against the one its text gets alone: width, unit length, direction.
    pub(crate) fn check_row(&self, row: &[f32], text: usize, width: Width) -> anyhow::Result<()> {
        let expected = self.alone(text, width);
        let name = &self.texts[text];
        ensure!(
            row.len() == expected.len(),
            "`{name}`: {} values, not {}",
            row.len(),
            expected.len()
        );
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        ensure!((length - 1.0).abs() < 1e-3, "`{name}`: a row of length {length}");
        let cosine = cosine(row, &expected);
        ensure!(
            cosine > SAME,
            "`{name}`: cosine {cosine} with the row it gets alone"
        );
        Ok(())
    }

    async fn cuts_rows(&self) -> anyhow::Result<bool> {
        let embedder = self.embedder(Mode::of(Endpoint::Native), Width::Cut)?;
        match embedder.embed_one("test", InputKind::Document).await {
            Ok(row) => Ok(row.len() == Width::CUT),
            Err(error) if error.kind() == ErrorKind::InvalidConfig => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Also makes sure that different texts have different vectors: else nothing could be said of their order.
    async fn embed_alone(&mut self) -> anyhow::Result<()> {
        let embedder = self.embedder(Mode::of(Endpoint::Native), Width::Native)?;
        for text in &self.texts {
            self.alone
                .push(embedder.embed_one(text, InputKind::Document).await?);
        }
        for (at, row) in self.alone.iter().enumerate() {
            for (other, another) in self.alone.iter().enumerate().skip(at + 1) {
                let cosine = cosine(row, another);
                let (text, other) = (&self.texts[at], &self.texts[other]);
                ensure!(
                    cosine < SAME,
                    "model {} cannot tell `{text}` from `{other}`",
                    self.model
                );
            }
        }
        Ok(())
    }
}

/// The smallest model of the server that says it embeds, or is known to.
async fn smallest_embedding_model(client: &OllamaClient, url: &str) -> anyhow::Result<String> {
    let mut models = client.list().await?;
    models.sort_by_key(|model| model.bytes);
    for model in models {
        let card = client.show(&model.name).await?;
        let sounds_like_it = model.name.contains("embed") || model.name.contains("minilm");
        if card.can_embed().unwrap_or(sounds_like_it) {
            return Ok(model.name);
        }
    }
    bail!(
        "the server at {url} has no embedding model: run `ollama pull all-minilm`, or name one with --model"
    )
}
