//! `ingest config`, and where settings are taken from.

use serde_json::json;

use crate::work::{Done, Work};

#[test]
fn show_gives_every_setting_with_its_origin() {
    let work = Work::new();
    work.write(
        "config.toml",
        "# mine\nchunk_size = 300\ndb_password = \"file-secret\"\nchat_model = \"x\"\n",
    );
    let shown = Done::of(
        work.command(&["--store", "sqlite:mine.db", "config", "show", "--format", "json"])
            .env("OLLAMA_HOST", "gpu:1")
            .env("OPENAI_API_KEY", "sk-secret")
            .env("BBJ_RAG_INGEST_WORKERS", "2"),
    )
    .expect(0);
    let settings = shown.json();
    assert_eq!(
        settings["chunk_size"],
        json!({"value": 300, "origin": "file", "from": "config.toml:2"})
    );
    let host = json!({"value": "gpu:1", "origin": "environment", "from": "OLLAMA_HOST"});
    assert_eq!(settings["ollama_host"], host);
    assert_eq!(settings["ingest_workers"]["from"], "BBJ_RAG_INGEST_WORKERS");
    assert_eq!(
        settings["store"],
        json!({"value": "sqlite:mine.db", "origin": "flag", "from": "--store"})
    );
    assert_eq!(
        settings["chunk_overlap"],
        json!({"value": 50, "origin": "default", "from": null})
    );
    assert_eq!(settings["openai_api_key"]["value"], "***");
    assert_eq!(settings["db_password"]["value"], "***");
    assert!(settings["embedding_model"]["value"].is_null());
    assert!(!shown.stdout.contains("secret"), "{shown:?}");
    assert_eq!(
        settings.as_object().expect("an object").len(),
        ingest_config::KEYS.len()
    );
}

#[test]
fn show_is_a_table_for_people() {
    let work = Work::new();
    let shown = Done::of(
        work.command(&["config", "show"])
            .env("OLLAMA_HOST", "http://u:hush@gpu"),
    )
    .expect(0);
    let line = |key: &str| {
        let line = shown
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")));
        line.unwrap_or_else(|| panic!("{key}: {shown:?}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("ingest_batch_retries"), "ingest_batch_retries 3 default");
    assert_eq!(
        line("ollama_host"),
        "ollama_host http://u:***@gpu environment variable OLLAMA_HOST"
    );
    assert_eq!(line("embedding_model"), "embedding_model (not set) default");
}

#[test]
fn path_tells_which_files_were_read() {
    let work = Work::new();
    let none = work
        .ingest(&["config", "path"])
        .expect(0)
        .says("no configuration file was read");
    assert_eq!(none.stdout, "");
    work.write("config.toml", "");
    let one = work.ingest(&["config", "path"]).expect(0);
    assert!(one.stdout.trim_end().ends_with("config.toml"), "{one:?}");
    work.write("other.toml", "");
    let other = work
        .ingest(&["config", "path", "--config", "other.toml", "--format", "json"])
        .expect(0);
    assert_eq!(other.json().as_array().map(Vec::len), Some(1));
    assert!(other.stdout.contains("other.toml"), "{other:?}");
}

#[test]
fn a_file_that_is_missing_or_wrong_has_status_2() {
    let work = Work::new();
    work.ingest(&["--config", "no.toml", "config", "show"])
        .expect(2)
        .says("cannot read the configuration file no.toml");
    work.write("config.toml", "chunk_sizes = 3\n");
    let slip = work.ingest(&["run", "docs"]).expect(2);
    slip.says("error: config.toml:1: there is no setting `chunk_sizes`")
        .says("hint: did you mean `chunk_size`?");
    work.write("config.toml", "chunk_size = \n");
    work.ingest(&["status"])
        .expect(2)
        .says("config.toml:1 is not valid TOML");
}

#[test]
fn a_variable_that_is_nearly_a_setting_is_warned_of() {
    let work = Work::new();
    let shown = Done::of(work.command(&["config", "show"]).env("BBJ_RAG_CHUNKSIZE", "3")).expect(0);
    shown.says(
        "warning: environment variable BBJ_RAG_CHUNKSIZE is no setting; did you mean BBJ_RAG_CHUNK_SIZE?",
    );
    let quiet = Done::of(
        work.command(&["-q", "config", "show"])
            .env("BBJ_RAG_CHUNKSIZE", "3"),
    )
    .expect(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn db_settings_make_the_store_postgres_and_the_password_is_not_told() {
    let work = Work::with_docs();
    let run = Done::of(
        work.command(&["run", "docs", "--provider", "static"])
            .env("BBJ_RAG_DB_HOST", "db.example")
            .env("BBJ_RAG_DB_PASSWORD", "hush"),
    );
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(
        run.stderr.contains("postgres") && !run.stderr.contains("hush"),
        "{run:?}"
    );
}
