//! `--workers auto`: the number of workers is found out.

use crate::server::{at, ollama};
use crate::work::{Work, text};

#[test]
fn it_is_told_what_was_found_and_the_setting_can_stand_in_every_layer() {
    let work = Work::with_docs();
    let server = ollama(4);
    let done = work
        .ingest(&at(
            server.url(),
            &["run", "docs", "--workers", "auto", "--format", "json"],
        ))
        .expect(0)
        .says("workers auto: 1 at the end, the run was too short to settle");
    let report = done.json();
    assert_eq!(text(&report["mode"]), "parallel (auto)");
    assert_eq!(report["workers"], 1);

    work.write("config.toml", "ingest_workers = \"auto\"\n");
    let nothing = work
        .ingest(&at(server.url(), &["run", "docs", "--format", "json"]))
        .expect(0);
    assert_eq!(text(&nothing.json()["mode"]), "parallel (auto)");
    assert!(
        !nothing.stderr.contains("workers auto"),
        "nothing was embedded: {nothing:?}"
    );
    let arguments = at(
        server.url(),
        &["run", "docs", "--workers", "3", "--format", "json"],
    );
    assert_eq!(work.ingest(&arguments).expect(0).json()["workers"], 3);
    let arguments = at(server.url(), &["run", "docs", "--sequential", "--format", "json"]);
    assert_eq!(
        text(&work.ingest(&arguments).expect(0).json()["mode"]),
        "sequential"
    );
}
