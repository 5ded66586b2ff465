//! The key: sent, never shown.

use std::fmt;
use std::fs;
use std::path::Path;

use embed_core::{Error, ErrorKind, Result};

/// What stands where a key would have stood.
const MASK: &str = "***";

/// Below this length a key is a placeholder for a server without keys, and too likely to be part of a word.
const SHORTEST_SCRUBBED: usize = 8;

/// A key or token. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes a key; blanks and line breaks around it do not count.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    /// Reads a key from a file that holds nothing else.
    ///
    /// # Errors
    /// `InvalidConfig` naming the file where it cannot be read or holds no key.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            invalid(format!("cannot read the API key file {}", path.display())).with_source(error)
        })?;
        let key = Self::new(text);
        if key.0.is_empty() {
            return Err(invalid(format!("the API key file {} is empty", path.display())));
        }
        key.check().map_err(|_| {
            invalid(format!(
                "the API key file {} holds more than a key",
                path.display()
            ))
        })?;
        Ok(key)
    }

    /// Refuses what cannot be a key, without repeating it.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.is_empty() {
            return Err(invalid("the API key is empty".to_owned()));
        }
        if self
            .0
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii())
        {
            return Err(invalid(
                "the API key holds blanks, line breaks or letters that no key has".to_owned(),
            ));
        }
        Ok(())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Takes keys out of what a server said: the one that was sent, and what looks like a key of OpenAI, since its servers
/// repeat parts of the key they refuse.
pub(crate) fn scrub(said: &str, key: Option<&ApiKey>) -> String {
    let mut clean = said.to_owned();
    if let Some(key) = key.filter(|key| key.0.len() >= SHORTEST_SCRUBBED) {
        clean = clean.replace(&key.0, MASK);
    }
    mask_look_alikes(&clean)
}

fn mask_look_alikes(text: &str) -> String {
    let is_key_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("sk-") {
        let (before, from) = rest.split_at(at);
        clean.push_str(before);
        let end = from.find(|c| !is_key_char(c)).unwrap_or(from.len());
        // Within a word (`task-1`) or short, it is no key.
        let within = before.chars().next_back().is_some_and(char::is_alphanumeric);
        if within || end < SHORTEST_SCRUBBED {
            clean.push_str(&from[..end]);
        } else {
            clean.push_str(MASK);
        }
        rest = &from[end..];
    }
    clean.push_str(rest);
    clean
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_not_printed_and_blanks_around_it_do_not_count() {
        let key = ApiKey::new(" sk-secret-1234\r\n");
        assert_eq!(key.reveal(), "sk-secret-1234");
        assert_eq!(format!("{key:?}"), "***");
        assert!(key.check().is_ok());
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_repeated() {
        for bad in ["", "  ", "sk-top secret", "sk-top\nsecret", "sk-töp-secret"] {
            let error = ApiKey::new(bad).check().expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_key_file_holds_a_key_or_is_named_in_the_error() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writeln!(file, "sk-from-a-file").expect("written");
        let key = ApiKey::from_file(file.path()).expect("a key");
        assert_eq!(key.reveal(), "sk-from-a-file");

        writeln!(file, "sk-second-line").expect("written");
        let error = ApiKey::from_file(file.path()).expect_err("two lines");
        assert!(error.to_string().contains(&file.path().display().to_string()));
        assert!(!format!("{error:?}").contains("second"), "{error:?}");

        let empty = tempfile::NamedTempFile::new().expect("a file");
        assert!(ApiKey::from_file(empty.path()).is_err());
        let missing = ApiKey::from_file(Path::new("no/such/key")).expect_err("no file");
        assert!(missing.to_string().contains("no/such/key"));
    }

    #[test]
    fn keys_are_taken_out_of_a_servers_words() {
        let key = ApiKey::new("azure-key-0123");
        assert_eq!(scrub("bad key azure-key-0123!", Some(&key)), "bad key ***!");
        assert_eq!(
            scrub("Incorrect API key provided: sk-proj-**********1aB2. See", None),
            "Incorrect API key provided: ***. See"
        );
        assert_eq!(
            scrub("task-12345678 and sk-1 stay", None),
            "task-12345678 and sk-1 stay"
        );
        // A placeholder is part of ordinary words.
        let placeholder = ApiKey::new("ollama");
        assert_eq!(
            scrub("run ollama pull x", Some(&placeholder)),
            "run ollama pull x"
        );
    }

    proptest! {
        #[test]
        fn no_text_keeps_the_key(before in ".{0,20}", after in ".{0,20}", key in "[a-zA-Z0-9]{8,40}") {
            let key = ApiKey::new(key);
            let clean = scrub(&format!("{before}{}{after}", key.reveal()), Some(&key));
            prop_assert!(!clean.contains(key.reveal()));
        }
    }
}
