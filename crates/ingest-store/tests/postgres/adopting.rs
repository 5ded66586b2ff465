//! Databases that were there before: the reference's, another program's, a newer version's.

use ingest_core::testing::samples::{document, identity, new_vector, text_query, vector_query};
use ingest_core::{ContentHash, ErrorKind, RunInfo, Vector};

use ingest_store::testing::Database;

/// The reference's table as it makes it, or as older versions of it did.
fn reference_table(with_addresses: bool) -> String {
    let addresses = if with_addresses {
        "source_type text NOT NULL DEFAULT '', display_url text NOT NULL DEFAULT '',"
    } else {
        ""
    };
    format!(
        "CREATE EXTENSION IF NOT EXISTS vector;
         CREATE TABLE chunks (
             id bigserial PRIMARY KEY, source_url text NOT NULL, title text NOT NULL, doc_type text NOT NULL,
             content text NOT NULL, content_hash varchar(64) NOT NULL UNIQUE, context_header text NOT NULL DEFAULT '',
             generations text[] NOT NULL, deprecated boolean NOT NULL DEFAULT false, {addresses}
             embedding vector(4),
             search_vector tsvector GENERATED ALWAYS AS (to_tsvector('english',
                 coalesce(context_header, '') || ' ' || coalesce(title, '') || ' ' || coalesce(content, ''))) STORED,
             metadata jsonb NOT NULL DEFAULT '{{}}', created_at timestamptz NOT NULL DEFAULT now(),
             updated_at timestamptz NOT NULL DEFAULT now());
         CREATE INDEX idx_chunks_embedding_hnsw ON chunks USING hnsw (embedding vector_cosine_ops)
             WITH (m = 16, ef_construction = 64);
         CREATE INDEX idx_chunks_search_vector ON chunks USING gin (search_vector);"
    )
}

/// A row for each text: its source, and a vector.
async fn fill(database: &Database, rows: &[(&str, &str, &str)]) {
    let client = database.client().await;
    let sql =
        "INSERT INTO chunks (source_url, title, doc_type, content, content_hash, generations, embedding)
               VALUES ($1, 'A title', 'web', $2, $3, '{all}', $4::text::vector)";
    for (source, text, vector) in rows {
        let hash = ContentHash::of_text(text).to_string();
        client
            .execute(sql, &[source, text, &hash, vector])
            .await
            .expect("a row");
    }
}

