//! The binary on a store in a real PostgreSQL server; without one these tests are shown as ignored.

#[path = "../cli/server.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod server;
#[path = "../cli/work.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod work;

mod sharing;
mod stores;

use std::process::ExitCode;

use ingest_store::testing::{Database, Server};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// A test over an empty database of its own.
type Test = fn(&Runtime, &Database);

/// Lists tests of modules by name.
macro_rules! tests {
    ($($module:ident { $($name:ident),+ $(,)? })+) => {
        vec![$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as Test)),+),+]
    };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let server = Server::find();
    if let Err(reason) = &server {
        eprintln!("tests that need PostgreSQL are ignored: {reason}");
    }
    let tests: Vec<(&str, Test)> = tests! {
        stores {
            a_server_holds_what_a_file_holds,
            the_db_settings_name_the_store,
            a_filled_database_is_adopted_when_asked,
            what_stops_a_run_is_told_without_the_password,
            a_doctor_looks_at_the_server_and_makes_nothing,
        }
        sharing {
            two_processes_share_the_work_and_one_may_die,
        }
    };
    let trials = tests.into_iter().map(|(name, test)| {
        let server = server.clone();
        let ignored = server.is_err();
        Trial::test(name, move || run(&server?, test)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(server: &Server, test: Test) -> Result<(), Failed> {
    let runtime = Runtime::new()?;
    let database = runtime.block_on(server.database());
    test(&runtime, &database);
    runtime.block_on(server.drop_database(&database.name));
    Ok(())
}
