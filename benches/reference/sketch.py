"""A sketch of the loop that this project replaces, to measure against.

    sketch.py MODE SERVER DATABASE_URL FOLDER        (MODE: `sequential`, or a number of workers)

It is not that program: it does its parts that cost time, the way it does them, and nothing else. Documents are cut at
their headings; batches are slices of 64; the answer's rows are counted and nothing more is checked of them. Sequential:
one request after the other, rows by binary COPY into a temporary table and one INSERT ... SELECT. With workers: each
has an HTTP client of its own (at most 10 connections, 5 of them kept), inserts one row a statement over a shared pool
of connections, and commits once a batch. Tables and indexes are those of the reference, HNSW included.

Prints rows and seconds as JSON.
"""

import asyncio
import hashlib
import json
import pathlib
import sys
import time

import httpx
import psycopg
import psycopg_pool

BATCH = 64
DIMENSIONS = 1024
TIMEOUT = 300.0

SCHEMA = f"""
CREATE EXTENSION IF NOT EXISTS vector;
DROP SCHEMA IF EXISTS sketch CASCADE;
CREATE SCHEMA sketch;
CREATE TABLE sketch.chunks (
    id bigserial PRIMARY KEY,
    source_url text NOT NULL,
    title text NOT NULL,
    doc_type text NOT NULL,
    content text NOT NULL,
    content_hash varchar(64) NOT NULL UNIQUE,
    context_header text NOT NULL DEFAULT '',
    generations text[] NOT NULL,
    deprecated bool NOT NULL DEFAULT false,
    source_type text NOT NULL DEFAULT '',
    display_url text NOT NULL DEFAULT '',
    embedding vector({DIMENSIONS}),
    search_vector tsvector GENERATED ALWAYS AS
        (to_tsvector('english', title || ' ' || context_header || ' ' || content)) STORED,
    metadata jsonb NOT NULL DEFAULT '{{}}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON sketch.chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
CREATE INDEX ON sketch.chunks USING gin (search_vector);
CREATE INDEX ON sketch.chunks USING gin (generations);
CREATE INDEX ON sketch.chunks (source_type);
"""

COLUMNS = "source_url, title, doc_type, content, content_hash, generations, source_type, display_url, embedding"


def chunks_of(folder):
    """Every section of every document, as the row that it becomes, without its vector."""
    for path in sorted(pathlib.Path(folder).rglob("*.md")):
        for section in path.read_text().split("\n## "):
            text = section.strip()
            if text:
                digest = hashlib.sha256(text.encode()).hexdigest()
                yield (str(path), path.stem, "article", text, digest, ["all"], "docs", str(path))


def slices(rows):
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]


def request_of(batch):
    return {"model": "bench", "input": [row[3] for row in batch]}


def vectors_of(answer, batch):
    answer.raise_for_status()
    vectors = answer.json()["embeddings"]
    if len(vectors) != len(batch):
        raise ValueError(f"{len(vectors)} vectors for {len(batch)} texts")
    return vectors


def literal(vector):
    return "[" + ",".join(map(str, vector)) + "]"


def sequential(server, database, rows):
    with httpx.Client(base_url=server, timeout=TIMEOUT) as client, psycopg.connect(database) as connection:
        for batch in slices(rows):
            vectors = vectors_of(client.post("/api/embed", json=request_of(batch)), batch)
            with connection.cursor() as cursor:
                cursor.execute(
                    "CREATE TEMP TABLE incoming (source_url text, title text, doc_type text, content text, "
                    "content_hash text, generations text[], source_type text, display_url text, embedding text) "
                    "ON COMMIT DROP"
                )
                with cursor.copy("COPY incoming FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["text"] * 5 + ["text[]"] + ["text"] * 3)
                    for row, vector in zip(batch, vectors):
                        copy.write_row((*row, literal(vector)))
                cursor.execute(
                    f"INSERT INTO sketch.chunks ({COLUMNS}) SELECT source_url, title, doc_type, content, content_hash, "
                    "generations, source_type, display_url, embedding::vector FROM incoming "
                    "ON CONFLICT (content_hash) DO NOTHING"
                )
            connection.commit()


async def parallel(server, database, rows, workers):
    batches = asyncio.Queue()
    for batch in slices(rows):
        batches.put_nowait(batch)
    insert = f"INSERT INTO sketch.chunks ({COLUMNS}) VALUES ({', '.join(['%s'] * 9)}) ON CONFLICT (content_hash) DO NOTHING"

    async def work(pool):
        limits = httpx.Limits(max_connections=10, max_keepalive_connections=5)
        async with httpx.AsyncClient(base_url=server, timeout=TIMEOUT, limits=limits) as client:
            while not batches.empty():
                batch = batches.get_nowait()
                vectors = vectors_of(await client.post("/api/embed", json=request_of(batch)), batch)
                async with pool.connection() as connection:
                    for row, vector in zip(batch, vectors):
                        await connection.execute(insert, (*row, literal(vector)))

    async with psycopg_pool.AsyncConnectionPool(database, min_size=1, max_size=workers + 1, open=False) as pool:
        await asyncio.gather(*(work(pool) for _ in range(workers)))


def main():
    mode, server, database, folder = sys.argv[1:]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
    started = time.perf_counter()
    rows = list(chunks_of(folder))
    if mode == "sequential":
        sequential(server, database, rows)
    else:
        asyncio.run(parallel(server, database, rows, int(mode)))
    seconds = time.perf_counter() - started
    with psycopg.connect(database, autocommit=True) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM sketch.chunks").fetchone()
        connection.execute("DROP SCHEMA sketch CASCADE")
    print(json.dumps({"rows": stored, "seconds": seconds}))


if __name__ == "__main__":
    main()
