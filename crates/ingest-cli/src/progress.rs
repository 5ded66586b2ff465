//! What a run tells while it goes on: bars in a terminal, a plain line now and then elsewhere.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ingest_pipeline::{DocumentOutcome, Event, Failure, Observer, Progress};

use crate::console::{Console, Level};
use crate::output::{counted, grouped, lasted};

/// How long a run without a terminal is silent between two lines.
const INTERVAL: Duration = Duration::from_secs(10);
/// Failures told one by one; the log has them all.
const MOST_FAILURES: u64 = 20;

/// Tells the events of a run.
pub(crate) struct Reporter {
    console: Arc<Console>,
    bars: Option<Bars>,
    last_line: Mutex<Instant>,
    started: Instant,
    failures: AtomicU64,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}

/// A bar a stage.
struct Bars {
    read: ProgressBar,
    embed: ProgressBar,
    store: ProgressBar,
}

impl Reporter {
    pub(crate) fn new(console: Arc<Console>) -> Self {
        let bars = console.bars().map(|all| {
            let bar = |name: &'static str| {
                // The template is a constant; were it wrong, the plain style would do.
                let style = ProgressStyle::with_template("{prefix:<6.cyan} [{bar:30}] {msg}");
                let style = style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("=> ");
                all.add(ProgressBar::new(1).with_style(style).with_prefix(name))
            };
            Bars {
                read: bar("read"),
                embed: bar("embed"),
                store: bar("store"),
            }
        });
        let now = Instant::now();
        Self {
            console,
            bars,
            last_line: Mutex::new(now),
            started: now,
            failures: AtomicU64::new(0),
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        if let Some(bars) = &self.bars {
            for bar in [&bars.read, &bars.embed, &bars.store] {
                bar.finish_and_clear();
            }
        }
    }

    fn progress(&self, progress: &Progress) {
        match &self.bars {
            Some(bars) => bars.show(progress, self.started.elapsed()),
            None => self.plain_line(progress),
        }
    }

    fn plain_line(&self, progress: &Progress) {
        if self.console.tells(Level::Normal) && self.is_time_for_a_line() {
            self.console
                .tell(Level::Normal, &line(progress, self.started.elapsed()));
        }
    }

    fn is_time_for_a_line(&self) -> bool {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.elapsed() >= INTERVAL;
        if is_time {
            *last = Instant::now();
        }
        is_time
    }

    /// The index takes the bar of the store, which has nothing more to do.
    fn indexing(&self, share: f64) {
        let percent = (share.clamp(0.0, 1.0) * 100.0) as u64;
        match &self.bars {
            Some(bars) => {
                bars.store.set_length(100);
                bars.store.set_position(percent);
                bars.store.set_message(format!("building the index  {percent}%"));
            }
            None if self.is_time_for_a_line() => {
                let text = format!("building the index: {percent}%");
                self.console.tell(Level::Normal, &text);
            }
            None => {}
        }
    }

    fn failed(&self, failure: &Failure) {
        let told = self.failures.fetch_add(1, Ordering::Relaxed);
        if told < MOST_FAILURES || self.console.tells(Level::More) {
            let place = failure
                .chunk
                .map(|chunk| format!(", chunk {chunk}"))
                .unwrap_or_default();
            self.console
                .error(&format!("{}{place}: {}", failure.source, failure.error));
        } else if told == MOST_FAILURES {
            self.console
                .warn("further failures are noted in the log alone; -v tells them here too");
        }
    }
}

/// Tells how many workers were found to help.
fn settled(workers: usize, rate: Option<f64>) -> String {
    match rate {
        Some(rate) => format!("workers auto: settled on {workers} ({rate:.0} texts/s)"),
        None => format!("workers auto: {workers} at the end, the run was too short to settle"),
    }
}

/// Tells what is waited for, and that it is no fault.
fn waiting(documents: usize) -> String {
    format!(
        "waiting for other runs of this store, which are at {} of this one",
        counted(documents as u64, "document")
    )
}

