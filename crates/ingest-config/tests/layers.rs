//! Which layer wins, what is told of it, and what is refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ingest_config::{
    Error, ErrorKind, KEYS, Kind, Loader, MaxDelete, OnTooLong, Origin, Provenance, ProviderChoice, Settings,
    Workers,
};

/// Loads a file of this text and these variables.
fn load(file: &str, variables: &[(&str, &str)]) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("config.toml"), file).expect("a file in it");
    Loader::new()
        .folder(folder.path())
        .environment(variables.iter().copied())
        .load()
}

fn environment(variables: &[(&str, &str)]) -> Result<Settings, Error> {
    Loader::new().environment(variables.iter().copied()).load()
}

fn set(key: &str, value: &str) -> Result<Settings, Error> {
    Loader::new().set(key, value, "--flag").load()
}

fn place(provenance: &Provenance) -> (Origin, &str) {
    (provenance.origin, &provenance.from)
}

#[test]
fn the_defaults_are_those_of_the_reference() {
    let settings = Settings::default();
    assert_eq!(settings.run.workers, Workers::Count(4));
    assert_eq!(settings.run.max_workers, 8);
    assert_eq!(settings.run.batch_retries, 3);
    assert_eq!(settings.run.failure_log, Path::new(".ingestion-failures.json"));
    assert_eq!(settings.embedding.ollama_host.as_str(), "http://localhost:11434");
    assert_eq!(settings.embedding.batch_size, 64);
    assert_eq!((settings.chunking.size, settings.chunking.overlap), (400, 50));
    let url = settings.database_url();
    assert_eq!(
        url.as_str(),
        "postgres://postgres:postgres@localhost:5432/bbj_rag"
    );
}

#[test]
fn the_defaults_beyond_the_reference_are_as_documented() {
    let settings = Settings::default();
    assert_eq!(settings.store_url().as_str(), "sqlite:.ingest/index.db");
    assert_eq!(settings.embedding.provider, ProviderChoice::Auto);
    assert_eq!(settings.embedding.on_too_long, OnTooLong::Split);
    assert_eq!(settings.embedding.model, None);
    assert_eq!(settings.embedding.dimensions, None);
    assert_eq!(settings.http.max_connections, 10);
    assert_eq!(settings.http.max_idle_connections, 5);
    assert_eq!(settings.http.connect_timeout, Duration::from_secs(10));
    assert_eq!(settings.http.load_timeout, Duration::from_secs(300));
    assert_eq!(settings.http.timeout, Duration::from_secs(300));
    assert_eq!(settings.run.wait, Duration::from_secs(60));
    assert_eq!(settings.run.max_delete, MaxDelete::Percent(50));
    assert_eq!(settings.search.vector_weight, None);
}

#[test]
fn the_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config.toml");
    let file = "\n# a comment\nchunk_size = 100\nchunk_overlap = 10\ndb_port = 6000\n";
    std::fs::write(&path, file).expect("a file");
    let settings = Loader::new()
        .folder(folder.path())
        .environment([("BBJ_RAG_CHUNK_SIZE", "200"), ("BBJ_RAG_CHUNK_OVERLAP", "20")])
        .set("chunk_size", "300", "--chunk-size")
        .load()
        .expect("valid");
    assert_eq!(settings.chunking.size, 300);
    assert_eq!(settings.chunking.overlap, 20);
    assert_eq!(settings.store.db_port, 6000);
    let line = format!("{}:5", path.display());
    for (key, expected) in [
        ("chunk_size", (Origin::Flag, "--chunk-size")),
        ("chunk_overlap", (Origin::Environment, "BBJ_RAG_CHUNK_OVERLAP")),
        ("db_port", (Origin::File, line.as_str())),
        ("ingest_workers", (Origin::Default, "")),
    ] {
        assert_eq!(place(&settings.origin(key)), expected, "{key}");
    }
    assert_eq!(settings.files(), [path]);
}

#[test]
fn ollama_host_is_looked_for_in_both_variables_and_set_is_told_from_default() {
    let host = |variables: &[(&str, &str)]| {
        let settings = environment(variables).expect("valid");
        settings.embedding.ollama_host.as_str().to_owned()
    };
    let default = "http://localhost:11434";
    assert_eq!(host(&[]), default);
    assert_eq!(host(&[("OLLAMA_HOST", "a:1")]), "a:1");
    assert_eq!(
        host(&[("OLLAMA_HOST", "a:1"), ("BBJ_RAG_OLLAMA_HOST", "b:2")]),
        "b:2"
    );
    // The reference took these two for not set.
    assert_eq!(
        host(&[("OLLAMA_HOST", "a:1"), ("BBJ_RAG_OLLAMA_HOST", default)]),
        default
    );
    assert_eq!(
        host(&[("OLLAMA_HOST", "a:1"), ("BBJ_RAG_OLLAMA_HOST", "")]),
        "a:1"
    );
    assert_eq!(host(&[("OLLAMA_HOST", " ")]), default);
    let set = |value| {
        environment(&[("OLLAMA_HOST", value)])
            .expect("valid")
            .is_set("ollama_host")
    };
    assert_eq!((set(default), set("")), (true, false));
    let settings = load("ollama_host = 'file:1'", &[("OLLAMA_HOST", "")]).expect("valid");
    assert_eq!(settings.embedding.ollama_host.as_str(), "file:1");
}

