//! Any history of operations leaves what a plain model of it says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::super::samples::{document, failure, identity, new_vector, text_query, vector_query};
use super::Place;
use crate::{ContentHash, Query, SearchMode, Store, Vector};

/// Histories tried.
const HISTORIES: u32 = 48;
/// Sources, texts and positions are few, so that operations meet.
const SOURCES: u8 = 4;
const TEXTS: u8 = 6;

/// Where a chunk's vector comes from, with no data of its own.
#[derive(Clone, Copy, Debug)]
enum Origin {
    New,
    Stored,
    TextOnly,
    Failed,
}

type Chunks = Vec<(u8, Origin)>;

#[derive(Clone, Debug)]
enum Step {
    Replace(Vec<(u8, Chunks)>),
    Remove(Vec<u8>),
    Keep(Vec<u8>),
    Settle(Vec<(u8, u32, Origin)>),
    Sweep,
    Clear,
    Reopen,
}

/// What a store should hold: of each document its chunks by position, and which texts have vectors.
#[derive(Debug, Default)]
struct Model {
    documents: BTreeMap<u8, Vec<(u8, State)>>,
    vectors: BTreeSet<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Found,
    TextOnly,
    Failed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let origin = || prop_oneof![3 => Just(Origin::New), 2 => Just(Origin::Stored), 1 => Just(Origin::TextOnly), 1 => Just(Origin::Failed)];
    let chunks = prop::collection::vec((0..TEXTS, origin()), 0..4);
    let documents = prop::collection::vec((0..SOURCES, chunks), 1..4);
    let outcomes = prop::collection::vec((0..SOURCES, 0u32..4, origin()), 1..4);
    let step = prop_oneof![
        8 => documents.prop_map(Step::Replace),
        2 => prop::collection::vec(0..SOURCES, 1..3).prop_map(Step::Remove),
        2 => prop::collection::vec(0..TEXTS, 1..3).prop_map(Step::Keep),
        3 => outcomes.prop_map(Step::Settle),
        2 => Just(Step::Sweep),
        1 => Just(Step::Clear),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..24)
}

/// Random histories of changes, each compared with a plain model after every step. A history that fails is made as
/// short as it can be before it is shown.
pub async fn any_history_agrees_with_a_plain_model(place: &dyn Place) {
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..HISTORIES {
        let mut tree = steps().new_tree(&mut runner).expect("a history");
        let Err(mut failed) = run(place, &tree.current()).await else {
            continue;
        };
        let mut shortest = tree.current();
        let mut smaller = tree.simplify();
        while smaller {
            match run(place, &tree.current()).await {
                Ok(()) => smaller = tree.complicate(),
                Err(error) => {
                    (failed, shortest) = (error, tree.current());
                    smaller = tree.simplify();
                }
            }
        }
        panic!("{failed}\nafter {shortest:#?}");
    }
}

async fn run(place: &dyn Place, steps: &[Step]) -> Result<(), String> {
    let mut store = place.open().await;
    store.clear().await.map_err(|error| format!("clear: {error:?}"))?;
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        if let Step::Reopen = step {
            drop(store);
            store = place.open().await;
        }
        store
            .bind(&identity())
            .await
            .map_err(|error| format!("bind: {error:?}"))?;
        let theirs = apply(&*store, step).await;
        let ours = model.apply(step);
        if theirs != ours {
            return Err(format!(
                "step {number}: the store says {theirs:?}, the model {ours:?}"
            ));
        }
        model
            .compare(&*store)
            .await
            .map_err(|error| format!("after step {number}: {error}"))?;
    }
    Ok(())
}

fn source(number: u8) -> String {
    format!("source{number}")
}

fn text(number: u8) -> String {
    format!("shared text{number}")
}

/// Vectors of different texts point in different directions.
fn values(number: u8) -> [f32; 4] {
    [1.0, f32::from(number), 0.0, 0.0]
}

fn vector(number: u8, origin: Origin) -> Vector {
    match origin {
        Origin::New => new_vector(values(number)),
        Origin::Stored => Vector::Stored,
        Origin::TextOnly => Vector::TextOnly,
        Origin::Failed => Vector::Failed(failure("long")),
    }
}

