//! Chunks ranked by their words: BM25, as the other stores rank, computed by the server from what its text index keeps.
//!
//! PostgreSQL's own ranks know nothing of how rare a word is, which is most of what tells a good hit from a bad one: on
//! the questions of `cargo xtask quality` they find less than half of what BM25 does.

use super::fault::Work;
use super::pool::{Param, Session};
use super::row::get;

/// How soon a word's repetition stops to count, and how much a text's length does: the usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Words of a question that count, the rarest first: more make a search slow, and tell nothing new.
const MAX_TERMS: usize = 32;

/// Once the rarest words are in so many chunks, those that hold only more common ones are not looked at, unless too few
/// are found: what they lack weighs more than what they have.
const ENOUGH: f64 = 5_000.0;

/// Occurrences told apart; beyond, one more changes nothing.
const MOST_OCCURRENCES: u32 = 20;

/// A word of a question, as the index has it.
#[derive(Clone, Debug)]
struct Term {
    /// Quoted, as a query of one word.
    query: String,
    /// Chunks that hold it, known or estimated.
    chunks: f64,
    /// What it is worth.
    rarity: f64,
}

/// The words of a question with what is known of them.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Rarest first; none that no chunk holds.
    terms: Vec<Term>,
    /// Distinct words of an average chunk.
    average: f64,
}

impl Terms {
    /// Looks up the words of a question. How many chunks hold one of the most common words is told by the server's
    /// statistics; others are counted, which is quick because they are rare.
    pub(super) async fn of(session: &Session, words: &[String]) -> Work<Self> {
        let rows = session
            .query(
                "WITH asked AS (
                     SELECT DISTINCT lexeme, '''' || replace(lexeme, '''', '''''') || '''' AS query
                     FROM unnest(to_tsvector('english', $1))),
                 common AS (
                     SELECT e.lexeme, e.share FROM pg_stats AS s,
                         LATERAL unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (lexeme, share)
                     WHERE s.attname = 'search_vector'
                         AND (quote_ident(s.schemaname) || '.' || s.tablename)::regclass = 'chunks'::regclass),
                 total AS (
                     SELECT CASE WHEN reltuples > 10000 THEN reltuples::float8
                         ELSE (SELECT count(*) FROM chunks)::float8 END AS chunks
                     FROM pg_class WHERE oid = 'chunks'::regclass),
                 sample AS (
                     SELECT avg(length(search_vector))::float8 AS words
                     FROM (SELECT search_vector FROM chunks LIMIT 200) AS first_ones)
                 SELECT a.query, coalesce(c.share * t.chunks,
                         (SELECT count(*) FROM chunks WHERE search_vector @@ a.query::tsquery)::float8),
                     t.chunks, coalesce(s.words, 1)
                 FROM asked AS a LEFT JOIN common AS c USING (lexeme), total AS t, sample AS s",
                &[&words.join(" ")],
            )
            .await?;
        let mut found = Self {
            terms: Vec::with_capacity(rows.len()),
            average: 1.0,
        };
        for row in &rows {
            let (chunks, total): (f64, f64) = (get(row, 1)?, get(row, 2)?);
            found.average = get::<f64>(row, 3)?.max(1.0);
            if chunks > 0.0 {
                found.terms.push(Term {
                    query: get(row, 0)?,
                    chunks,
                    rarity: (1.0 + (total - chunks).max(0.0) / (chunks + 0.5)).ln().max(1e-6),
                });
            }
        }
        found.terms.sort_by(|one, other| {
            other
                .rarity
                .total_cmp(&one.rarity)
                .then_with(|| one.query.cmp(&other.query))
        });
        found.terms.truncate(MAX_TERMS);
        Ok(found)
    }

    /// Words that bring enough chunks between them, the rarest first; all, if `widely`. `None` for no words.
    pub(super) fn candidates(&self, wanted: usize, widely: bool) -> Option<String> {
        let enough = if widely {
            f64::INFINITY
        } else {
            ENOUGH.max(wanted as f64 * 20.0)
        };
        let mut chunks = 0.0;
        let some = self.terms.iter().take_while(|term| {
            let more = chunks < enough;
            chunks += term.chunks;
            more
        });
        let queries: Vec<&str> = some.map(|term| term.query.as_str()).collect();
        (!queries.is_empty()).then(|| queries.join(" | "))
    }

    pub(super) fn parameters(&self) -> Parameters {
        Parameters {
            queries: self.terms.iter().map(|term| term.query.clone()).collect(),
            rarities: self.terms.iter().map(|term| term.rarity).collect(),
            steps: steps(),
            average: self.average,
        }
    }
}

