//! Stage 4: the workers. A batch is tried, halved where one of its texts is to blame, and settled text by text.

use std::sync::Arc;
use std::time::Duration;

use embed_core::{Embeddings, Error, ErrorKind, InputKind, Retrier};
use ingest_core::{CANARY, Chunk, ChunkFailure, ContentHash};
use tokio::sync::{Mutex, RwLock, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument;

use crate::blame::{culprit, is_fatal, is_silence, speaks_of_nan};
use crate::canary::Look;
use crate::caps::{self, Cap, bytes_of};
use crate::context::Context;
use crate::error::chain;
use crate::failure::one_line;
use crate::outage::{Health, Verdict, stops_by_its_wait};
use crate::suspects::{Part, Suspects};
use crate::{Event, trace};

/// How often one batch may blame its failures on an outage that ended: a text that brings the server down each time is
/// found out by then.
const OUTAGES: u32 = 2;

/// Texts to be embedded together.
pub(crate) type Batch = Vec<Arc<Chunk>>;

/// What became of a text.
#[derive(Clone, Debug)]
pub(crate) enum Embedded {
    Vector(Arc<[f32]>),
    /// The model knows none of its words.
    Nothing,
    /// The model reads less than this.
    TooLong(ChunkFailure),
    Failed(ChunkFailure),
}

/// What a worker says of a batch: all of its texts, unless the run is ending.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) texts: Vec<(ContentHash, Embedded)>,
    /// Whether this was the last of its batch.
    pub(crate) last: bool,
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) health: Health,
    pub(crate) retrier: Retrier,
    /// Read by every request under way, written by the one that must be alone at the server.
    pub(crate) crowd: RwLock<()>,
}

/// Takes batches until there are no more.
pub(crate) async fn work(
    number: usize,
    shared: Arc<Shared>,
    batches: Arc<Mutex<mpsc::Receiver<Batch>>>,
    results: mpsc::Sender<Settled>,
) {
    let worker = Worker {
        number,
        shared: &shared,
        results: &results,
    };
    loop {
        // In a statement of its own: the lock must not be held while the batch is worked on.
        let batch = batches.lock().await.recv().await;
        let Some(batch) = batch else {
            return;
        };
        shared
            .context
            .opening
            .pass(&shared.context, &shared.retrier)
            .await;
        worker.settle(batch).await;
        let last = Settled {
            texts: Vec::new(),
            last: true,
        };
        if results.send(last).await.is_err() {
            return;
        }
    }
}

struct Worker<'a> {
    number: usize,
    shared: &'a Shared,
    results: &'a mpsc::Sender<Settled>,
}

/// How a part fared.
enum Fared {
    Embedded(Embeddings),
    /// One of its texts is to blame; which one, if the server said so.
    Guilty {
        error: Error,
        culprit: Option<usize>,
        tried: u32,
    },
    /// The run is ending.
    Over,
}

