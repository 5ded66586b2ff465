//! Rows a second into PostgreSQL: `replace` against `COPY` of the same rows into the same table, with the same indexes;
//! and a first load that builds the index of vectors at its end against one that finds it in place.
//!
//! `DATABASE_URL=… cargo bench -p ingest-store --features postgres --bench postgres [-- [ROWS] [write|index]]`. The
//! database is one to throw away: its `chunks` are cleared. The ways take turns; the rates of all rounds are told, a line
//! for each.

use std::env;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use ingest_core::{Chunk, ContentHash, Document, DocumentRecord, ModelIdentity, Record, Span, Store, Vector};
use tokio::task::JoinSet;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

const DIMENSIONS: usize = 1024;
const CHUNKS_PER_DOCUMENT: usize = 16;
/// Rows of a transaction.
const BATCH: usize = 64;
const ROUNDS: usize = 5;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Ok(url) = env::var("DATABASE_URL") else {
        println!("nothing to measure on: set DATABASE_URL");
        return Ok(());
    };
    let args: Vec<String> = env::args().skip(1).collect();
    let rows = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(10_000);
    let asks = |part: &str| args.iter().any(|arg| arg == part);
    let all = !asks("write") && !asks("index");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = ingest_store::open(&url).await?;
        let client = connect(&url).await?;
        println!("{rows} rows of {DIMENSIONS} dimensions, {ROUNDS} rounds, rows a second");
        let documents = documents(rows / CHUNKS_PER_DOCUMENT);
        if all || asks("write") {
            measure_writes(&store, &client, &documents).await?;
        }
        if all || asks("index") {
            measure_index(&store, &client, &documents).await?;
        }
        empty(&store, &client).await?;
        store.clear().await?;
        Ok(())
    })
}

const WRITE: [&str; 4] = [
    "replace, 64 rows a transaction",
    "temp table + COPY + merge, 64 rows a transaction",
    "COPY, 64 rows a transaction",
    "COPY, all rows in one transaction",
];

const INDEX: [&str; 3] = [
    "index built at the end",
    "index in place during the load",
    "index in place, one transaction after the other",
];

async fn measure_writes(
    store: &Arc<dyn Store>,
    client: &Client,
    documents: &[DocumentRecord],
) -> Outcome<()> {
    let rows = documents.len() * CHUNKS_PER_DOCUMENT;
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (way, rates) in rates.iter_mut().enumerate() {
            empty(store, client).await?;
            let started = Instant::now();
            match way {
                0 => replace(store, documents, store.concurrent_writes()).await?,
                1 => merge(client, documents).await?,
                2 => copy(client, documents, BATCH).await?,
                _ => copy(client, documents, rows).await?,
            }
            // Words may wait for their index; until they are in it, the work is not done.
            client
                .execute("SELECT gin_clean_pending_list('idx_chunks_search_vector')", &[])
                .await?;
            rates.push(rows as f64 / started.elapsed().as_secs_f64());
        }
    }
    tell(&WRITE, &rates);
    Ok(())
}

async fn measure_index(store: &Arc<dyn Store>, client: &Client, documents: &[DocumentRecord]) -> Outcome<()> {
    let rows = documents.len() * CHUNKS_PER_DOCUMENT;
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (way, rates) in rates.iter_mut().enumerate() {
            empty(store, client).await?;
            if way > 0 {
                client
                    .batch_execute(
                        "CREATE INDEX idx_chunks_embedding_hnsw ON chunks USING hnsw (embedding vector_cosine_ops)
                         WITH (m = 16, ef_construction = 64)",
                    )
                    .await?;
            }
            let at_once = if way == 2 { 1 } else { store.concurrent_writes() };
            let started = Instant::now();
            replace(store, documents, at_once).await?;
            store.finish_load(Arc::new(|_| ())).await?;
            rates.push(rows as f64 / started.elapsed().as_secs_f64());
        }
    }
    tell(&INDEX, &rates);
    Ok(())
}

/// No chunks, no index of vectors.
async fn empty(store: &Arc<dyn Store>, client: &Client) -> Outcome<()> {
    store.clear().await?;
    client
        .batch_execute("DROP INDEX IF EXISTS idx_chunks_embedding_hnsw")
        .await?;
    store.bind(&identity()).await?;
    Ok(())
}

fn tell(names: &[&str], rates: &[Vec<f64>]) {
    for (name, rates) in names.iter().zip(rates) {
        let rates: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        println!("{name}: {}", rates.join(" "));
    }
}

/// As the pipeline's writer does it, which has as many transactions under way as the store says are worth it.
async fn replace(store: &Arc<dyn Store>, documents: &[DocumentRecord], at_once: usize) -> Outcome<()> {
    let mut under_way = JoinSet::new();
    for group in documents.chunks(BATCH / CHUNKS_PER_DOCUMENT) {
        if under_way.len() == at_once
            && let Some(ended) = under_way.join_next().await
        {
            ended??;
        }
        let (store, group) = (Arc::clone(store), group.to_vec());
        under_way.spawn(async move { store.replace(group).await });
    }
    while let Some(ended) = under_way.join_next().await {
        ended??;
    }
    Ok(())
}

