//! Keys and passwords show nowhere: not in any output at the most verbose level, the failure log, or the store.

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::json;

use crate::work::{Done, Work};

const KEY: &str = "sk-hushhush0123456789abcdef";
const PASSWORD: &str = "p4ssw0rd-of-the-proxy";

/// Says what it was told, as some proxies do, in every way of failing and of answering.
fn repeating() -> ScriptedServer {
    ScriptedServer::handler(|request| {
        let authorization = request.header("authorization").unwrap_or_default().to_owned();
        let body = request.json();
        let texts = body["input"].as_array().map_or(1, Vec::len);
        let poisoned = body.to_string().contains("poison");
        let said = format!("cannot embed for {authorization}, headers: Authorization: {authorization}");
        if poisoned {
            return Reply::json(&json!({"error": {"message": said, "type": "invalid_request_error"}}))
                .status(400);
        }
        let rows: Vec<_> = (0..texts)
            .map(|index| json!({"object": "embedding", "index": index, "embedding": [1.0, 0.5, 0.25, 0.125]}))
            .collect();
        Reply::json(&json!({"object": "list", "data": rows, "model": said, "usage": {}}))
            .header("x-echo", &authorization)
    })
}

fn assert_hidden(what: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for secret in [KEY, PASSWORD, "hushhush0123", "p4ssw0rd"] {
        assert!(!text.contains(secret), "{what} shows {secret}: {text}");
    }
}

fn check(work: &Work, what: &str, done: &Done) {
    assert_hidden(what, done.stdout.as_bytes());
    assert_hidden(what, done.stderr.as_bytes());
    for name in [
        ".ingestion-failures.json",
        ".ingest/index.db",
        ".ingest/index.db-wal",
    ] {
        if let Ok(bytes) = std::fs::read(work.path(name)) {
            assert_hidden(name, &bytes);
        }
    }
}

#[test]
fn no_output_shows_a_key_or_a_password_at_the_most_verbose_level() {
    let server = repeating();
    let work = Work::with_docs();
    work.write(
        "docs/poison.md",
        "# Poison\n\nThis poison text is refused by the server.\n",
    );
    let with_password = server
        .url()
        .replace("http://", &format!("http://ann:{PASSWORD}@"));
    let dead = format!("http://ann:{PASSWORD}@127.0.0.1:9/v1");
    let odd = format!("http://ann:{PASSWORD}@[::1/v1");
    for host in [server.url(), &with_password, &dead, &odd] {
        let embedding = ["--provider", "openai", "--model", "m", "--host", host, "-vv"];
        for command in [
            &[
                "run",
                "docs",
                "--wait",
                "0",
                "--failure-log",
                ".ingestion-failures.json",
            ][..],
            &["run", "--retry-failed", "--wait", "0"],
            &["search", "apples"],
            &["embed", "a text", "poison"],
            &["config", "show"],
            &["status"],
            &["export"],
        ] {
            let takes_host = matches!(command[0], "run" | "search" | "embed");
            let flags: &[&str] = if takes_host { &embedding } else { &["-vv"] };
            for format in ["text", "json"] {
                let arguments = [command, flags, &["--format", format]].concat();
                let done = Done::of(
                    work.command(&arguments)
                        .env("OPENAI_API_KEY", KEY)
                        .env("BBJ_RAG_OLLAMA_API_KEY", KEY)
                        .env("BBJ_RAG_PROXY", format!("http://ann:{PASSWORD}@127.0.0.1:9"))
                        .env("RUST_BACKTRACE", "1"),
                );
                check(&work, &arguments.join(" "), &done);
            }
        }
    }
    // The failure was noted, so that something was there to be hidden.
    let log = work.read(".ingestion-failures.json");
    assert!(log.contains("cannot embed for"), "{log}");
}