impl Worker<'_> {
    /// Settles every text of a batch, or as many as the run lets it.
    async fn settle(&self, batch: Batch) {
        let since = self.shared.health.successes();
        let mut suspects = Suspects::new(batch);
        while let Some(part) = suspects.next(&self.shared.context.caps) {
            match self.fare(&part, since).await {
                Fared::Over => return,
                Fared::Embedded(rows) => {
                    if let Some(cap) = suspects.passed(&part.texts) {
                        self.learn(cap);
                    }
                    let texts = part.texts.iter().zip(rows.iter());
                    let texts = texts.map(|(chunk, row)| (chunk.content_hash, Embedded::Vector(row.into())));
                    self.send(texts.collect()).await;
                }
                Fared::Guilty {
                    error,
                    culprit,
                    tried,
                } => {
                    self.blame(part, &error, culprit, tried, &mut suspects).await;
                }
            }
        }
    }

    /// Takes a part to pieces to find the text that is to blame, or settles it if it stands alone.
    async fn blame(
        &self,
        part: Part,
        error: &Error,
        culprit: Option<usize>,
        tried: u32,
        suspects: &mut Suspects,
    ) {
        let Part {
            mut texts, suspect, ..
        } = part;
        let invalid = error.kind() == ErrorKind::InvalidInput;
        if invalid && self.drop_empty(&mut texts).await {
            // What the model has no word for was the reason, or one of them.
            if !texts.is_empty() {
                suspects.push(Part {
                    texts,
                    tried: 0,
                    suspect,
                });
            }
            return;
        }
        let part = |texts| Part {
            texts,
            tried,
            suspect: true,
        };
        match (texts.len(), culprit) {
            (0, _) => {}
            (1, _) => {
                self.convict(&texts[0], error, tried).await;
                suspects.convicted();
                // Long texts were put side by side, and what is left of them is long, too.
                if error.kind() != ErrorKind::InputTooLong {
                    suspects.rejoin();
                }
            }
            (count, Some(culprit)) if culprit < count => {
                let accused = texts.remove(culprit);
                suspects.push(part(texts));
                suspects.push(part(vec![accused]));
            }
            _ if invalid && self.learn_from(error, &texts) => {
                // Nobody is under suspicion for that.
                suspects.push(Part {
                    texts,
                    tried: 0,
                    suspect,
                });
            }
            (count, _) => {
                if invalid {
                    suspects.refused(&texts, error.status() == Some(413));
                }
                if error.kind() == ErrorKind::InputTooLong {
                    // So that the long ones stand together, and half of the texts pass at once.
                    texts.sort_by_key(|chunk| chunk.text.len());
                }
                let second = texts.split_off(count / 2);
                suspects.push(part(second));
                suspects.push(part(texts));
            }
        }
    }

    /// Settles the text that is to blame.
    async fn convict(&self, chunk: &Chunk, error: &Error, tried: u32) {
        let failure = ChunkFailure {
            kind: error.kind().as_str().to_owned(),
            message: one_line(&chain(error)),
            status: error.status(),
            attempts: tried,
        };
        let outcome = match error.kind() {
            ErrorKind::InputTooLong => Embedded::TooLong(failure),
            _ => Embedded::Failed(failure),
        };
        self.send(vec![(chunk.content_hash, outcome)]).await;
    }

    /// Learns the bound that a refusal names; returns whether these texts are to be parted by it.
    fn learn_from(&self, error: &Error, texts: &Batch) -> bool {
        let cap = caps::named(&chain(error), texts.len(), bytes_of(texts));
        // What names a bound that was kept to is about something else.
        cap.is_some_and(|cap| self.learn(cap))
    }

    /// Takes note of a bound on requests; returns whether it was news.
    fn learn(&self, cap: Cap) -> bool {
        let context = &self.shared.context;
        let news = context.caps.learn(cap);
        if news {
            context.tally.warn(&format!(
                "the embedding server takes at most {cap} at once: requests are kept to that for the rest of the run"
            ));
        }
        news
    }

    /// Settles the texts without any token; true if there was one.
    async fn drop_empty(&self, texts: &mut Batch) -> bool {
        let embedder = &self.shared.context.embedder;
        let mut empty = Vec::new();
        texts.retain(|chunk| {
            let has_tokens = embedder.count_tokens(&chunk.text) != Some(0);
            if !has_tokens {
                empty.push((chunk.content_hash, Embedded::Nothing));
            }
            has_tokens
        });
        let found = !empty.is_empty();
        if found {
            self.send(empty).await;
        }
        found
    }

    async fn send(&self, texts: Vec<(ContentHash, Embedded)>) {
        // Nobody listens any more only when the run is over.
        let _ = self.results.send(Settled { texts, last: false }).await;
    }

    /// Tries a part as often as it deserves.
    async fn fare(&self, part: &Part, since: u64) -> Fared {
        let Shared {
            context,
            health,
            retrier,
            ..
        } = self.shared;
        let tries = match part {
            Part {
                suspect: true, texts, ..
            } if texts.len() > 1 => 1,
            _ => retrier.policy().attempts(),
        };
        let inputs: Vec<&str> = part.texts.iter().map(|chunk| chunk.text.as_str()).collect();
        let mut attempts = retrier.begin();
        let (mut tried, mut outages) = (0, 0);
        // The row that an answer was bad for, whatever else went wrong since.
        let mut accused = None;
        let mut seen_nan = false;
        loop {
            tokio::select! {
                () = async { health.ready().await; attempts.ready().await } => {}
                () = context.halt.halted() => return Fared::Over,
            }
            if context.halt.is_halted() {
                return Fared::Over;
            }
            if let Some(look) = context.canary.due()
                && !self.look(look).await
            {
                return Fared::Over;
            }
            let before = health.successes();
            // A text that kills the server fails those beside it as well: nobody is blamed before failing alone.
            let alone = inputs.len() == 1 && part.tried + tried > 0 && tried + 1 == tries;
            let sent = Instant::now();
            let span = trace::batch(self.number, inputs.len(), part.tried + tried + 1);
            let Some(answer) = self.call(&inputs, alone).instrument(span).await else {
                return Fared::Over;
            };
            context
                .concurrency
                .heard(&context.tally, sent, inputs.len(), answer.as_ref().err());
            let error = match answer {
                Ok(_) if context.canary.has_changed() => return Fared::Over,
                Ok(rows) => {
                    health.succeeded();
                    attempts.succeeded();
                    return Fared::Embedded(rows);
                }
                Err(error) => error,
            };
            tried += 1;
            let tried_in_all = part.tried + tried;
            if is_fatal(error.kind()) {
                context.halt.stop(error.kind().as_str(), chain(&error));
                return Fared::Over;
            }
            let guilty = |error: Error| Fared::Guilty {
                culprit: culprit(&error),
                error,
                tried: tried_in_all,
            };
            if !error.is_retryable() {
                // Refusing one text is normal, refusing every text is not.
                let alone = inputs.len() == 1 && error.kind() != ErrorKind::InputTooLong;
                if alone && health.verdict(context, since).await == Verdict::Over {
                    return Fared::Over;
                }
                return guilty(error);
            }
            if stops_by_its_wait(context, &error) {
                return Fared::Over;
            }
            // The same bad row twice is the text's doing; once, beside another trouble, it may be the server's. A server
            // that speaks of NaN names no row, so that it is one of the batch.
            let row = culprit(&error);
            let nan = row.is_none() && speaks_of_nan(&error);
            let convicted = row.is_some() && row == accused || nan && seen_nan;
            accused = row.or(accused);
            seen_nan |= nan;
            let again = tried < tries && !convicted;
            let wait = attempts.failed(&error);
            let silent = tried > 1 && is_silence(error.kind());
            if let (true, Some(wait), false) = (again, wait, silent) {
                self.tell_retry(tried, tries, wait, &error);
                continue;
            }
            match health.verdict(context, before).await {
                Verdict::Over => return Fared::Over,
                Verdict::Returned if outages < OUTAGES => {
                    outages += 1;
                    tried = 0;
                    attempts = retrier.begin();
                }
                Verdict::Works | Verdict::Returned if again => {
                    // The shared budget is spent, or nothing came back: the probe was the pause, and a little more.
                    let wait = wait.unwrap_or(context.options.retry_base);
                    self.tell_retry(tried, tries, wait, &error);
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = context.halt.halted() => return Fared::Over,
                    }
                    attempts = retrier.begin();
                }
                Verdict::Works | Verdict::Returned => return guilty(error),
            }
        }
    }

    /// Embeds the canary; `false` if the run is over. What keeps it from an answer meets the next batch as well, and is
    /// dealt with there.
    async fn look(&self, _look: Look<'_>) -> bool {
        let context = &self.shared.context;
        match self.call(&[CANARY], false).await {
            Some(Ok(rows)) => context.canary.compare(context, rows.row(0)),
            Some(Err(_)) => {}
            None => return false,
        }
        !context.halt.is_halted()
    }

    /// One request, with no other beside it if `alone`; `None` if the run ended and the answer did not come soon.
    async fn call(&self, inputs: &[&str], alone: bool) -> Option<Result<Embeddings, Error>> {
        let Shared { context, crowd, .. } = self.shared;
        let answer = async {
            if alone {
                let _alone = crowd.write().await;
                self.ask(inputs).await
            } else {
                let _among_others = crowd.read().await;
                self.ask(inputs).await
            }
        };
        let given_up = async {
            context.halt.halted().await;
            sleep_until(Instant::now() + context.options.grace).await;
        };
        tokio::select! {
            biased;
            rows = answer => Some(rows),
            () = given_up => None,
        }
    }

    /// Sends a request, and tells how long the answer took.
    async fn ask(&self, inputs: &[&str]) -> Result<Embeddings, Error> {
        let context = &self.shared.context;
        let asked = Instant::now();
        let rows = context.embedder.embed_batch(inputs, InputKind::Document).await;
        // Whoever made the embedder: a wrong row must not come as far as the store.
        let rows = rows.and_then(|rows| rows.check(inputs.len(), context.dimensions).map(|()| rows));
        context.tally.event(&Event::Answered {
            worker: self.number,
            texts: inputs.len(),
            took: asked.elapsed(),
            error: rows.as_ref().err().map(|error| error.kind().as_str()),
        });
        rows
    }

    fn tell_retry(&self, attempt: u32, of: u32, wait: Duration, error: &Error) {
        let context = &self.shared.context;
        context.tally.counts().retries += 1;
        context.tally.event(&Event::Retry {
            worker: self.number,
            attempt,
            of,
            wait,
            kind: error.kind().as_str(),
            error: &one_line(&chain(error)),
        });
    }
}
