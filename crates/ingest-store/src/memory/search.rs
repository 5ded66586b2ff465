//! Searching by comparing everything.

use std::collections::{BTreeSet, HashMap};

use ingest_core::{Hit, Query, Result, SearchMode};

use super::state::{Entry, Findable, State};
use crate::rank::{self, Best, CANDIDATES, Needle};
use crate::words::{self, Fields};
use crate::{check, glob};

/// How soon a word's repetition stops to count, and how much a text's length does: the usual values, and SQLite's.
const BM25_K1: f64 = 1.2;
const BM25_B: f64 = 0.75;

pub(super) fn search(state: &State, query: &Query) -> Result<Vec<Hit>> {
    let Some(identity) = &state.identity else {
        return Ok(Vec::new());
    };
    check::query(query, identity)?;
    // In order of source and ordinal, so that a chunk's index also decides ties.
    let chunks: Vec<(&Entry, &Findable)> = state
        .findable()
        .filter(|(entry, _)| {
            let pattern = query.source.as_deref();
            pattern.is_none_or(|pattern| glob::matches(pattern, &entry.document.source))
        })
        .collect();
    let ranked = match (query.mode, &query.vector) {
        (SearchMode::Vector, Some(values)) => by_vector(state, &chunks, values, query.top_k),
        (SearchMode::Text, _) => by_words(state, &chunks, &query.text, query.top_k),
        (_, values) => {
            let candidates = query.top_k.max(CANDIDATES);
            let indexes = |ranked: Vec<(f64, usize)>| -> Vec<usize> {
                ranked.into_iter().map(|(_, index)| index).collect()
            };
            let weight = query.vector_weight.unwrap_or(identity.vector_weight);
            let near = match values {
                Some(values) if weight > 0.0 => indexes(by_vector(state, &chunks, values, candidates)),
                _ => Vec::new(),
            };
            let worded = indexes(by_words(state, &chunks, &query.text, candidates));
            let fused = rank::fuse([(&worded, 1.0), (&near, f64::from(weight))]);
            let mut ranked: Vec<_> = fused.into_iter().map(|(index, score)| (score, index)).collect();
            ranked.sort_by(rank::by_score);
            ranked.truncate(query.top_k);
            ranked
        }
    };
    let hits = ranked.into_iter().map(|(score, index)| {
        let (entry, found) = chunks[index];
        Hit {
            score,
            source: entry.document.source.clone(),
            title: entry.document.title.clone(),
            chunk: found.chunk.clone(),
        }
    });
    Ok(hits.collect())
}

fn by_vector(state: &State, chunks: &[(&Entry, &Findable)], values: &[f32], top: usize) -> Vec<(f64, usize)> {
    let needle = Needle::new(values);
    let mut best = Best::new(top);
    for (index, (_, found)) in chunks.iter().enumerate() {
        if let Some(stored) = state.vector(found) {
            let scale = rank::inverse_length(stored);
            best.push(needle.cosine(&rank::to_bytes(stored), scale), index);
        }
    }
    sorted(best, top)
}

/// BM25 over the chunks that hold any of the words; how rare a word is counts over the whole store.
fn by_words(state: &State, chunks: &[(&Entry, &Findable)], text: &str, top: usize) -> Vec<(f64, usize)> {
    let wanted: BTreeSet<String> = words::of_question(text).iter().map(|word| stem(word)).collect();
    let mut holders: HashMap<&str, usize> = HashMap::new();
    let (mut total, mut length) = (0usize, 0usize);
    for (entry, found) in state.findable() {
        let counts = counts(entry, found);
        total += 1;
        length += counts.values().sum::<usize>();
        for word in wanted.iter().filter(|word| counts.contains_key(*word)) {
            *holders.entry(word).or_default() += 1;
        }
    }
    let average = length as f64 / total.max(1) as f64;
    let mut best = Best::new(top);
    for (index, (entry, found)) in chunks.iter().enumerate() {
        let counts = counts(entry, found);
        let own = counts.values().sum::<usize>() as f64;
        let scores = wanted.iter().filter_map(|word| {
            let often = *counts.get(word)? as f64;
            let holders = holders.get(word.as_str()).copied().unwrap_or_default() as f64;
            let rarity = ((total as f64 - holders + 0.5) / (holders + 0.5)).ln().max(1e-6);
            let damped =
                often * (BM25_K1 + 1.0) / (often + BM25_K1 * (1.0 - BM25_B + BM25_B * own / average));
            Some(rarity * damped)
        });
        let scores: Vec<f64> = scores.collect();
        if !scores.is_empty() {
            best.push(scores.iter().sum(), index);
        }
    }
    sorted(best, top)
}

fn counts(entry: &Entry, found: &Findable) -> HashMap<String, usize> {
    let fields = Fields::new(&entry.document.title, &found.chunk);
    let mut counts = HashMap::new();
    for text in [fields.title, fields.header, fields.body] {
        let words = text.split(|character: char| !character.is_alphanumeric());
        for word in words.filter(|word| !word.is_empty()) {
            *counts.entry(stem(&word.to_lowercase())).or_default() += 1;
        }
    }
    counts
}

fn stem(word: &str) -> String {
    let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    word[..word.len() - usize::from(plural)].to_owned()
}

fn sorted(best: Best<usize>, top: usize) -> Vec<(f64, usize)> {
    let mut kept = best.into_kept();
    kept.sort_by(rank::by_score);
    kept.truncate(top);
    kept
}
