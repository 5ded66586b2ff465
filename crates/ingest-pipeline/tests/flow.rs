//! Documents in, equal stores out.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Case, chunks, document, export, fake, sent};
use ingest_core::{DocumentState, SearchMode, Vector};
use ingest_pipeline::{
    Cancel, Event, Observer, Outcome, Pace, Progress, RunReport, SearchOptions, SourceStatus, run, search,
};
use ingest_store::{MemoryStore, SqliteStore};

fn corpus(case: &Case) {
    for number in 0..40 {
        case.write(
            &format!("docs/{number:02}.md"),
            document(&format!("d{number}"), number % 7),
        );
    }
    case.write("docs/same.md", document("d6", 6));
    case.write("docs/plain.txt", "One paragraph.\n\nAnother paragraph.\n");
}

fn counts(report: &RunReport) -> [u64; 6] {
    let documents = report.documents;
    [
        documents.added,
        documents.updated,
        documents.unchanged,
        documents.removed,
        documents.failed,
        documents.skipped,
    ]
}

#[tokio::test]
async fn eight_workers_and_one_leave_equal_stores() {
    let mut exports = Vec::new();
    for (workers, batch_size) in [(1, 64), (8, 3), (3, 1)] {
        let case = Case::new();
        corpus(&case);
        let mut options = case.options();
        options.workers = workers;
        options.batch_size = batch_size;
        let report = case.run(&fake(), options).await;
        assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
        assert_eq!(counts(&report), [42, 0, 0, 0, 0, 0]);
        exports.push(export(case.store.as_ref()).await);
    }
    assert!(exports[0].1.len() > 100);
    assert_eq!(exports[0], exports[1]);
    assert_eq!(exports[0], exports[2]);
}

#[tokio::test]
async fn sqlite_and_memory_hold_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = SqliteStore::open(folder.path().join("index.db"))
        .await
        .expect("a store");
    let mut exports = Vec::new();
    for case in [
        Case::with(Arc::new(sqlite)),
        Case::with(Arc::new(MemoryStore::new())),
    ] {
        corpus(&case);
        let report = case.run(&fake(), case.options()).await;
        assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
        let second = fake();
        let report = case.run(&second, case.options()).await;
        assert_eq!(counts(&report), [0, 0, 42, 0, 0, 0]);
        assert!(sent(&second).is_empty());
        exports.push(export(case.store.as_ref()).await);
    }
    assert_eq!(exports[0], exports[1]);
}

#[tokio::test]
async fn batches_are_filled_across_documents() {
    let case = Case::new();
    for number in 0..64 {
        case.write(&format!("docs/{number}.md"), document(&format!("d{number}"), 2));
    }
    let embedder = fake();
    let report = case.run(&embedder, case.options()).await;
    assert_eq!(report.chunks.embedded, 128);
    let sizes: Vec<_> = embedder.calls().iter().map(|call| call.inputs.len()).collect();
    assert_eq!(sizes, [1, 64, 64], "the test embedding and two full batches");
}

#[tokio::test]
async fn every_stored_vector_is_that_of_its_text() {
    let case = Case::new();
    corpus(&case);
    let embedder = fake();
    let mut options = case.options();
    options.workers = 8;
    options.batch_size = 5;
    case.run(&embedder, options).await;
    for stored in chunks(case.store.as_ref()).await {
        assert_eq!(
            stored.vector,
            Some(embedder.vector(&stored.chunk.text)),
            "{}",
            stored.source
        );
    }
}

#[tokio::test]
async fn a_second_run_embeds_nothing() {
    let case = Case::new();
    corpus(&case);
    case.run(&fake(), case.options()).await;
    let before = export(case.store.as_ref()).await;
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(counts(&report), [0, 0, 42, 0, 0, 0]);
    assert!(sent(&second).is_empty());
    assert_eq!(report.sources[0].status, SourceStatus::Ok);
    assert_eq!(export(case.store.as_ref()).await, before);
}

