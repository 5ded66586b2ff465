//! Stage 1: where documents come from. [`walk`] finds files, [`read`] reads them, [`jsonl`] reads lines, [`format`]
//! makes text of them.

pub(crate) mod decode;
pub(crate) mod filter;
pub(crate) mod find;
mod folder;
pub(crate) mod format;
pub(crate) mod gather;
pub(crate) mod identity;
pub(crate) mod jsonl;
mod locate;
pub(crate) mod packed;
mod parse;
pub(crate) mod read;
mod rules;
mod scope;
pub(crate) mod walk;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use globset::GlobMatcher;
use ingest_core::ContentHash;
use tokio::time::Instant;

#[cfg(feature = "pdf")]
pub use format::pdf::serve_pdf;
pub(crate) use parse::{Rejected, parse};
pub use scope::{Scope, WatchedFolder};

use self::filter::{Filter, within};
use self::identity::Naming;
use crate::{Error, JsonlInput, Result, RunOptions, SourceSpec};

/// How the origin of a document that was read from a file begins; documents of lines have `jsonl:`.
const FILES: &str = "files:";
const LINES: &str = "jsonl:";

/// Whether documents of this origin are named after files.
pub(crate) fn is_file_origin(origin: &str) -> bool {
    origin.starts_with(FILES)
}

/// The path or pattern that a run was given, by the origin of its documents; `None` for lines and named sources.
pub(crate) fn given(origin: &str) -> Option<&str> {
    origin.strip_prefix(FILES).filter(|given| !given.starts_with('@'))
}

/// All sources of a run, checked and ready to be walked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) sources: Vec<PlannedSource>,
    /// Streams, each taken once.
    inputs: Mutex<Vec<Option<LineInput>>>,
    pub(crate) no_ignore: bool,
    /// Files and folders that are never documents.
    pub(crate) skip_paths: Vec<PathBuf>,
    pub(crate) naming: Naming,
}

/// A stream of JSON lines that was not opened yet.
#[derive(Debug)]
pub(crate) struct LineInput {
    pub(crate) input: JsonlInput,
    pub(crate) path: Option<PathBuf>,
}

/// A source, checked.
#[derive(Debug)]
pub(crate) struct PlannedSource {
    pub(crate) label: String,
    pub(crate) file_origin: Arc<str>,
    pub(crate) line_origin: Arc<str>,
    pub(crate) roots: Vec<Root>,
    filters: [Filter; 2],
}

/// A place of a source, with the name that its documents begin with.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    Folder {
        path: PathBuf,
        name: String,
    },
    File {
        path: PathBuf,
        name: String,
    },
    Glob {
        pattern: String,
        matcher: GlobMatcher,
        path: PathBuf,
        name: String,
    },
    /// The input's place, for [`Plan::take_input`].
    Lines {
        input: usize,
    },
}

impl Root {
    /// The folder that its names lie under, for filters.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Folder { name, .. } | Self::Glob { name, .. } => name,
            Self::File { .. } | Self::Lines { .. } => ".",
        }
    }

    /// Whether a file of this name would be found here, filters and ignore rules aside.
    fn claims(&self, source: &str) -> bool {
        match self {
            Self::Folder { name, .. } => lies_in(source, name),
            Self::File { name, .. } => source == name,
            Self::Glob { matcher, .. } => matches_path(matcher, source),
            Self::Lines { .. } => false,
        }
    }
}

/// Whether a name lies in a folder; the base holds all that is not absolute.
fn lies_in(source: &str, folder: &str) -> bool {
    if folder == "." {
        !source.starts_with('/')
    } else {
        within(source, folder).len() < source.len()
    }
}

/// Whether a glob matches a file, or a folder that it lies in, as a shell would have put it on the command line.
pub(crate) fn matches_path(matcher: &GlobMatcher, name: &str) -> bool {
    matcher.is_match(name)
        || name
            .match_indices('/')
            .any(|(at, _)| at > 0 && matcher.is_match(&name[..at]))
}

impl PlannedSource {
    pub(crate) fn takes(&self, name: &str, root: &str) -> bool {
        self.filters.iter().all(|filter| filter.takes(name, root))
    }

    /// The exclude pattern that leaves a name out, if one does.
    fn excluded_by(&self, name: &str, root: &str) -> Option<&str> {
        self.filters
            .iter()
            .find_map(|filter| filter.excluded_by(name, root))
    }

    pub(crate) fn prunes(&self, name: &str, root: &str) -> bool {
        self.filters.iter().any(|filter| filter.prunes(name, root))
    }

    /// Whether a stored document of this name is this source's to remove, once it is not found any more.
    pub(crate) fn covers(&self, source: &str) -> bool {
        self.roots
            .iter()
            .any(|root| root.claims(source) && self.takes(source, root.name()))
    }

    /// Whether its filters take a document of its own origin that none of its places claims any more.
    pub(crate) fn disowns(&self, source: &str) -> bool {
        self.takes(source, ".") && !self.roots.iter().any(|root| root.claims(source))
    }
}

