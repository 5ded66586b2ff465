//! The kinds of weather.

/// What a kind of weather does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A client that reads HTTP as it is written notices nothing.
    Harmless,
    /// The request fails and must be made again.
    Trouble,
    /// Like trouble, but the answer accuses one text.
    Accusation,
    /// The server's own doing, beyond the ration: refusals of the model and what ends a run.
    Own,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident: $effect:ident,)+) => {
        /// One kind of weather.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// What it does to a run.
            pub fn effect(self) -> Effect {
                match self {
                    $(Self::$kind => Effect::$effect,)+
                }
            }
        }
    };
}

kinds! {
    /// The first byte comes late, as from a model that is loaded first.
    ColdLoad: Harmless,
    /// The body comes in pieces with pauses.
    Drip: Harmless,
    /// The body is chunked into very small pieces.
    TinyChunks: Harmless,
    /// The rows come in another order, with their indices.
    Shuffled: Harmless,
    /// The connection is closed after the answer, as announced.
    ClosedAfter: Harmless,
    /// The connection is closed after the answer without a word.
    StaleKeepAlive: Harmless,
    /// A connection in use before is closed instead of answering: the client may send once more, uncounted.
    SilentReuse: Harmless,
    /// The connection is reset before any byte of an answer.
    Reset: Trouble,
    /// The connection is closed after half of the body.
    HalfBody: Trouble,
    /// The same within a chunked body.
    HalfChunked: Trouble,
    /// No byte comes, ever.
    Hang: Trouble,
    /// Half of the body comes and then nothing.
    Stall: Trouble,
    /// The body keeps coming, but not within the time allowed for all of it.
    EndlessDrip: Trouble,
    /// A row is missing.
    FewerRows: Trouble,
    /// There is a row too many.
    MoreRows: Trouble,
    /// All rows are too wide.
    WiderRows: Trouble,
    /// One row is narrower than the others.
    RaggedRow: Trouble,
    /// Two rows have the same index.
    RepeatedIndex: Trouble,
    /// The body is empty.
    EmptyBody: Trouble,
    /// An error under status 200.
    ErrorInSuccess: Trouble,
    /// A page for people under status 200.
    Html200: Trouble,
    /// A page for people under status 502.
    Html502: Trouble,
    /// The answer is said to be compressed, which nobody asked for.
    Gzip: Trouble,
    /// 429 with `retry-after` in seconds.
    RetryAfterSeconds: Trouble,
    /// 429 with `retry-after` as a date.
    RetryAfterDate: Trouble,
    /// 429 with `retry-after-ms`.
    RetryAfterMs: Trouble,
    /// 429 with `x-ratelimit-reset-requests` and `-tokens`.
    RateLimitReset: Trouble,
    /// 429 that names no time.
    RateLimitBare: Trouble,
    /// 408.
    Status408: Trouble,
    /// 425.
    Status425: Trouble,
    /// 500.
    Status500: Trouble,
    /// 502.
    Status502: Trouble,
    /// 503.
    Status503: Trouble,
    /// 504.
    Status504: Trouble,
    /// 529.
    Status529: Trouble,
    /// 400 with the words of a runner that died.
    Runner400: Trouble,
    /// 400 whose message is that the stream from the model ended.
    Eof400: Trouble,
    /// A value is no number.
    NotANumber: Accusation,
    /// A value is larger than any `f32`.
    Overflow: Accusation,
    /// A row is all zeros.
    ZeroRow: Accusation,
    /// All connections are cut and new ones refused for a while.
    Restart: Own,
    /// A text takes the model down: all connections are cut.
    Crash: Own,
    /// A text that is always refused.
    PoisonRefused: Own,
    /// A text that always makes the model fail.
    PoisonFails: Own,
    /// A text whose row always holds no numbers.
    PoisonNaN: Own,
    /// A text whose row is always all zeros.
    PoisonZero: Own,
    /// A text that is longer than the model reads.
    TooLong: Own,
    /// What ends the run: a refusal that needs a person, or an outage beyond all patience.
    Ended: Own,
}
