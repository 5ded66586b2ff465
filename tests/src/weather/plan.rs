//! What one seed is like.

use std::time::Duration;

use fastrand::Rng;
use ingest_pipeline::OnTooLong;

use super::{Effect, Kind};

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Ollama's own paths.
    Ollama,
    /// The path that many servers have in common with OpenAI.
    OpenAi,
}

/// What ends a run before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404 that names the model.
    ModelGone,
    /// The account has nothing left.
    QuotaSpent,
    /// 429 that asks for an hour.
    LongWait,
    /// Nothing answers any more.
    Outage,
}

impl End {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Unauthorized,
        Self::Forbidden,
        Self::ModelGone,
        Self::QuotaSpent,
        Self::LongWait,
        Self::Outage,
    ];

    /// The kinds under which a run may say that it stopped.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Unauthorized | Self::Forbidden => &["unauthorized"],
            Self::ModelGone => &["model_not_found"],
            Self::QuotaSpent => &["quota_spent"],
            Self::LongWait => &["rate_limited"],
            Self::Outage => &["connect"],
        }
    }
}

/// How the weather goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sky {
    /// Nothing goes wrong but what the model itself refuses.
    Fair,
    /// Faults within the ration.
    Rough,
    /// Texts that take the model down, and no other faults: the innocent beside them have nothing else to bear.
    Crashing,
    /// Rough at first, then what ends the run, from this request on.
    Ending(End, usize),
}

/// How long things take, and how long a client waits for them.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The client's limit for the first byte.
    pub first_byte_timeout: Duration,
    /// The client's limit between two pieces.
    pub body_timeout: Duration,
    /// The client's limit for the whole.
    pub total_timeout: Duration,
    /// The pause before the second try.
    pub retry_base: Duration,
    /// How long an outage is waited out.
    pub wait: Duration,
    /// Nothing goes wrong for this long after a restart, so that tries made in vain meanwhile stay the only ones.
    pub(super) calm: Duration,
    longest_short: Duration,
    longest_limit: Duration,
    longest_down: Duration,
}

impl Pace {
    /// For a paused clock: as long as in life.
    pub fn paused() -> Self {
        let seconds = Duration::from_secs;
        Self {
            first_byte_timeout: seconds(30),
            body_timeout: seconds(10),
            total_timeout: seconds(60),
            retry_base: seconds(1),
            // A probe may meet the longest of all faults, and then another one.
            wait: seconds(240),
            calm: seconds(60),
            longest_short: seconds(3),
            longest_limit: seconds(20),
            longest_down: seconds(30),
        }
    }

    /// For real sockets: as short as a busy machine allows.
    pub fn real() -> Self {
        let milliseconds = Duration::from_millis;
        Self {
            first_byte_timeout: milliseconds(1000),
            body_timeout: milliseconds(1000),
            total_timeout: milliseconds(2000),
            retry_base: milliseconds(5),
            wait: milliseconds(20_000),
            calm: milliseconds(3000),
            longest_short: milliseconds(20),
            longest_limit: milliseconds(30),
            longest_down: milliseconds(200),
        }
    }

    /// A delay that no time limit minds.
    pub(super) fn short(&self, rng: &mut Rng) -> Duration {
        self.longest_short.mul_f64(rng.f64())
    }

    /// A wait that the server asks for.
    pub(super) fn limit(&self, rng: &mut Rng) -> Duration {
        // In whole milliseconds, since one of the forms knows no others.
        Duration::from_millis(rng.u64(1..=whole_milliseconds(self.longest_limit)))
    }

    /// How long a restart takes.
    pub(super) fn down(&self, rng: &mut Rng) -> Duration {
        self.longest_down.mul_f64(rng.f64())
    }
}

