//! The built-in model: row 17.

use std::process::Command;

use anyhow::ensure;

use crate::Bench;
use crate::process::{self, Finished};
use crate::report::{Limit, Row};
use crate::statistics::{in_turn, median};

const TEXTS: usize = 1000;
const ROUNDS: usize = 100;

pub(crate) fn words(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    [
        ("model2vec", "model2vec-rs, same table"),
        ("tokenizers", "a plain loop over `tokenizers`"),
    ]
    .into_iter()
    .map(|(client, name)| against(bench, client, name))
    .collect()
}

fn against(bench: &Bench, client: &str, name: &str) -> anyhow::Result<Row> {
    let run = |program: &str, client: &str, rounds: usize| {
        let mut command = Command::new(bench.program(program));
        let numbers = [TEXTS, 256, 1, rounds].map(|number| number.to_string());
        process::run(command.args([client, "-"]).args(numbers))
    };
    // What is done more often, less what is done anyhow: reading the model.
    let seconds = |program: &str, client: &str| {
        Ok::<_, anyhow::Error>(run(program, client, ROUNDS)?.cpu - run(program, client, 1)?.cpu)
    };
    let apart = farthest(&run("ours", "static", 1)?, &run("peers", client, 1)?)?;
    ensure!(apart <= 1e-5, "{client} has other vectors: {apart} apart");
    let pairs = in_turn(
        bench.pairs,
        || seconds("ours", "static"),
        || seconds("peers", client),
    )?;
    let rate = |values: &[f64]| ((TEXTS * (ROUNDS - 1)) as f64 / median(values)).round();
    Ok(Row {
        row: "17",
        what: "built-in model, texts of 100 words, per second of CPU".into(),
        ours: format!("{}", rate(&pairs.ours)),
        against: format!("{name}: {}", rate(&pairs.theirs)),
        values: pairs.inverse(),
        unit: "×",
        must: Limit::AtLeast(3.0),
        aim: Limit::AtLeast(8.0),
    })
}

/// The largest difference between the values that two programs printed.
fn farthest(ours: &Finished, theirs: &Finished) -> anyhow::Result<f32> {
    let values = |finished: &Finished| serde_json::from_str::<Vec<f32>>(&finished.output);
    let (ours, theirs) = (values(ours)?, values(theirs)?);
    ensure!(
        !ours.is_empty() && ours.len() == theirs.len(),
        "the programs printed nothing to compare"
    );
    let pairs = ours.iter().zip(&theirs);
    Ok(pairs
        .map(|(ours, theirs)| (ours - theirs).abs())
        .fold(0.0, f32::max))
}