#[tokio::test]
async fn an_edited_paragraph_embeds_its_chunk_alone() {
    let case = Case::new();
    corpus(&case);
    case.run(&fake(), case.options()).await;
    let text = document("d6", 6);
    case.write(
        "docs/06.md",
        text.replace("words of section 3", "other words of section 3"),
    );
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(counts(&report), [0, 1, 41, 0, 0, 0]);
    let sent = sent(&second);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("other words of section 3"));
    assert_eq!(
        (report.chunks.embedded, report.chunks.reused, report.chunks.stored),
        (1, 5, 6)
    );
}

#[tokio::test]
async fn a_rename_embeds_nothing_and_removes_the_old_name() {
    let case = Case::new();
    corpus(&case);
    case.run(&fake(), case.options()).await;
    std::fs::rename(case.path("docs/06.md"), case.path("docs/new.md")).expect("renamed");
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!(counts(&report), [1, 0, 41, 1, 0, 0]);
    assert!(sent(&second).is_empty());
    let sources = case.sources().await;
    assert!(sources.contains(&"docs/new.md".to_owned()) && !sources.contains(&"docs/06.md".to_owned()));
}

#[tokio::test]
async fn the_same_text_in_many_files_is_embedded_once() {
    let case = Case::new();
    for number in 0..50 {
        case.write(&format!("docs/{number}.md"), document("same", 3));
    }
    let embedder = fake();
    let mut options = case.options();
    options.batch_size = 2;
    options.workers = 4;
    let report = case.run(&embedder, options).await;
    assert_eq!(sent(&embedder).len(), 3);
    assert_eq!(
        (report.chunks.embedded, report.chunks.reused, report.chunks.stored),
        (3, 147, 150)
    );
    assert_eq!(chunks(case.store.as_ref()).await.len(), 150);
}

#[tokio::test]
async fn other_chunk_sizes_cut_everything_anew() {
    let case = Case::new();
    corpus(&case);
    case.run(&fake(), case.options()).await;
    let mut options = case.options();
    options.chunk_size = 399;
    let report = case.run(&fake(), options).await;
    assert_eq!(counts(&report), [0, 42, 0, 0, 0, 0]);
    assert_eq!(report.chunks.embedded, 0, "the texts are the same");
}

#[tokio::test]
async fn a_dry_run_tells_and_touches_nothing() {
    let case = Case::new();
    corpus(&case);
    let mut options = case.options();
    options.dry_run = true;
    let embedder = fake();
    let report = case.run(&embedder, options).await;
    assert_eq!(counts(&report), [42, 0, 0, 0, 0, 0]);
    assert!(report.chunks.embedded > 100);
    assert!(embedder.calls().is_empty());
    let forecast = report.forecast.expect("a forecast");
    assert_eq!(forecast.chunks_added, report.chunks.stored);
    assert!(forecast.tokens > report.chunks.embedded && !forecast.is_exact);
    assert_eq!(forecast.time, None);
    assert_eq!(case.store.identity().await.expect("an answer"), None);
    let real = case.run(&fake(), case.options()).await;
    assert_eq!((real.chunks, real.documents), (report.chunks, report.documents));
    assert_eq!(real.forecast, None);
    let last = case
        .store
        .status()
        .await
        .expect("status")
        .last_run
        .expect("a run");
    let pace = Pace::of(&last).expect("a pace");
    // Enough to displace what was known, as the batches were full.
    assert!(pace.time(real.chunks.embedded) <= real.duration);

    let mut options = case.options();
    options.pace = Pace::new(1, Duration::from_secs(1));
    case.run(&fake(), options).await;
    let last = case
        .store
        .status()
        .await
        .expect("status")
        .last_run
        .expect("a run");
    assert_eq!(
        Pace::of(&last),
        Pace::new(1, Duration::from_secs(1)),
        "nothing was embedded"
    );

    case.remove("docs/06.md");
    case.write("docs/05.md", "changed");
    let before = export(case.store.as_ref()).await;
    let removed = before
        .1
        .iter()
        .filter(|chunk| chunk.source == "docs/06.md")
        .count() as u64;
    let mut options = case.options();
    options.dry_run = true;
    options.pace = Pace::new(1, Duration::from_secs(2));
    let report = case.run(&fake(), options).await;
    assert_eq!(counts(&report), [0, 1, 40, 1, 0, 0]);
    let forecast = report.forecast.expect("a forecast");
    assert_eq!((forecast.chunks_added, forecast.chunks_updated), (0, 1));
    assert_eq!(forecast.chunks_removed, removed);
    assert_eq!(forecast.time, Some(Duration::from_secs(2)));
    assert_eq!(export(case.store.as_ref()).await, before);
}