impl Plan {
    /// Checks the sources of a run.
    ///
    /// # Errors
    /// `Usage`, naming every path that does not exist.
    pub(crate) fn new(options: &mut RunOptions) -> Result<Self> {
        let naming = Naming::new(&options.base);
        let shared = Filter::new(&options.include, &options.exclude)?;
        let mut skip_paths: Vec<_> = options
            .skip_paths
            .iter()
            .map(|path| naming.absolute(path))
            .collect();
        skip_paths.extend(
            options
                .failure_log
                .as_ref()
                .and_then(|log| std::path::absolute(log).ok())
                .map(|log| naming.absolute(&log)),
        );
        let mut plan = Self {
            sources: Vec::new(),
            inputs: Mutex::default(),
            no_ignore: options.no_ignore,
            skip_paths,
            naming,
        };
        let mut missing = Vec::new();
        for source in std::mem::take(&mut options.sources) {
            let label = source.label();
            let filters = [shared.clone(), Filter::new(&source.include, &source.exclude)?];
            let mut roots = Vec::new();
            let mut origin = source.name.as_ref().map(|name| format!("@{name}"));
            for spec in source.specs {
                match plan.root(spec, &mut origin) {
                    Ok(root) => roots.push(root),
                    Err(error) if error.kind() == crate::ErrorKind::File => missing.push(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            let origin = origin.unwrap_or_default();
            plan.sources.push(PlannedSource {
                label,
                file_origin: format!("{FILES}{origin}").into(),
                line_origin: format!("{LINES}{origin}").into(),
                roots,
                filters,
            });
        }
        if !missing.is_empty() {
            return Err(Error::usage(missing.join("; ")));
        }
        Ok(plan)
    }

    /// A stream of JSON lines, the first time it is asked for.
    pub(crate) fn take_input(&self, input: usize) -> Option<LineInput> {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.get_mut(input)?.take()
    }

    /// Checks a place; the first one without a name gives the origin.
    fn root(&mut self, spec: SourceSpec, origin: &mut Option<String>) -> Result<Root> {
        let root = match spec {
            SourceSpec::Path(given) => {
                let path = self.naming.absolute(&given);
                let meta = existing(&path)?;
                let name = self.naming.name(&path);
                if meta.is_dir() {
                    Root::Folder { path, name }
                } else {
                    Root::File { path, name }
                }
            }
            SourceSpec::Glob(pattern) => self.glob(&pattern)?,
            SourceSpec::Jsonl(input) => {
                let path = match &input {
                    JsonlInput::File(path) => {
                        let path = self.naming.absolute(path);
                        existing(&path)?;
                        Some(path)
                    }
                    JsonlInput::Reader { .. } => None,
                };
                let label = match (&path, &input) {
                    (Some(path), _) => self.naming.name(path),
                    (None, JsonlInput::Reader { name, .. }) => name.clone(),
                    (None, JsonlInput::File(_)) => String::new(),
                };
                origin.get_or_insert(label);
                let inputs = self.inputs.get_mut().unwrap_or_else(PoisonError::into_inner);
                inputs.push(Some(LineInput { input, path }));
                return Ok(Root::Lines {
                    input: inputs.len() - 1,
                });
            }
        };
        match &root {
            Root::Glob { pattern, .. } => origin.get_or_insert_with(|| pattern.clone()),
            root => origin.get_or_insert_with(|| match root {
                Root::File { name, .. } | Root::Folder { name, .. } => name.clone(),
                _ => String::new(),
            }),
        };
        Ok(root)
    }

    /// A glob: the folders before its first special character are walked, and what matches is taken.
    fn glob(&self, pattern: &str) -> Result<Root> {
        let (literal, special) = match pattern.find(['*', '?', '[', '{']) {
            Some(at) => match pattern[..at].rfind('/') {
                Some(slash) => (&pattern[..=slash], &pattern[slash + 1..]),
                None => ("", pattern),
            },
            None => (pattern, ""),
        };
        let path = self.naming.absolute(Path::new(literal));
        let name = self.naming.name(&path);
        let special = special.strip_suffix('/').unwrap_or(special);
        let full = match name.as_str() {
            "." => special.to_owned(),
            "/" => format!("/{special}"),
            _ => format!("{}/{special}", globset::escape(&name)),
        };
        Ok(Root::Glob {
            pattern: pattern.to_owned(),
            matcher: filter::glob(&full)?,
            path,
            name,
        })
    }
}

fn existing(path: &Path) -> Result<std::fs::Metadata> {
    std::fs::metadata(path).map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no file or folder".to_owned(),
            _ => format!("cannot look at ({error})"),
        };
        Error::new(crate::ErrorKind::File, format!("{what} `{}`", path.display())).with_source(error)
    })
}

/// A document or file on its way from a source: what every stage needs to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The source's place in [`Plan::sources`].
    pub(crate) index: usize,
    /// What it is known by.
    pub(crate) name: String,
    pub(crate) origin: Arc<str>,
    /// When it was read, if it was.
    pub(crate) read: Option<Instant>,
}

/// A document's revision, from its bytes or fields.
pub(crate) type Revision = ContentHash;
