//! Several servers with the same model, behind one embedder.

mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use embed_core::{Embedder, EmbedderExt, Embeddings, Error, ErrorKind, InputKind, ModelInfo, Result, Usage};
use ingest_core::{CANARY, same_model};
use tokio::task::JoinSet;

use server::{Server, Standing, is_unreachable};

/// Gives each batch to the server that is least busy.
///
/// One that cannot be reached is asked last for a while, and its batch goes to the next; the batch fails when none can.
/// One that fails is asked last, too: its batch fails, and whoever tries it again tries another server. A wait that a server
/// asks for is kept for that server alone.
///
/// Before its first batch, and after it was away, a server is asked for the canary. One whose model is another than that of
/// the first is left out, and told of.
pub(crate) struct Spread {
    servers: Vec<Server>,
    /// What the first server said that was asked.
    first: Mutex<Option<Sample>>,
    warn: Box<dyn Fn(&str) + Send + Sync>,
}

/// What tells a server's model from another.
#[derive(Clone, Debug)]
struct Sample {
    server: String,
    /// `None` where the server cannot tell.
    digest: Option<String>,
    canary: Vec<f32>,
}

/// What became of looking at a server's model.
enum Checked {
    Good,
    /// Another one looked, and found it of no use for now.
    PassedOver,
    /// It has another model than the first; says so.
    Refused(String),
}

impl Spread {
    /// `servers` are of one provider and model, with their addresses; there is at least one. `warn` hears of servers that
    /// are left out for good.
    pub(crate) fn new(
        servers: Vec<(String, Arc<dyn Embedder>)>,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let servers = servers
            .into_iter()
            .map(|(name, embedder)| Server::new(name, embedder));
        Self {
            servers: servers.collect(),
            first: Mutex::default(),
            warn: Box::new(warn),
        }
    }

