//! What the programs see that read the `chunks` table with SQL of their own.

use std::sync::Arc;

use ingest_core::testing::samples::{document, failure, identity, new_vector};
use ingest_core::{ContentHash, Store, Vector};
use tokio_postgres::Client;

use ingest_store::testing::Database;

/// The nearest chunks of a generation.
const DENSE: &str = "
    SELECT source_url, title, content, 1 - (embedding <=> $1::text::vector) AS score FROM chunks
    WHERE embedding IS NOT NULL AND generations @> ARRAY[$2::text]
    ORDER BY embedding <=> $1::text::vector LIMIT $3";

/// The chunks of a generation that hold all words.
const KEYWORD: &str = "
    SELECT source_url, title, content,
        ts_rank_cd(search_vector, plainto_tsquery('english', $1))::float8 AS score FROM chunks
    WHERE search_vector @@ plainto_tsquery('english', $1) AND generations @> ARRAY[$2::text]
    ORDER BY score DESC LIMIT $3";

/// The best twenty of each, fused by rank.
const HYBRID: &str = "
    SELECT max(source_url), max(title), max(content), sum(rrf_score(rank))::float8 AS score FROM (
        (SELECT id, source_url, title, content, rank() OVER (ORDER BY embedding <=> $1::text::vector) AS rank FROM chunks
         WHERE embedding IS NOT NULL AND generations @> ARRAY[$2::text]
         ORDER BY embedding <=> $1::text::vector LIMIT 20)
        UNION ALL
        (SELECT id, source_url, title, content,
             rank() OVER (ORDER BY ts_rank_cd(search_vector, plainto_tsquery('english', $4)) DESC) AS rank FROM chunks
         WHERE search_vector @@ plainto_tsquery('english', $4) AND generations @> ARRAY[$2::text]
         ORDER BY rank LIMIT 20)
    ) AS candidates GROUP BY id ORDER BY score DESC LIMIT $3";

const EAST: &str = "[1,0,0,0]";

async fn fill(store: &Arc<dyn Store>) {
    store.bind(&identity()).await.expect("bind");
    let of = |source: &str, generations: &[&str], chunks: &[(&str, [f32; 4])]| {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|(text, values)| (*text, new_vector(*values)))
            .collect();
        let mut record = document(source, &chunks);
        record.document.title = format!("Title of {source}");
        record.document.generations = generations.iter().map(|&tag| tag.to_owned()).collect();
        record
    };
    let documents = vec![
        of(
            "near",
            &["dwc", "bui"],
            &[
                ("turbines spin", [1.0, 0.1, 0.0, 0.0]),
                ("a gearbox", [0.0, 1.0, 0.0, 0.0]),
            ],
        ),
        of("old", &["vpro5"], &[("turbine of old", [1.0, 0.0, 0.0, 0.0])]),
        of(
            "far",
            &["dwc"],
            &[("the gearbox of a turbine", [0.0, 0.0, 1.0, 0.0])],
        ),
        of(
            "both",
            &["all", "dwc"],
            &[("a turbine has a gearbox", [0.9, 0.3, 0.0, 0.0])],
        ),
    ];
    store.replace(documents).await.expect("replace");
}

