//! Where a value came from.

use std::fmt;

/// A layer of settings, the weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Built in.
    #[default]
    Default,
    /// The configuration file.
    File,
    /// The environment.
    Environment,
    /// The command line, or the code that uses this crate.
    Flag,
}

impl Origin {
    /// `default`, `file`, `environment` or `flag`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The layer of a value, and the exact place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The layer.
    pub origin: Origin,
    /// The variable's name, the file and line, or the flag; empty for a default.
    pub from: String,
}

impl Provenance {
    pub(crate) fn new(origin: Origin, from: impl Into<String>) -> Self {
        Self {
            origin,
            from: from.into(),
        }
    }

    /// As one text, to travel in the one string that a value of the `config` crate has for its origin.
    pub(crate) fn to_tag(&self) -> String {
        format!("{}:{}", self.origin, self.from)
    }

    pub(crate) fn from_tag(tag: &str) -> Self {
        let (layer, from) = tag.split_once(':').unwrap_or((tag, ""));
        let origin = match layer {
            "file" => Origin::File,
            "environment" => Origin::Environment,
            "flag" => Origin::Flag,
            _ => Origin::Default,
        };
        Self::new(origin, from)
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Default => f.write_str("default"),
            Origin::File => write!(f, "file {}", self.from),
            Origin::Environment => write!(f, "environment variable {}", self.from),
            Origin::Flag => f.write_str(&self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provenance_travels_as_a_tag() {
        for (origin, from) in [
            (Origin::Default, ""),
            (Origin::File, "C:\\conf\\config.toml:12"),
            (Origin::Environment, "OLLAMA_HOST"),
            (Origin::Flag, "--workers"),
        ] {
            let there = Provenance::new(origin, from);
            assert_eq!(Provenance::from_tag(&there.to_tag()), there);
        }
    }
}
