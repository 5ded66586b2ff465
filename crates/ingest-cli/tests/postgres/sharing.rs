//! Two processes on one store.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embed_http::testing::ScriptedServer;
use ingest_store::testing::Database;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::server::{answer, texts};
use crate::work::{Done, Work};

const DOCUMENTS: usize = 10_000;
const WORKERS: usize = 4;
const BATCH: usize = 64;

/// Four workers each over the same ten thousand documents; one process is killed when half of them are stored. The other
/// does what is left, and what the dead one had begun; nothing is lost, and nothing stored is embedded again.
pub(crate) fn two_processes_share_the_work_and_one_may_die(runtime: &Runtime, database: &Database) {
    let work = Work::new();
    for number in 0..DOCUMENTS {
        let text = format!("# Document {number}\n\nIts own words: word{number}.\n");
        work.write(&format!("docs/{:02}/{number}.md", number % 100), &text);
    }
    let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let counts = Arc::clone(&asked);
    let server = ScriptedServer::handler(move |request| {
        if request.path == "/api/embed" {
            let mut counts = counts.lock().expect("no panic");
            texts(request)
                .into_iter()
                .for_each(|text| *counts.entry(text).or_default() += 1);
        }
        answer(request, 32)
    });
    let start = |log: &str| {
        let mut command = work.command(&["run", "docs", "--format", "json", "--failure-log", log]);
        command
            .args([
                "--store",
                &database.url,
                "--provider",
                "ollama",
                "--model",
                "m",
                "--host",
                server.url(),
            ])
            .args([
                "--workers",
                &WORKERS.to_string(),
                "--batch-size",
                &BATCH.to_string(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the tool starts")
    };
    let (mut doomed, survivor) = (start("one.json"), start("two.json"));
    let stored = "SELECT count(*) FROM ingest_documents";
    let died_at = runtime.block_on(async {
        let client = database.client().await;
        loop {
            // The tables may not be there yet.
            let count = client
                .query_one(stored, &[])
                .await
                .map_or(0, |row| row.get::<_, i64>(0));
            if count as usize >= DOCUMENTS / 2 {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    doomed.kill().expect("kill");
    doomed.wait().expect("it is dead");
    let claimed = runtime.block_on(async {
        let client = database.client().await;
        let sql =
            "SELECT count(*) FROM ingest_claims WHERE run = (SELECT id FROM ingest_runs WHERE process = $1)";
        client
            .query_one(sql, &[&i64::from(doomed.id())])
            .await
            .expect("claims")
            .get::<_, i64>(0)
    });
    let report = Done::awaited(survivor).expect(0).json();
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let (added, unchanged) = (
        number(&report["documents"]["added"]),
        number(&report["documents"]["unchanged"]),
    );
    assert_eq!(added + unchanged, DOCUMENTS, "{report}");
    // Both took part: the dead one stored what the other found done.
    assert!(unchanged > DOCUMENTS / 20, "{unchanged} were done by the other");
    assert!(added > DOCUMENTS / 20);

    let rows = runtime.block_on(async {
        let client = database.client().await;
        let sql = "SELECT (SELECT count(*) FROM ingest_documents WHERE chunks = 1 AND failed = 0), count(*),
                       count(DISTINCT content_hash), count(embedding), (SELECT count(*) FROM ingest_claims) FROM chunks";
        let row = client.query_one(sql, &[]).await.expect("counts");
        [0, 1, 2, 3, 4].map(|column| row.get::<_, i64>(column))
    });
    let all = DOCUMENTS as i64;
    assert_eq!(rows, [all, all, all, all, 0]);
    let asked = asked.lock().expect("no panic");
    let again: usize = asked
        .iter()
        .filter(|(text, _)| *text != "test")
        .map(|(_, times)| times - 1)
        .sum();
    assert!(
        again as i64 <= claimed,
        "{again} texts were embedded twice, {claimed} were with the dead process"
    );
    eprintln!(
        "died at {died_at} with {claimed} claimed; {again} embedded again; the other did {added}, found {unchanged} done"
    );
}
