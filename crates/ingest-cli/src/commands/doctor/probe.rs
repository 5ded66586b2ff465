//! How fast texts are embedded, by workers and by the size of a batch.

use std::sync::Arc;
use std::time::Duration;

use embed_core::{Embedder, InputKind, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::finding::Finding;

/// Batch sizes that are tried.
const BATCHES: [usize; 3] = [4, 16, 64];
/// Numbers of workers that are tried.
const WORKERS: [usize; 4] = [1, 2, 4, 8];
/// Below the best by no more than this share counts as equal to it: rates vary by as much on their own.
const EQUAL: f64 = 0.95;

/// What one way of asking reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) workers: usize,
    pub(super) batch: usize,
    /// Texts a second.
    pub(super) rate: f64,
}

/// The ways of asking that settings allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) workers: usize,
    pub(super) batch: usize,
}

/// Embeds for about `time`: batches of several sizes by one worker, then a good size by several workers. A way whose
/// first round would take too long is left out, and a server that takes three times as long is given up.
///
/// # Errors
/// The first failure of the embedder.
pub(super) async fn measure(
    embedder: &Arc<dyn Embedder>,
    bounds: Bounds,
    time: Duration,
) -> Result<Vec<Sample>> {
    let most = embedder.model().max_batch.map_or(usize::MAX, usize::from);
    let batches = up_to(&BATCHES, bounds.batch.min(most));
    let workers = up_to(&WORKERS, bounds.workers);
    let share = time / (batches.len() + workers.len() - 1) as u32;
    let deadline = Instant::now() + time * 3;
    let mut samples: Vec<Sample> = Vec::new();
    for batch in batches {
        if !fits(&samples, batch, share) {
            break;
        }
        let way = (1, batch);
        match timeout_at(deadline, sample(embedder, way, share)).await {
            Ok(sample) => samples.push(sample?),
            Err(_) => return Ok(samples),
        }
    }
    let Some(batch) = least(&samples).map(|sample| sample.batch) else {
        return Ok(samples);
    };
    for &count in workers.iter().skip(1) {
        if !fits(&samples, count * batch, share) {
            break;
        }
        match timeout_at(deadline, sample(embedder, (count, batch), share)).await {
            Ok(sample) => samples.push(sample?),
            Err(_) => break,
        }
    }
    Ok(samples)
}

/// The steps that do not exceed a bound, and the bound itself where it lies between two.
fn up_to(steps: &[usize], bound: usize) -> Vec<usize> {
    let mut taken: Vec<_> = steps.iter().copied().filter(|&step| step < bound).collect();
    if taken.len() < steps.len() {
        taken.push(bound.max(1));
    }
    taken
}

/// Whether so many texts are likely to be done in twice a way's share of time.
fn fits(samples: &[Sample], texts: usize, share: Duration) -> bool {
    best(samples).is_none_or(|best| texts as f64 / best.rate <= 2.0 * share.as_secs_f64())
}

fn best(samples: &[Sample]) -> Option<&Sample> {
    samples
        .iter()
        .max_by(|one, other| one.rate.total_cmp(&other.rate))
}

/// The way that reaches as much as the best with the fewest workers, then with the smallest batch.
fn least(samples: &[Sample]) -> Option<&Sample> {
    let enough = EQUAL * best(samples)?.rate;
    let enough = samples.iter().filter(|sample| sample.rate >= enough);
    enough.min_by_key(|sample| (sample.workers, sample.batch))
}

/// The fewest workers that reach as much as any.
pub(super) fn enough(samples: &[Sample]) -> Option<usize> {
    least(samples).map(|sample| sample.workers)
}

