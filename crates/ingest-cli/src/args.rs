//! The grammar of the command line, and nothing else. Values that have a setting behind them stay texts here: the
//! settings check them, so that a wrong one is told the same way wherever it was set.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Keep a searchable vector index in step with your documents.
#[derive(Debug, Parser)]
#[command(
    name = "ingest",
    version,
    propagate_version = false,
    arg_required_else_help = true,
    after_help = "Start with:\n  ingest run DIR\n  ingest search \"a question\""
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Read this file instead of `config.toml` in the current folder.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where chunks are kept: `sqlite:FILE` or `postgres://user:password@host:port/database` [default:
    /// sqlite:.ingest/index.db].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) store: Option<String>,

    /// Tell more on standard error; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Tell errors only.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Whether to use colors; `auto`: in a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = false
    )]
    pub(crate) color: Color,

    /// What standard output carries.
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,

    /// What standard error carries: lines for people, or a JSON object a line. RUST_LOG adds events of the parts.
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: Format,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the store in step with documents: embed new and changed ones, remove vanished ones.
    Run(Box<Run>),
    /// Find the best chunks for a question.
    Search(Search),
    /// Tell what the store holds.
    Status,
    /// Tell what became of a document or a chunk, and why.
    Explain(Explain),
    /// Print every stored chunk as a line of JSON.
    Export,
    /// Turn texts into vectors, a line of JSON each; no store is needed.
    Embed(Embed),
    /// Look for faults in settings, server, model, store and machine, and tell what helps.
    Doctor(Doctor),
    /// Show the settings in force and where they come from, or write a file to set them in.
    Config(Config),
    /// Print a script that completes commands and flags in a shell.
    Completions(Completions),
    /// Write the manual, a page for each command: for those who make packages.
    #[command(hide = true)]
    Man(Man),
    /// Read a PDF from standard input: the process that `ingest run` reads one in.
    #[cfg(feature = "pdf")]
    #[command(hide = true)]
    ReadPdf(crate::commands::read_pdf::ReadPdf),
}

/// Who turns texts into vectors.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Embedding")]
pub(crate) struct Embedding {
    /// Who turns texts into vectors. `auto`: what the store was built with, else Ollama if it was configured or
    /// answers, else the built-in model.
    #[arg(long, value_name = "PROVIDER", value_parser = ["auto", "ollama", "openai", "static"])]
    pub(crate) provider: Option<String>,

    /// The model's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Address of the Ollama server, or base address of an OpenAI-like one; given several times, the work is shared
    /// among these servers.
    #[arg(long, value_name = "URL")]
    pub(crate) host: Vec<String>,

    /// Values per vector, where the model leaves a choice.
    #[arg(long, value_name = "N")]
    pub(crate) dimensions: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) embedding: Embedding,
}

/// What to run on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Documents")]
pub(crate) struct Input {
    /// Folders, files or globs. Folders are walked by the rules of `.gitignore` and `.ignore`, without hidden files.
    #[arg(value_name = "PATH", help_heading = "Arguments")]
    pub(crate) paths: Vec<PathBuf>,

    /// Take only files that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,

    /// Leave out files and folders that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Walk what `.gitignore` and `.ignore` leave out, too.
    #[arg(long)]
    pub(crate) no_ignore: bool,

    /// Take this one of the file's `[[sources]]`; may be repeated.
    #[arg(long, value_name = "NAME", conflicts_with = "paths")]
    pub(crate) source: Vec<String>,

    /// The folder that the paths of `[[sources]]` are relative to.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Read documents ready parsed, one JSON object a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) jsonl: Vec<PathBuf>,
}

