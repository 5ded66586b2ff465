//! The server's troubles and the network's: each is told apart or overcome, and leaves the store whole.

use std::time::Duration;

use ingest_core::testing::samples::{document, identity, new_vector, text_query, vector_query};
use ingest_core::{ContentHash, DocumentRecord, Error, ErrorKind, ModelIdentity, Removed, Store, Vector};

use crate::proxy::{Cut, Proxy};
use ingest_store::testing::Database;

const EAST: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const CHUNKS: usize = 12;

/// A version of a document, told by its words.
fn version(source: &str, number: usize) -> DocumentRecord {
    let texts: Vec<String> = (0..CHUNKS)
        .map(|chunk| format!("{source} version{number} chunk{chunk}"))
        .collect();
    let chunks: Vec<_> = texts
        .iter()
        .map(|text| (text.as_str(), new_vector(EAST)))
        .collect();
    document(source, &chunks)
}

/// Which versions the chunks of a store are of; each document must be whole.
async fn versions(store: &dyn Store) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let chunks = store.chunks(None, 10_000).await.expect("chunks");
    for stored in &chunks {
        assert!(stored.vector.is_some());
        let version = stored.chunk.text.split(' ').nth(1).expect("a version").to_owned();
        found.push((stored.source.clone(), version));
    }
    found.dedup();
    assert_eq!(chunks.len(), found.len() * CHUNKS, "{found:?}");
    found
}

fn assert_says(error: &Error, kind: ErrorKind, words: &[&str], url: &str) {
    let message = format!("{error}");
    assert_eq!(error.kind(), kind, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['@', ':']).nth(1))
        .expect("a password");
    let secret = &password[..8.min(password.len())];
    assert!(!format!("{error:?}").contains(secret), "{error:?}");
}

/// Wherever within a write the connection breaks, nothing is half-written, and the write is done in the end, once.
pub(crate) async fn a_connection_cut_anywhere_leaves_whole_documents(database: Database) {
    let proxy = Proxy::before(&database.url).await;
    let store = ingest_store::open(&proxy.url).await.expect("a store");
    store.bind(&identity()).await.expect("bind");
    store
        .replace(vec![version("a", 0)])
        .await
        .expect("the first version");
    let observer = database.store().await;
    for number in 1.. {
        let (at, cuts) = (number * 151, proxy.cuts());
        proxy.plan(Cut::AfterBytes(at));
        store
            .replace(vec![version("a", number), version("b", number)])
            .await
            .expect("written in the end");
        let expected = format!("version{number}");
        assert_eq!(
            versions(&*observer).await,
            ["a", "b"].map(|source| (source.to_owned(), expected.clone()))
        );
        if proxy.cuts() == cuts {
            break;
        }
    }
    assert!(proxy.cuts() > 20, "{}", proxy.cuts());
}

/// A commit whose answer is lost may be done or not; the write is repeated, and changes nothing more.
pub(crate) async fn a_lost_answer_to_a_commit_does_no_harm(database: Database) {
    let proxy = Proxy::before(&database.url).await;
    let store = ingest_store::open(&proxy.url).await.expect("a store");
    store.bind(&identity()).await.expect("bind");
    for (number, cut) in [
        Cut::After("COMMIT"),
        Cut::Before("COMMIT"),
        Cut::After("INSERT INTO chunks"),
    ]
    .into_iter()
    .enumerate()
    {
        store
            .replace(vec![version("a", number)])
            .await
            .expect("prepares its statements");
        proxy.plan(cut);
        store
            .replace(vec![version("a", number + 10), version("b", number)])
            .await
            .expect("written in the end");
        assert_eq!(
            versions(&*store).await,
            [
                ("a".into(), format!("version{}", number + 10)),
                ("b".into(), format!("version{number}"))
            ]
        );
        proxy.plan(cut);
        store.remove(&["b".into()]).await.expect("removed in the end");
        assert_eq!(store.status().await.expect("status").documents, 1);
    }
    assert!(proxy.cuts() >= 4, "{}", proxy.cuts());
}

/// A server that is restarted is waited for.
pub(crate) async fn a_server_that_comes_back_is_waited_for(database: Database) {
    let proxy = Proxy::before(&database.url).await;
    let store = ingest_store::open(&proxy.url).await.expect("a store");
    store.bind(&identity()).await.expect("bind");
    store.replace(vec![version("a", 0)]).await.expect("replace");
    proxy.refuse(true);
    terminate(&database).await;
    let back = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        proxy.refuse(false);
    });
    store
        .replace(vec![version("a", 1)])
        .await
        .expect("replaced after the restart");
    assert_eq!(versions(&*store).await, [("a".into(), "version1".into())]);
    terminate(&database).await;
    assert_eq!(
        store.search(&text_query("chunk3")).await.expect("search").len(),
        1,
        "searches, too"
    );
    back.await.expect("the server is back");
}

