//! Memory stays within its bounds, and nothing ever waits for itself.

mod common;

use std::time::Duration;

use common::{Case, chunks, document, export, fake};
use ingest_pipeline::Outcome;
use tokio::time::{sleep, timeout};

#[tokio::test(start_paused = true)]
async fn bytes_in_flight_stay_below_the_budget_however_many_documents() {
    let mut peaks = Vec::new();
    for count in [100, 1000] {
        let case = Case::new();
        for number in 0..count {
            case.write(
                &format!("docs/{number:04}.md"),
                document(&format!("d{number}"), 20),
            );
        }
        // A slow server, so that reading runs ahead as far as it may.
        let embedder = fake().before_answer(|_| sleep(Duration::from_millis(100)));
        let mut options = case.options();
        options.memory = 256 << 10;
        let report = case.run(&embedder, options).await;
        assert_eq!(report.outcome, Outcome::Ok);
        assert_eq!(report.chunks.stored, count * 20);
        assert!(report.peak_bytes <= 256 << 10, "{}", report.peak_bytes);
        peaks.push(report.peak_bytes);
    }
    assert!(peaks[1] < peaks[0] * 2, "{peaks:?}");
}

#[tokio::test(start_paused = true)]
async fn batches_larger_than_all_chunks_end() {
    let case = Case::new();
    case.write("docs/a.md", document("a", 5));
    let mut options = case.options();
    options.batch_size = 10_000;
    options.workers = 1;
    let report = case.run(&fake(), options).await;
    assert_eq!(report.chunks.stored, 5);
}

#[tokio::test(start_paused = true)]
async fn batches_keep_their_bounds_in_bytes() {
    let case = Case::new();
    for number in 0..10 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 10));
    }
    case.write("docs/long.md", format!("## Long\n\n{}\n", "word ".repeat(200)));
    let embedder = fake();
    let mut options = case.options();
    options.batch_bytes = 500;
    let report = case.run(&embedder, options).await;
    assert_eq!(report.outcome, Outcome::Ok);
    for call in embedder.calls() {
        let bytes: usize = call.inputs.iter().map(String::len).sum();
        assert!(
            bytes <= 500 || call.inputs.len() == 1,
            "{bytes} bytes in {} texts",
            call.inputs.len()
        );
    }
}

#[tokio::test]
async fn no_combination_of_limits_stands_still_or_changes_the_store() {
    let mut random = fastrand::Rng::with_seed(2024);
    let sections: Vec<usize> = (0..40).map(|_| random.usize(0..9)).collect();
    let mut wanted = None;
    for round in 0..50 {
        let case = Case::new();
        for (number, sections) in sections.iter().enumerate() {
            // Some texts are shared, so that documents wait for each other's chunks.
            case.write(
                &format!("docs/{number:02}.md"),
                document(&format!("d{}", number % 30), *sections),
            );
        }
        let mut options = case.options();
        options.batch_size = [1, 2, 7, 64, 5000][random.usize(0..5)];
        options.batch_bytes = [1, 200, 1 << 20][random.usize(0..3)];
        options.workers = random.usize(1..9);
        options.memory = [1, 2000, 20_000, 32 << 20][random.usize(0..4)];
        options.retry_base = Duration::from_millis(1);
        // No text is to have bad luck that often.
        options.tries = 10;
        let seen = format!("round {round}: {options:?}");
        let delay = random.u64(0..2);
        let flaky = random.bool();
        let embedder = fake()
            .before_answer(move |call| sleep(Duration::from_millis(delay * (call.number % 3))))
            .fail_when(move |call| {
                (flaky && call.number % 11 == 5)
                    .then(|| embed_core::Error::new(embed_core::ErrorKind::Busy, "the queue is full"))
            });
        let report = timeout(Duration::from_secs(60), case.run(&embedder, options))
            .await
            .expect(&seen);
        assert_eq!(report.outcome, Outcome::Ok, "{seen}");
        let export = export(case.store.as_ref()).await;
        assert_eq!(wanted.get_or_insert_with(|| export.clone()), &export, "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_document_hands_its_vectors_on_early() {
    let case = Case::new();
    case.write("docs/large.md", document("large", 3000));
    // Vectors of 4 KB each: 12 MB in all.
    let embedder = embed_core::testing::FakeEmbedder::new(1024);
    let mut options = case.options();
    options.memory = 1 << 20;
    let report = case.run(&embedder, options).await;
    assert_eq!((report.outcome, report.chunks.stored), (Outcome::Ok, 3000));
    let stored = chunks(case.store.as_ref()).await;
    assert!(
        stored
            .iter()
            .all(|chunk| chunk.vector == Some(embedder.vector(&chunk.chunk.text)))
    );
}
