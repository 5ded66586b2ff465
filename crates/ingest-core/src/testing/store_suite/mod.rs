//! What every store promises, as functions over a place to open it.
//!
//! A store's own tests turn the list into tests of theirs:
//!
//! ```ignore
//! macro_rules! tests {
//!     ($($name:ident),+) => { $(
//!         #[tokio::test]
//!         async fn $name() {
//!             ingest_core::testing::store_suite::$name(&MyPlace::new()).await;
//!         }
//!     )+ };
//! }
//! ingest_core::store_checks!(tests);
//! ```

mod binding;
mod keeping;
mod model;
mod reading;
mod runs;
mod searching;
mod settling;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;

pub use binding::*;
pub use keeping::*;
pub use model::any_history_agrees_with_a_plain_model;
pub use reading::*;
pub use runs::*;
pub use searching::*;
pub use settling::*;
pub use writing::*;

use super::samples::identity;
use crate::{Query, Store};

/// A place with one store in it.
#[async_trait]
pub trait Place: Send + Sync {
    /// A handle of its own on that store, as another process would have; the first one finds it empty. What was
    /// written through a handle is there when that is dropped and another opened.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Gives the names of all checks to a macro.
#[macro_export]
macro_rules! store_checks {
    ($then:ident) => {
        $then! {
            an_empty_store_answers_everything,
            binding_takes_over_what_was_unknown,
            binding_another_model_names_both,
            the_first_canary_stays_and_another_is_refused,
            replacing_is_whole,
            replacing_keeps_every_field,
            the_later_of_two_versions_stays,
            two_chunks_at_one_position_are_refused,
            equal_texts_share_a_vector_and_are_each_found,
            a_vector_may_come_from_the_same_call,
            a_wrong_vector_changes_nothing,
            a_stored_vector_must_be_stored,
            a_vector_needs_a_model,
            kept_vectors_stay_until_swept,
            vectors_are_kept_beside_documents,
            a_moved_document_reuses_its_vectors,
            touching_changes_origin_and_revision_alone,
            removing_passes_over_unknown_sources,
            clearing_forgets_everything,
            failed_chunks_are_kept_aside,
            settling_makes_a_document_complete,
            settling_keeps_the_newer_cause,
            a_refused_settling_changes_nothing,
            states_come_in_the_order_asked,
            documents_come_in_pages_by_origin,
            origins_are_counted,
            chunks_come_in_pages_with_their_vectors,
            chunks_are_found_by_their_hash,
            failures_come_in_pages,
            status_counts_what_is_there,
            reopening_finds_everything,
            hostile_texts_are_kept_exactly,
            vectors_rank_by_cosine,
            words_rank_by_relevance,
            words_are_found_in_titles_and_headings,
            word_forms_do_not_matter,
            hybrid_search_fuses_ranks,
            hybrid_search_looks_beyond_what_is_wanted,
            the_weight_of_vectors_counts,
            equal_scores_come_in_order_of_source_and_position,
            filters_apply_before_counting,
            texts_without_a_vector_are_found_by_words,
            no_search_finds_what_is_gone,
            odd_questions_are_harmless,
            senseless_questions_are_refused,
            a_second_run_is_locked_out,
            a_waiting_run_gets_its_turn,
            runs_are_recorded,
            readers_see_whole_documents_during_writes,
            any_history_agrees_with_a_plain_model
        }
    };
}

/// A handle on the empty store, bound to the sample model.
async fn bound(place: &dyn Place) -> Arc<dyn Store> {
    let store = place.open().await;
    store.bind(&identity()).await.expect("binding an empty store");
    store
}

/// The sources and positions a search finds, best first.
async fn found(store: &dyn Store, query: &Query) -> Vec<(String, u32)> {
    let hits = store.search(query).await.expect("search");
    hits.into_iter()
        .map(|hit| (hit.source, hit.chunk.ordinal))
        .collect()
}

/// The sources a search finds, best first.
async fn sources(store: &dyn Store, query: &Query) -> Vec<String> {
    found(store, query)
        .await
        .into_iter()
        .map(|(source, _)| source)
        .collect()
}