/// How to run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct Work {
    /// Batches embedded at the same time; `auto` finds out how many help [default: 4].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<String>,

    /// One worker, documents in order; wins over `--workers`.
    #[arg(long)]
    pub(crate) sequential: bool,

    /// Most texts in a request [default: 64].
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<String>,

    /// Greatest length of a chunk in tokens [default: 400].
    #[arg(long, value_name = "N")]
    pub(crate) chunk_size: Option<String>,

    /// Tokens that neighbouring chunks share at most [default: 50].
    #[arg(long, value_name = "N")]
    pub(crate) chunk_overlap: Option<String>,

    /// Take up only what failed before.
    #[arg(long, conflicts_with_all = ["paths", "source", "jsonl"])]
    pub(crate) retry_failed: bool,

    /// Accepted for scripts: every run goes on where the last one ended.
    #[arg(long)]
    pub(crate) resume: bool,

    /// Forget the documents of these sources first.
    #[arg(long, conflicts_with = "retry_failed")]
    pub(crate) clean: bool,

    /// Take over a `chunks` table in PostgreSQL that another program filled, with its rows and vectors.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) adopt: bool,

    /// Go on until Ctrl-C, and run again whenever files change.
    #[arg(long, conflicts_with_all = ["dry_run", "retry_failed"])]
    pub(crate) watch: bool,

    /// Tell what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Keep documents that vanished.
    #[arg(long)]
    pub(crate) no_delete: bool,

    /// Refuse to remove more documents than this: a number, or a share such as `50%` [default: 50%].
    #[arg(long, value_name = "N|N%")]
    pub(crate) max_delete: Option<String>,

    /// Where failures are noted [default: .ingestion-failures.json].
    #[arg(long, value_name = "FILE")]
    pub(crate) failure_log: Option<PathBuf>,

    /// Write what the run does to this file, in the text format of Prometheus: when it begins, every 10 seconds, and at
    /// its end.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,

    /// Write a page to this file that shows what the run did: counts, times, failures, and a map of the store.
    #[arg(long, value_name = "FILE.html", conflicts_with = "dry_run")]
    pub(crate) report: Option<PathBuf>,

    /// Stop at the first failure.
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Time for a whole answer of the server [default: 300s].
    #[arg(long, value_name = "DUR")]
    pub(crate) timeout: Option<String>,

    /// Time to the first byte of an answer, while a model loads [default: 300s].
    #[arg(long, value_name = "DUR")]
    pub(crate) load_timeout: Option<String>,

    /// How long to wait for an unreachable server [default: 60s].
    #[arg(long, value_name = "DUR")]
    pub(crate) wait: Option<String>,

    /// What to do with a chunk that the model cannot read whole [default: split].
    #[arg(long, value_name = "HOW", value_parser = ["split", "truncate", "fail"])]
    pub(crate) on_too_long: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The question; several words need no quotes.
    #[arg(required = true, value_name = "QUERY")]
    pub(crate) query: Vec<String>,

    /// How many chunks.
    #[arg(long, short = 'k', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) top_k: u32,

    /// How to look: by words and vectors, or one of them.
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub(crate) mode: Mode,

    /// Only documents whose source matches.
    #[arg(long, value_name = "GLOB")]
    pub(crate) source: Option<String>,

    /// Show whole chunks.
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) embedding: Embedding,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A file, the name of a stored document, or the first digits of a chunk's hash, 6 at least.
    #[arg(value_name = "PATH|HASH")]
    pub(crate) what: PathBuf,
}

/// How to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    #[default]
    Hybrid,
    Vector,
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// The texts; without any, each line of standard input is one.
    #[arg(value_name = "TEXT")]
    pub(crate) texts: Vec<String>,

    /// The texts are questions: models that tell them from documents do.
    #[arg(long)]
    pub(crate) query: bool,

    #[command(flatten)]
    pub(crate) embedding: Embedding,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How long to measure how fast texts are embedded.
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = probe_time)]
    pub(crate) probe: Duration,

    /// Measure nothing: no more than one text is embedded.
    #[arg(long, conflicts_with = "probe")]
    pub(crate) no_probe: bool,

    #[command(flatten)]
    pub(crate) embedding: Embedding,
}

/// A time that a probe can take: from a tenth of a second to an hour.
fn probe_time(text: &str) -> Result<Duration, String> {
    ingest_config::parse_duration(text)
        .filter(|time| (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(time))
        .ok_or_else(|| "give a duration from 100ms to 1h, such as `5s`".to_owned())
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting in force with its origin; secrets are masked.
    Show,
    /// Write a file with every setting in it, each explained and commented out.
    Init(Init),
    /// Print which configuration files were read.
    Path,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to write it; `-` is standard output [default: the file of `--config`, else config.toml].
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Replace a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder to write the pages to, made when needed. Without it, the page of `ingest` itself is printed.
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_may_stand_before_and_after_the_command() {
        for line in [
            ["ingest", "--format", "json", "status"],
            ["ingest", "status", "--format", "json"],
        ] {
            let cli = Cli::try_parse_from(line).expect("both orders");
            assert_eq!(cli.global.format, Format::Json);
        }
    }
}
