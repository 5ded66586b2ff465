//! Answers to questions: words by the text index, vectors by their index or one by one, both fused by rank.

use std::collections::HashMap;
use std::sync::Arc;

use ingest_core::{Hit, Query, SearchMode};
use tokio_postgres::Row;

use super::fault::{Fault, Work};
use super::pool::{Param, Session};
use super::read::{self, at_most};
use super::relevance::{self, Terms};
use super::row::{self, CHUNK, get};
use super::vector::Sent;
use super::{index, pattern};
use crate::rank::{self, CANDIDATES};
use crate::{check, words};

/// Up to so many chunks, comparing a question with each takes a few milliseconds and misses nothing.
const EXACT: i64 = 5_000;

/// How many candidates the index looks at for each hit wanted, and the bounds that pgvector sets.
const BREADTH: usize = 4;
const LEAST_BREADTH: usize = 100;
const MOST_BREADTH: usize = 1000;

pub(super) async fn search(session: Arc<Session>, query: &Query) -> Work<Vec<Hit>> {
    let Some(identity) = read::identity(&session).await? else {
        return Ok(Vec::new());
    };
    check::query(query, &identity)?;
    let finder = Finder {
        session: &session,
        dimensions: identity.dimensions,
        scope: query.source.as_deref().map(pattern::to_regex),
    };
    let ranked = match (query.mode, &query.vector) {
        (SearchMode::Vector, Some(values)) => finder.by_vector(values, query.top_k).await?,
        (SearchMode::Text, _) => match finder.by_words(&query.text, query.top_k).await? {
            none if none.is_empty() => finder.by_common_words(&query.text, query.top_k).await?,
            found => found,
        },
        (_, values) => {
            let candidates = query.top_k.max(CANDIDATES);
            let weight = query.vector_weight.unwrap_or(identity.vector_weight);
            let near = match values {
                Some(values) if weight > 0.0 => finder.by_vector(values, candidates).await?,
                _ => Vec::new(),
            };
            let worded = finder.by_words(&query.text, candidates).await?;
            fused(worded, near, f64::from(weight), query.top_k)
        }
    };
    finder.hits(ranked).await
}

/// A chunk that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    source: String,
    ordinal: u32,
    id: i64,
}

type Ranked = Vec<(f64, Place)>;

fn fused(worded: Ranked, near: Ranked, weight: f64, wanted: usize) -> Ranked {
    let ids = |ranked: &Ranked| ranked.iter().map(|(_, place)| place.id).collect::<Vec<_>>();
    let scores = rank::fuse([(&ids(&worded), 1.0), (&ids(&near), weight)]);
    let mut places: HashMap<i64, Place> = worded
        .into_iter()
        .chain(near)
        .map(|(_, place)| (place.id, place))
        .collect();
    let scored = scores
        .into_iter()
        .filter_map(|(id, score)| Some((score, places.remove(&id)?)));
    let mut ranked: Ranked = scored.collect();
    ranked.sort_by(rank::by_score);
    ranked.truncate(wanted);
    ranked
}

struct Finder<'a> {
    session: &'a Session,
    dimensions: usize,
    /// What the names of the documents must match, if not all may be found. `None` within matches nothing.
    scope: Option<Option<String>>,
}

