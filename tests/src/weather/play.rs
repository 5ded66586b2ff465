//! A plan, played.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use embed_core::testing::FakeEmbedder;
use embed_http::testing::{Reply, Request};
use fastrand::Rng;
use tokio::time::Instant;

use super::answer::{Answer, other, refusal};
use super::model::{last_words, poison, refuse};
use super::ration::Ration;
use super::spoil::{fits, spoil};
use super::{Counts, DIMENSIONS, Dialect, Effect, End, Kind, Plan, Poison, Sky};

/// One of so many hundred requests finds the server restarting, where the plan has restarts.
const RESTART_PERCENT: u32 = 12;

type Cut = Box<dyn Fn() + Send + Sync>;

/// The weather of one plan as it goes on. Clones are the same.
#[derive(Clone)]
pub struct Weather {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Plan,
    state: Mutex<State>,
    /// Cuts all connections.
    cut: Mutex<Option<Cut>>,
}

struct State {
    rng: Rng,
    counts: Counts,
    ration: Ration,
    clean: BTreeMap<String, u32>,
    connections: HashSet<usize>,
    embeds: usize,
    silent: u64,
    cuts: u64,
    restarts: u32,
    ended: usize,
    down_until: Option<Instant>,
    calm_until: Option<Instant>,
    is_over: bool,
}

impl Weather {
    /// The weather of a plan, at its beginning.
    pub fn new(plan: Plan) -> Self {
        let state = State {
            rng: Rng::with_seed(plan.seed.rotate_left(32)),
            counts: Counts::default(),
            ration: Ration::default(),
            clean: BTreeMap::new(),
            connections: HashSet::new(),
            embeds: 0,
            silent: 0,
            cuts: 0,
            restarts: plan.restarts,
            ended: 0,
            down_until: None,
            calm_until: None,
            is_over: false,
        };
        Self {
            shared: Arc::new(Shared {
                plan,
                state: Mutex::new(state),
                cut: Mutex::default(),
            }),
        }
    }

    /// The plan it follows.
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// How often each text got its true row in an answer without a fault.
    pub fn clean(&self) -> BTreeMap<String, u32> {
        self.state().clean.clone()
    }

    /// Requests that ended without a byte on a connection that had been in use: what a client may send again uncounted.
    pub fn silent(&self) -> u64 {
        self.state().silent
    }

    /// How often all connections were cut.
    pub fn cuts(&self) -> u64 {
        self.state().cuts
    }

    /// How many requests met what ends the run.
    pub fn ended(&self) -> usize {
        self.state().ended
    }

    /// Whether connections are refused now.
    pub fn is_down(&self) -> bool {
        self.state().is_down()
    }

    /// Nothing goes wrong from now on.
    pub fn clear_up(&self) {
        let mut state = self.state();
        state.down_until = None;
        state.is_over = true;
    }

    /// Sets how all connections are cut; `None` forgets it, and with it whatever it holds.
    pub(super) fn cut_by(&self, cut: Option<Cut>) {
        *self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request) -> Reply {
        let (reply, cuts) = {
            let mut state = self.state();
            let before = state.cuts;
            let reply = state.answer(&self.shared.plan, request);
            (reply, state.cuts > before)
        };
        if cuts && let Some(cut) = &*self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner) {
            cut();
        }
        reply
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weather")
            .field("plan", &self.shared.plan)
            .finish_non_exhaustive()
    }
}

impl State {
    fn is_down(&self) -> bool {
        self.down_until.is_some_and(|until| Instant::now() < until)
    }

    fn answer(&mut self, plan: &Plan, request: &Request) -> Reply {
        let fresh = self.connections.insert(request.connection);
        if self.is_down() {
            // It came over a connection that is about to be cut.
            return self.silence(fresh, Reply::reset());
        }
        match request.path.as_str() {
            "/api/embed" | "/v1/embeddings" => self.embed(plan, request, fresh),
            _ if self.strikes(plan) && self.rng.bool() => refusal(plan.dialect, 503, "server busy"),
            _ if self.strikes(plan) => self.silence(fresh, Reply::reset()),
            path => other(path),
        }
    }

