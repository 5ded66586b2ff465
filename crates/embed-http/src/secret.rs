//! Credentials: sent to the server, never printed.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use embed_core::{Error, ErrorKind, Result};
use http::HeaderValue;

/// What stands in a message where a credential would have stood.
const MASK: &str = "***";

/// Below this length a credential is too likely to be part of an ordinary word to be searched for.
const SHORTEST_SCRUBBED: usize = 6;

/// Characters at the start of a credential by which it is recognised where an excerpt was cut.
const BETRAYING: usize = 8;

/// A password, key or token. `Debug` shows only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The text itself, for the wire only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Who the client says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Bearer(Secret),
    Basic { user: Secret, password: Secret },
}

impl Credentials {
    /// The value of an `Authorization` or `Proxy-Authorization` header, marked so that `http` does not print it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] if the token cannot stand in a header.
    pub(crate) fn header(&self) -> Result<HeaderValue> {
        let text = match self {
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
            Self::Basic { user, password } => {
                format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(format!("{}:{}", user.expose(), password.expose()))
                )
            }
        };
        // The cause is left out: it adds nothing, and no part of a token may reach a message.
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            Error::new(
                ErrorKind::InvalidConfig,
                "the key cannot be sent in a header: it holds a line break or another control character",
            )
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What must not appear in a message.
    fn fragments(&self) -> Vec<String> {
        match self {
            Self::Bearer(token) => vec![token.expose().to_owned()],
            Self::Basic { user, password } => vec![
                password.expose().to_owned(),
                BASE64_STANDARD.encode(format!("{}:{}", user.expose(), password.expose())),
            ],
        }
    }
}

/// Takes credentials out of a server's words, since some servers repeat the header they refuse.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    fragments: Vec<String>,
}

impl Scrubber {
    /// Adds the credentials to what is taken out.
    pub(crate) fn add(&mut self, credentials: &Credentials) {
        credentials
            .fragments()
            .iter()
            .for_each(|fragment| self.add_text(fragment));
    }

    /// Adds the value of a header.
    pub(crate) fn add_text(&mut self, text: &str) {
        if text.len() >= SHORTEST_SCRUBBED {
            self.fragments.push(text.to_owned());
        }
    }

    /// `text` without control characters and credentials.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean: String = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| !c.is_control())
            .collect();
        for fragment in &self.fragments {
            if clean.contains(fragment.as_str()) {
                clean = clean.replace(fragment.as_str(), MASK);
            }
        }
        clean
    }

    /// Whether `text` repeats a credential or, since excerpts are cut, the start of one.
    pub(crate) fn is_betrayed_by(&self, text: &str) -> bool {
        self.fragments.iter().any(|fragment| {
            let start = fragment
                .char_indices()
                .nth(BETRAYING)
                .map_or(fragment.len(), |(end, _)| end);
            text.contains(&fragment[..start])
        })
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({})", self.fragments.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Credentials {
        Credentials::Basic {
            user: Secret::new(user),
            password: Secret::new(password),
        }
    }

    #[test]
    fn credentials_make_the_headers_of_their_schemes() {
        let bearer = Credentials::Bearer(Secret::new("sk-1"))
            .header()
            .expect("a header");
        assert_eq!(bearer, "Bearer sk-1");
        let header = basic("Aladdin", "open sesame").header().expect("a header");
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn neither_the_type_nor_its_header_prints_the_secret() {
        for credentials in [
            Credentials::Bearer(Secret::new("hunter2")),
            basic("me", "hunter2"),
        ] {
            let shown = format!("{credentials:?} {:?}", credentials.header().expect("a header"));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_token_with_a_line_break_is_refused_without_being_shown() {
        let error = Credentials::Bearer(Secret::new("hunter2\r\nX-Evil: 1"))
            .header()
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn a_server_that_repeats_the_key_is_scrubbed() {
        let mut scrubber = Scrubber::default();
        scrubber.add(&Credentials::Bearer(Secret::new("sk-secret")));
        scrubber.add(&basic("me", "hunter2"));
        let clean = scrubber.clean("bad key sk-secret\u{1b}[31m\nor Basic bWU6aHVudGVyMg== or hunter2");
        assert_eq!(clean, "bad key ***[31m or Basic *** or ***");
    }

    #[test]
    fn a_cut_excerpt_still_betrays_the_key() {
        let mut scrubber = Scrubber::default();
        scrubber.add(&Credentials::Bearer(Secret::new("sk-0123456789")));
        assert!(scrubber.is_betrayed_by("you sent sk-0123456789"));
        assert!(scrubber.is_betrayed_by("you sent sk-012345…"));
        assert!(!scrubber.is_betrayed_by("you sent sk-0"));
    }
}
