//! Which documents a run is about: paths, named sources, JSON lines.

use std::path::{Path, PathBuf};

use ingest_config::{Settings, SourceSettings};
use ingest_pipeline::{JsonlInput, Source, SourceSpec};

use crate::args::Input;
use crate::failure::{Failure, Result};

/// The sources of a run, and the folder their relative paths are relative to.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) sources: Vec<Source>,
    pub(crate) base: PathBuf,
}

/// Puts together what the flags and the file say.
///
/// # Errors
/// Wrong usage: nothing named, an unknown or disabled source, a data folder that is none.
pub(crate) fn select(input: &Input, settings: &Settings) -> Result<Selection> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("the current folder cannot be used: {error}")))?;
    let mut selection = if !input.paths.is_empty() || (!input.jsonl.is_empty() && input.source.is_empty()) {
        let specs = input
            .paths
            .iter()
            .map(|path| SourceSpec::from_argument(path, &here));
        Selection {
            sources: specs.map(Source::new).collect(),
            base: here.clone(),
        }
    } else {
        let named = named(&input.source, &settings.run.sources)?;
        let base = data_dir(settings, &here)?;
        Selection {
            sources: named
                .into_iter()
                .map(|source| from_settings(source, &base))
                .collect::<Result<_>>()?,
            base,
        }
    };
    if input.jsonl.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Failure::usage(
            "`--jsonl -` can be given once: standard input is read once",
        ));
    }
    for path in &input.jsonl {
        selection
            .sources
            .push(Source::new(SourceSpec::Jsonl(if is_stdin(path) {
                JsonlInput::stdin()
            } else if selection.base == here {
                JsonlInput::File(path.clone())
            } else {
                JsonlInput::File(here.join(path))
            })));
    }
    Ok(selection)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The sources of these names; without any, all that are enabled.
fn named<'a>(names: &[String], known: &'a [SourceSettings]) -> Result<Vec<&'a SourceSettings>> {
    if names.is_empty() {
        let enabled: Vec<_> = known.iter().filter(|source| source.enabled).collect();
        return match (enabled.is_empty(), known.is_empty()) {
            (false, _) => Ok(enabled),
            (true, true) => Err(Failure::usage("there is nothing to run on").hint(
                "name a folder (`ingest run DIR`), files or globs, or list `[[sources]]` in config.toml",
            )),
            (true, false) => Err(
                Failure::usage("all `[[sources]]` of the configuration are disabled")
                    .hint("set `enabled = true` for one, or name a folder: `ingest run DIR`"),
            ),
        };
    }
    let find = |name: &String| {
        let source = known.iter().find(|source| source.name == *name).ok_or_else(|| {
            let mut names: Vec<_> = known.iter().map(|source| format!("`{}`", source.name)).collect();
            names.sort();
            let failure = Failure::usage(format!("there is no source `{name}`"));
            if names.is_empty() {
                failure.hint("the configuration has no `[[sources]]`")
            } else {
                failure.hint(format!("the configuration has {}", names.join(", ")))
            }
        })?;
        if source.enabled {
            Ok(source)
        } else {
            Err(Failure::usage(format!("source `{name}` is disabled")).hint("set `enabled = true` for it"))
        }
    };
    let mut unique: Vec<&String> = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique.into_iter().map(find).collect()
}

/// The folder that the paths of sources are relative to.
pub(crate) fn data_dir(settings: &Settings, here: &Path) -> Result<PathBuf> {
    let Some(folder) = &settings.run.data_dir else {
        return Ok(here.to_owned());
    };
    let absolute = here.join(folder);
    if absolute.is_dir() {
        return Ok(absolute);
    }
    let provenance = settings.origin("data_dir");
    Err(Failure::usage(format!(
        "`data_dir` is {} ({provenance}), which is not a folder",
        folder.display()
    )))
}

pub(crate) fn from_settings(settings: &SourceSettings, base: &Path) -> Result<Source> {
    if settings.paths.is_empty() {
        return Err(
            Failure::usage(format!("source `{}` has no `paths`", settings.name))
                .hint("list its folders or files, or set `enabled = false` for it"),
        );
    }
    Ok(Source {
        name: Some(settings.name.clone()),
        specs: settings
            .paths
            .iter()
            .map(|path| SourceSpec::from_argument(path, base))
            .collect(),
        include: settings.include.clone(),
        exclude: settings.exclude.clone(),
    })
}
