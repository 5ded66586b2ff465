//! An embedder that needs nobody.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Embedder, Embeddings, Error, InputKind, ModelInfo, Result, Usage, normalize};

type Fails = Arc<dyn Fn(&Call) -> Option<Error> + Send + Sync>;
type Turns = Arc<dyn Fn(&Call) -> bool + Send + Sync>;
type Hook = Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// One call as a [`FakeEmbedder`] saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which call this is, over all clones; the first is 1.
    pub number: u64,
    /// The texts.
    pub inputs: Vec<String>,
    /// What they are for.
    pub kind: InputKind,
}

/// Gives each text a unit vector made from a hash of it: equal texts have equal rows, others are nearly orthogonal.
///
/// Clones share the log and the counters. An empty batch is no call.
///
/// ```
/// # use embed_core::testing::FakeEmbedder;
/// # use embed_core::{Embedder, Error, ErrorKind, InputKind};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fake = FakeEmbedder::new(8)
///     .fail_when(|call| (call.number == 1).then(|| Error::new(ErrorKind::Busy, "later")));
/// assert!(fake.embed_batch(&["a"], InputKind::Document).await.is_err());
/// let rows = fake.embed_batch(&["a"], InputKind::Document).await.expect("second call");
/// assert_eq!(rows.row(0), fake.vector("a"));
/// assert_eq!(fake.calls()[1].inputs, ["a"]);
/// # }
/// ```
#[derive(Clone)]
pub struct FakeEmbedder {
    model: ModelInfo,
    dimensions: usize,
    fails: Option<Fails>,
    turns: Option<Turns>,
    hook: Option<Hook>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    calls: Mutex<Vec<Call>>,
    number: AtomicU64,
    running: AtomicUsize,
    peak: AtomicUsize,
}

impl FakeEmbedder {
    /// Rows of so many values; provider and model are named `fake`.
    ///
    /// # Panics
    /// Where `dimensions` is 0: a row without values is no embedding.
    pub fn new(dimensions: usize) -> Self {
        assert!(dimensions > 0, "a fake embedder needs at least one dimension");
        Self {
            model: ModelInfo::new("fake", "fake").with_dimensions(dimensions),
            dimensions,
            fails: None,
            turns: None,
            hook: None,
            state: Arc::default(),
        }
    }

    /// Sets what [`Embedder::model`] says. The rows stay as wide as they are, whatever it promises.
    #[must_use]
    pub fn with_model(mut self, model: ModelInfo) -> Self {
        self.model = model;
        self
    }

    /// Lets those calls fail for which `script` gives an error.
    #[must_use]
    pub fn fail_when(mut self, script: impl Fn(&Call) -> Option<Error> + Send + Sync + 'static) -> Self {
        self.fails = Some(Arc::new(script));
        self
    }

    /// Answers those calls for which `script` says so as another model of the same name would.
    #[must_use]
    pub fn as_another_when(mut self, script: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        self.turns = Some(Arc::new(script));
        self
    }

    /// Awaits `hook` in every call before it is answered: a delay, a gate that a test opens, a signal.
    #[must_use]
    pub fn before_answer<F>(mut self, hook: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.hook = Some(Arc::new(move |call| Box::pin(hook(call))));
        self
    }

    /// The row of a text, whatever its kind.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut row: Vec<f32> = (0..self.dimensions)
            .map(|_| {
                // 23 bits and a half fit a float exactly, so the value, from -1 to 1, is never 0.
                let bits = (split_mix(&mut state) >> 41) as f32;
                (bits + 0.5) / 4_194_304.0 - 1.0
            })
            .collect();
        normalize(&mut row);
        row
    }

    /// All calls so far, in the order they began; failed ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.log().clone()
    }

    /// All texts of all calls so far.
    pub fn inputs(&self) -> Vec<String> {
        self.log().iter().flat_map(|call| call.inputs.clone()).collect()
    }

    /// How many calls are under way.
    pub fn running(&self) -> usize {
        self.state.running.load(Ordering::SeqCst)
    }

    /// The most calls that were ever under way at once.
    pub fn peak(&self) -> usize {
        self.state.peak.load(Ordering::SeqCst)
    }

    fn log(&self) -> MutexGuard<'_, Vec<Call>> {
        // A test that panicked elsewhere shall not hide behind a second panic.
        self.state.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, inputs: &[&str], kind: InputKind) -> Call {
        let mut log = self.log();
        let call = Call {
            number: self.state.number.fetch_add(1, Ordering::SeqCst) + 1,
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            kind,
        };
        log.push(call.clone());
        call
    }
}

#[async_trait]
impl Embedder for FakeEmbedder {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    async fn embed_batch<'a>(&self, inputs: &[&'a str], kind: InputKind) -> Result<Embeddings> {
        if inputs.is_empty() {
            return Ok(Embeddings::empty());
        }
        let _running = Running::enter(&self.state);
        let call = self.record(inputs, kind);
        if let Some(hook) = &self.hook {
            hook(call.clone()).await;
        }
        if let Some(error) = self.fails.as_ref().and_then(|fails| fails(&call)) {
            return Err(error);
        }
        let is_another = self.turns.as_ref().is_some_and(|turns| turns(&call));
        let row = |input: &&str| match is_another {
            true => self.vector(&format!("{input} of another model")),
            false => self.vector(input),
        };
        let values = inputs.iter().flat_map(row).collect();
        Embeddings::from_flat(values, inputs.len())
    }

    /// Every call counts as a request.
    fn usage(&self) -> Usage {
        Usage {
            requests: self.state.number.load(Ordering::SeqCst),
            ..Usage::default()
        }
    }
}

impl fmt::Debug for FakeEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeEmbedder")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Counts a call as under way until it ends or is dropped.
struct Running<'a>(&'a State);

impl<'a> Running<'a> {
    fn enter(state: &'a State) -> Self {
        let running = state.running.fetch_add(1, Ordering::SeqCst) + 1;
        state.peak.fetch_max(running, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One step of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
