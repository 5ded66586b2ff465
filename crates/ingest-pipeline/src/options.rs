//! What a run is asked to do.

use std::ffi::OsString;
use std::io::BufRead;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use embed_core::Prefixes;

use crate::{Error, Pace, Result};

/// One place that documents come from.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceSpec {
    /// A folder, which is walked, or a single file. Relative to [`RunOptions::base`].
    Path(PathBuf),
    /// A pattern over paths: `*` and `?` within a name, `**` across folders, `{a,b}`, `[a-z]`. Relative to
    /// [`RunOptions::base`].
    Glob(String),
    /// Documents ready parsed, a JSON object a line.
    Jsonl(JsonlInput),
}

impl SourceSpec {
    /// What a command line argument means: an existing path, else a glob if it has one of `*?[{`, else a path that
    /// the run will report as missing.
    pub fn from_argument(argument: impl Into<PathBuf>, base: &std::path::Path) -> Self {
        let path = argument.into();
        match path.to_str() {
            Some(text) if text.contains(['*', '?', '[', '{']) && !base.join(&path).exists() => {
                Self::Glob(text.to_owned())
            }
            _ => Self::Path(path),
        }
    }

    /// What it is called where no name was given.
    pub fn label(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Glob(pattern) => pattern.clone(),
            Self::Jsonl(JsonlInput::File(path)) => path.display().to_string(),
            Self::Jsonl(JsonlInput::Reader { name, .. }) => name.clone(),
        }
    }
}

/// Where JSON lines come from.
#[non_exhaustive]
pub enum JsonlInput {
    /// A file. Relative to [`RunOptions::base`].
    File(PathBuf),
    /// A stream, read once to its end.
    Reader {
        /// What to call it in messages, and which origin its documents get.
        name: String,
        /// The stream. A read that blocks holds up the end of a cancelled run's runtime, not of the run.
        reader: Box<dyn BufRead + Send + Sync>,
    },
}

impl std::fmt::Debug for JsonlInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Reader { name, .. } => f
                .debug_struct("Reader")
                .field("name", name)
                .finish_non_exhaustive(),
        }
    }
}

impl JsonlInput {
    /// Standard input, called `stdin`.
    pub fn stdin() -> Self {
        Self::Reader {
            name: "stdin".to_owned(),
            reader: Box::new(std::io::BufReader::new(std::io::stdin())),
        }
    }
}

/// A row of the report: one or more places, under one name.
#[derive(Debug, Default)]
pub struct Source {
    /// The name of a `[[sources]]` entry; without one the first place gives the name.
    pub name: Option<String>,
    /// The places.
    pub specs: Vec<SourceSpec>,
    /// Take only files that match one of these, if there are any. A pattern without `/` is matched with the file's
    /// name, one with `/` with its path, relative to the base or to the folder that is walked.
    pub include: Vec<String>,
    /// Leave out files and folders that match one of these.
    pub exclude: Vec<String>,
}

impl Source {
    /// A source without a name or filters.
    pub fn new(spec: SourceSpec) -> Self {
        Self {
            specs: vec![spec],
            ..Self::default()
        }
    }

    /// The source that brought a stored document, by its [`origin`](ingest_core::DocumentState::origin). `None` for lines,
    /// and for a named source, which the settings hold.
    pub fn of_origin(origin: &str, base: &std::path::Path) -> Option<Self> {
        let given = crate::source::given(origin)?;
        Some(Self::new(SourceSpec::from_argument(given, base)))
    }

    /// What the report calls it.
    pub fn label(&self) -> String {
        match (&self.name, self.specs.first()) {
            (Some(name), _) => name.clone(),
            (None, Some(spec)) => spec.label(),
            (None, None) => String::new(),
        }
    }
}

/// What to do with a text that is longer than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnTooLong {
    /// Cut the chunk into pieces that fit and store all of them.
    #[default]
    Split,
    /// Keep the beginning that fits; counted and told.
    Truncate,
    /// Set the chunk aside as failed.
    Fail,
}

impl FromStr for OnTooLong {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "split" => Ok(Self::Split),
            "truncate" => Ok(Self::Truncate),
            "fail" => Ok(Self::Fail),
            other => Err(Error::usage(format!(
                "`{other}` is not a way to treat long texts; use split, truncate or fail"
            ))),
        }
    }
}

/// Where PDF files are read. No code that reads them can promise to end, or to stay small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PdfReader {
    /// In a thread of this process. One that takes longer than a minute is left behind, its file counts as broken, and
    /// nothing bounds its memory; a file that exhausts the stack ends the process. For files that one trusts.
    #[default]
    Thread,
    /// In a process of its own for each file: a program and its arguments, after which comes how many bytes of text are
    /// wanted. The program does what `serve_pdf` does, which ends it after a minute or at 1 GiB of memory.
    Process(Vec<OsString>),
}

/// How many documents a run may remove because they vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxDelete {
    /// This many in the whole run.
    Count(u64),
    /// This share of each source's stored documents, 0 to 100.
    Percent(u8),
}

impl Default for MaxDelete {
    fn default() -> Self {
        Self::Percent(50)
    }
}

