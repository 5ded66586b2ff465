//! `--store postgres://…` and the `db_*` settings.

use ingest_store::testing::Database;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::work::{Done, Work, length, text};

/// The parts of an address: user, password, host, port, all decoded.
fn parts(url: &str) -> [String; 4] {
    let (_, rest) = url.split_once("://").expect("a scheme");
    let (login, rest) = rest.rsplit_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a password");
    let (host, port) = rest
        .split('/')
        .next()
        .and_then(|place| place.split_once(':'))
        .expect("a port");
    [user, password, host, port].map(|part| part.replace("%40", "@"))
}

/// The same documents, commands and answers, whichever store.
pub(crate) fn a_server_holds_what_a_file_holds(_: &Runtime, database: &Database) {
    let work = Work::with_docs();
    work.write(
        "docs/more.md",
        "# More\n\n## One\n\nTurbines spin.\n\n## Two\n\nA gearbox turns.\n",
    );
    let on_server = |arguments: &[&str]| {
        let arguments: Vec<&str> = [arguments, &["--store", &database.url]].concat();
        work.with_static(&arguments)
    };
    on_server(&["search", "apples"]).expect(3).says("ingest run");
    let mut reports = Vec::new();
    for _ in 0..2 {
        let one = work
            .with_static(&["run", "docs", "--format", "json"])
            .expect(0)
            .json();
        let other = on_server(&["run", "docs", "--format", "json"]).expect(0).json();
        assert_eq!(one["documents"], other["documents"]);
        assert_eq!(one["chunks"], other["chunks"]);
        reports.push(other);
    }
    assert_eq!(reports[0]["documents"]["added"], 4);
    assert_eq!(reports[1]["documents"]["unchanged"], 4);
    assert_eq!(reports[1]["chunks"]["embedded"], 0);
    assert_eq!(
        work.with_static(&["export"]).expect(0).stdout,
        on_server(&["export"]).expect(0).stdout
    );
    for mode in ["hybrid", "vector", "text"] {
        let arguments = ["search", "turbine gearbox", "--mode", mode, "--format", "json"];
        let hits = on_server(&arguments).expect(0).json();
        assert_eq!(text(&hits[0]["source"]), "docs/more.md", "{mode}: {hits}");
        let same = work.with_static(&arguments).expect(0).json();
        assert_eq!(length(&same), length(&hits), "{mode}");
    }
    let status = on_server(&["status", "--format", "json"]).expect(0);
    assert_eq!(status.json()["documents"], 4);
    std::fs::remove_file(work.path("docs/boats.md")).expect("a file to remove");
    let report = on_server(&["run", "docs", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&report["documents"]["removed"], &report["documents"]["unchanged"]),
        (&1.into(), &3.into())
    );
    on_server(&["run", "docs", "--clean", "--format", "json"]).expect(0);
}

/// Any of them given, the store is that database; a password with an `@` in it works.
pub(crate) fn the_db_settings_name_the_store(runtime: &Runtime, database: &Database) {
    let work = Work::with_docs();
    let [user, password, host, port] = parts(&database.url);
    let mut command = work.command(&["run", "docs"]);
    command
        .env("BBJ_RAG_EMBEDDING_PROVIDER", "static")
        .env("BBJ_RAG_DB_HOST", host)
        .env("BBJ_RAG_DB_PORT", port)
        .env("BBJ_RAG_DB_USER", user)
        .env("BBJ_RAG_DB_PASSWORD", password)
        .env("BBJ_RAG_DB_NAME", &database.name);
    Done::of(&mut command).expect(0);
    let count = async {
        let row = database
            .client()
            .await
            .query_one("SELECT count(*) FROM chunks", &[])
            .await
            .expect("a count");
        row.get::<_, i64>(0)
    };
    assert_eq!(runtime.block_on(count), 3);
}

