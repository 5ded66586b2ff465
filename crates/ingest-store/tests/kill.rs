//! A process killed while it writes leaves whole documents and a sound file.
#![cfg(feature = "sqlite")]

mod sound;

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ingest_core::testing::samples::{document, identity, new_vector};
use ingest_core::{RunInfo, Store};
use ingest_store::SqliteStore;
use rusqlite::Connection;
use sound::assert_sound;

/// Names the store for the process to be killed; without it the writer below is no test.
const STORE: &str = "INGEST_STORE_KILL_TEST";
/// The first version it writes.
const FIRST: &str = "INGEST_STORE_KILL_TEST_FIRST";
/// Whether it moves all that is committed from the log into the file after each commit.
const CHECKPOINTS: &str = "INGEST_STORE_KILL_TEST_CHECKPOINTS";
const CHUNKS: u32 = 8;
const KILLS: u32 = 12;

fn version(source: u32, number: u32) -> ingest_core::DocumentRecord {
    let texts: Vec<String> = (0..CHUNKS)
        .map(|chunk| {
            format!(
                "version{number} of document {source}, part {chunk} {}",
                "filler ".repeat(60)
            )
        })
        .collect();
    let chunks: Vec<_> = texts
        .iter()
        .map(|text| (text.as_str(), new_vector([1.0, number as f32, 0.0, 0.0])))
        .collect();
    document(&format!("d{source}"), &chunks)
}

/// Writes until it is killed, saying what is committed.
#[tokio::test]
async fn writer_to_be_killed() {
    let Ok(path) = env::var(STORE) else { return };
    let store = SqliteStore::open(&path).await.expect("the store");
    store.bind(&identity()).await.expect("bind");
    let info = RunInfo::default();
    let _guard = store
        .begin_run(&info, Duration::from_secs(30))
        .await
        .expect("the run, freed by the last kill");
    let checkpoints = env::var_os(CHECKPOINTS).map(|_| Connection::open(&path).expect("a connection"));
    let first: u32 = env::var(FIRST).expect("a number").parse().expect("a number");
    for number in first.. {
        let documents = (0..5).map(|source| version(source, number)).collect();
        store.replace(documents).await.expect("replace");
        println!("committed {number}");
        if let Some(connection) = &checkpoints {
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
                .expect("a checkpoint");
        }
        if number % 16 == 0 {
            store.sweep().await.expect("sweep");
        }
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_documents() {
    assert_kills_leave_whole_documents(false).await;
}

/// The kill comes when a commit is told, and so within the checkpoint that follows.
#[tokio::test]
async fn a_writer_killed_in_a_checkpoint_leaves_whole_documents() {
    assert_kills_leave_whole_documents(true).await;
}

async fn assert_kills_leave_whole_documents(checkpoints: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index.db");
    let mut random = fastrand::Rng::with_seed(KILLS.into());
    for round in 0..KILLS {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command
            .args([
                "writer_to_be_killed",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(STORE, &path)
            .env(FIRST, (round * 1000).to_string())
            .stdout(Stdio::piped());
        if checkpoints {
            command.env(CHECKPOINTS, "1");
        }
        let mut writer = command.spawn().expect("a writer");
        let mut lines = BufReader::new(writer.stdout.take().expect("its output")).lines();
        // Killed after a random number of commits, so somewhere within the next one.
        let mut wanted = random.u32(1..25);
        let mut committed = None;
        let number = |line: &str| line.split("committed ").nth(1)?.parse::<u32>().ok();
        while wanted > 0 {
            let line = lines
                .next()
                .expect("the writer goes on until it is killed")
                .expect("a line");
            if let Some(number) = number(&line) {
                committed = Some(number);
                wanted -= 1;
            }
        }
        writer.kill().expect("kill");
        writer.wait().expect("wait");
        // What it said before the kill took effect is committed too.
        let said = lines
            .map_while(Result::ok)
            .filter_map(|line| number(&line))
            .last();
        let committed = said.or(committed).expect("a commit");
        assert_sound(&path);
        assert_one_version(&path, committed, round).await;
    }
}

/// All documents are of the version said last, or of the one that was being written.
async fn assert_one_version(path: &Path, committed: u32, round: u32) {
    let store = SqliteStore::open(path).await.expect("the store");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stored in store.chunks(None, 1000).await.expect("chunks") {
        let version = stored.chunk.text.split(' ').next().unwrap_or_default().to_owned();
        assert!(stored.vector.is_some());
        versions.entry(version).or_default().push(stored.source);
    }
    assert_eq!(versions.len(), 1, "round {round}: {versions:?}");
    let (version, chunks) = versions.pop_first().expect("a version");
    assert_eq!(chunks.len(), 5 * CHUNKS as usize);
    let allowed = [committed, committed + 1].map(|number| format!("version{number}"));
    assert!(
        allowed.contains(&version),
        "round {round}: {version}, where {committed} was committed"
    );
}
