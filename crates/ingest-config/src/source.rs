//! The named sources of the file.

use std::path::PathBuf;

use config::{Value, ValueKind};
use serde_json::json;

use crate::keys::nearest;

/// A named source: what `run --source NAME` walks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceSettings {
    /// Its name, unique in the file.
    pub name: String,
    /// Folders, files or globs, relative to `data_dir`. May be empty in files that other programs share.
    pub paths: Vec<PathBuf>,
    /// Only files that match one of these globs. Default: all.
    pub include: Vec<String>,
    /// No files that match one of these globs. Default: none.
    pub exclude: Vec<String>,
    /// Whether a run without `--source` takes it. Default: yes.
    pub enabled: bool,
}

const FIELDS: [&str; 5] = ["name", "paths", "include", "exclude", "enabled"];
/// Fields that the reference's files have and that mean nothing here.
const IGNORED: [&str; 2] = ["parser", "generation_tag"];

impl SourceSettings {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let paths: Vec<_> = self.paths.iter().map(|path| path.to_string_lossy()).collect();
        json!({
            "name": self.name,
            "paths": paths,
            "include": self.include,
            "exclude": self.exclude,
            "enabled": self.enabled,
        })
    }
}

/// # Errors
/// The rest of a sentence that begins "must be".
pub(crate) fn decode(value: &Value) -> Result<Vec<SourceSettings>, String> {
    let tables = match &value.kind {
        ValueKind::Nil => return Ok(Vec::new()),
        ValueKind::String(text) if text.trim().is_empty() => return Ok(Vec::new()),
        ValueKind::Array(tables) => tables,
        _ => return Err("a list of tables, each with a `name`".to_owned()),
    };
    let mut sources: Vec<SourceSettings> = Vec::with_capacity(tables.len());
    for (at, table) in tables.iter().enumerate() {
        let source =
            one(table).map_err(|problem| format!("a list of sources; number {} {problem}", at + 1))?;
        if sources.iter().any(|other| other.name == source.name) {
            return Err(format!(
                "a list of sources with different names; `{}` occurs twice",
                source.name
            ));
        }
        sources.push(source);
    }
    Ok(sources)
}

fn one(value: &Value) -> Result<SourceSettings, String> {
    let ValueKind::Table(table) = &value.kind else {
        return Err("is not a table".to_owned());
    };
    let mut source = SourceSettings {
        enabled: true,
        ..SourceSettings::default()
    };
    for (field, value) in table {
        match field.as_str() {
            "name" => source.name = text(field, value)?,
            "paths" => source.paths = texts(field, value)?.into_iter().map(PathBuf::from).collect(),
            "include" => source.include = texts(field, value)?,
            "exclude" => source.exclude = texts(field, value)?,
            "enabled" => match value.kind {
                ValueKind::Boolean(enabled) => source.enabled = enabled,
                _ => return Err("has an `enabled` that is neither true nor false".to_owned()),
            },
            other if IGNORED.contains(&other) => {}
            other => {
                let hint = nearest(other, FIELDS).map(|near| format!("; did you mean `{near}`?"));
                return Err(format!(
                    "has an unknown field `{other}`{}",
                    hint.unwrap_or_default()
                ));
            }
        }
    }
    if source.name.trim().is_empty() {
        return Err("has no `name`".to_owned());
    }
    Ok(source)
}

fn text(field: &str, value: &Value) -> Result<String, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err(format!("has a `{field}` that is not a text")),
    }
}

/// A list of texts; one text stands for a list of one.
fn texts(field: &str, value: &Value) -> Result<Vec<String>, String> {
    match &value.kind {
        ValueKind::Array(items) => items.iter().map(|item| text(field, item)).collect(),
        ValueKind::String(text) => Ok(vec![text.clone()]),
        _ => Err(format!("has a `{field}` that is not a list of texts")),
    }
}