/// Ends every connection to the database but one's own, as an administrator or a shutdown does.
async fn terminate(database: &Database) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database
        .client()
        .await
        .execute(sql, &[])
        .await
        .expect("terminate");
}

/// Conflicts that pass are tried again; what does not pass is told with its remedy, and changes nothing.
pub(crate) async fn what_the_server_says_is_told_apart(database: Database) {
    let store = database.store().await;
    store.bind(&identity()).await.expect("bind");
    store.replace(vec![version("a", 0)]).await.expect("replace");
    let client = database.client().await;
    client
        .batch_execute(
            "CREATE SEQUENCE raised;
             CREATE TABLE trouble (state text, times int);
             CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$
             DECLARE planned trouble;
             BEGIN
                 SELECT * INTO planned FROM trouble;
                 IF nextval('raised') <= planned.times THEN
                     RAISE EXCEPTION 'as planned' USING ERRCODE = planned.state;
                 END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER trouble BEFORE INSERT ON chunks FOR EACH STATEMENT EXECUTE FUNCTION raise()",
        )
        .await
        .expect("a trigger");
    let plan = async |state: &str, times: i32| {
        let sql = format!(
            "TRUNCATE trouble; INSERT INTO trouble VALUES ('{state}', {times}); SELECT setval('raised', 1, false)"
        );
        client.batch_execute(&sql).await.expect("a plan");
    };
    for state in ["40001", "40P01", "55P03", "08006", "57P01", "57P03", "53300"] {
        plan(state, 2).await;
        store.replace(vec![version("a", 1)]).await.expect(state);
    }
    for (state, kind, words) in [
        ("53100", ErrorKind::Full, &["disk is full", "run again"][..]),
        ("42501", ErrorKind::ReadOnly, &["lacks a permission", "GRANT"]),
        ("25006", ErrorKind::ReadOnly, &["only reads", "primary"]),
        ("57014", ErrorKind::Other, &["statement_timeout"]),
        ("53200", ErrorKind::Other, &["out of memory"]),
        (
            "54000",
            ErrorKind::InvalidInput,
            &["longer than the server can index"],
        ),
        ("XX001", ErrorKind::Corrupt, &["damaged"]),
        ("42P01", ErrorKind::Corrupt, &["missing"]),
        ("40001", ErrorKind::Transient, &["run again"]),
    ] {
        plan(state, 1000).await;
        let error = store
            .replace(vec![version("a", 2), version("b", 2)])
            .await
            .expect_err(state);
        assert_says(&error, kind, words, &database.url);
        assert_eq!(error.is_retryable(), kind == ErrorKind::Transient);
        assert_eq!(
            versions(&*store).await,
            [("a".into(), "version1".into())],
            "{state}"
        );
    }
    // Vectors that were paid for are safe beside a document that can't be stored.
    let hash = ContentHash::of_text("dear");
    store
        .keep_vectors(vec![(hash, new_vector(EAST))])
        .await
        .expect("keep");
    assert_eq!(store.known(&[hash]).await.expect("known"), [true]);
}

/// A real limit of a role, not a made-up one.
pub(crate) async fn a_statement_timeout_names_the_setting(database: Database) {
    let store = database.store().await;
    store.bind(&identity()).await.expect("bind");
    let client = database.client().await;
    client
        .batch_execute("BEGIN; LOCK TABLE ingest_documents IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock in the way");
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-c%20statement_timeout%3D100", database.url);
    let impatient = ingest_store::open(&url).await.expect("the store");
    let error = impatient.states(&["a"]).await.expect_err("too slow");
    assert_says(&error, ErrorKind::Other, &["statement_timeout"], &database.url);
}

