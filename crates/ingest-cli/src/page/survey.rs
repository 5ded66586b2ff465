//! A look at the whole store behind a run: how large its chunks are, and where some of them lie.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use embed_core::{Embedder, normalize};
use ingest_core::{Store, StoredChunk, estimate_tokens};

use super::bins::Bins;
use super::histogram::Histogram;
use super::pca::{Plane, plane};
use crate::failure::Result;
use crate::store;

/// Chunks on the map at most.
const SAMPLE: usize = 2_000;
/// Folders that have a color of their own.
pub(super) const FOLDERS: usize = 6;
/// Longest label of a point, in characters.
const LABEL: usize = 160;

/// What was seen of a store.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// Chunks looked at.
    pub(super) chunks: u64,
    /// Whether there was time for all of them.
    pub(super) complete: bool,
    /// Whether tokens were counted as the model counts them.
    pub(super) exact: bool,
    /// Tokens of each chunk, both ways.
    pub(super) sizes: Bins,
    pub(super) tokens: Histogram,
    pub(super) map: Map,
}

/// Chunks by their vectors.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub(super) plane: Plane,
    /// For each point, its label and its place in `folders`.
    pub(super) points: Vec<(String, usize)>,
    /// The largest folders with their numbers of points; the last one holds all others, if there are any.
    pub(super) folders: Vec<(String, usize)>,
}

/// A chunk of the sample.
struct Sampled {
    source: String,
    label: String,
    vector: Vec<f32>,
}

/// Every chunk has the same chance to be in the sample, however many come.
struct Reservoir {
    seen: usize,
    kept: Vec<Sampled>,
    random: fastrand::Rng,
}

