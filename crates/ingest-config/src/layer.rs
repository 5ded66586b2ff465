//! The layers: each turns its outside form into values tagged with where they stand.

use std::ffi::OsString;
use std::path::Path;

use config::{ConfigError, Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use crate::keys::{FOREIGN, nearest};
use crate::{Error, ErrorKind, KEYS, Key, Kind, Origin, Provenance, Result, key};

/// One layer's values by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl Layer {
    /// Adds a value, unless it is blank and thereby not set.
    fn insert(&mut self, key: &Key, kind: impl Into<ValueKind>, provenance: &Provenance) {
        let value = Value::new(Some(&provenance.to_tag()), kind);
        if !is_unset(key, &value) {
            self.0.insert(key.name.to_owned(), value);
        }
    }

    pub(crate) fn defaults() -> Self {
        let mut layer = Self::default();
        for key in KEYS {
            if let Some(default) = key.default {
                layer.insert(key, default, &Provenance::default());
            }
        }
        layer
    }

    /// Reads a file of TOML; `path` is how it is named to people.
    pub(crate) fn file(path: &Path, text: &str) -> Result<Self> {
        let place = |at: usize| format!("{}:{}", path.display(), line(text, at));
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            Error::new(
                ErrorKind::Syntax,
                format!(
                    "{} is not valid TOML: {}",
                    place(at),
                    error.message().replace('\n', ", ")
                ),
            )
        })?;
        let mut layer = Self::default();
        for (name, value) in table.into_inner() {
            let provenance = Provenance::new(Origin::File, place(name.span().start));
            let name = name.into_inner();
            let Some(key) = key(&name) else {
                if FOREIGN.contains(&&*name) {
                    continue;
                }
                return Err(unknown(
                    &name,
                    matches!(value.get_ref(), DeValue::Table(_)),
                    &provenance,
                ));
            };
            let kind = from_toml(value.into_inner()).ok_or_else(|| {
                let message = format!("{} holds a number that is too large", provenance.from);
                Error::new(ErrorKind::InvalidValue, message).at(key.name, &provenance)
            })?;
            layer.insert(key, kind, &provenance);
        }
        Ok(layer)
    }

    /// Reads variables; the names do not depend on case. Returns the layer and the names that look like slips.
    pub(crate) fn environment(
        prefix: &str,
        variables: &[(OsString, OsString)],
    ) -> Result<(Self, Vec<String>)> {
        let mut layer = Self::default();
        for key in KEYS {
            let own = key.variable(prefix);
            let names = std::iter::once(own.as_str()).chain(key.also.iter().copied());
            for name in names {
                let Some((found, value)) = find(variables, name) else {
                    continue;
                };
                let provenance = Provenance::new(Origin::Environment, found.clone());
                let text = value.to_str().ok_or_else(|| {
                    Error::new(
                        ErrorKind::InvalidValue,
                        format!("environment variable {found} is not valid UTF-8"),
                    )
                    .at(key.name, &provenance)
                })?;
                let kind = match key.kind {
                    Kind::Sources if !text.trim().is_empty() => json_list(text).map_err(|cause| {
                        let message = format!("environment variable {found} is not a JSON array");
                        Error::new(ErrorKind::InvalidValue, message)
                            .at(key.name, &provenance)
                            .with_source(cause)
                    })?,
                    _ => text.into(),
                };
                layer.insert(key, kind, &provenance);
                if layer.0.contains_key(key.name) {
                    break;
                }
            }
        }
        Ok((layer, slips(prefix, variables)))
    }

    /// Values given by flags or in code: name, value, and what to call the place.
    pub(crate) fn flags(flags: &[(String, String, String)]) -> Result<Self> {
        let mut layer = Self::default();
        for (name, value, from) in flags {
            let provenance = Provenance::new(Origin::Flag, from.clone());
            let key = key(name).ok_or_else(|| unknown(name, false, &provenance))?;
            // A blank flag is a slip that is told, not a setting that is passed over.
            let value = Value::new(Some(&provenance.to_tag()), value.clone());
            layer.0.insert(key.name.to_owned(), value);
        }
        Ok(layer)
    }
}

