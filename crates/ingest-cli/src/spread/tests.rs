use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use embed_core::testing::FakeEmbedder;
use tokio::time::advance;

use super::*;

const DOCUMENT: InputKind = InputKind::Document;

/// A server whose weather a test makes.
#[derive(Clone, Debug)]
struct Fake {
    name: &'static str,
    digest: &'static str,
    weather: Arc<Weather>,
    embedder: FakeEmbedder,
}

#[derive(Debug, Default)]
struct Weather {
    is_away: AtomicBool,
    /// Answers every batch, though not the canary, with an error of the server's.
    is_broken: AtomicBool,
    /// Asks to wait so many seconds, if any.
    wait: AtomicU32,
    is_another: AtomicBool,
}

impl Fake {
    fn new(name: &'static str, digest: &'static str) -> Self {
        let weather: Arc<Weather> = Arc::default();
        let (fails, turns) = (Arc::clone(&weather), Arc::clone(&weather));
        let embedder = FakeEmbedder::new(4)
            .with_model(ModelInfo::new("ollama", "m").with_digest(digest))
            .fail_when(move |call| {
                let wait = fails.wait.load(Ordering::SeqCst);
                if fails.is_away.load(Ordering::SeqCst) {
                    Some(Error::new(ErrorKind::Connect, "refused"))
                } else if wait > 0 {
                    let wait = Duration::from_secs(wait.into());
                    Some(Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(wait))
                } else if fails.is_broken.load(Ordering::SeqCst) && call.inputs != [CANARY] {
                    Some(Error::new(ErrorKind::Server, "out of order").with_status(500))
                } else {
                    None
                }
            })
            .as_another_when(move |_| turns.is_another.load(Ordering::SeqCst))
            .before_answer(|_| tokio::task::yield_now());
        Self {
            name,
            digest,
            weather,
            embedder,
        }
    }

    fn goes_away(&self, away: bool) {
        self.weather.is_away.store(away, Ordering::SeqCst);
    }

    fn another(self) -> Self {
        self.weather.is_another.store(true, Ordering::SeqCst);
        self
    }

    /// Texts that it was sent, in vain or not: (the canary, others).
    fn sent(&self) -> (usize, usize) {
        let inputs = self.embedder.inputs();
        let canaries = inputs.iter().filter(|input| *input == CANARY).count();
        (canaries, inputs.len() - canaries)
    }
}

/// A server that tells its digest only when it is there.
#[async_trait]
impl Embedder for Fake {
    fn model(&self) -> &ModelInfo {
        self.embedder.model()
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        self.embedder.embed_batch(inputs, kind).await
    }

    async fn describe(&self) -> Result<ModelInfo> {
        if self.weather.is_away.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Connect, "refused"));
        }
        Ok(ModelInfo::new("ollama", "m").with_digest(self.digest))
    }
}

/// A spread, and what it warned of.
fn spread(servers: &[&Fake]) -> (Arc<Spread>, Arc<Mutex<Vec<String>>>) {
    let servers = servers
        .iter()
        .map(|&server| (server.name.to_owned(), Arc::new(server.clone()) as _));
    let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&warnings);
    let warn = move |message: &str| heard.lock().expect("no panic").push(message.to_owned());
    (Arc::new(Spread::new(servers.collect(), warn)), warnings)
}

async fn embed(spread: &Spread) -> Result<Embeddings> {
    spread.embed_batch(&["a"], DOCUMENT).await
}

