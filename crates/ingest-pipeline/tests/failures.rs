//! What fails fails alone, and an outage is no failure.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Case, chunks, document, documents, error, fake, poisoned_case, sent};
use embed_core::testing::FakeEmbedder;
use embed_core::{Error, ErrorKind};
use ingest_pipeline::{Cancel, FailureLog, Outcome, SourceStatus};
use tokio::time::Instant;

/// Fails calls that hold a text with `word`.
fn poisoned(word: &'static str, kind: ErrorKind) -> FakeEmbedder {
    fake().fail_when(move |call| {
        call.inputs
            .iter()
            .any(|input| input.contains(word))
            .then(|| error(kind))
    })
}

#[tokio::test(start_paused = true)]
async fn a_poison_chunk_among_64_is_set_aside_alone() {
    for kind in [
        ErrorKind::InvalidInput,
        ErrorKind::Server,
        ErrorKind::InvalidResponse,
    ] {
        let case = poisoned_case();
        let embedder = poisoned("poison", kind);
        let report = case.run(&embedder, case.options()).await;
        assert_eq!(report.outcome, Outcome::Partial, "{kind}: {report:?}");
        assert_eq!(
            (report.documents.added, report.documents.failed),
            (7, 1),
            "{kind}"
        );
        assert_eq!(
            (report.chunks.embedded, report.chunks.stored, report.chunks.failed),
            (63, 63, 1),
            "{kind}"
        );
        assert_eq!(report.sources[0].status, SourceStatus::Partial);
        assert_eq!(chunks(case.store.as_ref()).await.len(), 63);
        let failed = case.store.failed(None, 10).await.expect("failed chunks");
        assert_eq!(failed.len(), 1);
        assert_eq!(
            (failed[0].source.as_str(), failed[0].chunk.ordinal),
            ("docs/5.md", 3)
        );
        assert_eq!(failed[0].failure.kind, kind.as_str());
        assert!(failed[0].failure.attempts > 1);
        let log = FailureLog::new(case.path("failures.json")).read().expect("a log");
        assert_eq!(log.entries.len(), 1);
        assert_eq!(log.entries[0].content_hash, Some(failed[0].chunk.content_hash));
        assert_eq!(log.entries[0].source, "docs/5.md");
        assert!(log.entries[0].error.contains("the server says"));
        assert!(
            embedder.calls().len() < 40,
            "{kind}: {} calls",
            embedder.calls().len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_run_takes_the_incomplete_document_up_and_clears_the_log() {
    let case = poisoned_case();
    case.run(&poisoned("poison", ErrorKind::InvalidInput), case.options())
        .await;
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(sent(&second).len(), 1);
    assert_eq!((report.documents.updated, report.documents.unchanged), (1, 7));
    assert_eq!(chunks(case.store.as_ref()).await.len(), 64);
    assert_eq!(case.log(), None);
}

#[tokio::test(start_paused = true)]
async fn retry_failed_embeds_what_failed_without_reading_a_file() {
    let case = poisoned_case();
    case.run(&poisoned("poison", ErrorKind::InvalidInput), case.options())
        .await;
    let mut options = case.options();
    options.retry_failed = true;
    let still = poisoned("poison", ErrorKind::InvalidInput);
    let report = case.run(&still, options).await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!((report.documents.failed, report.chunks.failed), (1, 1));
    assert_eq!(case.log().expect("a log").lines().count(), 1);

    std::fs::remove_dir_all(case.path("docs")).expect("removed");
    let mut options = case.options();
    options.retry_failed = true;
    let third = fake();
    let report = case.run(&third, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!(sent(&third).len(), 1);
    assert_eq!(
        (
            report.documents.updated,
            report.chunks.embedded,
            report.chunks.stored
        ),
        (1, 1, 1)
    );
    assert_eq!(chunks(case.store.as_ref()).await.len(), 64);
    assert!(
        documents(case.store.as_ref())
            .await
            .iter()
            .all(|state| state.failed == 0)
    );
    assert_eq!(case.log(), None);
}

#[tokio::test(start_paused = true)]
async fn retry_failed_accepts_a_log_of_the_reference_and_says_what_it_cannot_do() {
    let case = poisoned_case();
    case.run(&poisoned("poison", ErrorKind::InvalidInput), case.options())
        .await;
    let hash = case.store.failed(None, 1).await.expect("failed")[0]
        .chunk
        .content_hash;
    let foreign = "0".repeat(64);
    std::fs::write(
        case.path("failures.json"),
        format!(
            "{{\"content_hash\": \"{hash}\", \"source_url\": \"docs/5.md\", \"error\": \"batch_failed\"}}\r\n\
             {{\"content_hash\": \"{hash}\", \"source_url\": \"docs/5.md\", \"error\": \"batch_failed\"}}\r\n\
             not json\r\n\
             {{\"content_hash\": \"{foreign}\", \"source_url\": \"flare://x\", \"error\": \"batch_failed\"}}"
        ),
    )
    .expect("a log");
    let mut options = case.options();
    options.retry_failed = true;
    let report = case.run(&fake(), options).await;
    assert_eq!(report.chunks.embedded, 1);
    assert_eq!(report.outcome, Outcome::Partial, "an entry could not be taken up");
    assert!(case.heard.has("line 3 of the failure log"));
    assert!(case.heard.has("1 entries of the failure log"));
    let log = case.log().expect("a log");
    assert!(
        log.contains(&foreign) && !log.contains(&hash.to_string()),
        "{log}"
    );
    let aside = std::fs::read_to_string(case.path("failures.json.broken")).expect("kept aside");
    assert_eq!(aside, "not json\n");

    let report = case.run(&fake(), case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(case.log(), None, "a full success leaves no log");
}

#[tokio::test(start_paused = true)]
async fn a_short_trouble_is_retried_and_costs_nothing() {
    let case = poisoned_case();
    let embedder = fake().fail_when(|call| (call.number == 2).then(|| error(ErrorKind::Connect)));
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!((report.retries, report.chunks.embedded), (1, 64));
    assert_eq!(case.heard.count("Retry"), 1);
    assert_eq!(case.heard.count("OutageBegan"), 0);
    assert_eq!(case.log(), None);
}

#[tokio::test(start_paused = true)]
async fn a_bad_row_after_another_trouble_is_no_proof_against_a_text() {
    let case = Case::new();
    case.write("docs/0.md", document("d0", 1));
    let embedder = fake().fail_when(|call| match call.number {
        2 => Some(error(ErrorKind::Connect)),
        3 => Some(error(ErrorKind::InvalidResponse).with_input(0)),
        _ => None,
    });
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.retries, report.chunks.stored), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_bad_row_twice_convicts_its_text_without_a_third_try() {
    let case = poisoned_case();
    let embedder = fake().fail_when(|call| {
        let row = call.inputs.iter().position(|input| input.contains("poison"))?;
        Some(error(ErrorKind::InvalidResponse).with_input(row))
    });
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Partial, "{report:?}");
    assert_eq!((report.chunks.stored, report.chunks.failed), (63, 1));
    let tries = |input: &&String| input.contains("poison");
    assert_eq!(
        sent(&embedder).iter().filter(tries).count(),
        4,
        "twice in the batch, twice alone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_named_wait_is_kept_by_all_workers() {
    let case = Case::new();
    for number in 0..8 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 8));
    }
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    // The second call is refused after two seconds, while three others are on their way.
    let embedder = fake()
        .fail_when(|call| {
            (call.number == 2)
                .then(|| error(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(30)))
        })
        .before_answer(move |call| {
            seen.lock().expect("no panic").push(Instant::now());
            tokio::time::sleep(Duration::from_secs(call.number.min(3)))
        });
    let mut options = case.options();
    options.batch_size = 4;
    options.workers = 4;
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok);
    let times = times.lock().expect("no panic");
    let after: Vec<_> = times[1..]
        .iter()
        .map(|time| (*time - times[1]).as_secs())
        .collect();
    assert_eq!(after[..4], [0; 4], "{after:?}");
    assert!(after[4..].iter().all(|&begun| begun >= 2 + 30), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_two_minutes_stops_the_run_and_is_told() {
    let case = poisoned_case();
    let embedder = fake().fail_when(|call| {
        (call.number >= 2).then(|| error(ErrorKind::RateLimited).with_retry_after(Duration::from_secs(3600)))
    });
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Stopped);
    assert!(report.stopped.expect("a reason").message.contains("3600 s"));
    assert_eq!(case.log(), None);
}

#[tokio::test(start_paused = true)]
async fn heavy_weather_fails_nothing() {
    let case = Case::new();
    for number in 0..200 {
        case.write(
            &format!("docs/{number:03}.md"),
            document(&format!("d{number}"), 5),
        );
    }
    // Two calls in five fail, in runs of up to two.
    let embedder =
        fake().fail_when(|call| (call.number > 1 && call.number % 5 < 2).then(|| error(ErrorKind::Server)));
    let mut options = case.options();
    options.batch_size = 3;
    options.workers = 8;
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{:?}", report.stopped);
    assert_eq!((report.chunks.embedded, report.chunks.stored), (1000, 1000));
}

#[tokio::test(start_paused = true)]
async fn one_poison_among_many_documents_under_many_workers() {
    let case = Case::new();
    for number in 0..50 {
        case.write(
            &format!("docs/{number:02}.md"),
            document(&format!("d{number}x"), 4),
        );
    }
    let embedder = poisoned("section 2 in d17x", ErrorKind::Server);
    let mut options = case.options();
    options.workers = 8;
    options.batch_size = 16;
    let report = case.run(&embedder, options).await;
    assert_eq!(
        (
            report.documents.added,
            report.documents.failed,
            report.chunks.failed
        ),
        (49, 1, 1)
    );
    assert_eq!(chunks(case.store.as_ref()).await.len(), 199);
}

/// A server that dies of a poison and takes with it whatever it was working on at that moment.
#[derive(Debug)]
struct Crashing {
    fake: FakeEmbedder,
    crashes: tokio::sync::watch::Sender<u64>,
}

#[async_trait::async_trait]
impl embed_core::Embedder for Crashing {
    fn model(&self) -> &embed_core::ModelInfo {
        self.fake.model()
    }

    async fn embed_batch<'a>(
        &self,
        inputs: &[&'a str],
        kind: embed_core::InputKind,
    ) -> embed_core::Result<embed_core::Embeddings> {
        let mut crashes = self.crashes.subscribe();
        let work = tokio::time::sleep(Duration::from_secs(1));
        if inputs.iter().any(|input| input.contains("poison")) {
            work.await;
            self.crashes.send_modify(|crashes| *crashes += 1);
            return Err(error(ErrorKind::Server));
        }
        tokio::select! {
            _ = crashes.changed() => Err(error(ErrorKind::Server)),
            () = work => self.fake.embed_batch(inputs, kind).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_beside_a_text_that_brings_the_server_down_is_not_set_aside_with_it() {
    let case = Case::new();
    for number in 0..24 {
        let word = if number % 2 == 0 { "poison" } else { "harmless" };
        case.write(&format!("docs/{number:02}.md"), format!("{word} {number}\n"));
    }
    let mut options = case.options();
    options.batch_size = 1;
    let embedder = Crashing {
        fake: fake(),
        crashes: tokio::sync::watch::Sender::new(0),
    };
    let report = ingest_pipeline::run(
        Arc::clone(&case.store),
        Arc::new(embedder),
        options,
        Arc::new(()),
        &Cancel::new(),
    )
    .await
    .expect("a report");
    assert_eq!(report.outcome, Outcome::Partial, "{:?}", report.stopped);
    let failed = case.store.failed(None, 100).await.expect("failed chunks");
    let harmless: Vec<_> = failed
        .iter()
        .filter(|failed| failed.chunk.text.contains("harmless"))
        .collect();
    assert!(harmless.is_empty(), "{harmless:?}");
    assert_eq!((report.chunks.stored, report.chunks.failed), (12, 12));
}

#[tokio::test(start_paused = true)]
async fn the_same_poison_in_many_files_is_found_out_once_and_listed_for_each() {
    let case = Case::new();
    for number in 0..20 {
        case.write(&format!("docs/{number:02}.md"), "## Title\n\npoison\n");
    }
    let embedder = poisoned("poison", ErrorKind::InvalidInput);
    let report = case.run(&embedder, case.options()).await;
    assert_eq!((report.documents.failed, report.chunks.failed), (20, 20));
    assert_eq!(sent(&embedder).len(), 1);
    assert_eq!(case.log().expect("a log").lines().count(), 20);
    assert_eq!(report.failures.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn fail_fast_stops_at_the_first_failure() {
    let case = poisoned_case();
    let mut options = case.options();
    options.fail_fast = true;
    options.workers = 1;
    options.batch_size = 1;
    let report = case
        .run(
            &poisoned("words of section 2 in d1", ErrorKind::InvalidInput),
            options,
        )
        .await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.stopped.expect("a reason").kind, "fail_fast");
    assert!(report.documents.added < 8);
}

#[derive(Debug)]
struct Wordless(FakeEmbedder);

#[async_trait::async_trait]
impl embed_core::Embedder for Wordless {
    fn model(&self) -> &embed_core::ModelInfo {
        self.0.model()
    }

    async fn embed_batch<'a>(
        &self,
        inputs: &[&'a str],
        kind: embed_core::InputKind,
    ) -> embed_core::Result<embed_core::Embeddings> {
        if let Some(index) = inputs
            .iter()
            .position(|input| self.count_tokens(input) == Some(0))
        {
            return Err(Error::new(ErrorKind::InvalidInput, "no known token").with_input(index));
        }
        self.0.embed_batch(inputs, kind).await
    }

    fn count_tokens(&self, input: &str) -> Option<usize> {
        Some(if input.contains("zzz") {
            0
        } else {
            input.split_whitespace().count()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_without_any_known_token_is_stored_for_text_search_and_is_no_failure() {
    let case = Case::new();
    case.write("docs/a.md", "## A\n\nfine\n\n## zzz\n\nzzz\n\n## B\n\nfine too\n");
    case.write("docs/b.md", "zzz zzz\n");
    let embedder = Wordless(fake());
    let inner = embedder.0.clone();
    let report = ingest_pipeline::run(
        Arc::clone(&case.store),
        Arc::new(embedder),
        case.options(),
        Arc::new(()),
        &Cancel::new(),
    )
    .await
    .expect("a report");
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!(
        (
            report.chunks.stored,
            report.chunks.text_only,
            report.chunks.failed
        ),
        (4, 2, 0)
    );
    assert_eq!(sent(&inner).len(), 2);
    let status = case.store.status().await.expect("a status");
    assert_eq!((status.chunks, status.text_only), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_a_bad_row_never_reaches_the_store() {
    #[derive(Debug)]
    struct Nan(FakeEmbedder);
    #[async_trait::async_trait]
    impl embed_core::Embedder for Nan {
        fn model(&self) -> &embed_core::ModelInfo {
            self.0.model()
        }
        async fn embed_batch<'a>(
            &self,
            inputs: &[&'a str],
            kind: embed_core::InputKind,
        ) -> embed_core::Result<embed_core::Embeddings> {
            let mut values = self.0.embed_batch(inputs, kind).await?.into_flat();
            if let Some(bad) = inputs.iter().position(|input| input.contains("poison")) {
                values[bad * common::DIMENSIONS] = f32::NAN;
            }
            embed_core::Embeddings::from_flat(values, inputs.len())
        }
    }
    let case = poisoned_case();
    let fake = fake();
    let report = ingest_pipeline::run(
        Arc::clone(&case.store),
        Arc::new(Nan(fake.clone())),
        case.options(),
        Arc::new(()),
        &Cancel::new(),
    )
    .await
    .expect("a report");
    assert_eq!((report.chunks.stored, report.chunks.failed), (63, 1));
    assert!(
        fake.calls().len() < 12,
        "the row tells which text it is: {} calls",
        fake.calls().len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_not_the_end_of_its_removals() {
    let case = poisoned_case();
    case.run(&fake(), case.options()).await;
    case.remove("docs/0.md");
    case.write("docs/1.md", "poison");
    let report = case
        .run(&poisoned("poison", ErrorKind::InvalidInput), case.options())
        .await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.documents.removed, 1, "the walk itself was whole");
}
