//! The layers put together.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use config::{Config, Source};

use crate::layer::Layer;
use crate::value::{allowed, decode};
use crate::values::Values;
use crate::{
    Error, ErrorKind, KEYS, Key, Kind, Origin, PREFIX, Provenance, Result, Settings, masked, validate,
};

/// The file that is read in the current folder when there is one.
pub const CONFIG_FILE: &str = "config.toml";

/// Reads settings from their layers. A new one looks at nothing outside; [`Loader::from_system`] does.
#[derive(Clone, Debug)]
pub struct Loader {
    prefix: String,
    folder: Option<PathBuf>,
    file: Option<PathBuf>,
    text: Option<(PathBuf, String)>,
    environment: Vec<(OsString, OsString)>,
    flags: Vec<(String, String, String)>,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// A loader with the defaults alone.
    pub fn new() -> Self {
        Self {
            prefix: PREFIX.to_owned(),
            folder: None,
            file: None,
            text: None,
            environment: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// A loader with `config.toml` of the current folder, if there is one, and the environment of this process.
    pub fn from_system() -> Self {
        Self {
            folder: Some(PathBuf::new()),
            environment: std::env::vars_os().collect(),
            ..Self::new()
        }
    }

    /// What the names of environment variables begin with. Default [`PREFIX`].
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Reads `config.toml` in this folder if there is one.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Reads this file, which must exist, instead of `config.toml`.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Takes this text for what stands in the file of that name; no file is read.
    #[must_use]
    pub fn file_text(mut self, name: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.text = Some((name.into(), text.into()));
        self
    }

    /// The environment to look at, in place of that of this process.
    #[must_use]
    pub fn environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self
    }

    /// Gives a setting a value that wins over all layers, written as in the environment. `from` is what an error
    /// calls the place, such as the flag `--workers`. The last value for a key counts.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>, from: impl Into<String>) -> Self {
        self.flags.push((key.into(), value.into(), from.into()));
        self
    }

    /// Reads all layers and checks the result.
    ///
    /// # Errors
    /// A file that was asked for cannot be read, or is not TOML; a name that is no setting; a value that is wrong or
    /// does not go with another. The error names the key, the value, where it was set and what is allowed.
    pub fn load(&self) -> Result<Settings> {
        let (environment, warnings) = Layer::environment(&self.prefix, &self.environment)?;
        let mut builder = Config::builder().add_source(Layer::defaults());
        let mut files = Vec::new();
        if let Some((path, text)) = self.read()? {
            builder = builder.add_source(Layer::file(&path, &text)?);
            files.push(path);
        }
        let merged = builder
            .add_source(environment)
            .add_source(Layer::flags(&self.flags)?)
            .build()
            .and_then(|config| config.collect())
            // Our layers hold parsed values under plain names, so there is nothing left that could fail here.
            .map_err(|error| {
                Error::new(ErrorKind::InvalidValue, "cannot merge the settings").with_source(error)
            })?;

        let mut values = Values::default();
        for key in KEYS {
            let Some(value) = merged.get(key.name) else {
                continue;
            };
            let provenance = Provenance::from_tag(value.origin().unwrap_or_default());
            match decode(key, value) {
                Ok(None) if provenance.origin == Origin::Flag => {
                    return Err(invalid(key, value, &allowed(key), &provenance));
                }
                Ok(typed) => values.insert(key.name, typed, provenance),
                Err(allowed) => return Err(invalid(key, value, &allowed, &provenance)),
            }
        }
        let mut settings = Settings::from_values(values);
        settings.files = files;
        settings.warnings = warnings;
        validate::check(&settings)?;
        Ok(settings)
    }

    fn read(&self) -> Result<Option<(PathBuf, String)>> {
        if self.text.is_some() {
            return Ok(self.text.clone());
        }
        let (path, required) = match (&self.file, &self.folder) {
            (Some(file), _) => (file.clone(), true),
            (None, Some(folder)) => (folder.join(CONFIG_FILE), false),
            (None, None) => return Ok(None),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
            Err(error) => Err(unreadable(&path, error)),
        }
    }
}

impl Settings {
    /// Reads `config.toml` of the current folder, if there is one, and the environment of this process.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub fn load() -> Result<Self> {
        Loader::from_system().load()
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let what = format!("cannot read the configuration file {}", path.display());
    Error::new(ErrorKind::File, what).with_source(error)
}

fn invalid(key: &Key, value: &config::Value, allowed: &str, provenance: &Provenance) -> Error {
    let shown = match (&key.kind, &value.kind) {
        (Kind::Secret { .. }, _) => "***".to_owned(),
        (Kind::Sources, _) | (_, config::ValueKind::Table(_) | config::ValueKind::Array(_)) => String::new(),
        (Kind::Address, kind) => masked(&kind.to_string()),
        (_, kind) => kind.to_string().escape_debug().to_string(),
    };
    let not = if shown.is_empty() {
        String::new()
    } else {
        format!(", not `{shown}`")
    };
    Error::new(
        ErrorKind::InvalidValue,
        format!("`{}` must be {allowed}{not} ({provenance})", key.name),
    )
    .at(key.name, provenance)
}