    /// Looks at all servers' models, before anything is done with their vectors. One that is away or in trouble is looked
    /// at when it is back.
    ///
    /// # Errors
    /// `InvalidConfig`, naming two servers, where their models differ; what a server says that only a person can mend.
    pub(crate) async fn agree(self: &Arc<Self>) -> Result<()> {
        let mut looks = JoinSet::new();
        for number in 0..self.servers.len() {
            let spread = Arc::clone(self);
            looks.spawn(async move { spread.check(&spread.servers[number]).await });
        }
        while let Some(look) = looks.join_next().await {
            match look {
                Ok(Ok(Checked::Refused(difference))) => {
                    return Err(Error::new(ErrorKind::InvalidConfig, difference));
                }
                Ok(Err(error)) if !error.is_retryable() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The servers that may be asked now, the one to ask first in front.
    fn by_load(&self) -> Vec<&Server> {
        let may_be_asked =
            |server: &&Server| server.standing() != Standing::Refused && server.pause().is_none();
        let mut servers: Vec<_> = self.servers.iter().filter(may_be_asked).collect();
        servers.sort_by_key(|server| server.rank());
        servers
    }

    /// Finds out whether a server has the model of the first, if that is not known.
    ///
    /// # Errors
    /// What the server says instead; it is noted.
    async fn check(&self, server: &Server) -> Result<Checked> {
        let was_aside = server.is_aside();
        let _checking = server.checking.lock().await;
        match server.standing() {
            Standing::Good => return Ok(Checked::Good),
            Standing::Refused => return Ok(Checked::PassedOver),
            Standing::Unknown if !was_aside && server.is_aside() => return Ok(Checked::PassedOver),
            Standing::Unknown => {}
        }
        let sample = sample(server).await;
        server.heard(sample.as_ref().err());
        let sample = sample?;
        let difference = {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            let first = first.get_or_insert_with(|| sample.clone());
            difference(first, &sample, &self.model().model)
        };
        let Some(difference) = difference else {
            server.stands(Standing::Good);
            return Ok(Checked::Good);
        };
        server.stands(Standing::Refused);
        Ok(Checked::Refused(difference))
    }

    /// Whether a server may have a batch.
    async fn admits(&self, server: &Server) -> Result<bool> {
        if server.standing() == Standing::Good {
            return Ok(true);
        }
        match self.check(server).await? {
            Checked::Good => Ok(true),
            Checked::PassedOver => Ok(false),
            Checked::Refused(difference) => {
                (self.warn)(&format!("{difference}; {} is left out", server.name));
                Ok(false)
            }
        }
    }

    async fn ask(&self, server: &Server, inputs: &[&str], kind: InputKind) -> Result<Option<Embeddings>> {
        let _busy = server.enter();
        if !self.admits(server).await? {
            return Ok(None);
        }
        let answer = server.embedder.embed_batch(inputs, kind).await;
        server.heard(answer.as_ref().err());
        answer.map(Some)
    }

    /// Replaces the wait that one server asked for by the one until any may be asked.
    fn with_wait_of_all(&self, error: Error) -> Error {
        match self.wait() {
            Some(wait) => error.with_retry_after(wait),
            None => error.without_retry_after(),
        }
    }

    /// How long until a server may be asked; `None` if one may be now.
    fn wait(&self) -> Option<Duration> {
        let servers = self.servers.iter();
        let pauses = servers.filter(|server| server.standing() != Standing::Refused);
        // A server without a pause makes the least one `None`.
        pauses.map(Server::pause).min().flatten()
    }

    /// Why no server was asked.
    fn nobody(&self) -> Error {
        if self
            .servers
            .iter()
            .all(|server| server.standing() == Standing::Refused)
        {
            return Error::new(
                ErrorKind::InvalidConfig,
                "no server has the model that is asked for",
            );
        }
        let names: Vec<_> = self.servers.iter().map(|server| &*server.name).collect();
        let message = format!("none of the servers {} can be asked just now", names.join(", "));
        Error::new(ErrorKind::Busy, message)
    }
}

/// Asks a server what tells its model from others.
async fn sample(server: &Server) -> Result<Sample> {
    let digest = match server.embedder.describe().await {
        Ok(info) => info.digest,
        Err(error) if is_unreachable(&error) => return Err(error),
        // Some servers can't describe their models.
        Err(_) => None,
    };
    Ok(Sample {
        server: server.name.clone(),
        digest,
        canary: server.embedder.embed_one(CANARY, InputKind::Document).await?,
    })
}

/// How the models of two servers differ, if they do.
fn difference(first: &Sample, other: &Sample, model: &str) -> Option<String> {
    let how = match (&first.digest, &other.digest) {
        (Some(one), Some(two)) if one != two => format!("digests {one} and {two}"),
        _ => {
            let cosine = same_model(&first.canary, &other.canary).err()?;
            format!("their embeddings of the text `{CANARY}` have a cosine of {cosine:.4}")
        }
    };
    let who = if first.server == other.server {
        format!(
            "{} has another version of model `{model}` than before",
            first.server
        )
    } else {
        format!(
            "{} and {} have different versions of model `{model}`",
            first.server, other.server
        )
    };
    Some(format!("{who} ({how}): pull the same on each"))
}

#[async_trait]
impl Embedder for Spread {
    fn model(&self) -> &ModelInfo {
        self.servers[0].embedder.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        let mut last = None;
        for server in self.by_load() {
            match self.ask(server, inputs, kind).await {
                Ok(Some(rows)) => return Ok(rows),
                Ok(None) => {}
                Err(error) if is_unreachable(&error) => last = Some(error),
                Err(error) => return Err(self.with_wait_of_all(error)),
            }
        }
        Err(self.with_wait_of_all(last.unwrap_or_else(|| self.nobody())))
    }

    /// What the servers say of the model; those that cannot be reached now are left out.
    ///
    /// # Errors
    /// `InvalidConfig`, naming both, where two servers have different weights: their vectors must not meet in one store.
    async fn describe(&self) -> Result<ModelInfo> {
        let mut known: Option<(&str, ModelInfo)> = None;
        let mut last = None;
        for server in &self.servers {
            let info = match server.embedder.describe().await {
                Ok(info) => info,
                Err(error) if is_unreachable(&error) => {
                    server.heard(Some(&error));
                    last = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some((first, known)) = &known else {
                known = Some((&server.name, info));
                continue;
            };
            let digests_differ =
                matches!((&known.digest, &info.digest), (Some(one), Some(two)) if one != two);
            if digests_differ || known.dimensions != info.dimensions {
                let (model, other) = (&info.model, &server.name);
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!(
                        "{first} and {other} have different versions of model `{model}`: pull the same on each"
                    ),
                ));
            }
        }
        known
            .map(|(_, info)| info)
            .ok_or_else(|| last.unwrap_or_else(|| self.nobody()))
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        self.servers[0].embedder.count_tokens(input)
    }

    fn usage(&self) -> Usage {
        self.servers
            .iter()
            .fold(Usage::default(), |sum, server| sum + server.embedder.usage())
    }
}

impl fmt::Debug for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spread")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}
