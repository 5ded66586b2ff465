//! Addresses: made of parts, and shown without their password.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An address that may hold a password. `Debug` and `Display` mask it; [`as_str`](Self::as_str) is the whole.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address with whatever password it holds, for whoever connects to it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&masked(&self.0), f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl From<String> for Address {
    fn from(address: String) -> Self {
        Self(address)
    }
}

impl From<&str> for Address {
    fn from(address: &str) -> Self {
        Self(address.to_owned())
    }
}

/// The parts of a Postgres address.
pub(crate) struct Postgres<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) name: &'a str,
}

impl Postgres<'_> {
    /// The address, each part percent-encoded, an IPv6 host in brackets.
    pub(crate) fn to_url(&self) -> String {
        let encoded = |text| utf8_percent_encode(text, RESERVED);
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let host = if bare.contains(':') {
            format!("[{bare}]")
        } else {
            encoded(bare).to_string()
        };
        let colon = if self.password.is_empty() { "" } else { ":" };
        format!(
            "postgres://{}{colon}{}@{host}:{}/{}",
            encoded(self.user),
            encoded(self.password),
            self.port,
            encoded(self.name),
        )
    }
}

/// An address fit to be shown: a password in it is replaced by `***`. Text that is no address comes back as it is.
///
/// ```
/// use ingest_config::masked;
///
/// assert_eq!(masked("postgres://me:s3cret@db/docs"), "postgres://me:***@db/docs");
/// assert_eq!(masked("sqlite:.ingest/index.db"), "sqlite:.ingest/index.db");
/// ```
pub fn masked(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    // A password with a bare `/` or `?` in it is wrong, but must not be shown for that: only the last `@` counts.
    let Some(at) = address[start..].rfind('@').map(|at| start + at) else {
        return without_password_parameter(address);
    };
    let shown = match address[start..at].split_once(':') {
        Some((user, _)) => format!("{}{user}:***{}", &address[..start], &address[at..]),
        // A lone user name in front of the host is often a token.
        None if start > 0 && !address.starts_with("postgres") => {
            format!("{}***{}", &address[..start], &address[at..])
        }
        None => address.to_owned(),
    };
    without_password_parameter(&shown)
}

/// Masks `password=…` and the like in the query of an address.
fn without_password_parameter(address: &str) -> String {
    let Some((before, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let shown: Vec<_> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if is_secret_name(name) => format!("{name}=***"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{before}?{}", shown.join("&"))
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "token", "key", "secret"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_are_encoded_and_ipv6_is_bracketed() {
        let url = Postgres {
            host: "::1",
            port: 5433,
            user: "a@b",
            password: "p@ss/w:rd?",
            name: "my db",
        };
        assert_eq!(
            url.to_url(),
            "postgres://a%40b:p%40ss%2Fw%3Ard%3F@[::1]:5433/my%20db"
        );
        let socket = Postgres {
            host: "/run/pg",
            ..url
        };
        assert!(socket.to_url().contains("@%2Frun%2Fpg:5433/"));
        let no_password = Postgres {
            password: "",
            ..socket
        };
        assert!(no_password.to_url().starts_with("postgres://a%40b@"));
    }

    #[test]
    fn passwords_and_tokens_are_masked_wherever_they_stand() {
        assert_eq!(masked("http://u:p@h:1/x"), "http://u:***@h:1/x");
        assert_eq!(masked("http://token@h"), "http://***@h");
        assert_eq!(masked("postgres://me@h/d"), "postgres://me@h/d");
        assert_eq!(masked("me@h"), "me@h");
        for name in ["password", "sslpassword", "TOKEN", "api-key", "client_secret"] {
            assert_eq!(masked(&format!("x://h?{name}=y")), format!("x://h?{name}=***"));
        }
        assert_eq!(masked("postgres://u:p@ss@h/d"), "postgres://u:***@h/d");
        assert_eq!(masked("user:pass@h:11434"), "user:***@h:11434");
        assert_eq!(
            masked("postgres://h/d?password=x&a=b"),
            "postgres://h/d?password=***&a=b"
        );
        assert_eq!(masked("[::1]:11434"), "[::1]:11434");
    }

    proptest! {
        #[test]
        fn no_password_survives_in_the_shown_form(password in "[a-z]{1,5}[@:/?#&=% é]{0,4}[A-Z]{12}") {
            let url = Postgres { host: "h", port: 1, user: "u", password: &password, name: "d" }.to_url();
            prop_assert!(!masked(&url).contains(&password[password.len() - 12..]));
            let raw = format!("postgres://u:{password}@h:1/d");
            prop_assert!(!masked(&raw).contains(&password[password.len() - 12..]));
        }
    }
}
