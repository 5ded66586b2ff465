//! Keys and passwords show nowhere: not in any output at the most verbose level, the failure log, or the store.

use embed_http::testing::{Reply, Request, ScriptedServer};
use serde_json::{Value, json};

use crate::server::answer;
use crate::work::{Done, Work, exists};

const KEY: &str = "sk-hushhush0123456789abcdef";
const PASSWORD: &str = "p4ssw0rd-of-the-proxy";
const LOG: &str = ".ingestion-failures.json";
const METRICS: &str = "ingest.prom";
const REPORT: &str = "report.html";

/// Everything that says something of servers, documents, settings or the store.
const COMMANDS: &[&[&str]] = &[
    &[
        "run",
        "docs",
        "--wait",
        "0",
        "--failure-log",
        LOG,
        "--metrics-file",
        METRICS,
        "--report",
        REPORT,
    ],
    &["run", "--retry-failed", "--wait", "0"],
    &["search", "apples"],
    &["embed", "a text", "poison"],
    &["doctor", "--no-probe"],
    &["config", "show"],
    &["status"],
    &["export"],
    &["explain", "docs/poison.md"],
];

/// Says what it was told, as some proxies do, in every way of failing and of answering.
fn repeating() -> ScriptedServer {
    ScriptedServer::handler(|request| {
        let authorization = request.header("authorization").unwrap_or_default().to_owned();
        let body = if request.method == "POST" {
            request.json()
        } else {
            Value::Null
        };
        let texts = body["input"].as_array().map_or(1, Vec::len);
        let poisoned = body.to_string().contains("poison");
        let said = format!("cannot embed for {authorization}, headers: Authorization: {authorization}");
        let native = request.path.starts_with("/api/");
        if poisoned && native {
            return Reply::json(&json!({"error": said})).status(400);
        }
        if poisoned {
            return Reply::json(&json!({"error": {"message": said, "type": "invalid_request_error"}}))
                .status(400);
        }
        if native {
            return answer(request, 4).header("x-echo", &authorization);
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
    for name in [LOG, METRICS, REPORT, ".ingest/index.db", ".ingest/index.db-wal"] {
        if let Ok(bytes) = std::fs::read(work.path(name)) {
            assert_hidden(name, &bytes);
        }
    }
}

fn with_poison() -> Work {
    let work = Work::with_docs();
    work.write(
        "docs/poison.md",
        "# Poison\n\nThis poison text is refused by the server.\n",
    );
    work
}

/// Gives every command in both formats, with these flags for those that embed, and looks at all that comes of it.
/// Returns how many calls told of requests.
fn check_all(work: &Work, embedding: &[&str], all: &[&str]) -> usize {
    let mut logged = 0;
    for command in COMMANDS {
        let embeds = matches!(command[0], "run" | "search" | "embed" | "doctor");
        let flags = if embeds { embedding } else { &[] };
        for format in ["text", "json"] {
            let arguments = [
                command,
                flags,
                all,
                &["-vv", "--format", format, "--log-format", format],
            ]
            .concat();
            let done = Done::of(
                work.command(&arguments)
                    .env("OPENAI_API_KEY", KEY)
                    .env("BBJ_RAG_OLLAMA_API_KEY", KEY)
                    .env("BBJ_RAG_PROXY", format!("http://ann:{PASSWORD}@127.0.0.1:9"))
                    .env("RUST_BACKTRACE", "1")
                    .env("RUST_LOG", "trace"),
            );
            check(work, &arguments.join(" "), &done);
            logged += usize::from(done.stderr.contains("embed_http::"));
        }
    }
    logged
}

#[test]
fn no_output_shows_a_key_or_a_password_at_the_most_verbose_level() {
    for (provider, path) in [("openai", "/v1"), ("ollama", "")] {
        let server = repeating();
        let work = with_poison();
        let with_password = server
            .url()
            .replace("http://", &format!("http://ann:{PASSWORD}@"));
        let dead = format!("http://ann:{PASSWORD}@127.0.0.1:9{path}");
        let odd = format!("http://ann:{PASSWORD}@[::1{path}");
        for host in [server.url(), &with_password, &dead, &odd] {
            let embedding = ["--provider", provider, "--model", "m", "--host", host];
            let logged = check_all(&work, &embedding, &[]);
            assert!(logged > 0 || host == odd, "no request to {host} was logged");
        }
        // The server was told the key and the failure noted, so that something was there to be hidden.
        let told = |request: &Request| {
            request
                .header("authorization")
                .is_some_and(|value| value.contains(KEY))
        };
        assert!(server.requests().iter().any(told), "{provider} was told no key");
        let log = work.read(LOG);
        assert!(log.contains("cannot embed for"), "{provider}: {log}");
        assert!(exists(work.path(METRICS)) && exists(work.path(REPORT)));
    }
}

#[test]
fn no_output_shows_the_password_of_a_store_that_is_away() {
    let server = repeating();
    let store = format!("postgres://ann:{PASSWORD}@127.0.0.1:9/x");
    let embedding = crate::server::at(server.url(), &[]);
    let work = with_poison();
    check_all(&work, &embedding, &["--store", &store]);
    let run = work.ingest(&["run", "docs", "--provider", "static", "--store", &store]);
    run.expect(3).says("127.0.0.1:9");
}