/// Does a step; says what it counted, or nothing if it was refused.
async fn apply(store: &dyn Store, step: &Step) -> Option<u64> {
    match step {
        Step::Replace(documents) => {
            let records = documents.iter().map(|(name, chunks)| {
                let chunks: Vec<_> = chunks
                    .iter()
                    .map(|&(number, origin)| (text(number), vector(number, origin)))
                    .collect();
                let chunks: Vec<_> = chunks
                    .iter()
                    .map(|(text, vector)| (text.as_str(), vector.clone()))
                    .collect();
                document(&source(*name), &chunks)
            });
            store.replace(records.collect()).await.ok().map(|()| 0)
        }
        Step::Remove(names) => {
            let names: Vec<_> = names.iter().map(|&name| source(name)).collect();
            store
                .remove(&names)
                .await
                .ok()
                .map(|removed| removed.documents * 1000 + removed.chunks)
        }
        Step::Keep(texts) => {
            let vectors = texts
                .iter()
                .map(|&number| (ContentHash::of_text(&text(number)), new_vector(values(number))));
            store.keep_vectors(vectors.collect()).await.ok().map(|()| 0)
        }
        Step::Settle(outcomes) => {
            let outcomes = outcomes.iter().map(|&(name, ordinal, origin)| {
                // The text is the store's to know; a vector that is wrong for it would only show as another direction.
                let outcome = match origin {
                    Origin::Failed => Err(failure("again")),
                    Origin::New => Ok(new_vector(values(0))),
                    origin => Ok(vector(0, origin)),
                };
                (source(name), ordinal, outcome)
            });
            store.settle(outcomes.collect()).await.ok().map(|()| 0)
        }
        Step::Sweep => store.sweep().await.ok(),
        Step::Clear => {
            let removed = store.clear().await.ok()?;
            store.bind(&identity()).await.ok()?;
            Some(removed.documents * 1000 + removed.chunks)
        }
        Step::Reopen => Some(0),
    }
}

impl Model {
    fn apply(&mut self, step: &Step) -> Option<u64> {
        match step {
            Step::Replace(documents) => self.replace(documents)?,
            Step::Remove(names) => {
                let gone: Vec<_> = names
                    .iter()
                    .filter_map(|name| self.documents.remove(name))
                    .collect();
                return Some(
                    gone.len() as u64 * 1000 + gone.iter().map(|chunks| findable(chunks)).sum::<u64>(),
                );
            }
            Step::Keep(texts) => self.vectors.extend(texts),
            Step::Settle(outcomes) => self.settle(outcomes)?,
            Step::Sweep => {
                let used: BTreeSet<u8> = self
                    .chunks()
                    .filter(|(_, _, state)| *state == State::Found)
                    .map(|(_, text, _)| text)
                    .collect();
                let before = self.vectors.len();
                self.vectors = used;
                return Some((before - self.vectors.len()) as u64);
            }
            Step::Clear => {
                let chunks: u64 = self.documents.values().map(|chunks| findable(chunks)).sum();
                let counted = self.documents.len() as u64 * 1000 + chunks;
                *self = Self::default();
                return Some(counted);
            }
            Step::Reopen => {}
        }
        Some(0)
    }

    fn replace(&mut self, documents: &[(u8, Chunks)]) -> Option<()> {
        // Of two versions of a document only the later one counts.
        let last: BTreeMap<u8, &Chunks> = documents.iter().map(|(name, chunks)| (*name, chunks)).collect();
        let chunks = || last.values().flat_map(|chunks| chunks.iter());
        let mut vectors = self.vectors.clone();
        vectors.extend(
            chunks()
                .filter(|(_, origin)| matches!(origin, Origin::New))
                .map(|(text, _)| text),
        );
        if chunks().any(|(text, origin)| matches!(origin, Origin::Stored) && !vectors.contains(text)) {
            return None;
        }
        self.vectors = vectors;
        for (name, chunks) in last {
            let states = chunks.iter().map(|&(text, origin)| (text, state(origin)));
            self.documents.insert(name, states.collect());
        }
        Some(())
    }

    fn settle(&mut self, outcomes: &[(u8, u32, Origin)]) -> Option<()> {
        let (mut documents, mut vectors) = (self.documents.clone(), self.vectors.clone());
        for &(name, ordinal, origin) in outcomes {
            let chunk = documents
                .get_mut(&name)
                .and_then(|chunks| chunks.get_mut(ordinal as usize));
            let Some((text, state @ State::Failed)) = chunk else {
                continue;
            };
            match origin {
                Origin::Failed => continue,
                Origin::New => _ = vectors.insert(*text),
                Origin::Stored if !vectors.contains(text) => return None,
                Origin::Stored | Origin::TextOnly => {}
            }
            *state = self::state(origin);
        }
        (self.documents, self.vectors) = (documents, vectors);
        Some(())
    }

    /// Every chunk, in order of source and position.
    fn chunks(&self) -> impl Iterator<Item = ((String, u32), u8, State)> {
        self.documents.iter().flat_map(|(&name, chunks)| {
            chunks
                .iter()
                .zip(0..)
                .map(move |(&(text, state), ordinal)| ((source(name), ordinal), text, state))
        })
    }