/// Nothing is lost, and what is met again keeps its vector without being embedded.
pub(crate) async fn the_references_table_is_taken_over(database: Database) {
    for with_addresses in [true, false] {
        let client = database.client().await;
        let tables = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        client.batch_execute(tables).await.expect("an empty schema");
        client
            .batch_execute(&reference_table(with_addresses))
            .await
            .expect("the reference's table");
        fill(
            &database,
            &[
                ("web://b", "turbines spin", "[1,0,0,0]"),
                ("web://a", "a gearbox", "[0,1,0,0]"),
                ("web://b", "an apple", "[0,0,1,0]"),
            ],
        )
        .await;
        let error = ingest_store::open(&database.url)
            .await
            .expect_err("a table of another program");
        assert_eq!(error.kind(), ErrorKind::Foreign);
        assert!(error.to_string().contains("--adopt"), "{error}");
        assert_eq!(
            ingest_store::find(&database.url)
                .await
                .expect_err("a foreign table")
                .kind(),
            ErrorKind::Foreign
        );
        let count = "SELECT count(*) FROM pg_class WHERE relname LIKE 'ingest%'";
        let row = client.query_one(count, &[]).await.expect("tables");
        assert_eq!(row.get::<_, i64>(0), 0, "a refusal changes nothing");

        let store = ingest_store::adopt(&database.url).await.expect("taken over");
        store.bind(&identity()).await.expect("the width is the same");
        let status = store.status().await.expect("status");
        assert_eq!((status.documents, status.chunks, status.vectors), (2, 3, 3));
        let chunks = store.chunks(None, 10).await.expect("chunks");
        let found: Vec<_> = chunks
            .iter()
            .map(|stored| {
                (
                    stored.source.as_str(),
                    stored.chunk.ordinal,
                    stored.chunk.text.as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("web://a", 0, "a gearbox"),
                ("web://b", 0, "turbines spin"),
                ("web://b", 1, "an apple")
            ]
        );
        assert_eq!(
            store.search(&text_query("turbine")).await.expect("search")[0].source,
            "web://b"
        );

        // The same document comes again, changed: what it still says keeps its vector.
        let hashes = ["turbines spin", "a pear", "an apple"].map(ContentHash::of_text);
        assert_eq!(store.known(&hashes).await.expect("known"), [true, false, true]);
        let state = store
            .states(&["web://b"])
            .await
            .expect("states")
            .remove(0)
            .expect("a document");
        let record = document(
            "web://b",
            &[
                ("turbines spin", Vector::Stored),
                ("a pear", new_vector([0.0, 0.0, 0.0, 1.0])),
            ],
        );
        assert_ne!(state.revision, record.revision, "it is looked at again");
        store
            .replace(vec![
                record,
                document("web://c", &[("a gearbox", Vector::Stored)]),
            ])
            .await
            .expect("replace");
        let hits = store
            .search(&vector_query([1.0, 0.0, 0.0, 0.0]))
            .await
            .expect("search");
        assert_eq!(
            (hits[0].source.as_str(), hits[0].chunk.text.as_str()),
            ("web://b", "turbines spin")
        );
        assert!((hits[0].score - 1.0).abs() < 1e-6);
        assert_eq!(
            store.search(&text_query("gearbox")).await.expect("search").len(),
            2,
            "found under both names"
        );
        assert!(
            store
                .search(&text_query("apple"))
                .await
                .expect("search")
                .is_empty()
        );

        // From now on it is a store like any other.
        ingest_store::open(&database.url).await.expect("a store");
        ingest_store::adopt(&database.url)
            .await
            .expect("adopting twice is harmless");
        let row = client
            .query_one(
                "SELECT count(*) FROM chunks WHERE search_vector @@ plainto_tsquery('gearbox')",
                &[],
            )
            .await;
        assert_eq!(row.expect("a reader").get::<_, i64>(0), 2);
        drop(store);
    }
}

/// A table that only has the name is left alone, even when asked to take it over.
pub(crate) async fn what_is_no_such_table_is_left_alone(database: Database) {
    let client = database.client().await;
    client
        .batch_execute("CREATE TABLE chunks (id int, words text)")
        .await
        .expect("another program's table");
    for outcome in [
        ingest_store::open(&database.url).await,
        ingest_store::adopt(&database.url).await,
    ] {
        assert_eq!(outcome.expect_err("not ours").kind(), ErrorKind::Foreign);
    }
    client
        .execute("INSERT INTO chunks VALUES (1, 'still theirs')", &[])
        .await
        .expect("unchanged");
}

/// A newer version's store is refused with both versions, by readers and writers.
pub(crate) async fn a_newer_store_is_refused(database: Database) {
    drop(database.store().await);
    database
        .client()
        .await
        .batch_execute("UPDATE ingest_schema SET version = 4711")
        .await
        .expect("a newer store");
    for outcome in [
        ingest_store::open(&database.url).await,
        ingest_store::open_existing(&database.url).await,
    ] {
        let error = outcome.expect_err("a newer store");
        assert_eq!(error.kind(), ErrorKind::NewerSchema);
        assert!(
            error.to_string().contains("4711") && error.to_string().contains("up to 2"),
            "{error}"
        );
    }
}

/// An older store is refused to readers, and brought up to date by who writes; what it holds stays.
pub(crate) async fn a_store_of_the_first_version_is_brought_up_to_date(database: Database) {
    let store = database.store().await;
    store.bind(&identity()).await.expect("bind");
    drop(store);
    database
        .client()
        .await
        .batch_execute("ALTER TABLE ingest_model DROP COLUMN canary; UPDATE ingest_schema SET version = 1")
        .await
        .expect("an older store");
    let error = ingest_store::find(&database.url).await.expect_err("older");
    assert_eq!(error.kind(), ErrorKind::OlderSchema);
    let store = ingest_store::find_to_write(&database.url).await.expect("a look");
    let found = store.expect("a store").identity().await;
    assert_eq!(found.expect("identity"), Some(identity()));
    ingest_store::open_existing(&database.url)
        .await
        .expect("up to date");
}

/// Looking makes nothing.
pub(crate) async fn looking_for_a_store_makes_none(database: Database) {
    assert!(ingest_store::find(&database.url).await.expect("a look").is_none());
    let error = ingest_store::open_existing(&database.url)
        .await
        .expect_err("no store");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("`ingest run PATH`"), "{error}");
    let client = database.client().await;
    let row = client
        .query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[])
        .await
        .expect("tables");
    assert_eq!(row.get::<_, i64>(0), 0);
}

/// A process for each of several machines, all started at once on an empty database.
pub(crate) async fn many_may_open_a_new_store_at_once(database: Database) {
    let opened = (0..8).map(|number| {
        let database = database.clone();
        tokio::spawn(async move {
            let store = database.store().await;
            store.bind(&identity()).await.expect("bind");
            let record = document(
                &format!("d{number}"),
                &[("apple", new_vector([1.0, 0.0, 0.0, 0.0]))],
            );
            store.replace(vec![record]).await.expect("replace");
        })
    });
    for opened in opened.collect::<Vec<_>>() {
        opened.await.expect("a store");
    }
    let status = database.store().await.status().await.expect("status");
    assert_eq!((status.documents, status.vectors), (8, 1));
}

/// A database may hold several stores, each in a schema of its own; their runs do not meet.
pub(crate) async fn schemas_keep_stores_apart(database: Database) {
    let client = database.client().await;
    client
        .batch_execute("CREATE EXTENSION vector; CREATE SCHEMA one; CREATE SCHEMA two")
        .await
        .expect("schemas");
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let url = |schema: &str| {
        format!(
            "{}{separator}options=-c%20search_path%3D{schema},public",
            database.url
        )
    };
    let (one, two) = (url("one"), url("two"));
    let (one, two) = (
        ingest_store::open(&one).await.expect("one"),
        ingest_store::open(&two).await.expect("two"),
    );
    one.bind(&identity()).await.expect("bind");
    one.replace(vec![document(
        "a",
        &[("apple", new_vector([1.0, 0.0, 0.0, 0.0]))],
    )])
    .await
    .expect("replace");
    assert_eq!(two.identity().await.expect("identity"), None);
    let info = RunInfo::default();
    let _first = one
        .begin_run(&info, std::time::Duration::ZERO)
        .await
        .expect("a run");
    two.begin_run(&info, std::time::Duration::ZERO)
        .await
        .expect("a run in the other");
}
