//! Two runs at once on one store in a file.
#![cfg(unix)]

use embed_http::testing::Signal;

use crate::interrupt::{stalling, started};
use crate::work::{Done, Work, exists};

#[test]
fn a_second_run_is_told_who_holds_the_store() {
    let work = Work::with_docs();
    let release = Signal::new();
    let (server, stalled) = stalling(&release);
    let holder = started(&work, &server, &stalled);
    let held = format!("index.db is held by process {} on ", holder.id());
    let run = crate::server::at(server.url(), &["run", "docs"]);
    work.ingest(&run)
        .expect(3)
        .says(&held)
        .says("hint: wait for the other run to end, then run again");
    assert!(!exists(work.path(".ingestion-failures.json")));
    release.fire();
    Done::awaited(holder).expect(0);
    assert_eq!(work.sources().len(), 4);
    let next = work.ingest(&run).expect(0);
    assert!(next.stdout.contains("4 unchanged"), "{next:?}");
}
