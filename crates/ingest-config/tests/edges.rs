//! The edges of the layers: blanks, slips, hints, and what an error carries.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use ingest_config::{Error, ErrorKind, Loader, Origin, Settings, Stage};

fn file(text: &str) -> Result<Settings, Error> {
    Loader::new().file_text("config.toml", text).load()
}

fn environment(variables: &[(&str, &str)]) -> Result<Settings, Error> {
    Loader::new().environment(variables.iter().copied()).load()
}

fn set(key: &str, value: &str) -> Result<Settings, Error> {
    Loader::new().set(key, value, "--flag").load()
}

#[test]
fn an_error_carries_its_place_its_cause_and_shows_all_of_it_for_debugging() {
    let error = file("chunk_size = 'many'").expect_err("no number");
    assert_eq!(error.provenance().origin, Origin::File);
    assert_eq!(error.provenance().from, "config.toml:1");
    let shown = format!("{error:?}");
    for part in ["InvalidValue", "chunk_size", "config.toml:1"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(error.source().is_none());
    let error = Loader::new().file("no/such.toml").load().expect_err("no file");
    let cause = error.source().expect("a cause");
    assert!(cause.is::<std::io::Error>(), "{cause}");
    let error = environment(&[("BBJ_RAG_SOURCES", "{}")]).expect_err("no array");
    assert!(error.source().is_some());
    assert_eq!(error.key(), Some("sources"));
    assert_eq!(error.provenance().from, "BBJ_RAG_SOURCES");
}

#[test]
fn an_unknown_name_is_hinted_at_by_what_it_looks_like() {
    let hint = |text| file(text).expect_err("unknown").hint().map(str::to_owned);
    assert_eq!(
        hint("chunk_sise = 1").as_deref(),
        Some("did you mean `chunk_size`?")
    );
    assert_eq!(
        hint("zzz = 1").as_deref(),
        Some("`ingest config show` lists all settings")
    );
    // A table is the likelier slip, whatever its name is near to.
    let tables = hint("[chunk_sise]\nx = 1").expect("a hint");
    assert!(tables.contains("not in tables"), "{tables}");
    let error = set("zzz", "1").expect_err("unknown");
    assert_eq!(error.to_string(), "--flag: there is no setting `zzz`");
}

#[test]
fn the_prefix_alone_makes_no_variable_a_slip() {
    let warnings = |prefix: &str, name: &str| {
        let loader = Loader::new().prefix(prefix).environment([(name, "500")]);
        loader.load().expect("valid").warnings().to_vec()
    };
    assert_eq!(warnings("BBJ_RAG_", "BBJ_RAG_CHUNK_SISE").len(), 1);
    assert_eq!(warnings("BBJ_RAG_", "bbj_rag_chunk_sise").len(), 1);
    // Without a prefix any variable of any program could be meant.
    assert_eq!(warnings("", "CHUNK_SISE").len(), 0);
    assert_eq!(warnings("BBJ_RAG_", "CHUNK_SISE").len(), 0);
    // These are settings, ours and the other program's.
    assert_eq!(warnings("BBJ_RAG_", "BBJ_RAG_CHUNK_SIZE").len(), 0);
    assert_eq!(warnings("BBJ_RAG_", "BBJ_RAG_CHAT_MODEL").len(), 0);
}

#[test]
fn a_blank_is_not_set_in_a_file_or_variable_and_a_slip_in_a_flag() {
    assert!(
        !file("embedding_model = ' '")
            .expect("valid")
            .is_set("embedding_model")
    );
    let settings = environment(&[("BBJ_RAG_EMBEDDING_MODEL", "  "), ("BBJ_RAG_SOURCES", "  ")]);
    let settings = settings.expect("valid");
    assert!(!settings.is_set("embedding_model") && !settings.is_set("sources"));
    assert_eq!(
        set("chunk_size", " ").expect_err("blank").kind(),
        ErrorKind::InvalidValue
    );
    // The second name of a variable counts where the first is blank.
    let settings = environment(&[("BBJ_RAG_DATA_DIR", ""), ("DATA_DIR", "d")]).expect("valid");
    assert_eq!(settings.run.data_dir.as_deref(), Some(Path::new("d")));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStringExt;

    let value = OsString::from_vec(vec![0xff]);
    let name = OsString::from("BBJ_RAG_CHUNK_SIZE");
    let error = Loader::new()
        .environment([(name, value)])
        .load()
        .expect_err("not UTF-8");
    assert!(
        error
            .to_string()
            .contains("BBJ_RAG_CHUNK_SIZE is not valid UTF-8"),
        "{error}"
    );
}

#[test]
fn a_wait_may_last_a_week_and_no_longer() {
    assert_eq!(
        set("wait", "7d").expect("a week").run.wait,
        Duration::from_secs(604_800)
    );
    assert_eq!(set("wait", "0").expect("not at all").run.wait, Duration::ZERO);
    assert!(set("wait", "604801s").is_err());
}

#[test]
fn numbers_in_a_file_are_read_in_every_form_and_too_large_ones_named() {
    assert_eq!(file("chunk_size = 0x200").expect("hex").chunking.size, 512);
    assert_eq!(file("chunk_size = 1_000").expect("grouped").chunking.size, 1_000);
    assert_eq!(
        file("vector_weight = 2.5").expect("float").search.vector_weight,
        Some(2.5)
    );
    let error = file("\nchunk_size = 99999999999999999999").expect_err("too large");
    assert_eq!(
        error.to_string(),
        "config.toml:2 holds a number that is too large"
    );
    assert_eq!(error.key(), Some("chunk_size"));
}

#[test]
fn sources_are_shown_with_all_their_fields() {
    let text = "[[sources]]\nname = 'a'\npaths = ['x']\ninclude = ['*.md']\nexclude = ['t*']\n";
    let settings = file(text).expect("valid");
    let shown = settings
        .entries()
        .find(|entry| entry.key == "sources")
        .expect("sources");
    let expected = r#"[{"enabled":true,"exclude":["t*"],"include":["*.md"],"name":"a","paths":["x"]}]"#;
    assert_eq!(shown.value.to_string(), expected);
    let nested = r#"[{"name": "a", "enabled": false, "paths": "one", "parser": null}]"#;
    let settings = environment(&[("BBJ_RAG_SOURCES", nested)]).expect("valid");
    assert!(!settings.run.sources[0].enabled);
    for (json, reason) in [
        ("[1]", "number 1 is not a table"),
        (r#"[{"name": 2.5}]"#, "has a `name` that is not a text"),
        (
            r#"[{"name": "a", "paths": 3}]"#,
            "has a `paths` that is not a list of texts",
        ),
        (
            r#"[{"name": "a", "paths": [true]}]"#,
            "has a `paths` that is not a text",
        ),
        (r#"[{"name": " "}]"#, "has no `name`"),
        (r#"[{"name": "a", "zzzz": 1}]"#, "has an unknown field `zzzz`"),
    ] {
        let error = environment(&[("BBJ_RAG_SOURCES", json)])
            .expect_err(reason)
            .to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn the_usual_file_is_found_in_the_folder_and_listed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "chunk_size = 77\n").expect("a file");
    let settings = Loader::new().folder(folder.path()).load().expect("valid");
    assert_eq!((settings.chunking.size, settings.files()), (77, &[path][..]));
    // A folder of that name is no file, and no reason to go on without one.
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("config.toml")).expect("a folder");
    let error = Loader::new().folder(folder.path()).load().expect_err("a folder");
    assert_eq!(error.kind(), ErrorKind::File);
}

#[test]
fn every_layer_and_stage_has_its_own_name() {
    let origins = [Origin::Default, Origin::File, Origin::Environment, Origin::Flag];
    assert_eq!(
        origins.map(Origin::as_str),
        ["default", "file", "environment", "flag"]
    );
    assert_eq!(Origin::Flag.to_string(), "flag");
    assert_eq!(
        Stage::ALL.map(Stage::title),
        ["Store", "Embedding", "Chunking", "Run", "HTTP", "Search"]
    );
    let place = |settings: Settings| {
        settings
            .entries()
            .find(|entry| entry.key == "wait")
            .expect("wait")
            .provenance
            .to_string()
    };
    assert_eq!(place(Settings::default()), "default");
    assert_eq!(place(file("wait = 1").expect("valid")), "file config.toml:1");
    assert_eq!(
        place(environment(&[("BBJ_RAG_WAIT", "1")]).expect("valid")),
        "environment variable BBJ_RAG_WAIT"
    );
    assert_eq!(place(set("wait", "1").expect("valid")), "--flag");
}

#[test]
fn a_secret_knows_only_whether_it_is_empty() {
    let settings = set("openai_api_key", "k3y").expect("a key");
    let key = settings.embedding.openai_api_key.expect("a key");
    assert!(!key.is_empty());
    assert_eq!(format!("{key:?} {key}"), "*** ***");
    let address = set("ollama_host", "http://user:pa55@host").expect("an address");
    let shown = format!("{:?}", address.embedding.ollama_host);
    assert!(shown.contains("host") && !shown.contains("pa55"), "{shown}");
}