/// Keeps workers busy until the time is up; the batches begun by then are waited for.
async fn sample(
    embedder: &Arc<dyn Embedder>,
    (workers, batch): (usize, usize),
    time: Duration,
) -> Result<Sample> {
    let begin = Instant::now();
    let mut tasks: JoinSet<Result<usize>> = JoinSet::new();
    for worker in 0..workers {
        let embedder = Arc::clone(embedder);
        tasks.spawn(async move {
            let mut done = 0;
            while done == 0 || begin.elapsed() < time {
                let texts: Vec<_> = (0..batch).map(|at| text([worker, done + at])).collect();
                let texts: Vec<_> = texts.iter().map(String::as_str).collect();
                embedder.embed_batch(&texts, InputKind::Document).await?;
                done += batch;
            }
            Ok(done)
        });
    }
    let mut texts = 0;
    while let Some(ended) = tasks.join_next().await {
        // A task that panicked has no texts to its name.
        texts += ended.unwrap_or(Ok(0))?;
    }
    // A clock that stood still would make the rate infinite.
    let seconds = begin.elapsed().as_secs_f64().max(1e-6);
    Ok(Sample {
        workers,
        batch,
        rate: texts as f64 / seconds,
    })
}

/// A text of about a hundred tokens that differs from all others at its beginning, so that no server has it at hand.
fn text([worker, number]: [usize; 2]) -> String {
    const WORDS: &str = "The lock of the canal opens twice a day, at dawn and at dusk, and boats that come between \
                         wait at the wooden jetty below the mill. Whoever arrives first passes first; a boat with \
                         passengers goes before one that carries timber or stone. The keeper notes the name of each \
                         in a book, with its draught and the toll that was paid, and signals by a lamp when the \
                         water is level.";
    format!("Report {worker}.{number}: {WORDS}")
}

/// What was measured, with what to do about it. `set` is what a run would do now.
pub(super) fn finding(samples: &[Sample], set: Bounds, is_ollama: bool) -> Finding {
    const WHY: &str = "more workers than help only hold memory and connections";
    let Some(least) = least(samples) else {
        let what = "no batch was embedded in the time of the probe";
        return Finding::warning("throughput", what, "a run of many documents would take very long")
            .fix("ingest doctor --probe 60s");
    };
    let tried = samples.iter().map(|sample| sample.workers).max().unwrap_or(1);
    let words = recommendation(least, tried, is_ollama);
    let measured: Vec<_> = samples.iter().map(shown).collect();
    let what = format!("{words} (texts a second: {})", measured.join(", "));
    let as_set = set.workers == least.workers || (least.workers == tried && set.workers >= tried);
    if as_set && set.batch >= least.batch {
        return Finding::ok("throughput", what, WHY);
    }
    let batch = set.batch.max(least.batch);
    let fix = format!("ingest run --workers {} --batch-size {batch}", least.workers);
    Finding::advice("throughput", what, WHY).fix(fix)
}

fn recommendation(least: &Sample, tried: usize, is_ollama: bool) -> String {
    let Sample { workers, rate, .. } = *least;
    let (noun, verb) = if workers == 1 {
        ("worker", "reaches")
    } else {
        ("workers", "reach")
    };
    let reached = format!("{workers} {noun} {verb} {rate:.0} texts a second");
    if workers == tried {
        return if tried == 1 {
            reached
        } else {
            format!("{reached}, and each step up to there gained something")
        };
    }
    let gain = if workers == 1 { "gains" } else { "gain" };
    let because = if is_ollama && workers <= 2 {
        "one Ollama embeds one text at a time: "
    } else {
        ""
    };
    format!("{because}{reached}, more than {workers} {gain} nothing here")
}