    async fn compare(&self, store: &dyn Store) -> Result<(), String> {
        let failed = |what: &str, error: crate::Error| format!("{what}: {error:?}");
        let expect = |what: &str, matches: bool| {
            if matches {
                Ok(())
            } else {
                Err(format!("{what} differ"))
            }
        };

        let names: Vec<_> = (0..SOURCES).map(source).collect();
        let asked: Vec<_> = names.iter().map(String::as_str).collect();
        let states = store
            .states(&asked)
            .await
            .map_err(|error| failed("states", error))?;
        for (number, state) in (0..SOURCES).zip(states) {
            let counts = state.map(|state| (u64::from(state.chunks), u64::from(state.failed)));
            let ours = self
                .documents
                .get(&number)
                .map(|chunks| (findable(chunks), chunks.len() as u64 - findable(chunks)));
            expect("states", counts == ours)?;
        }
        let hashes: Vec<_> = (0..TEXTS)
            .map(|number| ContentHash::of_text(&text(number)))
            .collect();
        let known = store
            .known(&hashes)
            .await
            .map_err(|error| failed("known", error))?;
        expect(
            "known vectors",
            (0..TEXTS).map(|number| self.vectors.contains(&number)).eq(known),
        )?;

        let stored = store
            .chunks(None, 1000)
            .await
            .map_err(|error| failed("chunks", error))?;
        let theirs = stored.into_iter().map(|chunk| {
            (
                (chunk.source, chunk.chunk.ordinal),
                chunk.chunk.text,
                chunk.vector.is_some(),
            )
        });
        let ours = self.chunks().filter(|(_, _, state)| *state != State::Failed);
        expect(
            "chunks",
            ours.map(|(place, number, state)| (place, text(number), state == State::Found))
                .eq(theirs),
        )?;

        let aside = store
            .failed(None, 1000)
            .await
            .map_err(|error| failed("failed", error))?;
        let theirs = aside
            .into_iter()
            .map(|chunk| ((chunk.source, chunk.chunk.ordinal), chunk.chunk.text));
        let ours = self.chunks().filter(|(_, _, state)| *state == State::Failed);
        expect(
            "failed chunks",
            ours.map(|(place, number, _)| (place, text(number))).eq(theirs),
        )?;

        let status = store.status().await.map_err(|error| failed("status", error))?;
        let count = |wanted: State| self.chunks().filter(|(_, _, state)| *state == wanted).count() as u64;
        expect(
            "counts",
            status.documents == self.documents.len() as u64
                && status.vectors == self.vectors.len() as u64
                && status.chunks == count(State::Found) + count(State::TextOnly)
                && status.text_only == count(State::TextOnly)
                && status.failed == count(State::Failed),
        )?;
        let is_empty = store
            .is_empty()
            .await
            .map_err(|error| failed("is_empty", error))?;
        expect(
            "whether it is empty",
            is_empty == (self.documents.is_empty() && self.vectors.is_empty()),
        )?;

        let nearest = Query {
            top_k: 1000,
            ..vector_query(values(0))
        };
        self.compare_hits(store, &nearest, |state| state == State::Found)
            .await?;
        let worded = Query {
            top_k: 1000,
            ..text_query("shared")
        };
        self.compare_hits(store, &worded, |state| state != State::Failed)
            .await?;
        let both = Query {
            mode: SearchMode::Hybrid,
            text: "shared".into(),
            ..nearest
        };
        self.compare_hits(store, &both, |state| state != State::Failed)
            .await
    }

    /// A search for everything finds everything it may, once.
    async fn compare_hits(
        &self,
        store: &dyn Store,
        query: &Query,
        may: impl Fn(State) -> bool,
    ) -> Result<(), String> {
        let hits = store
            .search(query)
            .await
            .map_err(|error| format!("search: {error:?}"))?;
        let mut theirs: Vec<_> = hits
            .into_iter()
            .map(|hit| (hit.source, hit.chunk.ordinal))
            .collect();
        theirs.sort();
        let ours: Vec<_> = self
            .chunks()
            .filter(|(_, _, state)| may(*state))
            .map(|(place, _, _)| place)
            .collect();
        if theirs == ours {
            Ok(())
        } else {
            Err(format!("{:?} search finds {theirs:?} for {ours:?}", query.mode))
        }
    }
}

fn state(origin: Origin) -> State {
    match origin {
        Origin::New | Origin::Stored => State::Found,
        Origin::TextOnly => State::TextOnly,
        Origin::Failed => State::Failed,
    }
}

fn findable(chunks: &[(u8, State)]) -> u64 {
    chunks.iter().filter(|(_, state)| *state != State::Failed).count() as u64
}
