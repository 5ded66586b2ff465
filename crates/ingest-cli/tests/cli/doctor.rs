//! `ingest doctor`: what is found, and which exit status it has.

use embed_http::testing::{Reply, ScriptedServer};
use serde_json::{Value, json};

use crate::server::{answer, inputs};
use crate::work::{Work, closed_port, exists, text};

fn with_ollama<'a>(host: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    crate::server::at(host, &[&["doctor", "--format", "json"][..], more].concat())
}

/// The finding of that name, which must be there once.
#[track_caller]
fn finding<'a>(findings: &'a Value, id: &str) -> &'a Value {
    let list = findings.as_array().expect("an array");
    let mut named = list.iter().filter(|finding| finding["id"] == id);
    match (named.next(), named.next()) {
        (Some(one), None) => one,
        _ => panic!("not one {id} in {findings:#}"),
    }
}

#[track_caller]
fn assert_level(findings: &Value, id: &str, level: &str) {
    assert_eq!(finding(findings, id)["level"], level, "{findings:#}");
}

fn ids(findings: &Value) -> Vec<String> {
    let list = findings.as_array().expect("an array").iter();
    list.map(|finding| text(&finding["id"])).collect()
}

#[test]
fn all_is_well_with_a_healthy_server() {
    let work = Work::new();
    let server =
        ScriptedServer::handler(|request| answer(request, 4).header("date", "Thu, 01 Jan 2026 00:00:00 GMT"));
    let host = format!("{}/", server.url());
    let findings = work
        .ingest(&with_ollama(&host, &["--probe", "200ms"]))
        .expect(0)
        .json();
    for id in [
        "settings", "store", "rights", "provider", "host", "server", "model", "width", "digest",
    ] {
        assert_level(&findings, id, "ok");
    }
    assert!(text(&finding(&findings, "server")["what"]).starts_with("Ollama 0.17.4 answers at"));
    let read = text(&finding(&findings, "host")["what"]);
    assert!(
        read.starts_with(&format!(
            "`{host}` (--host) is read as {}: scheme http",
            server.url()
        )),
        "{read}"
    );
    // The server's clock is far from any at which this can run.
    assert_level(&findings, "clock", "warning");
    let speed = text(&finding(&findings, "throughput")["what"]);
    assert!(speed.contains("texts a second"), "{speed}");
    for finding in findings.as_array().expect("an array") {
        let keys: Vec<_> = finding.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["fix", "id", "level", "what", "why"]);
        assert_eq!(finding["level"] == "ok", finding["fix"].is_null(), "{finding:#}");
    }
    assert!(!exists(work.path(".ingest")));
}

#[test]
fn without_a_probe_one_text_is_embedded() {
    let (work, server) = (Work::new(), crate::server::ollama(4));
    let findings = work
        .ingest(&with_ollama(server.url(), &["--no-probe"]))
        .expect(0)
        .json();
    assert!(!ids(&findings).contains(&"throughput".to_owned()), "{findings:#}");
    assert_eq!(inputs(&server), ["test"]);
    work.ingest(&with_ollama(server.url(), &["--probe", "soon"]))
        .expect(2)
        .says("from 100ms to 1h");
}

#[test]
fn a_dead_server_is_a_fault_and_the_rest_is_looked_at_all_the_same() {
    let work = Work::new();
    let findings = work.ingest(&with_ollama(&closed_port(), &[])).expect(1).json();
    assert_level(&findings, "server", "fault");
    assert!(text(&finding(&findings, "server")["fix"]).starts_with("start the server"));
    for id in ["model", "width", "throughput"] {
        assert!(!ids(&findings).contains(&id.to_owned()), "{id}: {findings:#}");
    }
    for id in ["store", "clock", "disk", "open_files"] {
        assert!(ids(&findings).contains(&id.to_owned()), "{id}: {findings:#}");
    }
}

#[test]
fn a_missing_model_is_a_fault_with_the_command_that_fetches_it() {
    let (work, server) = (Work::new(), crate::server::ollama(4));
    let arguments = [
        "doctor",
        "--provider",
        "ollama",
        "--model",
        "n",
        "--host",
        server.url(),
    ];
    let done = work.ingest(&arguments).expect(1);
    let command = format!("fix: OLLAMA_HOST={} ollama pull n\n", server.url());
    assert!(done.stdout.contains(&command), "{}", done.stdout);
    assert!(done.stdout.contains("1 fault"), "{}", done.stdout);
    assert!(inputs(&server).is_empty());
}

#[test]
fn another_width_than_the_stores_is_a_fault() {
    let (work, narrow, wide) = (
        Work::with_docs(),
        crate::server::ollama(4),
        crate::server::ollama(8),
    );
    let host = narrow.url();
    let run = crate::server::at(host, &["run", "docs"]);
    work.ingest(&run).expect(0);
    let before = std::fs::read(work.path(".ingest/index.db")).expect("a store");
    let findings = work.ingest(&with_ollama(host, &["--no-probe"])).expect(0).json();
    assert!(text(&finding(&findings, "width")["what"]).contains("as in the store"));
    let findings = work
        .ingest(&with_ollama(wide.url(), &["--no-probe"]))
        .expect(1)
        .json();
    let refused = finding(&findings, "width");
    assert!(text(&refused["what"]).contains("gave 8 values"), "{refused:#}");
    assert_eq!(refused["fix"], "ingest run --clean PATH");
    assert_eq!(
        std::fs::read(work.path(".ingest/index.db")).expect("a store"),
        before
    );
}

#[test]
fn other_weights_and_another_model_than_the_stores_are_faults() {
    let (work, server) = (Work::with_docs(), crate::server::ollama(4));
    let run = crate::server::at(server.url(), &["run", "docs"]);
    work.ingest(&run).expect(0);
    let replaced = ScriptedServer::handler(|request| match request.path.as_str() {
        "/api/tags" => Reply::json(&json!({"models": [{"name": "m:latest", "digest": "d2"}]})),
        _ => answer(request, 4),
    });
    let findings = work
        .ingest(&with_ollama(replaced.url(), &["--no-probe"]))
        .expect(1)
        .json();
    assert_level(&findings, "digest", "fault");
    let other = ["doctor", "--no-probe", "--format", "json", "--provider", "static"];
    let findings = work.ingest(&other).expect(1).json();
    assert_level(&findings, "store_model", "fault");
    assert_eq!(
        finding(&findings, "store_model")["fix"],
        "--provider ollama --model m"
    );
}

#[test]
fn wrong_settings_have_status_2_and_are_a_finding() {
    let work = Work::new();
    work.write("config.toml", "chunk_size = \"many\"\n");
    let findings = work.ingest(&["doctor", "--format", "json"]).expect(2).json();
    assert_eq!(ids(&findings), ["settings"]);
    assert!(text(&finding(&findings, "settings")["what"]).contains("chunk_size"));
    let host = Work::new()
        .ingest(&with_ollama("ftp://box", &["--no-probe"]))
        .expect(2)
        .json();
    assert_level(&host, "provider", "fault");
}

#[test]
fn a_store_of_another_program_is_a_fault() {
    let work = Work::new();
    work.write(
        "other.db",
        "this is no database, only a text that is long enough to be looked at",
    );
    let arguments = [
        "doctor",
        "--no-probe",
        "--format",
        "json",
        "--provider",
        "static",
        "--store",
        "other.db",
    ];
    let findings = work.ingest(&arguments).expect(1).json();
    assert_level(&findings, "store", "fault");
    assert_level(&findings, "width", "ok");
}
