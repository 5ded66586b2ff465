//! What a run tells of how long things took.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Case, document, error, fake};
use embed_core::ErrorKind;
use ingest_pipeline::{Cancel, Event, Observer, run};

#[derive(Debug, Default)]
struct Timed(Mutex<Vec<(&'static str, u64, Duration)>>);

impl Observer for Timed {
    fn event(&self, event: &Event<'_>) {
        let timed = match event {
            Event::Answered {
                texts, took, error, ..
            } => (error.unwrap_or("answered"), *texts as u64, *took),
            Event::Stored { chunks, took, .. } => ("stored", *chunks, *took),
            Event::Committed { vectors, took, .. } => ("committed", *vectors as u64, *took),
            _ => return,
        };
        self.0.lock().expect("no panic").push(timed);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_commits_and_documents_are_told_with_the_time_they_took() {
    let case = Case::new();
    case.write("docs/a.md", document("a", 3));
    let second = Duration::from_secs(1);
    let embedder = fake()
        .before_answer(move |_| tokio::time::sleep(second))
        .fail_when(|call| (call.number == 2).then(|| error(ErrorKind::Busy)));
    let timed = Arc::new(Timed::default());
    let embedder = Arc::new(embedder);
    let store = Arc::clone(&case.store);
    run(
        store,
        embedder,
        case.options(),
        Arc::clone(&timed) as _,
        &Cancel::new(),
    )
    .await
    .expect("a run");
    let timed = timed.0.lock().expect("no panic");
    let of = |kind| {
        timed
            .iter()
            .filter(move |timed| timed.0 == kind)
            .map(|timed| (timed.1, timed.2))
    };
    assert_eq!(of("busy").collect::<Vec<_>>(), [(3, second)]);
    assert_eq!(of("answered").collect::<Vec<_>>(), [(3, second)]);
    let stored: Vec<_> = of("stored").collect();
    assert!(
        stored.len() == 1 && stored[0].0 == 3 && stored[0].1 >= 2 * second,
        "{timed:?}"
    );
    assert_eq!(of("committed").map(|committed| committed.0).sum::<u64>(), 3);
}
