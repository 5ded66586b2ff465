//! A server that is away, a key that is refused, a run that is cancelled: nothing is set aside, nothing finished is lost.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Case, chunks, document, documents, error, export, fake, poisoned_case, sent};
use embed_core::ErrorKind;
use embed_core::testing::FakeEmbedder;
use ingest_pipeline::{Cancel, Outcome, RunOptions, SourceStatus};
use tokio::time::{Instant, sleep};

/// An embedder whose server is away from the second call on, for so long.
fn away(from_call: u64, time: Duration) -> FakeEmbedder {
    let began: Arc<std::sync::Mutex<Option<Instant>>> = Arc::default();
    fake().fail_when(move |call| {
        if call.number < from_call {
            return None;
        }
        let began = *began.lock().expect("no panic").get_or_insert_with(Instant::now);
        (began.elapsed() < time).then(|| error(ErrorKind::Connect))
    })
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_with_one_probe_and_nothing_is_set_aside() {
    let case = poisoned_case();
    let embedder = away(3, Duration::from_secs(40));
    let mut options = case.options();
    options.batch_size = 4;
    let began = Instant::now();
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.chunks.embedded, report.chunks.failed), (64, 0));
    assert_eq!(case.heard.count("OutageBegan"), 1, "{:?}", case.heard.all());
    assert_eq!(case.heard.count("OutageEnded"), 1);
    assert!(
        began.elapsed() < Duration::from_secs(40 + 15),
        "{:?}",
        began.elapsed()
    );
    // Four workers tried twice each; then one probed.
    let in_vain = embedder.calls().len() - 18;
    assert!(in_vain < 24, "{in_vain} requests in vain");
    assert_eq!(case.log(), None);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_does_not_hide_the_servers_return() {
    let case = poisoned_case();
    let began: Arc<std::sync::OnceLock<Instant>> = Arc::default();
    let hears = Arc::clone(&began);
    // Refuses for five seconds, then takes requests and never answers them until it is back at thirty.
    let embedder = fake()
        .fail_when(move |call| {
            let gone = (call.number >= 3).then(|| began.get_or_init(Instant::now).elapsed())?;
            (gone < Duration::from_secs(5)).then(|| error(ErrorKind::Connect))
        })
        .before_answer(move |_| {
            let gone = hears.get().map(Instant::elapsed).unwrap_or_default();
            let hangs = gone >= Duration::from_secs(5) && gone < Duration::from_secs(30);
            sleep(Duration::from_secs(if hangs { 300 } else { 0 }))
        });
    let mut options = case.options();
    options.batch_size = 4;
    let start = Instant::now();
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.chunks.embedded, report.chunks.failed), (64, 0));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(30 + 15), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_beyond_the_wait_stops_the_run_with_all_finished_work_kept() {
    let case = Case::new();
    for number in 0..8 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 8));
    }
    let embedder = away(4, Duration::from_secs(100_000));
    let mut options = case.options();
    options.batch_size = 6;
    options.workers = 1;
    let began = Instant::now();
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Stopped, "{report:?}");
    let waited = began.elapsed();
    assert!(
        waited >= Duration::from_secs(60) && waited < Duration::from_secs(75),
        "{waited:?}"
    );
    assert_eq!(
        (
            report.documents.added,
            report.documents.failed,
            report.chunks.failed
        ),
        (1, 0, 0)
    );
    assert_eq!(case.log(), None);
    assert_eq!(case.sources().await, ["docs/0.md"]);
    // Twelve texts were paid for, four of them of a document that was not whole.
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(sent(&second).len(), 64 - 12);
    assert_eq!(chunks(case.store.as_ref()).await.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_an_outage_stops_at_once() {
    let case = poisoned_case();
    let mut options = case.options();
    options.wait = Duration::ZERO;
    let began = Instant::now();
    let report = case.run(&away(2, Duration::from_secs(1000)), options).await;
    assert_eq!(report.outcome, Outcome::Stopped);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(case.log(), None);
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_person_stops_the_run_with_one_more_request_a_worker_at_most() {
    for kind in [
        ErrorKind::Unauthorized,
        ErrorKind::ModelNotFound,
        ErrorKind::QuotaSpent,
        ErrorKind::InvalidConfig,
    ] {
        let case = poisoned_case();
        let embedder = fake()
            .fail_when(move |call| (call.number > 2).then(|| error(kind)))
            .before_answer(|_| sleep(Duration::from_millis(10)));
        let mut options = case.options();
        options.batch_size = 2;
        let report = case.run(&embedder, options).await;
        assert_eq!(report.outcome, Outcome::Stopped, "{kind}");
        assert_eq!(report.stopped.as_ref().expect("a reason").kind, kind.as_str());
        assert!(
            embedder.calls().len() <= 2 + 4 + 4,
            "{kind}: {} calls",
            embedder.calls().len()
        );
        assert_eq!((report.documents.failed, report.chunks.failed), (0, 0));
        assert_eq!(case.log(), None, "{kind}: nothing of the rest has failed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_embedding_that_fails_touches_nothing() {
    for kind in [ErrorKind::Connect, ErrorKind::Unauthorized] {
        let case = poisoned_case();
        let embedder = fake().fail_when(move |_| Some(error(kind)));
        let failed = case
            .try_run(&embedder, case.options())
            .await
            .expect_err("not started");
        assert_eq!(failed.kind(), ingest_pipeline::ErrorKind::Embedder);
        assert!(case.sources().await.is_empty());
        assert_eq!(case.store.identity().await.expect("an answer"), None);
        assert_eq!(case.log(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_is_no_reason_to_set_all_aside() {
    let case = poisoned_case();
    let embedder = fake().fail_when(|call| (call.number > 1).then(|| error(ErrorKind::InvalidInput)));
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.outcome, Outcome::Stopped, "{report:?}");
    assert_eq!(report.chunks.failed, 0);
    assert!(embedder.calls().len() < 20);
}

#[tokio::test(start_paused = true)]
async fn cancelling_keeps_whole_documents_and_the_next_run_goes_on() {
    let case = Case::new();
    for number in 0..20 {
        case.write(
            &format!("docs/{number:02}.md"),
            document(&format!("d{number}"), 5),
        );
    }
    let cancel = Cancel::new();
    let token = cancel.clone();
    let embedder = fake().before_answer(move |call| {
        let token = token.clone();
        async move {
            sleep(Duration::from_secs(1)).await;
            if call.number == 8 {
                token.cancel();
            }
        }
    });
    let mut options = case.options();
    options.batch_size = 3;
    options.workers = 2;
    let report = case
        .cancellable(&embedder, options, &cancel)
        .await
        .expect("a report");
    assert_eq!(report.outcome, Outcome::Interrupted);
    assert!(report.interrupted());
    assert_eq!(report.sources[0].status, SourceStatus::Partial);
    let paid = sent(&embedder).len();
    assert!((20..=30).contains(&paid), "{paid}");
    for state in documents(case.store.as_ref()).await {
        assert_eq!((state.chunks, state.failed), (5, 0));
    }
    assert_eq!(case.log(), None);

    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(
        sent(&second).len(),
        100 - paid,
        "nothing that was paid for is embedded again"
    );
    let whole = Case::new();
    for number in 0..20 {
        whole.write(
            &format!("docs/{number:02}.md"),
            document(&format!("d{number}"), 5),
        );
    }
    whole.run(&fake(), whole.options()).await;
    assert_eq!(
        export(case.store.as_ref()).await,
        export(whole.store.as_ref()).await
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_ends_holds_a_cancelled_run_up_for_a_moment_only() {
    let case = poisoned_case();
    let cancel = Cancel::new();
    let token = cancel.clone();
    let embedder = fake().before_answer(move |call| {
        let token = token.clone();
        async move {
            if call.number > 1 {
                token.cancel();
                std::future::pending::<()>().await;
            }
        }
    });
    let began = Instant::now();
    let report = case
        .cancellable(&embedder, case.options(), &cancel)
        .await
        .expect("a report");
    assert_eq!(report.outcome, Outcome::Interrupted);
    assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_text_that_brings_the_server_down_each_time_is_found_out() {
    let case = poisoned_case();
    // After the poison nothing answers for ten seconds.
    let down: Arc<std::sync::Mutex<Option<Instant>>> = Arc::default();
    let crashes = Arc::new(AtomicU64::new(0));
    let crashed = Arc::clone(&crashes);
    let embedder = fake().fail_when(move |call| {
        let mut down = down.lock().expect("no panic");
        if down.is_some_and(|until| Instant::now() < until) {
            return Some(error(ErrorKind::Connect));
        }
        if call.inputs.iter().any(|input| input.contains("poison")) {
            crashed.fetch_add(1, Ordering::SeqCst);
            *down = Some(Instant::now() + Duration::from_secs(10));
            return Some(error(ErrorKind::Connect));
        }
        None
    });
    let mut options = case.options();
    options.workers = 1;
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Partial, "{report:?}");
    assert_eq!((report.chunks.stored, report.chunks.failed), (63, 1));
    assert!(crashes.load(Ordering::SeqCst) < 40, "{crashes:?}");
}

/// Which of its two versions each changed document is stored in; never some of both.
async fn versions(case: &Case) -> [&'static str; 2] {
    let stored = chunks(case.store.as_ref()).await;
    ["1", "2"].map(|number| {
        let source = format!("docs/{number}.md");
        let held: Vec<_> = stored
            .iter()
            .filter(|chunk| chunk.source == source)
            .map(|chunk| chunk.chunk.text.as_str())
            .collect();
        let all_of = |version: &str| {
            held.iter()
                .all(|text| text.contains(&format!("{version}{number}")))
        };
        assert_eq!(held.len(), 5, "{source}: {held:#?}");
        assert!(all_of("old") || all_of("new"), "{source}: {held:#?}");
        if all_of("old") { "old" } else { "new" }
    })
}

fn write_version(case: &Case, version: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let text = document(&format!("{version}{number}"), 5);
        case.write(&format!("docs/{number}.md"), text);
    }
}

fn three_at_a_time(case: &Case) -> RunOptions {
    let mut options = case.options();
    options.batch_size = 3;
    options.workers = 1;
    options.wait = Duration::ZERO;
    options
}

/// Four documents are stored, two of which change; then a run ends in the midst of the second one.
async fn assert_an_old_version_stays_whole(embedder: FakeEmbedder, cancel: Cancel, outcome: Outcome) {
    let case = Case::new();
    write_version(&case, "old", 0..4);
    case.run(&fake(), three_at_a_time(&case)).await;
    assert_eq!(versions(&case).await, ["old", "old"]);
    write_version(&case, "new", 1..3);
    let report = case
        .cancellable(&embedder, three_at_a_time(&case), &cancel)
        .await
        .expect("a report");
    assert_eq!(report.outcome, outcome, "{report:?}");
    assert_eq!(versions(&case).await, ["new", "old"]);
    assert_eq!(chunks(case.store.as_ref()).await.len(), 20);
    assert_eq!(case.log(), None);

    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(versions(&case).await, ["new", "new"]);
    assert_eq!(sent(&second).len(), 4, "the fifth text was paid for");
}

#[tokio::test(start_paused = true)]
async fn an_outage_leaves_the_old_version_whole() {
    let gone = away(4, Duration::from_secs(100_000));
    assert_an_old_version_stays_whole(gone, Cancel::new(), Outcome::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn cancelling_leaves_the_old_version_whole() {
    let cancel = Cancel::new();
    let token = cancel.clone();
    let cancelling = fake().before_answer(move |call| {
        if call.number == 3 {
            token.cancel();
        }
        // The run hears of it while the call is on its way.
        sleep(Duration::from_secs(1))
    });
    assert_an_old_version_stays_whole(cancelling, cancel, Outcome::Interrupted).await;
}
