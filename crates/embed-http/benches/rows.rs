//! One answer to `f32`: the streaming decoder, fed in pieces as they come from a socket, against `serde_json` into
//! `Vec<Vec<f32>>`. `cargo bench -p embed-http --bench rows`

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use embed_http::{Layout, RowsDecoder};
use serde::Deserialize;

fn main() {
    divan::main();
}

/// What the server is like.
#[derive(Clone, Copy, Debug)]
enum Make {
    /// Ollama: the shortest text of an `f32`, an exponent below 10^-6.
    Ollama64x384,
    Ollama64x1024,
    Ollama64x4096,
    Ollama1x1024,
    /// Values printed as `f64`, some 17 digits.
    Wide64x1024,
    /// A blank line and indentation for each value.
    Pretty64x1024,
}

const MAKES: [Make; 6] = [
    Make::Ollama64x384,
    Make::Ollama64x1024,
    Make::Ollama64x4096,
    Make::Ollama1x1024,
    Make::Wide64x1024,
    Make::Pretty64x1024,
];

impl Make {
    fn rows(self) -> usize {
        if matches!(self, Self::Ollama1x1024) { 1 } else { 64 }
    }

    fn dimensions(self) -> usize {
        match self {
            Self::Ollama64x384 => 384,
            Self::Ollama64x4096 => 4096,
            _ => 1024,
        }
    }

    fn body(self) -> String {
        let rows: Vec<String> = vectors(self.rows(), self.dimensions())
            .iter()
            .map(|row| {
                let values: Vec<String> = row.iter().map(|value| self.print(*value)).collect();
                let separator = if matches!(self, Self::Pretty64x1024) {
                    ",\n      "
                } else {
                    ","
                };
                format!("[{}]", values.join(separator))
            })
            .collect();
        let rows = rows.join(",");
        format!(r#"{{"model":"m","embeddings":[{rows}],"total_duration":14143917,"prompt_eval_count":8}}"#)
    }

    fn print(self, value: f32) -> String {
        if matches!(self, Self::Wide64x1024) {
            return f64::from(value).to_string();
        }
        if value == 0.0 || value.abs() >= 1e-6 {
            value.to_string()
        } else {
            format!("{value:e}")
        }
    }
}

/// Unit-length vectors of made-up values.
fn vectors(rows: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..rows)
        .map(|_| {
            let mut row: Vec<f32> = (0..dimensions)
                .map(|_| uniform() + uniform() + uniform())
                .collect();
            embed_core::normalize(&mut row);
            row
        })
        .collect()
}

#[divan::bench(args = MAKES)]
fn decoder(bencher: Bencher<'_, '_>, make: Make) {
    let body = make.body();
    bencher.counter(BytesCount::of_str(&body)).bench(|| {
        let mut decoder = RowsDecoder::new(Layout::Ollama, make.rows(), Some(make.dimensions()));
        for piece in black_box(body.as_bytes()).chunks(64 << 10) {
            decoder.push(piece).expect("an answer");
        }
        decoder.finish().expect("an answer")
    });
}

#[divan::bench(args = MAKES)]
fn serde_json(bencher: Bencher<'_, '_>, make: Make) {
    #[derive(Deserialize)]
    struct Answer {
        embeddings: Vec<Vec<f32>>,
    }

    let body = make.body();
    bencher.counter(BytesCount::of_str(&body)).bench(|| {
        serde_json::from_slice::<Answer>(black_box(body.as_bytes()))
            .expect("an answer")
            .embeddings
    });
}

#[divan::bench]
fn base64_64x1024(bencher: Bencher<'_, '_>) {
    use base64::Engine as _;

    let items: Vec<String> = vectors(64, 1024)
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!(r#"{{"object":"embedding","embedding":"{text}","index":{index}}}"#)
        })
        .collect();
    let body = format!(r#"{{"object":"list","data":[{}],"model":"m"}}"#, items.join(","));
    bencher.counter(BytesCount::of_str(&body)).bench(|| {
        let mut decoder = RowsDecoder::new(Layout::OpenAi, 64, Some(1024));
        for piece in black_box(body.as_bytes()).chunks(64 << 10) {
            decoder.push(piece).expect("an answer");
        }
        decoder.finish().expect("an answer")
    });
}