#[tokio::test]
async fn a_store_of_another_model_is_refused_with_both_names_and_cleaned_on_demand() {
    let case = Case::new();
    corpus(&case);
    case.run(&fake(), case.options()).await;
    let before = export(case.store.as_ref()).await;
    let other = fake().with_model(embed_core::ModelInfo::new("fake", "other"));
    let error = case
        .try_run(&other, case.options())
        .await
        .expect_err("another model");
    let message = error.to_string();
    assert!(
        message.contains("`fake`") && message.contains("`other`") && message.contains("--clean"),
        "{message}"
    );
    assert!(other.calls().is_empty());
    assert_eq!(export(case.store.as_ref()).await, before);

    let mut options = case.options();
    options.clean = true;
    let report = case.run(&other, options).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!(counts(&report), [42, 0, 0, 42, 0, 0]);
    let identity = case
        .store
        .identity()
        .await
        .expect("an answer")
        .expect("an identity");
    assert_eq!(identity.model, "other");
}

#[tokio::test]
async fn a_store_that_holds_nothing_takes_any_model() {
    let case = Case::new();
    std::fs::create_dir(case.path("docs")).expect("an empty folder");
    case.run(&fake(), case.options()).await;
    case.write("docs/a.md", "At last a word.");
    let other = fake().with_model(embed_core::ModelInfo::new("fake", "other"));
    let report = case.run(&other, case.options()).await;
    assert_eq!((report.outcome, report.model.as_str()), (Outcome::Ok, "other"));
}

#[tokio::test]
async fn clean_with_another_model_spares_no_half_of_a_store() {
    let case = Case::new();
    corpus(&case);
    case.write("more/a.md", "text");
    case.run(&fake(), case.over(&["docs", "more"])).await;
    let before = export(case.store.as_ref()).await;
    let other = fake().with_model(embed_core::ModelInfo::new("fake", "other"));
    let mut options = case.options();
    options.clean = true;
    let report = case.run(&other, options).await;
    assert_eq!(report.outcome, Outcome::Stopped);
    assert!(
        report
            .stopped
            .expect("a reason")
            .message
            .contains("1 documents of other sources")
    );
    assert_eq!(export(case.store.as_ref()).await, before);
}

#[tokio::test]
async fn clean_embeds_everything_again() {
    let case = Case::new();
    corpus(&case);
    let first = case.run(&fake(), case.options()).await;
    let before = export(case.store.as_ref()).await;
    let mut options = case.options();
    options.clean = true;
    let report = case.run(&fake(), options).await;
    assert_eq!(counts(&report), [42, 0, 0, 42, 0, 0]);
    assert_eq!(report.chunks.embedded, first.chunks.embedded);
    assert_eq!(export(case.store.as_ref()).await, before);
}