/// What [`SCORE`] refers to, as its first parameters.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    queries: Vec<String>,
    rarities: Vec<f64>,
    steps: Vec<f64>,
    average: f64,
}

impl Parameters {
    pub(super) fn all(&self) -> Vec<Param<'_>> {
        vec![&self.queries, &self.rarities, &self.steps, &self.average]
    }
}

/// Between which ranks of a single word lie its numbers of occurrences: PostgreSQL gives the n-th one `1/n²`.
fn steps() -> Vec<f64> {
    let mut sum = 0.0;
    let steps = (1..=MOST_OCCURRENCES).map(|number| {
        let more = f64::from(number).powi(-2);
        sum += more;
        sum - more / 2.0
    });
    steps.collect()
}

/// The words of a question, for [`score`] to be joined with.
pub(super) const TERMS: &str = "terms AS MATERIALIZED (
    SELECT query::tsquery AS query, rarity FROM unnest($1::text[], $2::float8[]) AS t (query, rarity))";

/// A lateral join that gives the `score` of the words of a chunk `c`. They are unpacked once, not for each word.
pub(super) fn score() -> String {
    // The number that makes PostgreSQL's sum of 1/n² one at most.
    const UNDO: f64 = 1.644_934_066_85;
    format!(
        "LATERAL (SELECT c.search_vector || ''::tsvector AS words, length(c.search_vector) AS length OFFSET 0) AS v,
         LATERAL (
             SELECT coalesce(sum(t.rarity * o.number * {gain} / (o.number + {K1} * ({base} + {B} * v.length / $4::float8))), 0)
                 AS score
             FROM terms AS t,
                 LATERAL (SELECT width_bucket(ts_rank('{{1,1,1,1}}', v.words, t.query)::float8 * {UNDO}, $3::float8[]))
                     AS o (number)
         ) AS s",
        gain = K1 + 1.0,
        base = 1.0 - B,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(chunks: &[f64]) -> Terms {
        let terms = chunks.iter().enumerate().map(|(number, &chunks)| Term {
            query: format!("'w{number}'"),
            chunks,
            rarity: 1.0,
        });
        Terms {
            terms: terms.collect(),
            average: 1.0,
        }
    }

    #[test]
    fn common_words_bring_no_candidates_where_rare_ones_bring_enough() {
        let few = terms(&[3.0, 40.0, 100.0]);
        assert_eq!(few.candidates(10, false), Some("'w0' | 'w1' | 'w2'".into()));
        let many = terms(&[3.0, 6000.0, 100_000.0]);
        assert_eq!(many.candidates(10, false), Some("'w0' | 'w1'".into()));
        assert_eq!(many.candidates(1000, false), Some("'w0' | 'w1' | 'w2'".into()));
        assert_eq!(many.candidates(10, true), Some("'w0' | 'w1' | 'w2'".into()));
        assert_eq!(terms(&[]).candidates(10, true), None);
    }

    #[test]
    fn occurrences_lie_between_the_steps() {
        let steps = steps();
        let mut rank = 0.0;
        for number in 1..=MOST_OCCURRENCES {
            rank += f64::from(number).powi(-2);
            let bucket = steps.iter().filter(|&&step| rank >= step).count();
            assert_eq!(bucket, number as usize);
        }
    }
}
