//! The same load for every client: so many requests of so many texts, so many in flight, on one thread. The process is
//! measured from outside, so it does nothing else.

use std::cell::Cell;
use std::env;
use std::rc::Rc;

use anyhow::{Context, bail, ensure};

/// Rows that [`Load::repeat`] prints.
const SHOWN: usize = 8;

/// What to do, from the command line: `CLIENT URL TEXTS DIMENSIONS IN_FLIGHT REQUESTS`.
#[derive(Clone, Debug)]
pub struct Load {
    /// Which client.
    pub client: String,
    /// Where the server is, without a path.
    pub url: String,
    /// The texts of every request.
    pub texts: Vec<String>,
    /// Values of a vector.
    pub dimensions: usize,
    in_flight: usize,
    requests: usize,
}

impl Load {
    /// Reads the command line.
    pub fn from_args() -> anyhow::Result<Self> {
        let args: Vec<String> = env::args().skip(1).collect();
        let [client, url, texts, dimensions, in_flight, requests] = args.as_slice() else {
            bail!("expected CLIENT URL TEXTS DIMENSIONS IN_FLIGHT REQUESTS");
        };
        let number = |text: &String| {
            text.parse::<usize>()
                .with_context(|| format!("not a number: {text}"))
        };
        Ok(Self {
            client: client.clone(),
            url: url.clone(),
            texts: texts_of(100, number(texts)?),
            dimensions: number(dimensions)?,
            in_flight: number(in_flight)?,
            requests: number(requests)?,
        })
    }

    /// Calls until all requests are done; each call gives the number of values that it was answered.
    pub fn drive<F, C>(&self, call: F) -> anyhow::Result<()>
    where
        F: Fn() -> C + Clone + 'static,
        C: Future<Output = anyhow::Result<usize>> + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let left = Rc::new(Cell::new(self.requests));
        let expected = self.texts.len() * self.dimensions;
        let tasks = tokio::task::LocalSet::new();
        let workers: Vec<_> = (0..self.in_flight)
            .map(|_| {
                let (left, call) = (Rc::clone(&left), call.clone());
                tasks.spawn_local(async move {
                    while left.get() > 0 {
                        left.set(left.get() - 1);
                        let values = call().await?;
                        ensure!(values == expected, "{values} values instead of {expected}");
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        tasks.block_on(&runtime, async {
            for worker in workers {
                worker.await??;
            }
            Ok(())
        })
    }
}

impl Load {
    /// The same without a server and without waiting; prints the first rows, so that they can be compared.
    pub fn repeat(&self, mut embed: impl FnMut(&[String]) -> anyhow::Result<Vec<f32>>) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for _ in 0..self.requests {
            values = embed(&self.texts)?;
            let expected = self.texts.len() * self.dimensions;
            ensure!(
                values.len() == expected,
                "{} values instead of {expected}",
                values.len()
            );
        }
        values.truncate(SHOWN * self.dimensions);
        println!("{values:?}");
        Ok(())
    }
}

/// Texts of so many words, no two alike, of a vocabulary as skewed as a language's.
pub fn texts_of(words: usize, count: usize) -> Vec<String> {
    const SOURCE: &str = "When a connection from the pool is closed by the server, the client retries the request once; \
        timeouts, configuration errors and authentication failures are returned to the caller immediately. See the \
        documentation of the builder for the defaults (idle timeout 60 seconds), and consider enabling structured \
        logging: it shows which worker reopened a socket, how long tokenization took and whether the embeddings were \
        normalized beforehand.";
    let source: Vec<&str> = SOURCE.split_whitespace().collect();
    let mut random = fastrand::Rng::with_seed(7);
    (0..count)
        .map(|_| {
            let words = (0..words).map(|_| source[random.usize(..source.len())]);
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}