fn unknown(name: &str, is_table: bool, provenance: &Provenance) -> Error {
    let near = nearest(name, KEYS.iter().map(|key| key.name));
    let place = match provenance.origin {
        Origin::File => provenance.from.clone(),
        _ => provenance.to_string(),
    };
    let error = Error::new(
        ErrorKind::UnknownKey,
        format!("{place}: there is no setting `{name}`"),
    );
    let error = error.at(name, provenance);
    match near {
        _ if is_table => {
            error.with_hint("settings stand at the top of the file, not in tables; only `[[sources]]` is one")
        }
        Some(near) => error.with_hint(format!("did you mean `{near}`?")),
        None => error.with_hint("`ingest config show` lists all settings"),
    }
}

/// Whether a value counts as not set.
fn is_unset(key: &Key, value: &Value) -> bool {
    match (&value.kind, key.kind) {
        (_, Kind::Text { blank: true } | Kind::Secret { blank: true }) => false,
        (ValueKind::Nil, _) => true,
        (ValueKind::String(text), _) => text.trim().is_empty(),
        _ => false,
    }
}

/// The variable of a name: the one spelled exactly so, else one that differs in case.
fn find<'a>(variables: &'a [(OsString, OsString)], name: &str) -> Option<(String, &'a OsString)> {
    let spelled = |same: fn(&str, &str) -> bool| {
        variables.iter().find_map(|(found, value)| {
            found
                .to_str()
                .filter(|found| same(found, name))
                .map(|found| (found.to_owned(), value))
        })
    };
    spelled(str::eq).or_else(|| spelled(str::eq_ignore_ascii_case))
}

/// Variables with our prefix that are nearly, but not quite, a setting's. Others may belong to another program.
fn slips(prefix: &str, variables: &[(OsString, OsString)]) -> Vec<String> {
    let mut slips: Vec<_> = variables
        .iter()
        .filter_map(|(variable, _)| {
            let variable = variable.to_str()?;
            let name = variable
                .to_ascii_uppercase()
                .strip_prefix(&prefix.to_ascii_uppercase())?
                .to_ascii_lowercase();
            if prefix.is_empty() || key(&name).is_some() || FOREIGN.contains(&name.as_str()) {
                return None;
            }
            let near = nearest(&name, KEYS.iter().map(|key| key.name))?;
            let near = key(near)?.variable(prefix);
            Some(format!(
                "environment variable {variable} is no setting; did you mean {near}?"
            ))
        })
        .collect();
    slips.sort();
    slips
}

fn line(text: &str, at: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(at)
        .filter(|byte| **byte == b'\n')
        .count()
}

/// `None` for a number that no setting could hold.
fn from_toml(value: DeValue<'_>) -> Option<ValueKind> {
    Some(match value {
        DeValue::String(text) => text.into_owned().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok()?.into(),
        DeValue::Boolean(value) => value.into(),
        DeValue::Datetime(value) => value.to_string().into(),
        DeValue::Array(items) => {
            let items = items
                .into_iter()
                .map(|item| Some(Value::new(None, from_toml(item.into_inner())?)));
            ValueKind::Array(items.collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let fields = table.into_iter().map(|(name, value)| {
                Some((
                    name.into_inner().into_owned(),
                    Value::new(None, from_toml(value.into_inner())?),
                ))
            });
            ValueKind::Table(fields.collect::<Option<_>>()?)
        }
    })
}

fn json_list(text: &str) -> Result<ValueKind, serde_json::Error> {
    let items: Vec<serde_json::Value> = serde_json::from_str(text)?;
    Ok(ValueKind::Array(
        items
            .into_iter()
            .map(|item| Value::new(None, from_json(item)))
            .collect(),
    ))
}

fn from_json(value: serde_json::Value) -> ValueKind {
    match value {
        serde_json::Value::Null => ValueKind::Nil,
        serde_json::Value::Bool(value) => value.into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().into(),
        },
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(items) => ValueKind::Array(
            items
                .into_iter()
                .map(|item| Value::new(None, from_json(item)))
                .collect(),
        ),
        serde_json::Value::Object(fields) => ValueKind::Table(
            fields
                .into_iter()
                .map(|(name, value)| (name, Value::new(None, from_json(value))))
                .collect(),
        ),
    }
}