/// Looks at a store for so long at most. The same store gives the same survey.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn survey(
    store: &dyn Store,
    embedder: Option<&dyn Embedder>,
    time: Duration,
) -> Result<Survey> {
    let counted = |text: &str| embedder.and_then(|embedder| embedder.count_tokens(text));
    let until = Instant::now() + time;
    let mut reservoir = Reservoir::new();
    let mut survey = Survey {
        chunks: 0,
        complete: true,
        exact: counted("test").is_some(),
        sizes: Bins::of_width(10.0),
        tokens: Histogram::from(1.0),
        map: Map::default(),
    };
    store::each_chunk(store, |stored| {
        let text = &stored.chunk.text;
        let tokens = counted(text).unwrap_or_else(|| estimate_tokens(text)) as f64;
        survey.chunks += 1;
        // So that a bin ends with a round number, and not before it.
        survey.sizes.add((tokens - 1.0).max(0.0), 1.0);
        survey.tokens.add(tokens);
        reservoir.offer(stored);
        survey.complete = Instant::now() < until;
        Ok(if survey.complete {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })
    .await?;
    survey.map = map(reservoir.kept);
    Ok(survey)
}

impl Reservoir {
    fn new() -> Self {
        Self {
            seen: 0,
            kept: Vec::new(),
            random: fastrand::Rng::with_seed(1),
        }
    }

    fn offer(&mut self, stored: &StoredChunk) {
        let Some(vector) = &stored.vector else {
            return;
        };
        self.seen += 1;
        if self.kept.len() < SAMPLE {
            self.kept.push(Sampled::new(stored, vector));
            return;
        }
        let place = self.random.usize(..self.seen);
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = Sampled::new(stored, vector);
        }
    }
}

impl Sampled {
    fn new(stored: &StoredChunk, vector: &[f32]) -> Self {
        let mut names = vec![stored.title.as_str()];
        names.extend(stored.chunk.heading_path.iter().map(String::as_str));
        names.retain(|name| !name.is_empty());
        names.dedup();
        let mut vector = vector.to_vec();
        // As searches see them: by direction alone.
        normalize(&mut vector);
        let place = format!("{}:{}", stored.source, stored.chunk.span.line_start);
        Self {
            source: stored.source.clone(),
            label: match shortened(&names.join(" › ")) {
                nameless if nameless.is_empty() => place,
                name => format!("{name}\n{place}"),
            },
            vector,
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn map(mut sample: Vec<Sampled>) -> Map {
    let width = sample.first().map_or(0, |sampled| sampled.vector.len());
    // One width is what a store promises.
    sample.retain(|sampled| sampled.vector.len() == width);
    let mut rows: Vec<f32> = Vec::with_capacity(sample.len() * width);
    for sampled in &mut sample {
        rows.append(&mut sampled.vector);
    }
    let plane = plane(&mut rows, width);
    let names = folder_names(&sample);
    let folders = largest(&names);
    let others = folders.len().saturating_sub(1);
    let place = |name: &str| {
        folders
            .iter()
            .position(|(folder, _)| folder == name)
            .unwrap_or(others)
    };
    let labels = sample.into_iter().map(|sampled| sampled.label);
    Map {
        points: labels
            .zip(&names)
            .map(|(label, name)| (label, place(name)))
            .collect(),
        plane,
        folders,
    }
}

/// The top-level folder of each document, below the folders that all of them share.
fn folder_names(sample: &[Sampled]) -> Vec<String> {
    let folders = |sampled: &Sampled| -> Vec<String> {
        let (path, _) = sampled.source.rsplit_once('/').unwrap_or_default();
        path.split_terminator('/').map(str::to_owned).collect()
    };
    let all: Vec<_> = sample.iter().map(folders).collect();
    let shared = all
        .iter()
        .fold(all.first().map_or(0, Vec::len), |shared, folders| {
            let same = folders.iter().zip(&all[0]).take_while(|(a, b)| a == b).count();
            shared.min(same)
        });
    let name = |folders: Vec<String>| match folders.get(shared) {
        Some(folder) => folder.clone(),
        None => match folders.join("/") {
            top if top.is_empty() => "(top)".to_owned(),
            top => top,
        },
    };
    all.into_iter().map(name).collect()
}

/// The folders with most points, the largest first, then one for the others together.
fn largest(names: &[String]) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.clone()).or_insert(0) += 1;
    }
    let mut folders: Vec<_> = counts.into_iter().collect();
    folders.sort_by_key(|(_, points)| Reverse(*points));
    if folders.len() > FOLDERS {
        let others = folders.split_off(FOLDERS);
        let points = others.iter().map(|(_, count)| count).sum();
        folders.push((format!("{} others", others.len()), points));
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest_core::{Chunk, ContentHash, Span};

    fn sampled(source: &str) -> Sampled {
        Sampled {
            source: source.to_owned(),
            label: source.to_owned(),
            vector: vec![1.0, source.len() as f32],
        }
    }

    fn folders(sources: &[&str]) -> Vec<(String, usize)> {
        let sample = sources.iter().map(|source| sampled(source)).collect();
        map(sample).folders
    }

    fn named(folders: &[(&str, usize)]) -> Vec<(String, usize)> {
        folders
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn folders_are_those_below_what_all_share() {
        assert_eq!(folders(&[]), []);
        assert_eq!(folders(&["a.md", "b.md"]), named(&[("(top)", 2)]));
        assert_eq!(
            folders(&["a.md", "x/b.md", "c.md"]),
            named(&[("(top)", 2), ("x", 1)])
        );
        assert_eq!(
            folders(&["docs/api/a.md", "docs/api/b/c.md", "docs/guide/d.md"]),
            named(&[("api", 2), ("guide", 1)])
        );
        assert_eq!(
            folders(&["docs/a.md", "docs/b.md", "docs/x/c.md"]),
            named(&[("docs", 2), ("x", 1)])
        );
    }

    #[test]
    fn small_folders_share_one_place() {
        let names = "abcdefghij";
        let sources: Vec<_> = names
            .chars()
            .flat_map(|name| [format!("{name}/1"), format!("{name}/2")])
            .collect();
        let sample = sources.iter().map(|source| sampled(source)).collect();
        let map = map(sample);
        assert_eq!(map.folders.len(), FOLDERS + 1);
        assert_eq!(map.folders[FOLDERS], ("4 others".to_owned(), 8));
        assert_eq!(map.points.len(), 20);
        let of_others = map.points.iter().filter(|(_, folder)| *folder == FOLDERS);
        assert_eq!(of_others.count(), 8);
    }

    #[test]
    fn the_sample_is_bounded_fair_and_the_same_each_time() {
        let stored = |number: usize| {
            let text = "text".to_owned();
            StoredChunk {
                source: number.to_string(),
                title: String::new(),
                chunk: Chunk {
                    ordinal: 0,
                    span: Span::default(),
                    heading_path: Vec::new(),
                    context_header: String::new(),
                    content_hash: ContentHash::of_text(&text),
                    text,
                },
                vector: Some(vec![1.0]),
            }
        };
        let sample = || {
            let mut reservoir = Reservoir::new();
            (0..20_000).for_each(|number| reservoir.offer(&stored(number)));
            reservoir
                .kept
                .into_iter()
                .map(|kept| kept.source)
                .collect::<Vec<_>>()
        };
        let kept = sample();
        assert_eq!(kept.len(), SAMPLE);
        let early = kept.iter().filter(|source| source.len() < 5).count();
        // Half of them are expected; the deviation is 21.
        assert!((900..=1_100).contains(&early), "{early}");
        assert_eq!(kept, sample());
    }
}