impl Observer for Reporter {
    fn event(&self, event: &Event<'_>) {
        let tell = |level, message: String| self.console.tell(level, &message);
        match event {
            Event::Ready {
                provider,
                model,
                dimensions,
            } => {
                let width = if *dimensions == 0 {
                    String::new()
                } else {
                    format!(", {dimensions} dimensions")
                };
                tell(
                    Level::More,
                    format!("embedding with `{model}` of {provider}{width}"),
                );
            }
            Event::Progress(progress) => self.progress(progress),
            Event::Document { source, outcome } => {
                let (level, word) = match outcome {
                    DocumentOutcome::Added => (Level::More, "added"),
                    DocumentOutcome::Updated => (Level::More, "updated"),
                    DocumentOutcome::Removed => (Level::More, "removed"),
                    DocumentOutcome::Unchanged => (Level::All, "unchanged"),
                    // Its failures are told one by one.
                    DocumentOutcome::Failed => (Level::All, "failed"),
                };
                // Told of every document, and of most of them to nobody.
                if self.console.tells(level) {
                    tell(level, format!("{word} {source}"));
                }
            }
            Event::Skipped { source, reason } => tell(Level::More, format!("skipped {source}: {reason}")),
            Event::Failed(failure) => self.failed(failure),
            Event::Retry {
                worker,
                attempt,
                of,
                wait,
                error,
                ..
            } => tell(
                Level::More,
                format!(
                    "worker {worker}: attempt {attempt} of {of} failed, the next in {}: {error}",
                    lasted(*wait)
                ),
            ),
            Event::OutageBegan { error, wait } => self.console.warn(&format!(
                "the server does not answer, waiting up to {} for it: {error}",
                lasted(*wait)
            )),
            Event::OutageEnded { after } => {
                tell(
                    Level::Normal,
                    format!("the server is back after {}, going on", lasted(*after)),
                );
            }
            Event::Workers { workers, rate } => tell(Level::Normal, settled(*workers, *rate)),
            Event::Waiting { documents } => tell(Level::Normal, waiting(*documents)),
            Event::Indexing { share } => self.indexing(*share),
            Event::Warning(message) => self.console.warn(message),
            Event::Note(message) => tell(Level::More, (*message).to_owned()),
            _ => {}
        }
    }
}

impl Bars {
    fn show(&self, progress: &Progress, elapsed: Duration) {
        let stages = stages(progress, elapsed);
        for (bar, stage) in [&self.read, &self.embed, &self.store].into_iter().zip(stages) {
            bar.set_length(stage.length.max(1));
            bar.set_position(stage.done);
            bar.set_message(stage.text);
        }
    }
}

/// What a bar shows.
struct Stage {
    done: u64,
    length: u64,
    text: String,
}

/// Reading, embedding and storing. Counts are true ones, with a `+` behind a total that still grows; only the bar of a
/// stage whose total grows is drawn against what it will be if the rest is like what is done.
fn stages(progress: &Progress, elapsed: Duration) -> [Stage; 3] {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = |count: u64| grouped((count as f64 / seconds).round() as u64);
    let more = |growing: bool| if growing { "+" } else { "" };
    let growing = !progress.found_all || progress.done < progress.found;
    let expected = match (growing, progress.done) {
        (true, done @ 1..) => progress.chunks_stored.saturating_mul(progress.found) / done,
        _ => 0,
    };
    let files = format!("{}{}", grouped(progress.found), more(!progress.found_all));
    let left = time_left(progress, elapsed).map(|left| format!("  about {} left", lasted(left)));
    [
        Stage {
            done: progress.read,
            length: progress.found,
            text: format!("{}/{files} files", grouped(progress.read)),
        },
        Stage {
            done: progress.chunks_embedded,
            length: expected.max(progress.chunks),
            text: format!(
                "{}/{}{} chunks  {}/s",
                grouped(progress.chunks_embedded),
                grouped(progress.chunks),
                more(growing),
                rate(progress.chunks_embedded),
            ),
        },
        Stage {
            done: progress.done,
            length: progress.found,
            text: format!(
                "{}/{files} files  {}/s{}",
                grouped(progress.done),
                rate(progress.done),
                left.unwrap_or_default(),
            ),
        },
    ]
}