impl FromStr for MaxDelete {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = match text.strip_suffix('%') {
            Some(share) => share
                .trim()
                .parse()
                .ok()
                .filter(|&share| share <= 100)
                .map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        };
        parsed.ok_or_else(|| {
            Error::usage(format!(
                "`{text}` is not a limit for removals; use a number such as 100, or a share from 0% to 100%"
            ))
        })
    }
}

/// What a run is asked to do. [`RunOptions::new`] gives the defaults.
#[derive(Debug)]
#[non_exhaustive]
pub struct RunOptions {
    /// Where documents come from. Not used with `retry_failed`.
    pub sources: Vec<Source>,
    /// The folder that relative paths are relative to, and documents are named relative to. Absolute.
    pub base: PathBuf,
    /// Take only files that match one of these, if there are any; see [`Source::include`].
    pub include: Vec<String>,
    /// Leave out files and folders that match one of these.
    pub exclude: Vec<String>,
    /// Walk what `.gitignore` and `.ignore` leave out, too. Default false.
    pub no_ignore: bool,
    /// Files and folders that are never documents: the store itself, say. The failure log is left out by itself.
    pub skip_paths: Vec<PathBuf>,
    /// Files larger than this, in bytes, are skipped with a reason. A text that is taken out of a PDF, a Word
    /// document or a book may be as large, and what is unpacked for the latter two four times that. Default 24 MiB.
    pub max_file_bytes: u64,
    /// Where PDF files are read. Default in a thread.
    pub pdf_reader: PdfReader,

    /// Most tokens of a chunk. Default 400.
    pub chunk_size: usize,
    /// Tokens that neighbouring chunks share at most. Default 50.
    pub chunk_overlap: usize,

    /// Embedding tasks. Default 4; 0 counts as 1.
    pub workers: usize,
    /// Begin with so many of the workers, and find out how many of them help. Default: all work from the start.
    pub adapt_from: Option<usize>,
    /// Most texts in a request; the model's own limit wins if lower. Default 64.
    pub batch_size: usize,
    /// Most bytes of text in a request; the model's own limit wins if lower. Default 1 MiB.
    pub batch_bytes: usize,
    /// How often a batch is tried in all. Default 3; 0 counts as 1.
    pub tries: u32,
    /// The wait after the first failed try; it doubles with each one, and a random share of it is taken. Default 1 s.
    pub retry_base: Duration,
    /// How long an unreachable server is waited out before the run stops. Default 60 s.
    pub wait: Duration,
    /// What to do with a text that is longer than the model reads.
    pub on_too_long: OnTooLong,
    /// What is put before texts and questions: part of the store's identity. The embedder is what applies them.
    pub prefixes: Prefixes,
    /// Where the embedder asks, free of secrets, for messages. Default unknown.
    pub server: Option<String>,
    /// Weight of the vectors' ranks in hybrid search, the words' being 1, as the store keeps it. Default 1.
    pub vector_weight: f32,

    /// Forget the selected sources' documents before starting. Default false.
    pub clean: bool,
    /// Tell what would be done; embed and write nothing. Default false.
    pub dry_run: bool,
    /// Keep documents that vanished. Default false.
    pub no_delete: bool,
    /// Removals beyond this are refused.
    pub max_delete: MaxDelete,
    /// Stop at the first failure. Default false.
    pub fail_fast: bool,
    /// Take up only what failed before: chunks the store set aside, and documents of the failure log. Default false.
    pub retry_failed: bool,
    /// The failure log. Relative to the current folder. Default none.
    pub failure_log: Option<PathBuf>,

    /// How fast earlier runs were, which a dry run reckons by and a run of few texts takes over. Default unknown.
    pub pace: Option<Pace>,
    /// How long to wait for another run to give up the store. Default 10 s.
    pub lock_wait: Duration,
    /// How long calls in flight may take to end after a cancellation. Default 5 s.
    pub grace: Duration,
    /// Bytes of documents, chunks and vectors held at once, as estimated; one document larger than that is handled
    /// alone. Default 32 MiB.
    pub memory: usize,
    /// Walk ahead of the reading, only to tell true totals early. Default false.
    pub count_ahead: bool,
    /// Seed of the random waits, so that a run can be repeated exactly. Default: a new one each run.
    pub seed: Option<u64>,
}

impl RunOptions {
    /// The defaults, for the given sources.
    pub fn new(sources: Vec<Source>, base: impl Into<PathBuf>) -> Self {
        Self {
            sources,
            base: base.into(),
            include: Vec::new(),
            exclude: Vec::new(),
            no_ignore: false,
            skip_paths: Vec::new(),
            max_file_bytes: 24 << 20,
            pdf_reader: PdfReader::default(),
            chunk_size: 400,
            chunk_overlap: 50,
            workers: 4,
            adapt_from: None,
            batch_size: 64,
            batch_bytes: 1 << 20,
            tries: 3,
            retry_base: Duration::from_secs(1),
            wait: Duration::from_secs(60),
            on_too_long: OnTooLong::default(),
            prefixes: Prefixes::default(),
            server: None,
            vector_weight: 1.0,
            clean: false,
            dry_run: false,
            no_delete: false,
            max_delete: MaxDelete::default(),
            fail_fast: false,
            retry_failed: false,
            failure_log: None,
            pace: None,
            lock_wait: Duration::from_secs(10),
            grace: Duration::from_secs(5),
            memory: 32 << 20,
            count_ahead: false,
            seed: None,
        }
    }
}