    fn embed(&mut self, plan: &Plan, request: &Request, fresh: bool) -> Reply {
        let texts = texts(request);
        self.embeds += 1;
        if let Sky::Ending(end, from) = plan.sky
            && self.embeds >= from
        {
            return self.end(plan, end, fresh);
        }
        if self.restart_is_due(plan) {
            let (now, down) = (Instant::now(), plan.pace.down(&mut self.rng));
            self.restarts -= 1;
            self.down_until = Some(now + down);
            self.calm_until = Some(now + down + plan.pace.calm);
            self.counts.count(Kind::Restart);
            return self.cut(fresh);
        }
        let drawn = self.draw(plan, &texts, fresh);
        let harmless = drawn.is_none_or(|(kind, _)| kind.effect() == Effect::Harmless);
        if let Some((kind @ (Kind::Reset | Kind::SilentReuse), _)) = drawn {
            self.counts.count(kind);
            let reply = if kind == Kind::Reset {
                Reply::reset()
            } else {
                Reply::close()
            };
            return self.silence(fresh, reply);
        }
        if harmless && let Some((kind, reply)) = refuse(plan.dialect, &texts) {
            self.counts.count(kind);
            return if kind == Kind::Crash {
                self.cut(fresh)
            } else {
                reply
            };
        }
        let fake = FakeEmbedder::new(DIMENSIONS);
        let mut rows: Vec<_> = texts.iter().map(|text| fake.vector(text)).collect();
        let poisoned = poison(&texts, &mut rows);
        poisoned.iter().for_each(|kind| self.counts.count(*kind));
        if harmless && poisoned.is_empty() {
            for text in texts {
                *self.clean.entry(text).or_default() += 1;
            }
        }
        let base64 = plan.dialect == Dialect::OpenAi && request.json()["encoding_format"] == "base64";
        let answer = Answer::new(plan.dialect, base64, rows);
        match drawn {
            Some((kind, accused)) => {
                self.counts.count(kind);
                spoil(kind, answer, accused, &plan.pace, &mut self.rng)
            }
            None => answer.reply(),
        }
    }

    fn end(&mut self, plan: &Plan, end: End, fresh: bool) -> Reply {
        self.ended += 1;
        self.counts.count(Kind::Ended);
        if let Some(words) = last_words(end, plan.dialect) {
            return words;
        }
        // Longer than any run, and short enough to be added to a moment.
        self.down_until = Some(Instant::now() + plan.pace.wait * 1000);
        self.cut(fresh)
    }

    fn cut(&mut self, fresh: bool) -> Reply {
        self.cuts += 1;
        self.silence(fresh, Reply::reset())
    }

    fn silence(&mut self, fresh: bool, reply: Reply) -> Reply {
        self.silent += u64::from(!fresh);
        reply
    }

    fn is_calm(&self) -> bool {
        self.is_over || self.calm_until.is_some_and(|until| Instant::now() < until)
    }

    /// Once the run is under way, not soon after another, and not while a text has only one try left: what a restart
    /// takes on its way is a try in vain as well.
    fn restart_is_due(&mut self, plan: &Plan) -> bool {
        let possible = self.restarts > 0 && !self.clean.is_empty() && !self.is_calm();
        let waits = |text: &str| !self.clean.contains_key(text) && Poison::of(text).is_none();
        possible && self.rng.u32(..100) < RESTART_PERCENT && !self.ration.is_spent(plan.ration, waits)
    }

    fn strikes(&mut self, plan: &Plan) -> bool {
        !plan.kinds.is_empty() && !self.is_calm() && self.rng.u32(..100) < plan.percent
    }

    /// The fault that this request meets, and the row that it accuses.
    fn draw(&mut self, plan: &Plan, texts: &[String], fresh: bool) -> Option<(Kind, usize)> {
        if !self.strikes(plan) || texts.is_empty() {
            return None;
        }
        let kind = *self.rng.choice(&plan.kinds)?;
        let accused = self.rng.usize(..texts.len());
        let possible = match kind {
            Kind::SilentReuse => !fresh,
            // Until an answer came nobody can know how wide the rows should be.
            Kind::WiderRows => !self.clean.is_empty(),
            kind => fits(kind, plan.dialect, texts.len()),
        };
        if !possible
            || (kind.effect() != Effect::Harmless && !self.ration.grant(plan.ration, kind, texts, accused))
        {
            return None;
        }
        Some((kind, accused))
    }
}

/// The texts of a request for vectors.
pub(super) fn texts(request: &Request) -> Vec<String> {
    let body = request.json();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    match &body["input"] {
        serde_json::Value::Array(inputs) => inputs.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}