#[tokio::test]
async fn batches_at_the_same_time_go_to_different_servers() {
    let (one, two) = (Fake::new("one", "d"), Fake::new("two", "d"));
    let (spread, _) = spread(&[&one, &two]);
    let (first, second) = tokio::join!(embed(&spread), embed(&spread));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((one.sent(), two.sent()), ((1, 1), (1, 1)));
    for _ in 0..3 {
        embed(&spread).await.expect("an answer");
    }
    assert_eq!(
        one.sent().0 + two.sent().0,
        2,
        "the canary is for the first batch alone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_costs_no_batch_and_is_asked_last() {
    let (gone, there) = (Fake::new("gone", "d"), Fake::new("there", "d"));
    let (spread, _) = spread(&[&gone, &there]);
    embed(&spread).await.expect("an answer");
    gone.goes_away(true);
    for _ in 0..3 {
        embed(&spread).await.expect("an answer of the other");
    }
    assert_eq!((gone.sent(), there.sent()), ((1, 2), (1, 3)));
    gone.goes_away(false);
    advance(Duration::from_secs(10)).await;
    embed(&spread).await.expect("an answer");
    assert_eq!(gone.sent(), (2, 3), "it is back, and was looked at anew");
}

#[tokio::test]
async fn a_batch_fails_when_no_server_is_there() {
    let (one, two) = (Fake::new("one", "d"), Fake::new("two", "d"));
    one.goes_away(true);
    two.goes_away(true);
    let (spread, _) = spread(&[&one, &two]);
    let error = embed(&spread).await.expect_err("none there");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!((one.sent(), two.sent()), ((0, 0), (0, 0)));
    spread.agree().await.expect("there is nothing to differ");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_asked_last_for_longer_each_time() {
    let (broken, good) = (Fake::new("broken", "d"), Fake::new("good", "d"));
    let (spread, _) = spread(&[&broken, &good]);
    spread.agree().await.expect("the same model");
    broken.weather.is_broken.store(true, Ordering::SeqCst);
    for rest in [1, 2, 4] {
        let error = embed(&spread)
            .await
            .expect_err("a failure is the caller's to deal with");
        assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(500)));
        advance(Duration::from_millis(rest * 1000 - 1)).await;
        let before = broken.sent().1;
        embed(&spread).await.expect("the other's answer");
        assert_eq!(broken.sent().1, before, "not within {rest} s");
        advance(Duration::from_millis(1)).await;
    }
    broken.weather.is_broken.store(false, Ordering::SeqCst);
    embed(&spread).await.expect("mended");
    assert_eq!(broken.sent().1, 4);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_server_asks_for_is_for_that_server_alone() {
    let (one, two) = (Fake::new("one", "d"), Fake::new("two", "d"));
    let (spread, _) = spread(&[&one, &two]);
    spread.agree().await.expect("the same model");
    one.weather.wait.store(30, Ordering::SeqCst);
    let error = embed(&spread).await.expect_err("it wants to wait");
    assert_eq!(
        (error.kind(), error.retry_after()),
        (ErrorKind::RateLimited, None)
    );
    for _ in 0..3 {
        embed(&spread).await.expect("the other's answer");
    }
    two.weather.wait.store(40, Ordering::SeqCst);
    advance(Duration::from_secs(10)).await;
    let error = embed(&spread).await.expect_err("both want to wait");
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_secs(20)),
        "one may be asked again then"
    );
    let sent = (one.sent(), two.sent());
    let error = embed(&spread).await.expect_err("it is too early");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(20)));
    assert_eq!((one.sent(), two.sent()), sent, "nobody was asked");
    one.weather.wait.store(0, Ordering::SeqCst);
    advance(Duration::from_secs(20)).await;
    embed(&spread).await.expect("an answer");
}

#[tokio::test]
async fn servers_with_different_weights_are_refused_and_both_named() {
    for other in [Fake::new("two", "e"), Fake::new("two", "d").another()] {
        let one = Fake::new("one", "d");
        let (spread, _) = spread(&[&one, &other]);
        let error = spread.agree().await.expect_err("different");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let message = error.to_string();
        assert!(message.contains("one") && message.contains("two"), "{message}");
        assert_eq!((one.sent().1, other.sent().1), (0, 0));
    }
}

#[tokio::test]
async fn what_servers_say_of_themselves_must_agree() {
    let (one, two, gone) = (
        Fake::new("one", "d"),
        Fake::new("two", "e"),
        Fake::new("gone", "x"),
    );
    gone.goes_away(true);
    let error = spread(&[&one, &two]).0.describe().await.expect_err("different");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().starts_with("one and two have"), "{error}");
    let info = spread(&[&gone, &one]).0.describe().await.expect("one is there");
    assert_eq!(info.digest.as_deref(), Some("d"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_late_with_another_model_gets_no_batch() {
    let (good, late) = (Fake::new("good", "d"), Fake::new("late", "d").another());
    late.goes_away(true);
    let (spread, warnings) = spread(&[&late, &good]);
    spread.agree().await.expect("who is there agrees");
    late.goes_away(false);
    advance(Duration::from_secs(10)).await;
    for _ in 0..3 {
        embed(&spread).await.expect("the good one's answer");
    }
    assert_eq!((late.sent(), good.sent()), ((1, 0), (1, 3)));
    let warnings = warnings.lock().expect("no panic").clone();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].ends_with("late is left out"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_changes_while_it_is_away_is_left_out() {
    let (one, two) = (Fake::new("one", "d"), Fake::new("two", "d"));
    let (spread, warnings) = spread(&[&one, &two]);
    spread.agree().await.expect("the same model");
    one.goes_away(true);
    embed(&spread).await.expect("the other's answer");
    one.goes_away(false);
    let one = one.another();
    advance(Duration::from_secs(10)).await;
    embed(&spread).await.expect("the other's answer");
    assert!(warnings.lock().expect("no panic")[0].contains("one"));
    two.goes_away(true);
    let error = embed(&spread).await.expect_err("nobody is left");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(one.sent().1, 1, "the one in vain");
}
