//! One answer, spoilt.

use std::time::Duration;

use embed_http::testing::{Reply, Step};
use fastrand::Rng;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::answer::{Answer, refusal};
use super::{Dialect, Kind, Pace};

/// What is said when the process behind the server died.
const RUNNER: &[&str] = &[
    "do embedding request: Post \"http://127.0.0.1:40123/embedding\": EOF",
    "error reading embed response: unexpected EOF",
    "unexpected server status: 1",
    "llama runner process has terminated: exit status 2",
    "llama runner process no longer running: -1",
];
/// What is said when its answer ended too early.
const EOF: &[&str] = &["EOF", "unexpected EOF"];
const PAGE: &str = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
/// The head of a gzip stream; what follows need not be one, since nobody should look.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff";

/// Whether a kind can happen to an answer at all.
pub(super) fn fits(kind: Kind, dialect: Dialect, rows: usize) -> bool {
    match kind {
        Kind::Shuffled | Kind::RepeatedIndex => dialect == Dialect::OpenAi && rows > 1,
        Kind::RaggedRow => rows > 1,
        _ => true,
    }
}

/// The answer in this weather. An accusation is of row `accused`.
pub(super) fn spoil(kind: Kind, mut answer: Answer, accused: usize, pace: &Pace, rng: &mut Rng) -> Reply {
    let dialect = answer.dialect;
    let size = answer.body().len();
    let some = |rows: usize, rng: &mut Rng| rng.usize(..rows.max(1));
    match kind {
        Kind::ColdLoad => return answer.reply().delay(pace.short(rng)),
        Kind::Drip => return answer.reply().drip(size / 4 + 1, pace.short(rng) / 5),
        Kind::TinyChunks => return answer.reply().chunked(rng.usize(1..8)),
        Kind::ClosedAfter => return answer.reply().then_close(),
        Kind::StaleKeepAlive => return answer.reply().then_vanish(),
        Kind::SilentReuse => return Reply::close(),
        Kind::Reset => return Reply::reset(),
        Kind::HalfBody => return answer.reply().at(rng.usize(1..size), Step::Close),
        Kind::HalfChunked => {
            return answer
                .reply()
                .chunked(rng.usize(1..40))
                .at(rng.usize(1..=size), Step::Reset);
        }
        Kind::Hang => return Reply::hang(),
        Kind::Stall => return answer.reply().at(size / 2, Step::Hang),
        Kind::EndlessDrip => {
            let pause = pace.body_timeout * 3 / 5;
            let pieces = pace.total_timeout.as_millis() / pause.as_millis() + 2;
            let pieces = usize::try_from(pieces).unwrap_or(100);
            return answer.reply().drip((size / pieces).max(1), pause);
        }
        Kind::EmptyBody => return Reply::new(200, ""),
        Kind::ErrorInSuccess => return refusal(dialect, 200, "the model stopped unexpectedly"),
        Kind::Html200 => return Reply::new(200, PAGE).header("content-type", "text/html"),
        Kind::Html502 => return Reply::new(502, PAGE).header("content-type", "text/html"),
        Kind::Gzip if rng.bool() => {
            let body = [GZIP, answer.body().as_bytes()].concat();
            return Reply::new(200, body).header("content-encoding", "gzip");
        }
        Kind::Gzip => {
            // Plain in truth, and false, so that a client that does not look at the header is found out.
            answer
                .rows
                .iter_mut()
                .flatten()
                .for_each(|value| *value = -*value);
            return answer.reply().header("content-encoding", "gzip");
        }
        Kind::RetryAfterSeconds
        | Kind::RetryAfterDate
        | Kind::RetryAfterMs
        | Kind::RateLimitReset
        | Kind::RateLimitBare => return limited(kind, dialect, pace.limit(rng)),
        Kind::Status408 => return refusal(dialect, 408, "request timeout"),
        Kind::Status425 => return refusal(dialect, 425, "too early"),
        Kind::Status500 => return refusal(dialect, 500, "internal server error"),
        Kind::Status502 => return Reply::new(502, "bad gateway"),
        Kind::Status503 => return refusal(dialect, 503, "server busy, please try again"),
        Kind::Status504 => return Reply::new(504, ""),
        Kind::Status529 => return refusal(dialect, 529, "overloaded"),
        Kind::Runner400 => return refusal(dialect, 400, RUNNER[some(RUNNER.len(), rng)]),
        Kind::Eof400 => return refusal(dialect, 400, EOF[some(EOF.len(), rng)]),
        Kind::Shuffled => shuffle(&mut answer, rng),
        Kind::RepeatedIndex => answer.order[1] = answer.order[0],
        Kind::FewerRows => {
            answer.rows.pop();
            answer.order.pop();
        }
        Kind::MoreRows => {
            answer.order.push(answer.rows.len());
            answer.rows.extend(answer.rows.last().cloned());
        }
        Kind::WiderRows => answer.rows.iter_mut().for_each(|row| row.push(0.5)),
        Kind::RaggedRow => {
            let row = some(answer.rows.len(), rng);
            answer.rows[row].pop();
        }
        Kind::NotANumber => answer.rows[accused][0] = f32::NAN,
        Kind::Overflow => answer.rows[accused][1] = f32::INFINITY,
        Kind::ZeroRow => answer.rows[accused].fill(0.0),
        Kind::Restart
        | Kind::Crash
        | Kind::PoisonRefused
        | Kind::PoisonFails
        | Kind::PoisonNaN
        | Kind::PoisonZero
        | Kind::TooLong
        | Kind::Ended => {}
    }
    answer.reply()
}

/// The rows in another order, each under the index of its text.
fn shuffle(answer: &mut Answer, rng: &mut Rng) {
    rng.shuffle(&mut answer.order);
    answer.rows = answer
        .order
        .iter()
        .map(|&index| answer.rows[index].clone())
        .collect();
}

fn limited(kind: Kind, dialect: Dialect, wait: Duration) -> Reply {
    let reply = refusal(dialect, 429, "too many requests");
    let seconds = wait.as_secs_f64().to_string();
    match kind {
        Kind::RetryAfterSeconds => reply.header("retry-after", &seconds),
        Kind::RetryAfterDate => {
            // A date has whole seconds; the next one is the least that is still a wait.
            let at = Timestamp::now().as_second() + 1 + wait.as_secs().cast_signed();
            let date = Timestamp::from_second(at)
                .and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at))
                .unwrap_or(seconds);
            reply.header("retry-after", &date)
        }
        Kind::RetryAfterMs => reply.header("retry-after-ms", &wait.as_millis().to_string()),
        Kind::RateLimitReset => reply
            .header("x-ratelimit-reset-requests", &format!("{}ms", wait.as_millis()))
            .header("x-ratelimit-reset-tokens", &format!("{seconds}s")),
        _ => reply,
    }
}
