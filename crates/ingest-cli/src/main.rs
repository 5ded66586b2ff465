//! `ingest`: keeps a searchable vector index in step with documents.
//!
//! Standard output carries the result, standard error everything else. Exit status: 0 all done, 1 something failed,
//! 2 wrong usage or settings, 3 could not start or go on, 130 and 143 interrupted.

mod allocator;
mod args;
mod commands;
mod console;
mod embedder;
mod failure;
mod interrupt;
mod layers;
mod logs;
mod metrics;
mod output;
mod page;
mod price;
mod progress;
mod recorders;
mod rounds;
mod sources;
mod spread;
mod store;
mod style;
mod summary;
mod watch;
mod whole_file;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Command};
use crate::commands::{completions, config, doctor, embed, explain, export, man, run, search, status};
use crate::console::Console;
use crate::failure::{Failure, Result, Status};
use crate::output::Output;

fn main() -> ExitCode {
    allocator::share();
    let cli = parse();
    let console = Arc::new(Console::new(&cli.global));
    logs::start(&console);
    let status = dispatch(&cli, &console).unwrap_or_else(|failure| {
        console.failure(&failure);
        failure.status
    });
    ExitCode::from(status.code())
}

/// Reads the command line; `--help`, `--version` and wrong usage end here.
fn parse() -> Cli {
    let matches = Cli::command().color(colors_of_help()).try_get_matches();
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    cli.unwrap_or_else(|error| {
        if error.use_stderr() && given("--log-format").as_deref() == Some("json") {
            tell_as_json(&error);
            std::process::exit(error.exit_code());
        }
        error.exit()
    })
}

/// Tells wrong usage in the form that was asked for.
fn tell_as_json(error: &clap::Error) {
    let console = Arc::new(Console::json());
    logs::start(&console);
    let message = error.render().to_string();
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    console.error(message.trim_end());
}

/// Help and usage errors are printed before flags are read, so what they heed is looked for by hand.
fn colors_of_help() -> clap::ColorChoice {
    match given("--color").as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// The value that was given to a flag, if the arguments look like it.
fn given(flag: &str) -> Option<String> {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let Some(rest) = argument.to_str().and_then(|argument| argument.strip_prefix(flag)) else {
            continue;
        };
        if rest.is_empty() {
            return arguments.next()?.into_string().ok();
        }
        if let Some(value) = rest.strip_prefix('=') {
            return Some(value.to_owned());
        }
    }
    None
}

fn dispatch(cli: &Cli, console: &Arc<Console>) -> Result<Status> {
    let global = &cli.global;
    let output = &mut Output::new(global);
    match &cli.command {
        Command::Completions(args) => completions::completions(args),
        Command::Man(args) => man::man(args, output),
        #[cfg(feature = "pdf")]
        Command::ReadPdf(args) => commands::read_pdf::read_pdf(args),
        Command::Config(args) => config::config(&args.command, global, console, output),
        Command::Run(args) => block_on(run::run(args, global, console, output)),
        Command::Search(args) => block_on(search::search(args, global, console, output)),
        Command::Status => block_on(status::status(global, console, output)),
        Command::Export => block_on(export::export(global, console, output)),
        Command::Explain(args) => block_on(explain::explain(args, global, console, output)),
        Command::Doctor(args) => block_on(doctor::doctor(args, global, console, output)),
        Command::Embed(args) => block_on(embed::embed(args, global, console, output)),
    }
}

/// Starts a runtime only for commands that need one, so that the others start fast.
fn block_on(command: impl Future<Output = Result<Status>>) -> Result<Status> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Status::Stopped, format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(command);
    // A thread may still wait for standard input or a name server; nobody waits for it.
    runtime.shutdown_background();
    result
}