/// The time left, by the chunks there are and those to come if the documents still to be looked at are like the others;
/// `None` before the totals are known or enough was seen. It does not go by documents: in most runs most are unchanged,
/// and cost next to nothing.
fn time_left(progress: &Progress, elapsed: Duration) -> Option<Duration> {
    if !progress.found_all || elapsed < Duration::from_secs(1) {
        return None;
    }
    let counts = &progress.document_counts;
    let known = progress.cut + counts.unchanged + counts.skipped;
    // What others are at is theirs to do, and takes as long as they take.
    let unknown = progress
        .found
        .saturating_sub(known.max(progress.done) + progress.waiting);
    // A dry run embeds nothing.
    let done = progress.chunks_embedded.max(progress.chunks_stored);
    let (done, left) = if progress.chunks > 0 {
        let ahead = unknown as f64 * progress.chunks as f64 / known as f64;
        (done, progress.chunks.saturating_sub(done) as f64 + ahead)
    } else {
        (known, unknown as f64)
    };
    if done == 0 || left == 0.0 {
        return None;
    }
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * left / done as f64).ok()
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let rate = progress.chunks_embedded as f64 / elapsed.as_secs_f64().max(0.001);
    let files = if progress.found_all {
        format!(
            "{} of {} done",
            grouped(progress.done),
            counted(progress.found, "file")
        )
    } else {
        format!(
            "{} done, {} found so far",
            counted(progress.done, "file"),
            grouped(progress.found)
        )
    };
    let mut line = format!(
        "{files}; {} of {} embedded, {rate:.1} chunks/s",
        grouped(progress.chunks_embedded),
        counted(progress.chunks, "chunk"),
    );
    if let Some(left) = time_left(progress, elapsed) {
        line.push_str(&format!(", about {} left", lasted(left)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of the files are cut, into 4,000 chunks, a quarter of which is embedded.
    fn progress(found: u64, done: u64, found_all: bool) -> Progress {
        let mut progress = Progress::default();
        (progress.found, progress.done, progress.found_all) = (found, done, found_all);
        (progress.cut, progress.chunks, progress.chunks_embedded) = (found / 2, 4_000, 1_000);
        progress
    }

    #[test]
    fn the_plain_line_has_totals_rate_and_time_left() {
        let elapsed = Duration::from_secs(20);
        assert_eq!(
            line(&progress(1_500, 500, true), elapsed),
            "500 of 1,500 files done; 1,000 of 4,000 chunks embedded, 50.0 chunks/s, about 2m 20s left"
        );
        let early = line(&progress(1_500, 500, false), elapsed);
        assert!(
            early.starts_with("500 files done, 1,500 found so far;") && !early.contains("left"),
            "{early}"
        );
    }

    #[test]
    fn a_total_that_grows_is_marked_and_its_bar_is_drawn_against_what_is_expected() {
        let mut progress = progress(2_000, 200, true);
        (progress.read, progress.chunks_stored) = (1_000, 800);
        let [read, embed, store] = stages(&progress, Duration::from_secs(10));
        assert_eq!(read.text, "1,000/2,000 files");
        assert_eq!(
            (embed.text.as_str(), embed.length),
            ("1,000/4,000+ chunks  100/s", 8_000)
        );
        assert_eq!(store.text, "200/2,000 files  20/s  about 1m 10s left");
        progress.done = 2_000;
        let [_, embed, _] = stages(&progress, Duration::from_secs(10));
        assert_eq!(
            (embed.text.as_str(), embed.length),
            ("1,000/4,000 chunks  100/s", 4_000)
        );
    }

    #[test]
    fn the_time_left_is_that_of_chunks_and_not_of_unchanged_documents() {
        let elapsed = Duration::from_secs(10);
        // 9,900 files were as before; the others have 40 chunks each, of which 400 took 10 seconds.
        let mut progress = progress(10_000, 9_910, true);
        progress.document_counts.unchanged = 9_900;
        (progress.cut, progress.chunks, progress.chunks_embedded) = (100, 4_000, 400);
        assert_eq!(time_left(&progress, elapsed), Some(Duration::from_secs(90)));
        // Ten more files are not looked at yet: the rest may be like what is known.
        progress.found = 10_010;
        let left = time_left(&progress, elapsed).expect("a time").as_secs_f64();
        assert!((90.0..90.2).contains(&left), "{left}");
        // Nothing but unchanged ones.
        (progress.cut, progress.chunks, progress.chunks_embedded) = (0, 0, 0);
        (progress.found, progress.done) = (19_800, 9_900);
        assert_eq!(time_left(&progress, elapsed), Some(elapsed));
    }

    #[test]
    fn nobody_knows_how_long_others_take() {
        let mut progress = progress(100, 60, true);
        (progress.cut, progress.chunks, progress.chunks_embedded) = (60, 600, 600);
        progress.waiting = 40;
        assert_eq!(time_left(&progress, Duration::from_secs(10)), None);
        progress.chunks_embedded = 300;
        assert_eq!(
            time_left(&progress, Duration::from_secs(10)),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            waiting(1),
            "waiting for other runs of this store, which are at 1 document of this one"
        );
    }

    #[test]
    fn a_dry_run_goes_by_what_it_counted() {
        let mut progress = progress(100, 25, true);
        (progress.cut, progress.chunks) = (50, 500);
        (progress.chunks_embedded, progress.chunks_stored) = (0, 250);
        let left = time_left(&progress, Duration::from_secs(10));
        assert_eq!(left, Some(Duration::from_secs(30)));
    }

    #[test]
    fn no_time_left_is_guessed_from_nothing() {
        let mut nothing_embedded = progress(10, 0, true);
        nothing_embedded.chunks_embedded = 0;
        assert_eq!(time_left(&nothing_embedded, Duration::from_secs(9)), None);
        assert_eq!(time_left(&progress(10, 5, true), Duration::from_millis(10)), None);
        assert_eq!(time_left(&Progress::default(), Duration::from_secs(9)), None);
    }
}
