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

#[test]
fn init_writes_a_file_that_changes_nothing_and_tells_what_to_do_next() {
    let work = Work::new();
    let before = work
        .ingest(&["config", "show", "--format", "json"])
        .expect(0)
        .json();
    let init = work.ingest(&["config", "init"]).expect(0);
    let count = ingest_config::KEYS.len();
    assert_eq!(
        init.stdout,
        format!("wrote config.toml: {count} settings, all commented out\n")
    );
    init.says("`ingest config show` prints what is in force");
    let after = work
        .ingest(&["config", "show", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(before, after);
    let text = work.read("config.toml");
    for key in ingest_config::KEYS.iter().filter(|key| key.name != "sources") {
        assert!(text.contains(&format!("\n# {} = ", key.name)), "{}", key.name);
    }
    assert!(text.contains("\n# [[sources]]\n"), "{text}");
    work.write(
        "config.toml",
        &text.replace("# chunk_size = 400", "chunk_size = 401"),
    );
    let set = work
        .ingest(&["config", "show", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(set["chunk_size"]["value"], 401);
}

#[test]
fn init_leaves_a_file_alone_unless_it_is_forced() {
    let work = Work::new();
    // One that is wrong is no reason not to write another.
    work.write("config.toml", "chunk_size = \n");
    work.ingest(&["config", "init"])
        .expect(2)
        .says("error: config.toml is there already, and was left as it is")
        .says("hint: `--force` replaces it");
    assert_eq!(work.read("config.toml"), "chunk_size = \n");
    let forced = work.ingest(&["config", "init", "--force"]).expect(0);
    assert!(forced.stdout.starts_with("replaced config.toml: "), "{forced:?}");
    work.ingest(&["config", "show"]).expect(0);
    work.ingest(&["config", "init", "none/config.toml"])
        .expect(2)
        .says("cannot write none/config.toml");
    work.write("folder/file", "");
    work.ingest(&["config", "init", "--force", "folder"])
        .expect(2)
        .says("cannot write folder: this is not a file");
    let left: Vec<_> = std::fs::read_dir(work.path("")).expect("a folder").collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn init_writes_where_it_is_told_to() {
    let work = Work::new();
    let named = work
        .ingest(&["config", "init", "mine.toml", "--format", "json"])
        .expect(0);
    let count = ingest_config::KEYS.len();
    assert_eq!(
        named.json(),
        json!({"file": "mine.toml", "settings": count, "replaced": false})
    );
    named.says("`ingest --config mine.toml config show`");
    work.ingest(&["--config", "other.toml", "config", "init"])
        .expect(0);
    let printed = work.ingest(&["config", "init", "-"]).expect(0);
    assert_eq!(printed.stdout, work.read("mine.toml"));
    assert_eq!(printed.stdout, work.read("other.toml"));
    assert_eq!(printed.stderr, "");
    let wrapped = work
        .ingest(&["config", "init", "-", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(wrapped["text"], printed.stdout);
    assert!(!work.path("config.toml").exists());
}