#[test]
fn names_in_the_environment_do_not_depend_on_case() {
    let settings = environment(&[("bbj_rag_Ingest_Workers", "7"), ("data_dir", "/docs")]).expect("valid");
    assert_eq!(settings.run.workers, Workers::Count(7));
    assert_eq!(settings.origin("ingest_workers").from, "bbj_rag_Ingest_Workers");
    assert_eq!(settings.run.data_dir.as_deref(), Some(Path::new("/docs")));
}

#[test]
fn the_number_of_workers_may_be_left_open() {
    for word in ["auto", "Auto", " AUTO "] {
        let settings = environment(&[("BBJ_RAG_INGEST_WORKERS", word)]).expect("valid");
        assert_eq!(settings.run.workers, Workers::Auto);
        let settings = load(&format!("ingest_workers = {word:?}"), &[]).expect("valid");
        assert_eq!(settings.run.workers, Workers::Auto);
    }
}

#[test]
fn another_prefix_can_be_chosen() {
    let settings = Loader::new()
        .prefix("MINE_")
        .environment([("MINE_CHUNK_SIZE", "99"), ("BBJ_RAG_DB_PORT", "1")])
        .load()
        .expect("valid");
    assert_eq!((settings.chunking.size, settings.store.db_port), (99, 5432));
}

#[test]
fn every_key_can_be_set_in_every_layer() {
    for key in KEYS {
        let value = match key.kind {
            Kind::Integer { min, .. } => (min + 60).to_string(),
            Kind::WordOrInteger { word, .. } => word.to_owned(),
            Kind::Number { .. } => "0.5".to_owned(),
            Kind::Duration { .. } => "7s".to_owned(),
            Kind::Choice(words) => words[words.len() - 1].to_owned(),
            Kind::MaxDelete => "10%".to_owned(),
            Kind::KeepAlive => "-1".to_owned(),
            Kind::Sources => continue,
            _ => "text".to_owned(),
        };
        let variable = key.variable("BBJ_RAG_");
        // What some keys need beside them.
        let mut variables = vec![
            ("BBJ_RAG_OPENAI_BASE_URL", "https://azure"),
            ("BBJ_RAG_CHUNK_SIZE", "70"),
        ];
        variables.retain(|(name, _)| *name != variable);
        let file = load(&format!("{} = {value:?}", key.name), &variables);
        let code = Loader::new()
            .environment(variables.clone())
            .set(key.name, value.as_str(), "code")
            .load();
        variables.push((&variable, &value));
        let [file, variable, code] = [file, environment(&variables), code].map(|settings| {
            let settings = settings.unwrap_or_else(|error| panic!("{}: {error}", key.name));
            let entry = settings.entries().find(|entry| entry.key == key.name);
            let entry = entry.expect("an entry");
            assert_ne!(entry.provenance.origin, Origin::Default, "{}", key.name);
            entry.value
        });
        assert!(!file.is_null(), "{}", key.name);
        assert_eq!(file, variable);
        assert_eq!(file, code);
    }
}

#[test]
fn a_wrong_value_is_named_with_its_key_place_and_range() {
    let error = load("# first\nembedding_dimensions = 0\n", &[]).expect_err("out of range");
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    assert_eq!(error.key(), Some("embedding_dimensions"));
    let message = error.to_string();
    let expected = "`embedding_dimensions` must be a whole number of values from 1 to 65536, not `0` (file ";
    assert!(message.starts_with(expected), "{message}");
    assert!(message.ends_with("config.toml:2)"), "{message}");

    let error = environment(&[("BBJ_RAG_DB_PORT", "70000")]).expect_err("out of range");
    assert_eq!(
        error.to_string(),
        "`db_port` must be a whole number from 1 to 65535, not `70000` (environment variable BBJ_RAG_DB_PORT)"
    );
    let error = set("ingest_workers", "0").expect_err("out of range");
    assert_eq!(
        error.to_string(),
        "`ingest_workers` must be `auto`, or a whole number of workers from 1 to 1024, not `0` (--flag)"
    );
}