#[tokio::test]
async fn vectors_kept_by_a_run_cut_short_are_used() {
    let elsewhere = Case::new();
    elsewhere.write("docs/b.md", document("b", 1));
    elsewhere.run(&fake(), elsewhere.options()).await;
    let chunk = chunks(elsewhere.store.as_ref()).await.remove(0);

    let case = Case::new();
    case.write("docs/a.md", document("a", 3));
    case.run(&fake(), case.options()).await;
    let vector = Vector::New(chunk.vector.expect("a vector").into());
    case.store
        .keep_vectors(vec![(chunk.chunk.content_hash, vector)])
        .await
        .expect("kept");
    case.write("docs/b.md", document("b", 1));
    let second = fake();
    let report = case.run(&second, case.options()).await;
    assert_eq!((report.chunks.reused, report.chunks.embedded), (1, 0));
    assert!(sent(&second).is_empty());
}

#[tokio::test]
async fn what_was_stored_is_found() {
    let case = Case::new();
    corpus(&case);
    let embedder = fake();
    case.run(&embedder, case.options()).await;
    let wanted = chunks(case.store.as_ref()).await.swap_remove(17);
    let options = SearchOptions {
        mode: SearchMode::Vector,
        top_k: 1,
        ..SearchOptions::default()
    };
    let hits = search(case.store.as_ref(), Some(&embedder), &wanted.chunk.text, &options)
        .await
        .expect("hits");
    assert_eq!(hits[0].chunk.content_hash, wanted.chunk.content_hash);
    assert!(hits[0].score > 0.999);
    let error = search(case.store.as_ref(), Some(&embedder), " ", &options)
        .await
        .expect_err("blank");
    assert_eq!(error.kind(), ingest_pipeline::ErrorKind::Usage);
    let other = fake().with_model(embed_core::ModelInfo::new("fake", "other"));
    let error = search(case.store.as_ref(), Some(&other), "x", &options)
        .await
        .expect_err("another model");
    assert!(error.to_string().contains("`other`"), "{error}");
}

#[tokio::test]
async fn a_change_that_keeps_size_and_time_is_seen() {
    let case = Case::new();
    case.write("docs/a.md", "one text");
    case.run(&fake(), case.options()).await;
    let modified = std::fs::metadata(case.path("docs/a.md"))
        .and_then(|meta| meta.modified())
        .expect("a time");
    case.write("docs/a.md", "two text");
    let file = std::fs::File::options()
        .write(true)
        .open(case.path("docs/a.md"))
        .expect("a file");
    file.set_modified(modified).expect("the old time");
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn another_path_to_the_same_files_only_moves_them() {
    let case = Case::new();
    case.write("docs/sub/a.md", "text");
    case.run(&fake(), case.options()).await;
    let second = fake();
    let report = case.run(&second, case.over(&["./docs/sub/"])).await;
    assert_eq!(counts(&report), [0, 0, 1, 0, 0, 0]);
    assert!(sent(&second).is_empty());
    let states: Vec<DocumentState> = common::documents(case.store.as_ref()).await;
    assert_eq!(states[0].source, "docs/sub/a.md");
}

/// Keeps the last progress that was told.
#[derive(Debug, Default)]
struct Last(Mutex<Progress>);

impl Observer for Last {
    fn event(&self, event: &Event<'_>) {
        if let Event::Progress(progress) = event {
            *self.0.lock().expect("no panic") = **progress;
        }
    }
}

#[tokio::test]
async fn progress_counts_what_the_report_counts() {
    let case = Case::new();
    corpus(&case);
    let last = Arc::new(Last::default());
    let observer: Arc<dyn Observer> = Arc::clone(&last) as _;
    let report = run(
        Arc::clone(&case.store),
        Arc::new(fake()),
        case.options(),
        observer,
        &Cancel::new(),
    )
    .await
    .expect("the run starts");
    let last = *last.0.lock().expect("no panic");
    assert_eq!(last.document_counts, report.documents);
    assert_eq!(last.chunk_counts, report.chunks);
    assert!(last.chunk_counts.embedded > 0 && last.document_counts.added == 42);
}
