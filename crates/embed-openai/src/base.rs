//! The base URL, and the paths below it.

use std::fmt;

use embed_core::{Error, ErrorKind, Result};

use crate::profile::Profile;
use crate::traits::Card;

/// A base URL, taken apart into what the transport connects to and the path before every request's own.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// Scheme, credentials, host and port; or the Unix socket.
    origin: String,
    /// Starts with `/` and does not end with one, or is empty.
    path: String,
}

impl Base {
    /// Takes a base URL apart. What is wrong with scheme, host or port the transport tells.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let url = url.trim();
        if url.starts_with("unix:") {
            return Ok(Self {
                origin: url.to_owned(),
                path: "/v1".to_owned(),
            });
        }
        let authority = url.find("://").map_or(0, |at| at + "://".len());
        let path = url[authority..].find('/').map_or(url.len(), |at| authority + at);
        let (origin, path) = url.split_at(path);
        if path.contains(['?', '#']) || origin.contains(['?', '#']) {
            // The query is not repeated: some services expect a key there.
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "the base URL must end before `?` and `#`; an api-version belongs to the profile",
            ));
        }
        let path = path.trim_end_matches('/');
        // The whole URL of the request is often given for its base.
        let path = path.strip_suffix("/embeddings").unwrap_or(path);
        Ok(Self {
            origin: origin.to_owned(),
            path: if path.is_empty() { "/v1" } else { path }.to_owned(),
        })
    }

    /// What the transport connects to. It may hold a password.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn has_credentials(&self) -> bool {
        self.origin.contains('@')
    }

    /// The path of embeddings.
    pub(crate) fn embeddings(&self, profile: &Profile) -> Result<String> {
        match profile {
            Profile::AzureDeployment {
                deployment,
                api_version,
            } => {
                check_segment("deployment", deployment)?;
                check_segment("api-version", api_version)?;
                let before = self.before_openai();
                Ok(format!(
                    "{before}/openai/deployments/{deployment}/embeddings?api-version={api_version}"
                ))
            }
            Profile::Azure => Ok(format!("{}/openai/v1/embeddings", self.before_openai())),
            _ => Ok(format!("{}/embeddings", self.path)),
        }
    }

    /// The path where the server tells what it can take.
    pub(crate) fn card(&self, card: Card) -> Option<String> {
        match card {
            Card::None => None,
            Card::TeiInfo => Some(format!(
                "{}/info",
                self.path.strip_suffix("/v1").unwrap_or(&self.path)
            )),
            Card::ModelList => Some(format!("{}/models", self.path)),
        }
    }

    /// The path before `/openai`, which people give in part, in full or not at all.
    fn before_openai(&self) -> &str {
        match self.path.find("/openai") {
            Some(at) => &self.path[..at],
            None => self.path.strip_suffix("/v1").unwrap_or(&self.path),
        }
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match (self.origin.find("://"), self.origin.rfind('@')) {
            (Some(scheme), Some(at)) => format!("{}***{}", &self.origin[..scheme + 3], &self.origin[at..]),
            (None, Some(at)) => format!("***{}", &self.origin[at..]),
            _ => self.origin.clone(),
        };
        write!(f, "{origin}{}", self.path)
    }
}

/// Refuses a name that would change the URL it stands in.
fn check_segment(what: &str, name: &str) -> Result<()> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || name.bytes().all(|b| b == b'.') || !name.bytes().all(allowed) {
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            format!("`{}` is not the {what} of an Azure resource", name.escape_debug()),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings(url: &str, profile: &Profile) -> (String, String) {
        let base = Base::parse(url).expect(url);
        (base.origin().to_owned(), base.embeddings(profile).expect(url))
    }

    #[test]
    fn embeddings_lie_below_the_base_however_it_is_written() {
        for (url, origin, path) in [
            (
                "https://api.openai.com/v1",
                "https://api.openai.com",
                "/v1/embeddings",
            ),
            (
                " https://api.openai.com/v1/ ",
                "https://api.openai.com",
                "/v1/embeddings",
            ),
            (
                "https://api.openai.com",
                "https://api.openai.com",
                "/v1/embeddings",
            ),
            ("http://h:8000/", "http://h:8000", "/v1/embeddings"),
            ("http://h:8000/v1/embeddings", "http://h:8000", "/v1/embeddings"),
            (
                "http://h/a/v1beta/openai",
                "http://h",
                "/a/v1beta/openai/embeddings",
            ),
            ("unix:/run/x.sock", "unix:/run/x.sock", "/v1/embeddings"),
            ("http://h:8000/embeddings", "http://h:8000", "/v1/embeddings"),
        ] {
            let found = embeddings(url, &Profile::Compatible);
            assert_eq!(found, (origin.to_owned(), path.to_owned()), "{url}");
        }
        assert!(Base::parse("https://h/v1?api-version=1").is_err());
    }

    #[test]
    fn azure_has_its_own_paths_whatever_of_them_is_given() {
        let deployment = Profile::AzureDeployment {
            deployment: "my-emb".to_owned(),
            api_version: "2024-10-21".to_owned(),
        };
        for url in [
            "https://me.openai.azure.com",
            "https://me.openai.azure.com/",
            "https://me.openai.azure.com/openai",
            "https://me.openai.azure.com/openai/v1/",
        ] {
            assert_eq!(
                embeddings(url, &Profile::Azure).1,
                "/openai/v1/embeddings",
                "{url}"
            );
            assert_eq!(
                embeddings(url, &deployment).1,
                "/openai/deployments/my-emb/embeddings?api-version=2024-10-21",
                "{url}"
            );
        }
        for bad in ["", "a/b", "a?b", "..", "a b"] {
            let profile = Profile::AzureDeployment {
                deployment: bad.to_owned(),
                api_version: "2024-10-21".to_owned(),
            };
            let base = Base::parse("https://me.openai.azure.com").expect("a URL");
            let error = base.embeddings(&profile).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        }
    }

    #[test]
    fn cards_lie_where_their_servers_put_them() {
        let base = Base::parse("http://h:8080/proxy/v1").expect("a URL");
        assert_eq!(base.card(Card::TeiInfo).as_deref(), Some("/proxy/info"));
        assert_eq!(base.card(Card::ModelList).as_deref(), Some("/proxy/v1/models"));
        assert_eq!(base.card(Card::None), None);
    }

    #[test]
    fn a_password_in_the_url_is_not_printed() {
        let base = Base::parse("https://ann:s3cret@h/v1").expect("a URL");
        assert_eq!(format!("{base:?}"), "https://***@h/v1");
        assert!(base.has_credentials());
    }
}