fn shown(sample: &Sample) -> String {
    format!("{}×{} {:.0}", sample.workers, sample.batch, sample.rate)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use async_trait::async_trait;
    use embed_core::{Embeddings, Error, ErrorKind, ModelInfo};
    use tokio::sync::Semaphore;

    /// Answers as many requests at the same time as it has slots; each costs 5 ms besides its texts. No time for a text
    /// means that it is too busy for any.
    #[derive(Debug)]
    struct Slots {
        info: ModelInfo,
        slots: Semaphore,
        text: Duration,
    }

    impl Slots {
        fn embedder(slots: usize, text: Duration) -> Arc<dyn Embedder> {
            Arc::new(Self {
                info: ModelInfo::new("ollama", "m"),
                slots: Semaphore::new(slots),
                text,
            })
        }
    }

    #[async_trait]
    impl Embedder for Slots {
        fn model(&self) -> &ModelInfo {
            &self.info
        }

        async fn embed_batch<'a>(&self, inputs: &[&'a str], _: InputKind) -> Result<Embeddings> {
            if self.text.is_zero() {
                return Err(Error::new(ErrorKind::Busy, "full"));
            }
            let _slot = self.slots.acquire().await.expect("open");
            let work = self.text * inputs.len() as u32 + Duration::from_millis(5);
            tokio::time::sleep(work).await;
            Embeddings::from_flat(vec![1.0; inputs.len()], inputs.len())
        }
    }

    const FIVE: Duration = Duration::from_secs(5);
    const TEN_MS: Duration = Duration::from_millis(10);
    const USUAL: Bounds = Bounds {
        workers: 8,
        batch: 64,
    };

    fn sample(workers: usize, batch: usize, rate: f64) -> Sample {
        Sample { workers, batch, rate }
    }

    #[tokio::test(start_paused = true)]
    async fn one_slot_gains_nothing_from_workers() {
        let begin = Instant::now();
        let samples = measure(&Slots::embedder(1, TEN_MS), USUAL, FIVE)
            .await
            .expect("samples");
        assert!(samples.iter().any(|sample| sample.workers == 8), "{samples:?}");
        assert!(begin.elapsed() < FIVE * 2, "{:?}", begin.elapsed());
        let finding = finding(&samples, Bounds { workers: 4, ..USUAL }, true);
        assert_eq!(finding.level, Level::Advice);
        let words = "one Ollama embeds one text at a time: 1 worker reaches";
        assert!(finding.what.starts_with(words), "{finding:?}");
        assert!(
            finding.what.contains("more than 1 gains nothing here"),
            "{finding:?}"
        );
        let fix = finding.fix.expect("a command");
        assert_eq!(fix, "ingest run --workers 1 --batch-size 64");
    }

    #[tokio::test(start_paused = true)]
    async fn four_slots_are_filled_by_four_workers() {
        let samples = measure(&Slots::embedder(4, TEN_MS), USUAL, FIVE)
            .await
            .expect("samples");
        let finding = finding(&samples, Bounds { workers: 4, ..USUAL }, true);
        assert_eq!(finding.level, Level::Ok, "{finding:?}");
        assert!(finding.what.starts_with("4 workers reach"), "{finding:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_server_is_not_given_more_than_it_can_do() {
        let begin = Instant::now();
        let slow = Slots::embedder(1, Duration::from_secs(1));
        let samples = measure(&slow, USUAL, FIVE).await.expect("samples");
        assert_eq!(samples.len(), 1, "{samples:?}");
        assert!(begin.elapsed() <= FIVE * 3, "{:?}", begin.elapsed());
        let stuck = Slots::embedder(1, Duration::from_secs(3600));
        let none = measure(&stuck, USUAL, FIVE).await.expect("nothing");
        assert_eq!(finding(&none, USUAL, true).level, Level::Warning);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_ends_the_probe() {
        let error = measure(&Slots::embedder(1, Duration::ZERO), USUAL, FIVE).await;
        assert_eq!(error.expect_err("it fails").kind(), ErrorKind::Busy);
    }

    #[test]
    fn bounds_are_kept_and_tried() {
        assert_eq!(up_to(&WORKERS, 8), [1, 2, 4, 8]);
        assert_eq!(up_to(&WORKERS, 3), [1, 2, 3]);
        assert_eq!(up_to(&WORKERS, 1), [1]);
        assert_eq!(up_to(&BATCHES, 100), [4, 16, 64]);
    }

    #[test]
    fn rates_within_a_twentieth_are_equal() {
        let (few, many) = (sample(2, 64, 95.0), sample(4, 64, 100.0));
        let set = Bounds { workers: 2, ..USUAL };
        let equal = finding(&[sample(1, 64, 60.0), few, many], set, false);
        assert_eq!(equal.level, Level::Ok);
        assert!(equal.what.starts_with("2 workers reach 95"), "{equal:?}");
        let worse = sample(2, 64, 94.0);
        let more = finding(&[sample(1, 64, 60.0), worse, many], set, false);
        assert_eq!(more.level, Level::Advice);
        assert_eq!(
            more.fix.as_deref(),
            Some("ingest run --workers 4 --batch-size 64")
        );
    }
}