#[test]
fn values_outside_their_range_are_refused() {
    for (key, value) in [
        ("ingest_workers", "-1"),
        ("ingest_workers", "4.5"),
        ("ingest_workers", "four"),
        ("ingest_batch_retries", "0"),
        ("embedding_batch_size", "0"),
        ("db_port", "0"),
        ("chunk_size", "0"),
        ("timeout", "0"),
        ("timeout", "25h"),
        ("wait", "8d"),
        ("wait", "soon"),
        ("max_delete", "101%"),
        ("max_delete", "-1"),
        ("vector_weight", "NaN"),
        ("vector_weight", "-0.5"),
        ("embedding_provider", "cohere"),
        ("on_too_long", "cut"),
        ("ollama_host", ""),
        ("keep_alive", "always"),
        ("sources", "text"),
    ] {
        let error = set(key, value).expect_err(&format!("{key} = {value}"));
        assert_eq!((error.kind(), error.key()), (ErrorKind::InvalidValue, Some(key)));
    }
}

#[test]
fn values_that_do_not_go_together_are_both_named() {
    let error = environment(&[("BBJ_RAG_CHUNK_SIZE", "50")]).expect_err("not below");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "`chunk_overlap` is 50 (default) but must be less than `chunk_size`, which is 50 \
         (environment variable BBJ_RAG_CHUNK_SIZE)"
    );
    assert_eq!(
        error.hint(),
        Some("set `chunk_overlap` to something from 0 to 49")
    );
    let error = set("azure_deployment", "x").expect_err("no address");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_name() {
    let error = load("chunk_size = 100\nchunk_overlp = 3", &[]).expect_err("unknown");
    assert_eq!(
        (error.kind(), error.key()),
        (ErrorKind::UnknownKey, Some("chunk_overlp"))
    );
    assert!(
        error
            .to_string()
            .ends_with("config.toml:2: there is no setting `chunk_overlp`"),
        "{error}"
    );
    assert_eq!(error.hint(), Some("did you mean `chunk_overlap`?"));
    let error = load("[embedding]\nmodel = 'x'", &[]).expect_err("a table");
    assert!(error.hint().expect("a hint").contains("top of the file"));
    let error = set("no_such", "x").expect_err("unknown");
    assert_eq!(error.to_string(), "--flag: there is no setting `no_such`");
}

#[test]
fn the_settings_of_the_program_that_shares_the_file_are_passed_over() {
    let settings = load(
        "compiler_path = 'bbjcpl'\ncompiler_timeout = 10.0\nchat_model = 'm'\nflare_source_path = ''\n\
         bbj_source_dirs = []\ndatabase_url = 'postgresql://x'\nembedding_dimensions = 1024\n",
        &[
            ("BBJ_RAG_API_URL", "http://localhost:10800"),
            ("BBJ_RAG_CHAT_MODEL", "m"),
        ],
    )
    .expect("valid");
    assert_eq!(settings.embedding.dimensions, Some(1024));
    assert_eq!(settings.warnings(), [""; 0]);
    assert!(!settings.is_set("store"));
}

#[test]
fn a_variable_that_is_nearly_a_setting_is_told() {
    let settings = environment(&[("BBJ_RAG_INGEST_WORKER", "2"), ("BBJ_RAG_ZZZ", "1")]).expect("valid");
    assert_eq!(
        settings.warnings(),
        ["environment variable BBJ_RAG_INGEST_WORKER is no setting; did you mean BBJ_RAG_INGEST_WORKERS?"]
    );
}

#[test]
fn a_file_that_was_asked_for_must_exist_and_the_usual_one_need_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(Loader::new().folder(folder.path()).load().is_ok());
    let error = Loader::new().file(folder.path().join("mine.toml")).load();
    let error = error.expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::File);
    assert!(error.to_string().contains("mine.toml"), "{error}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let error = load("chunk_size = 100\nchunk_overlap = = 3\n", &[]).expect_err("not TOML");
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert!(
        error.to_string().contains("config.toml:2 is not valid TOML: "),
        "{error}"
    );
}

#[test]
fn sources_are_read_with_the_fields_of_the_reference() {
    let file = "data_dir = 'data'\n[[sources]]\nname = 'a'\nparser = 'mdx'\npaths = ['x', 'y']\ngeneration_tag = 'bbj'\n\
                [[sources]]\nname = 'b'\npaths = 'z'\ninclude = ['*.md']\nenabled = false\n";
    let run = load(file, &[]).expect("valid").run;
    assert_eq!(run.sources.len(), 2);
    assert_eq!(run.sources[0].paths, ["x", "y"].map(PathBuf::from));
    assert_eq!((run.sources[0].enabled, run.sources[1].enabled), (true, false));
    assert_eq!(run.sources[1].include, ["*.md"]);
    let json = r#"[{"name": "c", "paths": ["d"]}]"#;
    let run = environment(&[("BBJ_RAG_SOURCES", json)]).expect("valid").run;
    assert_eq!(run.sources[0].name, "c");
}

