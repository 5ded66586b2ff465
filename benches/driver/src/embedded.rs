//! The built-in model: row 17.

use std::process::Command;

use crate::Bench;
use crate::process;
use crate::report::{Limit, Row};
use crate::statistics::{in_turn, median};

const TEXTS: usize = 1000;
const ROUNDS: usize = 100;

pub(crate) fn words(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    // What is done more often, less what is done anyhow: reading the model.
    let seconds = |program: &str, client: &str| {
        let cpu = |rounds: usize| {
            let mut command = Command::new(bench.program(program));
            let numbers = [TEXTS, 256, 1, rounds].map(|number| number.to_string());
            Ok::<_, anyhow::Error>(process::run(command.args([client, "-"]).args(numbers))?.cpu)
        };
        Ok(cpu(ROUNDS)? - cpu(1)?)
    };
    let pairs = in_turn(
        bench.pairs,
        || seconds("ours", "static"),
        || seconds("peers", "model2vec"),
    )?;
    let rate = |values: &[f64]| ((TEXTS * (ROUNDS - 1)) as f64 / median(values)).round();
    Ok(vec![Row {
        row: "17",
        what: "built-in model, texts of 100 words, per second of CPU".into(),
        ours: format!("{}", rate(&pairs.ours)),
        against: format!("model2vec-rs, same table: {}", rate(&pairs.theirs)),
        values: pairs.inverse(),
        unit: "×",
        must: Limit::AtLeast(3.0),
        aim: Limit::AtLeast(8.0),
    }])
}