/// The first column of an answer, and its scores.
async fn ask(
    client: &Client,
    sql: &str,
    params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Vec<(String, f64)> {
    let rows = client.query(sql, params).await.expect("an answer");
    rows.iter().map(|row| (row.get(0), row.get(3))).collect()
}

fn names(hits: &[(String, f64)]) -> Vec<&str> {
    hits.iter().map(|(name, _)| name.as_str()).collect()
}

/// The three searches, each within a generation, with the index of vectors and without.
pub(crate) async fn the_three_searches_work_unchanged(database: Database) {
    let store = database.store().await;
    fill(&store).await;
    let client = database.client().await;
    for _ in 0..2 {
        let near = ask(&client, DENSE, &[&EAST, &"dwc", &10_i64]).await;
        assert_eq!(names(&near)[..2], ["near", "both"]);
        assert_eq!(near.len(), 4);
        assert!((near[1].1 - 0.9 / 0.9f64.hypot(0.3)).abs() < 1e-6, "{near:?}");
        assert_eq!(
            names(&ask(&client, DENSE, &[&EAST, &"vpro5", &10_i64]).await),
            ["old"]
        );

        let mut worded = ask(&client, KEYWORD, &[&"turbine gearboxes", &"dwc", &10_i64]).await;
        assert!(worded[0].1 >= worded[1].1 && worded[1].1 > 0.0);
        worded.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(names(&worded), ["both", "far"]);
        // Titles are searched as well.
        assert_eq!(
            names(&ask(&client, KEYWORD, &[&"title old", &"vpro5", &10_i64]).await),
            ["old"]
        );

        let fused = ask(&client, HYBRID, &[&EAST, &"dwc", &10_i64, &"turbine gearbox"]).await;
        assert_eq!(fused[0].0, "both");
        assert_eq!(fused.len(), 4);
        let row = client
            .query_one("SELECT rrf_score(1)::float8, rrf_score(3, 60)::float8", &[])
            .await
            .expect("a score");
        assert_eq!(
            (row.get::<_, f64>(0), row.get::<_, f64>(1)),
            (1.0 / 51.0, 1.0 / 63.0)
        );
        store.finish_load(Arc::new(|_| {})).await.expect("the index");
    }
}

/// Every column of the reference's table, of its type, and with what it holds.
pub(crate) async fn every_column_and_index_is_there(database: Database) {
    let store = database.store().await;
    fill(&store).await;
    store.finish_load(Arc::new(|_| {})).await.expect("the index");
    let client = database.client().await;
    let sql = "SELECT attname::text || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' !' ELSE '' END
               FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attnum > 0 ORDER BY attnum LIMIT 16";
    let rows = client.query(sql, &[]).await.expect("columns");
    let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        columns,
        [
            "id bigint !",
            "source_url text !",
            "title text !",
            "doc_type text !",
            "content text !",
            "content_hash character varying(64) !",
            "context_header text !",
            "generations text[] !",
            "deprecated boolean !",
            "source_type text !",
            "display_url text !",
            "embedding vector(4)",
            "search_vector tsvector",
            "metadata jsonb !",
            "created_at timestamp with time zone !",
            "updated_at timestamp with time zone !",
        ]
    );
    let sql = "SELECT replace(indexdef, 'public.', '') FROM pg_indexes WHERE tablename = 'chunks' ORDER BY indexname";
    let rows = client.query(sql, &[]).await.expect("indexes");
    let indexes: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for expected in [
        "USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')",
        "USING gin (search_vector)",
        "USING gin (generations)",
        "USING btree (source_type)",
        "INDEX ingest_chunks_content_hash ON chunks USING btree (content_hash)",
    ] {
        assert!(
            indexes.iter().any(|index| index.ends_with(expected)),
            "{expected} {indexes:#?}"
        );
    }
}

/// What readers find in a row, and that they find nothing but what may be found.
pub(crate) async fn a_row_holds_what_the_document_says(database: Database) {
    let store = database.store().await;
    store.bind(&identity()).await.expect("bind");
    let text = "Manual > Setup\n\nInstall it.";
    let mut record = document(
        "docs/a.md",
        &[
            (text, new_vector([1.0, 0.5, 0.0, 0.0])),
            ("no vector", Vector::TextOnly),
            ("failed", Vector::Failed(failure("long"))),
        ],
    );
    record.records[0].chunk.context_header = "Manual > Setup".into();
    let about = &mut record.document;
    (about.title, about.doc_type) = ("Setup".into(), "guide".into());
    about.display_url = "https://example.org/a".into();
    about.deprecated = true;
    about.generations = vec!["one".into(), "two".into()];
    about.metadata = [("key", "va\"lue"), ("source_type", "manual")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    store.replace(vec![record]).await.expect("replace");
    store
        .keep_vectors(vec![(
            ContentHash::of_text("kept"),
            new_vector([0.0, 1.0, 0.0, 0.0]),
        )])
        .await
        .expect("keep");
    let sql = "SELECT source_url || '|' || title || '|' || doc_type || '|' || content || '|' || context_header || '|'
                   || array_to_string(generations, ',') || '|' || deprecated || '|' || source_type || '|' || display_url
                   || '|' || coalesce(embedding::text, 'none') || '|' || (metadata ->> 'key'),
                   content_hash, created_at <= now() AND updated_at <= now()
               FROM chunks ORDER BY id";
    let rows = database.client().await.query(sql, &[]).await.expect("rows");
    let tail = "one,two|true|manual|https://example.org/a";
    let whole: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        whole,
        [
            format!("docs/a.md|Setup|guide|{text}|Manual > Setup|{tail}|[1,0.5,0,0]|va\"lue"),
            format!("docs/a.md|Setup|guide|no vector||{tail}|none|va\"lue"),
        ]
    );
    assert_eq!(rows[0].get::<_, &str>(1), ContentHash::of_text(text).to_string());
    assert!(rows[0].get::<_, bool>(2));
}