/// Every way of not getting in.
pub(crate) async fn a_closed_door_says_why(database: Database) {
    let (scheme, rest) = database.url.split_once("://").expect("a scheme");
    let (_, place) = rest.rsplit_once('@').expect("a login");
    let server = place.split_once('/').expect("a database").0;
    let admin = database.client().await;
    let nobody = format!("nobody_{}", database.name);
    admin
        .batch_execute(&format!("CREATE ROLE {nobody} LOGIN PASSWORD 'secret-word'"))
        .await
        .expect("a user");
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))
        .expect("a port")
        .local_addr()
        .expect("its number")
        .port();
    let cases = [
        (
            format!("{scheme}://{nobody}:wrong-word@{place}"),
            "check user, password",
            ErrorKind::Unavailable,
        ),
        (
            format!("{scheme}://{nobody}:secret-word@{server}/nowhere_{nobody}"),
            "createdb",
            ErrorKind::Unavailable,
        ),
        (
            format!("{scheme}://{nobody}:secret-word@127.0.0.1:{port}/x"),
            "nobody listens there",
            ErrorKind::Unavailable,
        ),
        // As in a network without such a name.
        (
            format!("{scheme}://{nobody}:secret-word@no-such-host.invalid/x"),
            "check host",
            ErrorKind::Unavailable,
        ),
        (
            format!("{scheme}://{nobody}:secret-word@{place}?sslmode=require"),
            "sslmode",
            ErrorKind::Unavailable,
        ),
        (
            format!("{scheme}://{nobody}:secret-word@{place}"),
            "CREATE EXTENSION vector",
            ErrorKind::Unavailable,
        ),
    ];
    for (url, words, kind) in cases {
        let error = ingest_store::open(&url).await.expect_err(words);
        assert_says(&error, kind, &[words], &url);
    }
    // With the extension there, what is missing is the right to make tables.
    admin
        .batch_execute("CREATE EXTENSION vector")
        .await
        .expect("pgvector");
    let url = format!("{scheme}://{nobody}:secret-word@{place}");
    let error = ingest_store::open(&url)
        .await
        .expect_err("no right to make tables");
    assert_says(&error, ErrorKind::ReadOnly, &["lacks a permission"], &url);
    // A reader needs no more than the right to read.
    let store = database.store().await;
    store.bind(&identity()).await.expect("bind");
    store.replace(vec![version("a", 0)]).await.expect("replace");
    admin
        .batch_execute(&format!(
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {nobody}"
        ))
        .await
        .expect("grant");
    let reader = ingest_store::open_existing(&url).await.expect("a reader");
    assert_eq!(
        reader.search(&vector_query(EAST)).await.expect("search").len(),
        10
    );
    let error = reader
        .replace(vec![version("a", 1)])
        .await
        .expect_err("no right to write");
    assert_says(&error, ErrorKind::ReadOnly, &["lacks a permission"], &url);
    admin
        .batch_execute(&format!("DROP OWNED BY {nobody}; DROP ROLE {nobody}"))
        .await
        .expect("clean up");
}

/// More work than connections waits its turn; more connections than the server gives are told.
pub(crate) async fn few_connections_are_shared(database: Database) {
    let proxy = Proxy::before(&database.url).await;
    let store = ingest_store::open(&format!("{}?connections=2", proxy.url))
        .await
        .expect("a store");
    store.bind(&identity()).await.expect("bind");
    let writes = (0..20).map(|number| {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move { store.replace(vec![version(&format!("d{number:02}"), 0)]).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.expect("a task").expect("replace");
    }
    assert_eq!(versions(&*store).await.len(), 20);
    assert_eq!(proxy.connections(), 2);
}

/// The model's width must be that of vectors that are there.
pub(crate) async fn vectors_of_another_width_are_not_mixed_in(database: Database) {
    let store = database.store().await;
    store.bind(&identity()).await.expect("bind");
    let client = database.client().await;
    client
        .batch_execute(
            "INSERT INTO chunks (source_url, title, doc_type, content, content_hash, generations, embedding)
             VALUES ('x', '', '', 'x', repeat('0', 64), '{}', '[1,2,3,4]'); DELETE FROM ingest_model",
        )
        .await
        .expect("another program's row");
    let wider = ModelIdentity {
        dimensions: 8,
        ..identity()
    };
    let error = store.bind(&wider).await.expect_err("another width");
    assert_says(
        &error,
        ErrorKind::ModelMismatch,
        &["4 dimensions", "8"],
        &database.url,
    );
    store.bind(&identity()).await.expect("the same width");
    let enormous = ModelIdentity {
        dimensions: 16_001,
        ..identity()
    };
    assert_eq!(
        store.clear().await.expect("clear"),
        Removed {
            documents: 0,
            chunks: 1
        }
    );
    let error = store.bind(&enormous).await.expect_err("too wide");
    assert_says(&error, ErrorKind::InvalidInput, &["16000"], &database.url);
}

/// Two that replace the same documents in opposite orders wait for each other, and both get through.
pub(crate) async fn writers_of_the_same_documents_do_not_deadlock(database: Database) {
    let stores = [database.store().await, database.store().await];
    stores[0].bind(&identity()).await.expect("bind");
    let writers = stores.clone().into_iter().enumerate().map(|(index, store)| {
        tokio::spawn(async move {
            for round in 0..30 {
                let mut documents: Vec<_> = (0..6)
                    .map(|number| version(&format!("d{number}"), round))
                    .collect();
                let mut kept: Vec<_> = (0..20)
                    .map(|number| {
                        (
                            ContentHash::of_text(&format!("kept {number}")),
                            Vector::New(EAST.as_slice().into()),
                        )
                    })
                    .collect();
                if index == 1 {
                    documents.reverse();
                    kept.reverse();
                }
                store.replace(documents).await.expect("replace");
                store.keep_vectors(kept).await.expect("keep");
                if round % 5 == 0 {
                    store.sweep().await.expect("sweep");
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    assert_eq!(versions(&*stores[0]).await.len(), 6);
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let row = database
        .client()
        .await
        .query_one(sql, &[])
        .await
        .expect("statistics");
    assert_eq!(row.get::<_, i64>(0), 0);
}
