//! Answers to questions: words by the full-text index, vectors by the scan, both fused by rank.

use std::collections::HashMap;

use ingest_core::{Hit, Query, SearchMode};
use rusqlite::{OptionalExtension, Transaction, params};

use super::fault::{Fault, Work};
use super::row::{self, CHUNK};
use super::schema::Database;
use super::{read, scan};
use crate::rank::{self, Best, CANDIDATES};
use crate::{check, words};

/// What a word is worth in a title, in the headings and in the body.
const WORD_WEIGHTS: [f64; 3] = [1.0, 1.0, 1.0];

pub(super) fn search(tx: &Transaction<'_>, database: &Database, query: &Query) -> Work<Vec<Hit>> {
    let Some(identity) = read::identity(tx)? else {
        return Ok(Vec::new());
    };
    check::query(query, &identity)?;
    let scope = query
        .source
        .as_deref()
        .map(|pattern| Scope::of(tx, pattern))
        .transpose()?;
    let mut finder = Finder {
        tx,
        database,
        scope,
        places: HashMap::new(),
    };
    let ranked = match (query.mode, &query.vector) {
        (SearchMode::Vector, Some(values)) => finder.by_vector(values, query.top_k)?,
        (SearchMode::Text, _) => finder.by_words(&query.text, query.top_k)?,
        (_, values) => {
            let candidates = query.top_k.max(CANDIDATES);
            let weight = query.vector_weight.unwrap_or(identity.vector_weight);
            let near = match values {
                Some(values) if weight > 0.0 => finder.by_vector(values, candidates)?,
                _ => Vec::new(),
            };
            let worded = finder.by_words(&query.text, candidates)?;
            let ids = |ranked: &[(f64, i64)]| ranked.iter().map(|&(_, id)| id).collect::<Vec<_>>();
            let fused = rank::fuse([(&ids(&worded), 1.0), (&ids(&near), f64::from(weight))]);
            finder.in_order(
                fused.into_iter().map(|(id, score)| (score, id)).collect(),
                query.top_k,
            )?
        }
    };
    ranked
        .into_iter()
        .map(|(score, id)| finder.hit(score, id))
        .collect()
}

/// The chunks of the documents a search is confined to.
#[derive(Debug)]
pub(super) struct Scope {
    /// Ranges of chunk ids, rising.
    documents: Vec<(i64, i64)>,
}

impl Scope {
    fn of(tx: &Transaction<'_>, pattern: &str) -> Work<Self> {
        let mut statement = tx.prepare_cached("SELECT id, id + slots FROM documents WHERE source GLOB ?1")?;
        let ranges = statement.query_map([pattern], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut documents = ranges.collect::<rusqlite::Result<Vec<_>>>()?;
        documents.sort_unstable();
        Ok(Self { documents })
    }

    fn holds(&self, chunk: i64) -> bool {
        let behind = self.documents.partition_point(|&(first, _)| first <= chunk);
        behind > 0 && chunk < self.documents[behind - 1].1
    }

    /// The vectors of these chunks, rising, each once. The index by vector holds all that is asked.
    pub(super) fn vectors(&self, tx: &Transaction<'_>) -> Work<Vec<i64>> {
        let mut statement =
            tx.prepare_cached("SELECT vector, id FROM chunks WHERE vector IS NOT NULL ORDER BY vector")?;
        let mut rows = statement.query(())?;
        let mut vectors = Vec::new();
        while let Some(row) = rows.next()? {
            if self.holds(row.get(1)?) {
                vectors.push(row.get(0)?);
            }
        }
        vectors.dedup();
        Ok(vectors)
    }
}

/// Where a chunk stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    source: String,
    ordinal: u32,
}

struct Finder<'tx> {
    tx: &'tx Transaction<'tx>,
    database: &'tx Database,
    scope: Option<Scope>,
    places: HashMap<i64, Place>,
}

impl Finder<'_> {
    /// The chunks nearest to a vector, best first.
    fn by_vector(&mut self, values: &[f32], wanted: usize) -> Work<Vec<(f64, i64)>> {
        let nearest = scan::nearest(self.tx, self.database, values, self.scope.as_ref(), wanted)?;
        let mut statement = self
            .tx
            .prepare_cached("SELECT id FROM chunks WHERE vector = ?1")?;
        let mut found = Vec::new();
        for (score, vector) in nearest {
            let mut rows = statement.query([vector])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                if self.scope.as_ref().is_none_or(|scope| scope.holds(id)) {
                    found.push((score, id));
                }
            }
        }
        drop(statement);
        self.in_order(found, wanted)
    }

    /// The chunks that hold any of the question's words, best first by BM25.
    fn by_words(&mut self, text: &str, wanted: usize) -> Work<Vec<(f64, i64)>> {
        let words = words::of_question(text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        // Only letters and digits are left of the words; the quotes keep `and`, `or`, `not` and `near` from being more.
        let terms: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let [title, header, body] = WORD_WEIGHTS;
        let mut statement = self
            .tx
            .prepare_cached("SELECT rowid, -bm25(words, ?2, ?3, ?4) FROM words WHERE words MATCH ?1")?;
        let mut rows = statement.query(params![terms.join(" OR "), title, header, body])?;
        let mut best = Best::new(wanted);
        while let Some(row) = rows.next()? {
            let (id, score) = (row.get(0)?, row.get(1)?);
            if best.takes(score) && self.scope.as_ref().is_none_or(|scope| scope.holds(id)) {
                best.push(score, id);
            }
        }
        drop(rows);
        drop(statement);
        self.in_order(best.into_kept(), wanted)
    }

    /// Sorts by score, then source and ordinal, and keeps the first `wanted`.
    fn in_order(&mut self, found: Vec<(f64, i64)>, wanted: usize) -> Work<Vec<(f64, i64)>> {
        let mut placed = Vec::with_capacity(found.len());
        for (score, id) in found {
            placed.push((score, (self.place(id)?, id)));
        }
        placed.sort_by(rank::by_score);
        placed.truncate(wanted);
        Ok(placed.into_iter().map(|(score, (_, id))| (score, id)).collect())
    }

    fn place(&mut self, id: i64) -> Work<Place> {
        if let Some(place) = self.places.get(&id) {
            return Ok(place.clone());
        }
        let mut statement = self
            .tx
            .prepare_cached("SELECT id, source FROM documents WHERE id <= ?1 ORDER BY id DESC LIMIT 1")?;
        let (document, source): (i64, String) = statement
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or_else(|| Fault::Damaged(format!("chunk {id} belongs to no document")))?;
        let ordinal = row::ordinal(id, document)?;
        let place = Place { source, ordinal };
        self.places.insert(id, place.clone());
        Ok(place)
    }

    fn hit(&mut self, score: f64, id: i64) -> Work<Hit> {
        let Place { source, ordinal } = self.place(id)?;
        let mut statement = self
            .tx
            .prepare_cached(&format!("SELECT {CHUNK} FROM chunks WHERE id = ?1"))?;
        let chunk = statement.query_row([id], |row| Ok(row::chunk(row, 0, ordinal)))??;
        let mut statement = self
            .tx
            .prepare_cached("SELECT title FROM documents WHERE source = ?1")?;
        let title = statement.query_row([&source], |row| row.get(0))?;
        Ok(Hit {
            score,
            source,
            title,
            chunk,
        })
    }
}