impl Finder<'_> {
    /// The chunks nearest to a vector, best first.
    async fn by_vector(&self, values: &[f32], wanted: usize) -> Work<Ranked> {
        if self.is_hopeless() {
            return Ok(Vec::new());
        }
        let breadth = wanted.saturating_mul(BREADTH).clamp(LEAST_BREADTH, MOST_BREADTH);
        if wanted <= breadth && self.is_worth_the_index().await? {
            return self.by_index(values, wanted, breadth).await;
        }
        // Without this the planner would take the index, which neither finds all nor puts ties in order.
        self.session.batch("SET LOCAL enable_indexscan = off").await?;
        let (vector, limit) = (Sent(values), at_most(wanted));
        let mut params: Vec<Param<'_>> = vec![&vector, &limit];
        let filter = self.filter(&mut params);
        let sql = format!(
            "SELECT 1 - (c.embedding <=> $1), d.source, c.ordinal, c.id
             FROM chunks AS c JOIN ingest_documents AS d ON d.id = c.document_id
             WHERE c.embedding IS NOT NULL {filter} ORDER BY c.embedding <=> $1, d.source, c.ordinal LIMIT $2"
        );
        let rows = self.session.query(&sql, &params).await?;
        self.session.batch("SET LOCAL enable_indexscan = on").await?;
        rows.iter().map(ranked).collect()
    }

    async fn is_worth_the_index(&self) -> Work<bool> {
        if !index::exists(self.session).await? {
            return Ok(false);
        }
        let mut params: Vec<Param<'_>> = Vec::new();
        let filter = self.filter(&mut params);
        let sql = match self.scope {
            // An estimate is as good, and costs nothing.
            None => "SELECT reltuples::bigint FROM pg_class WHERE oid = 'chunks'::regclass".to_owned(),
            Some(_) => format!(
                "SELECT coalesce(sum(d.chunks), 0)::bigint FROM ingest_documents AS d WHERE true {filter}"
            ),
        };
        let chunks: i64 = get(&self.session.first(&sql, &params).await?, 0)?;
        Ok(chunks > EXACT)
    }

    /// The same by the index, which finds nearly all: more than are wanted are taken from it, and sorted exactly.
    async fn by_index(&self, values: &[f32], wanted: usize, breadth: usize) -> Work<Ranked> {
        // A filter leaves too few of the first candidates; then the index goes on.
        let settings = format!(
            "SET LOCAL hnsw.ef_search = {breadth}; SET LOCAL hnsw.iterative_scan = relaxed_order; \
             SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"
        );
        self.session.batch(&settings).await?;
        let (vector, limit, candidates) = (Sent(values), at_most(wanted), at_most(breadth));
        let mut params: Vec<Param<'_>> = vec![&vector, &limit, &candidates];
        let filter = self.filter(&mut params);
        let distance = index::Kind::of(self.dimensions).distance(self.dimensions, "$1");
        let sql = format!(
            "WITH near AS MATERIALIZED (
                 SELECT c.id, c.embedding, c.document_id, c.ordinal FROM chunks AS c
                 WHERE c.embedding IS NOT NULL AND c.document_id IS NOT NULL {within} ORDER BY c.{distance} LIMIT $3)
             SELECT 1 - (c.embedding <=> $1), d.source, c.ordinal, c.id
             FROM near AS c JOIN ingest_documents AS d ON d.id = c.document_id
             ORDER BY c.embedding <=> $1, d.source, c.ordinal LIMIT $2",
            within = if filter.is_empty() {
                String::new()
            } else {
                format!("AND EXISTS (SELECT FROM ingest_documents AS d WHERE d.id = c.document_id {filter})")
            }
        );
        let rows = self.session.query(&sql, &params).await?;
        self.session
            .batch("SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on")
            .await?;
        rows.iter().map(ranked).collect()
    }

    /// The chunks that hold any of the question's words, best first.
    async fn by_words(&self, text: &str, wanted: usize) -> Work<Ranked> {
        let words = words::of_question(text);
        if words.is_empty() || self.is_hopeless() {
            return Ok(Vec::new());
        }
        let terms = Terms::of(self.session, &words).await?;
        let (some, all) = (terms.candidates(wanted, false), terms.candidates(wanted, true));
        let Some(candidates) = &some else {
            return Ok(Vec::new());
        };
        let found = self.by_terms(&terms, candidates, wanted).await?;
        match &all {
            Some(all) if found.len() < wanted && all != candidates => {
                self.by_terms(&terms, all, wanted).await
            }
            _ => Ok(found),
        }
    }

    async fn by_terms(&self, terms: &Terms, candidates: &String, wanted: usize) -> Work<Ranked> {
        let (parameters, limit) = (terms.parameters(), at_most(wanted));
        let mut params = parameters.all();
        params.extend([candidates as Param<'_>, &limit]);
        let filter = self.filter(&mut params);
        let sql = format!(
            "WITH {terms}
             SELECT s.score, d.source, c.ordinal, c.id
             FROM chunks AS c JOIN ingest_documents AS d ON d.id = c.document_id, {score}
             WHERE c.search_vector @@ $5::text::tsquery {filter} ORDER BY s.score DESC, d.source, c.ordinal LIMIT $6",
            terms = relevance::TERMS,
            score = relevance::score(),
        );
        self.session
            .query(&sql, &params)
            .await?
            .iter()
            .map(ranked)
            .collect()
    }

    /// The first chunks that hold any of the words of a question, where all of these are too common to be in the index.
    /// None of such chunks is better than another.
    async fn by_common_words(&self, text: &str, wanted: usize) -> Work<Ranked> {
        let words = words::of_question(text);
        let row = self
            .session
            .first("SELECT numnode(to_tsquery('english', $1))", &[&or_query(&words)])
            .await?;
        if words.is_empty() || self.is_hopeless() || get::<i32>(&row, 0)? > 0 {
            return Ok(Vec::new());
        }
        let (pattern, limit) = (format!("\\m({})\\M", words.join("|")), at_most(wanted));
        let mut params: Vec<Param<'_>> = vec![&pattern, &limit];
        let filter = self.filter(&mut params);
        let sql = format!(
            "SELECT 0::float8, d.source, c.ordinal, c.id FROM chunks AS c JOIN ingest_documents AS d ON d.id = c.document_id
             WHERE c.content ~* $1 {filter} ORDER BY d.source, c.ordinal LIMIT $2"
        );
        self.session
            .query(&sql, &params)
            .await?
            .iter()
            .map(ranked)
            .collect()
    }

    /// A filter on the documents `d`, which adds its parameter.
    fn filter<'p>(&'p self, params: &mut Vec<Param<'p>>) -> String {
        match &self.scope {
            None => String::new(),
            Some(pattern) => {
                params.push(pattern);
                format!("AND d.source ~ ${}", params.len())
            }
        }
    }

    /// Whether no name can match.
    fn is_hopeless(&self) -> bool {
        matches!(self.scope, Some(None))
    }

    async fn hits(&self, ranked: Ranked) -> Work<Vec<Hit>> {
        let ids: Vec<i64> = ranked.iter().map(|(_, place)| place.id).collect();
        let rows = self
            .session
            .query(
                &format!(
                    "SELECT c.id, d.title, {CHUNK} FROM chunks AS c JOIN ingest_documents AS d ON d.id = c.document_id
                     WHERE c.id = ANY($1)"
                ),
                &[&ids],
            )
            .await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (id, title): (i64, String) = (get(row, 0)?, get(row, 1)?);
            found.insert(id, (title, row::chunk(row, 2)?));
        }
        let hits = ranked.into_iter().map(|(score, place)| {
            let (title, chunk) = found
                .remove(&place.id)
                .ok_or_else(|| Fault::Damaged("a chunk vanished while it was read".into()))?;
            Ok(Hit {
                score,
                source: place.source,
                title,
                chunk,
            })
        });
        hits.collect()
    }
}

/// Any of the words, as PostgreSQL writes it. Only letters and digits are left of them; the quotes keep them from being
/// operators.
fn or_query(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    quoted.join(" | ")
}

fn ranked(row: &Row) -> Work<(f64, Place)> {
    let score: f64 = get(row, 0)?;
    let place = Place {
        source: get(row, 1)?,
        ordinal: row::whole(row, 2)?,
        id: get(row, 3)?,
    };
    Ok((score, place))
}