#[test]
fn sources_that_are_wrong_are_refused_with_the_reason() {
    for (file, reason) in [
        ("[[sources]]\npaths = ['x']", "number 1 has no `name`"),
        (
            "[[sources]]\nname = 'a'\npath = ['x']",
            "unknown field `path`; did you mean `paths`?",
        ),
        (
            "[[sources]]\nname = 'a'\n[[sources]]\nname = 'a'",
            "`a` occurs twice",
        ),
        (
            "[[sources]]\nname = 'a'\nenabled = 'no'",
            "neither true nor false",
        ),
        ("sources = 3", "a list of tables"),
    ] {
        let error = load(file, &[]).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }
    let error = environment(&[("BBJ_RAG_SOURCES", "[{")]).expect_err("not JSON");
    assert!(error.to_string().contains("not a JSON array"), "{error}");
}

#[test]
fn any_db_setting_makes_the_store_postgres_and_store_wins_over_it() {
    for (variables, url) in [
        (
            &[("BBJ_RAG_DB_HOST", "db")][..],
            "postgres://postgres:postgres@db:5432/bbj_rag",
        ),
        (
            &[("BBJ_RAG_DB_PASSWORD", "")],
            "postgres://postgres@localhost:5432/bbj_rag",
        ),
        (
            &[("BBJ_RAG_DB_PASSWORD", "a@b/c")],
            "postgres://postgres:a%40b%2Fc@localhost:5432/bbj_rag",
        ),
        (
            &[("BBJ_RAG_DB_HOST", "db"), ("BBJ_RAG_STORE", "sqlite:x.db")],
            "sqlite:x.db",
        ),
    ] {
        assert_eq!(environment(variables).expect("valid").store_url().as_str(), url);
    }
}

#[test]
fn no_secret_is_shown_anywhere() {
    let settings = environment(&[
        ("BBJ_RAG_DB_PASSWORD", "hush-1"),
        ("OPENAI_API_KEY", "hush-2"),
        ("OLLAMA_API_KEY", "hush-3"),
        ("BBJ_RAG_STORE", "postgres://me:hush-4@db/x"),
        ("BBJ_RAG_PROXY", "http://me:hush-5@proxy"),
    ])
    .expect("valid");
    let entries = settings
        .entries()
        .map(|entry| format!("{} {}\n", entry.key, entry.value));
    let shown: String = entries.collect();
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains(r#"openai_api_key "***""#), "{shown}");
    assert!(shown.contains("postgres://me:***@db/x"), "{shown}");
    let debug = format!(
        "{settings:?} {:?} {}",
        settings.database_url(),
        settings.store_url()
    );
    assert!(!debug.contains("hush"), "{debug}");
}

#[test]
fn an_empty_prefix_is_a_value_and_not_the_same_as_none() {
    let prefix = |variables: &[(&str, &str)]| environment(variables).expect("valid").embedding.query_prefix;
    assert_eq!(prefix(&[]), None);
    assert_eq!(prefix(&[("BBJ_RAG_QUERY_PREFIX", "")]), Some(String::new()));
    assert_eq!(
        prefix(&[("BBJ_RAG_QUERY_PREFIX", "query: ")]),
        Some("query: ".to_owned())
    );
}

#[test]
fn every_choice_is_taken_and_shown_by_its_name() {
    let providers = [
        ("auto", ProviderChoice::Auto),
        ("ollama", ProviderChoice::Ollama),
        ("openai", ProviderChoice::OpenAi),
        ("static", ProviderChoice::Static),
    ];
    for (name, choice) in providers {
        let settings = set("embedding_provider", name).expect(name);
        assert_eq!(settings.embedding.provider, choice);
        assert_eq!((choice.as_str(), choice.to_string().as_str()), (name, name));
    }
    for (name, choice) in [
        ("split", OnTooLong::Split),
        ("truncate", OnTooLong::Truncate),
        ("fail", OnTooLong::Fail),
    ] {
        assert_eq!(
            set("on_too_long", name).expect(name).embedding.on_too_long,
            choice
        );
    }
    for (text, limit) in [("7", MaxDelete::Documents(7)), ("30%", MaxDelete::Percent(30))] {
        assert_eq!(set("max_delete", text).expect(text).run.max_delete, limit);
        assert_eq!(limit.to_string(), text);
    }
    let weighed = set("vector_weight", "0.25").expect("a weight");
    assert_eq!(weighed.search.vector_weight, Some(0.25));
    let priced = set("price_per_million_tokens", "0.13").expect("a price");
    assert_eq!(priced.embedding.price_per_million_tokens, Some(0.13));
    set("price_per_million_tokens", "-1").expect_err("no price");
}