const COLUMNS: &str =
    "source_url, title, doc_type, content, content_hash, context_header, generations, deprecated,
    source_type, display_url, embedding, metadata";

/// Straight into the table: what no way of writing rows can beat.
async fn copy(client: &Client, documents: &[DocumentRecord], batch: usize) -> Outcome<()> {
    for group in documents.chunks(batch / CHUNKS_PER_DOCUMENT) {
        copy_into(
            client,
            &format!("COPY chunks ({COLUMNS}) FROM STDIN BINARY"),
            group,
        )
        .await?;
    }
    Ok(())
}

/// As the reference's sequential mode does it.
async fn merge(client: &Client, documents: &[DocumentRecord]) -> Outcome<()> {
    let table = "CREATE TEMP TABLE IF NOT EXISTS staged AS SELECT * FROM chunks WITH NO DATA";
    client
        .batch_execute(&format!("DROP TABLE IF EXISTS staged; {table}"))
        .await?;
    for group in documents.chunks(BATCH / CHUNKS_PER_DOCUMENT) {
        client.batch_execute("BEGIN; TRUNCATE staged").await?;
        copy_into(
            client,
            &format!("COPY staged ({COLUMNS}) FROM STDIN BINARY"),
            group,
        )
        .await?;
        let merge = format!(
            "INSERT INTO chunks ({COLUMNS}) SELECT {COLUMNS} FROM staged ON CONFLICT DO NOTHING; COMMIT"
        );
        client.batch_execute(&merge).await?;
    }
    Ok(())
}

async fn copy_into(client: &Client, statement: &str, documents: &[DocumentRecord]) -> Outcome<()> {
    let row = client.query_one("SELECT 'vector'::regtype::oid", &[]).await?;
    let vector = Type::new(
        "vector".into(),
        row.get(0),
        tokio_postgres::types::Kind::Simple,
        "public".into(),
    );
    let types = [
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::VARCHAR,
        Type::TEXT,
        Type::TEXT_ARRAY,
        Type::BOOL,
        Type::TEXT,
        Type::TEXT,
        vector,
        Type::JSONB,
    ];
    let sink = client.copy_in(statement).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for document in documents {
        let about = &document.document;
        for record in &document.records {
            let Vector::New(values) = &record.vector else {
                continue;
            };
            let (hash, header) = (
                record.chunk.content_hash.to_string(),
                &record.chunk.context_header,
            );
            let columns: [&(dyn ToSql + Sync); 12] = [
                &about.source,
                &about.title,
                &about.doc_type,
                &record.chunk.text,
                &hash,
                header,
                &about.generations,
                &about.deprecated,
                &"",
                &about.display_url,
                &Values(values),
                &Object,
            ];
            writer.as_mut().write(&columns).await?;
        }
    }
    writer.finish().await?;
    Ok(())
}

/// A vector in pgvector's binary form.
#[derive(Debug)]
struct Values<'a>(&'a [f32]);

impl ToSql for Values<'_> {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&u16::try_from(self.0.len())?.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        self.0
            .iter()
            .for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// `{}` in the binary form of `jsonb`.
#[derive(Debug)]
struct Object;

impl ToSql for Object {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(b"\x01{}");
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn identity() -> ModelIdentity {
    ModelIdentity {
        provider: "bench".into(),
        model: "bench".into(),
        digest: None,
        dimensions: DIMENSIONS,
        document_prefix: String::new(),
        query_prefix: String::new(),
        vector_weight: 1.0,
        canary: None,
    }
}

fn documents(number: usize) -> Vec<DocumentRecord> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..number).map(|number| document(number, &mut random)).collect()
}

/// A document of chunks of about 250 words, of which there are 20,000, common ones more often than rare ones.
fn document(number: usize, random: &mut fastrand::Rng) -> DocumentRecord {
    let records = (0..CHUNKS_PER_DOCUMENT).map(|ordinal| {
        let header = format!("Manual {number} > Chapter {ordinal}");
        let words: Vec<String> = (0..250)
            .map(|_| format!("word{}", (random.f64().powi(3) * 20_000.0) as u32))
            .collect();
        let text = format!("{header}\n\n{}", words.join(" "));
        let values: Vec<f32> = (0..DIMENSIONS).map(|_| random.f32() - 0.5).collect();
        Record {
            chunk: Chunk {
                ordinal: ordinal as u32,
                span: Span::default(),
                heading_path: vec![format!("Chapter {ordinal}")],
                context_header: header,
                content_hash: ContentHash::of_text(&text),
                text,
            },
            vector: Vector::New(values.into()),
        }
    });
    let source = format!("docs/{number}.md");
    DocumentRecord {
        origin: "files:docs".into(),
        revision: ContentHash::of_text(&source),
        recipe: ContentHash::of_text("recipe"),
        records: records.collect(),
        document: Document {
            title: format!("Manual {number}"),
            doc_type: "markdown".into(),
            generations: vec!["all".into()],
            source,
            ..Document::default()
        },
    }
}
