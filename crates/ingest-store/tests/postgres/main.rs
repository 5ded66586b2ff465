//! The store in a real PostgreSQL server: the one of `DATABASE_URL`, else the one that `cargo xtask services up` started.
//!
//! Without a server every test is shown as ignored, since the README's one test command must work on any machine; with
//! `DATABASE_URL` set nothing is skipped, and a server that does not answer is a failure.

mod adopting;
mod faults;
mod indexing;
mod inspecting;
mod protection;
mod proxy;
mod readers;
mod sharing;
mod suite;

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use ingest_store::testing::{Database, Server};

/// A test over an empty database of its own.
type Test = fn(Database) -> Pin<Box<dyn Future<Output = ()>>>;

/// Lists tests of modules as [`Test`]s, by name.
macro_rules! tests {
    ($($module:ident { $($name:ident),+ $(,)? })+) => {
        vec![$($((
            concat!(stringify!($module), "::", stringify!($name)),
            (|database| Box::pin($module::$name(database))) as Test,
        )),+),+]
    };
}

fn tests() -> Vec<(&'static str, Test)> {
    let own: Vec<(&str, Test)> = tests! {
        faults {
            a_connection_cut_anywhere_leaves_whole_documents,
            a_lost_answer_to_a_commit_does_no_harm,
            a_server_that_comes_back_is_waited_for,
            what_the_server_says_is_told_apart,
            a_statement_timeout_names_the_setting,
            a_closed_door_says_why,
            few_connections_are_shared,
            vectors_of_another_width_are_not_mixed_in,
            writers_of_the_same_documents_do_not_deadlock,
        }
        readers {
            the_three_searches_work_unchanged,
            every_column_and_index_is_there,
            a_row_holds_what_the_document_says,
        }
        adopting {
            the_references_table_is_taken_over,
            what_is_no_such_table_is_left_alone,
            a_newer_store_is_refused,
            a_store_of_the_first_version_is_brought_up_to_date,
            looking_for_a_store_makes_none,
            many_may_open_a_new_store_at_once,
            schemas_keep_stores_apart,
        }
        indexing {
            the_index_is_built_once_at_the_end,
            the_last_of_several_runs_builds_it,
            the_index_finds_what_comparing_all_finds,
            wide_vectors_have_another_index_or_none,
            a_build_that_is_given_up_ends,
        }
        inspecting {
            a_look_tells_of_pgvector_and_rights,
        }
        protection {
            each_mode_accepts_what_it_should,
        }
        sharing {
            runs_share_or_are_alone,
            a_document_is_claimed_once,
            claims_made_at_once_do_not_overlap,
            the_documents_of_a_dead_run_are_taken_over,
            a_sweep_spares_what_others_keep,
            a_broken_connection_does_not_end_a_run,
        }
    };
    own.into_iter().chain(suite::tests()).collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let server = Server::find();
    if let Err(reason) = &server {
        eprintln!("tests that need PostgreSQL are ignored: {reason}");
    }
    let trials = tests().into_iter().map(|(name, test)| {
        let server = server.clone();
        let ignored = server.is_err();
        Trial::test(name, move || run(&server?, test)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(server: &Server, test: Test) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let database = server.database().await;
        let name = database.name.clone();
        // What a test leaves open is closed by force; a test that fails leaves its database for a look.
        test(database).await;
        server.drop_database(&name).await;
        Ok(())
    })
}
