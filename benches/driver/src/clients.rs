//! What a client costs: rows 1 to 3 and 5 to 7.

use std::process::Command;

use anyhow::ensure;

use crate::Bench;
use crate::process::{self, Finished};
use crate::report::{Limit, Row, short};
use crate::server::Server;
use crate::statistics::{Pairs, in_turn, median};

use Limit::{AtLeast, AtMost};

/// A load: texts of a request, dimensions, requests in flight, requests.
#[derive(Clone, Copy, Debug)]
struct Load {
    texts: usize,
    dimensions: usize,
    in_flight: usize,
    requests: usize,
}

impl Load {
    fn embeddings(self) -> f64 {
        (self.texts * self.requests) as f64
    }
}

fn client(
    bench: &Bench,
    program: &str,
    client: &str,
    server: &Server,
    load: Load,
) -> anyhow::Result<Finished> {
    let Load {
        texts,
        dimensions,
        in_flight,
        requests,
    } = load;
    let numbers = [texts, dimensions, in_flight, requests].map(|number| number.to_string());
    process::run(
        Command::new(bench.program(program))
            .args([client, &server.url])
            .args(numbers),
    )
}

/// One cost of both clients under the same load.
fn compare(
    bench: &Bench,
    (ours, theirs): (&str, &str),
    load: Load,
    cost: fn(&Finished) -> f64,
) -> anyhow::Result<Pairs> {
    let server = Server::start(bench, load.dimensions)?;
    in_turn(
        bench.pairs,
        || Ok(cost(&client(bench, "ours", ours, &server, load)?)),
        || Ok(cost(&client(bench, "peers", theirs, &server, load)?)),
    )
}

fn cpu(
    bench: &Bench,
    row: &'static str,
    names: (&str, &str),
    load: Load,
    limits: (f64, f64),
) -> anyhow::Result<Row> {
    let pairs = compare(bench, names, load, |finished| finished.cpu)?;
    let per_thousand = |values: &[f64]| short(median(values) * 1e6 / load.embeddings());
    Ok(Row {
        row,
        what: format!(
            "client CPU per 1,000 embeddings, {} × {}, {} in flight, {}",
            load.texts, load.dimensions, load.in_flight, names.0
        ),
        ours: format!("{} ms", per_thousand(&pairs.ours)),
        against: format!("{}: {} ms", names.1, per_thousand(&pairs.theirs)),
        values: pairs.ratios(),
        unit: "",
        must: AtMost(limits.0),
        aim: AtMost(limits.1),
    })
}

const OLLAMA: (&str, &str) = ("ollama", "ollama-rs");

const WIDE: Load = Load {
    texts: 64,
    dimensions: 1024,
    in_flight: 4,
    requests: 400,
};

pub(crate) fn wide(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    Ok(vec![cpu(bench, "1", OLLAMA, WIDE, (0.40, 0.30))?])
}

pub(crate) fn narrow_and_wider(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let narrow = Load {
        dimensions: 384,
        requests: 1000,
        ..WIDE
    };
    let wider = Load {
        dimensions: 4096,
        requests: 120,
        ..WIDE
    };
    [narrow, wider]
        .map(|load| cpu(bench, "2", OLLAMA, load, (0.45, 0.35)))
        .into_iter()
        .collect()
}

pub(crate) fn one_text(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let load = Load {
        texts: 1,
        requests: 10_000,
        ..WIDE
    };
    Ok(vec![cpu(bench, "3", OLLAMA, load, (0.60, 0.45))?])
}

pub(crate) fn base64(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let load = Load {
        requests: 1000,
        ..WIDE
    };
    Ok(vec![cpu(
        bench,
        "5",
        ("openai", "async-openai"),
        load,
        (0.65, 0.50),
    )?])
}

pub(crate) fn memory(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let load = Load {
        texts: 256,
        dimensions: 4096,
        in_flight: 4,
        requests: 40,
    };
    let pairs = compare(bench, OLLAMA, load, |finished| finished.peak)?;
    let megabytes = |values: &[f64]| short(median(values) / 1e6);
    Ok(vec![Row {
        row: "6",
        what: "peak memory of the client, 256 × 4096, 4 in flight".into(),
        ours: format!("{} MB", megabytes(&pairs.ours)),
        against: format!("ollama-rs: {} MB", megabytes(&pairs.theirs)),
        values: pairs.ratios(),
        unit: "",
        must: AtMost(0.6),
        aim: AtMost(0.45),
    }])
}

pub(crate) fn connections(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(bench, 384)?;
    [1, 4, 8]
        .into_iter()
        .map(|in_flight| {
            let load = Load {
                texts: 1,
                dimensions: 384,
                in_flight,
                requests: 10_000,
            };
            let opened = |program, name| {
                server.forget()?;
                client(bench, program, name, &server, load)?;
                let stats = server.stats()?;
                ensure!(stats.requests == 10_000, "{} requests arrived", stats.requests);
                Ok::<_, anyhow::Error>(stats.connections as f64)
            };
            let ours = opened("ours", "ollama")?;
            let theirs = opened("peers", "ollama-rs")?;
            Ok(Row {
                row: "7",
                what: format!("connections opened in 10,000 requests, {in_flight} workers"),
                ours: format!("{ours}"),
                against: format!("ollama-rs: {theirs}"),
                values: vec![ours],
                unit: "",
                must: AtMost(in_flight as f64),
                aim: AtLeast(in_flight as f64),
            })
        })
        .collect()
}