/// Refused by itself, taken over on request, and then like any store.
pub(crate) fn a_filled_database_is_adopted_when_asked(runtime: &Runtime, database: &Database) {
    let work = Work::with_docs();
    let table = "CREATE EXTENSION vector;
         CREATE TABLE chunks (id bigserial PRIMARY KEY, source_url text NOT NULL, title text NOT NULL,
             doc_type text NOT NULL, content text NOT NULL, content_hash varchar(64) NOT NULL UNIQUE,
             context_header text NOT NULL DEFAULT '', generations text[] NOT NULL,
             deprecated boolean NOT NULL DEFAULT false, embedding vector(256));
         INSERT INTO chunks (source_url, title, doc_type, content, content_hash, generations, embedding)
             SELECT 'web://a', 'A', 'web', 'an apple pie', repeat('a', 64), '{all}',
                 (SELECT array_agg(sin(number)) FROM generate_series(1, 256) AS number)::vector";
    runtime.block_on(async {
        database
            .client()
            .await
            .batch_execute(table)
            .await
            .expect("a table");
    });
    let run = |arguments: &[&str]| {
        let arguments: Vec<&str> = [&["run", "docs", "--store", &database.url], arguments].concat();
        work.with_static(&arguments)
    };
    run(&[]).expect(3).says("--adopt");
    run(&["--adopt", "--dry-run"]).expect(2);
    run(&["--adopt"]).expect(0);
    run(&[]).expect(0);
    let hits = work.with_static(&[
        "search",
        "pie",
        "--mode",
        "text",
        "--format",
        "json",
        "--store",
        &database.url,
    ]);
    assert_eq!(text(&hits.expect(0).json()[0]["source"]), "web://a");
}

/// Exit status 3 for a store that can't be had, 2 for an address that is none.
pub(crate) fn what_stops_a_run_is_told_without_the_password(_: &Runtime, database: &Database) {
    let work = Work::with_docs();
    let [_, password, host, port] = parts(&database.url);
    let name = &database.name;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("its number")
        .port();
    for (url, code, words) in [
        (
            format!("postgres://postgres:wr%40ng@{host}:{port}/{name}"),
            3,
            "check user, password",
        ),
        (
            format!("postgres://postgres:wr%40ng@127.0.0.1:{closed}/{name}"),
            3,
            "nobody listens there",
        ),
        (
            format!("postgres://postgres:wr%40ng@{host}:{port}/{name}?sslmode=perhaps"),
            2,
            "sslmode",
        ),
        (
            database.url.replace(&format!("/{name}"), "/no_such_database"),
            3,
            "createdb",
        ),
    ] {
        for command in [&["run", "docs"][..], &["search", "x"], &["status"]] {
            let arguments: Vec<&str> = [command, &["--store", &url, "-vv"]].concat();
            let done = work.with_static(&arguments).expect(code).says(words);
            for secret in ["wr@ng", "wr%40ng", &password, &password.replace('@', "%40")] {
                assert!(
                    !done.stderr.contains(secret) && !done.stdout.contains(secret),
                    "{done:#?}"
                );
            }
        }
    }
}

pub(crate) fn a_doctor_looks_at_the_server_and_makes_nothing(_: &Runtime, database: &Database) {
    let work = Work::with_docs();
    let doctor = |url: &str, code| {
        let arguments = ["doctor", "--no-probe", "--format", "json", "--store", url];
        work.with_static(&arguments).expect(code).json()
    };
    let levels = |findings: &Value| -> Vec<(String, String)> {
        let findings = findings.as_array().expect("an array").iter();
        let of_store = findings.filter(|finding| {
            ["store", "pgvector", "rights", "index"].contains(&finding["id"].as_str().expect("an id"))
        });
        of_store
            .map(|finding| (text(&finding["id"]), text(&finding["level"])))
            .collect()
    };
    let wanted = |pgvector: &str, rights: &str| {
        let levels = [
            ("store", "ok"),
            ("pgvector", pgvector),
            ("rights", rights),
            ("index", "ok"),
        ];
        levels
            .map(|(id, level)| (id.to_owned(), level.to_owned()))
            .to_vec()
    };
    assert_eq!(levels(&doctor(&database.url, 0)), wanted("advice", "ok"));
    work.with_static(&["run", "docs", "--store", &database.url])
        .expect(0);
    assert_eq!(levels(&doctor(&database.url, 0)), wanted("ok", "ok"));
    let joint = if database.url.contains('?') { '&' } else { '?' };
    let reader = format!("{}{joint}options=-c%20role%3Dpg_read_all_data", database.url);
    assert_eq!(levels(&doctor(&reader, 1)), wanted("ok", "fault"));
}