fn whole_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What one seed is like: the server, the run and the weather.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed it was made from.
    pub seed: u64,
    /// Which server it is.
    pub dialect: Dialect,
    /// Whether vectors are asked for in base64, where the server knows that.
    pub base64: bool,
    /// How many workers the run has.
    pub workers: usize,
    /// How many connections the client may open.
    pub connections: usize,
    /// How many of them it keeps without work.
    pub idle: usize,
    /// How many texts a request may have.
    pub batch_size: usize,
    /// What becomes of texts that are too long.
    pub on_too_long: OnTooLong,
    /// How the weather goes.
    pub sky: Sky,
    /// How long things take.
    pub pace: Pace,
    /// How many of a hundred requests meet a fault, ration permitting.
    pub(super) percent: u32,
    /// The kinds that are drawn from.
    pub(super) kinds: Vec<Kind>,
    /// Restarts that may happen.
    pub(super) restarts: u32,
    /// How many faults a text may meet in all: fewer than a run tries a text.
    pub(super) ration: u32,
}

impl Plan {
    /// Faults within the ration, so that a run can do all it would do in fair weather.
    pub fn rough(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let workers = rng.usize(1..=4);
        let drawn = |kind: &Kind| kind.effect() != Effect::Own;
        let mut kinds: Vec<_> = Kind::ALL.iter().copied().filter(drawn).collect();
        rng.shuffle(&mut kinds);
        // Few kinds more often than many, so that each meets itself and the others.
        let most = rng.usize(1..=kinds.len());
        kinds.truncate(rng.usize(1..=most));
        let restarts = rng.u32(..3);
        Self {
            seed,
            dialect: *rng
                .choice(&[Dialect::Ollama, Dialect::OpenAi])
                .unwrap_or(&Dialect::Ollama),
            base64: rng.bool(),
            workers,
            connections: rng.usize(1..=workers + 2),
            idle: rng.usize(..=workers),
            // Alone a text has nobody to share its faults with.
            batch_size: if rng.u8(..3) == 0 { 1 } else { rng.usize(1..=9) },
            on_too_long: match rng.u8(..4) {
                0 => OnTooLong::Fail,
                1 => OnTooLong::Truncate,
                _ => OnTooLong::Split,
            },
            sky: Sky::Rough,
            pace: Pace::paused(),
            percent: rng.u32(5..=80),
            kinds,
            // One fewer than the tries of a run.
            ration: 2,
            restarts,
        }
    }

    /// Texts that take the model down, and no other faults; answers are slow, so that there are others to take along.
    pub fn crashing(seed: u64) -> Self {
        let mut plan = Self::rough(seed).without_faults();
        plan.sky = Sky::Crashing;
        plan.workers = plan.workers.max(2);
        plan.connections = plan.connections.max(2);
        plan.kinds = vec![Kind::ColdLoad, Kind::Drip];
        plan.percent = 90;
        plan
    }

    /// Rough weather and then an end that needs a person, or patience beyond the run's.
    pub fn ending(seed: u64) -> Self {
        let mut rng = Rng::with_seed(!seed);
        let end = *rng.choice(End::ALL).unwrap_or(&End::Outage);
        let mut plan = Self::rough(seed);
        plan.sky = Sky::Ending(end, rng.usize(1..=12));
        // What is lost in a restart would have to be told from what the end takes.
        plan.restarts = 0;
        plan
    }

    /// The same server and run in fair weather.
    pub fn in_fair_weather(&self) -> Self {
        Self {
            sky: match self.sky {
                // Texts that take the model down are the model's own doing.
                Sky::Crashing => Sky::Crashing,
                _ => Sky::Fair,
            },
            ..self.clone()
        }
        .without_faults()
    }

    /// The same with the times for real sockets.
    pub fn on_sockets(mut self) -> Self {
        self.pace = Pace::real();
        self
    }

    /// The same without a limit of faults for a text, for callers that give up at the first.
    pub(super) fn without_ration(mut self) -> Self {
        self.ration = u32::MAX;
        self
    }

    fn without_faults(mut self) -> Self {
        self.kinds.clear();
        self.restarts = 0;
        self
    }
}
