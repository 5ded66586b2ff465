//! The address of a server, taken apart once so that nothing downstream meets its credentials.

use std::path::PathBuf;

use embed_core::{Error, ErrorKind, Result};
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::connect::Target;
use crate::secret::{Credentials, Secret};

/// How bytes reach the server once a stream is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
    Unix,
}

impl Scheme {
    fn default_port(self) -> u16 {
        if self == Self::Https { 443 } else { 80 }
    }
}

/// A base URL: where to connect, what precedes each path, and how to name it in messages.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    pub(crate) target: Target,
    /// The `Host` header: host, and port unless it is the scheme's own.
    pub(crate) authority: String,
    /// Path before each request's path: empty, or starts with `/` and does not end with one.
    pub(crate) prefix: String,
    /// From the URL's userinfo.
    pub(crate) credentials: Option<Credentials>,
}

impl Address {
    /// Reads `http://host:port/prefix`, `https://…` or `unix:/path/to.sock`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] that shows the URL without its credentials and says what is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("the address `{}` {why}", without_userinfo(url)),
            )
        };
        if let Some(path) = url.strip_prefix("unix:") {
            return unix(path).map_err(|why| refuse(&why));
        }
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) => return Err(refuse("must start with http://, https:// or unix:")),
            None => return Err(refuse("has no scheme; write http://HOST:PORT")),
        };
        tcp(scheme, rest).map_err(|why| refuse(&why))
    }

    /// The base URL without credentials.
    pub(crate) fn shown(&self) -> String {
        match self.scheme {
            Scheme::Http => format!("http://{}{}", self.authority, self.prefix),
            Scheme::Https => format!("https://{}{}", self.authority, self.prefix),
            Scheme::Unix => self.target.to_string(),
        }
    }

    /// The URL of a path on this server, for messages: without credentials, and without the query, where some
    /// services expect their key.
    pub(crate) fn shown_with(&self, path: &PathAndQuery) -> String {
        let path = path.path();
        match self.scheme {
            Scheme::Http => format!("http://{}{path}", self.authority),
            Scheme::Https => format!("https://{}{path}", self.authority),
            Scheme::Unix => format!("{}:{path}", self.target),
        }
    }

    /// Puts the prefix before `path`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] if the result cannot stand in a request line.
    pub(crate) fn join(&self, path: &str) -> Result<PathAndQuery> {
        let slash = if path.starts_with('/') { "" } else { "/" };
        request_path(&format!("{}{slash}{path}", self.prefix))
    }

    /// Whether the server is this very machine, reached without leaving it.
    pub(crate) fn is_loopback(&self) -> bool {
        match &self.target {
            Target::Unix(_) => true,
            Target::Tcp { host, .. } => {
                let name = host.strip_suffix('.').unwrap_or(host);
                name == "localhost"
                    || name.ends_with(".localhost")
                    || name
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
        }
    }

    /// Whether both name the same scheme, host and port, so that credentials for one are meant for the other.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.target == other.target
    }
}

/// Checks that a path can stand in a request line.
///
/// # Errors
///
/// [`ErrorKind::InvalidConfig`] for blanks, control characters and the like.
pub(crate) fn request_path(path: &str) -> Result<PathAndQuery> {
    let shown = path.split('?').next().unwrap_or_default();
    let refuse = |why: String| {
        Error::new(
            ErrorKind::InvalidConfig,
            format!("the path `{}` {why}", shown.escape_debug()),
        )
    };
    // `http` accepts more than a request line may hold.
    if let Some(bad) = path.chars().find(|&c| c.is_control() || c == ' ' || c == '#') {
        return Err(refuse(format!("holds {bad:?}; percent-encode it")));
    }
    PathAndQuery::try_from(path).map_err(|error| refuse(format!("is not valid: {error}")))
}

/// `text` up to and with the scheme, then what follows the last `@`: fit to be shown even if it does not parse.
pub(crate) fn without_userinfo(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    let shown = match text[start..].rfind('@') {
        Some(at) => format!("{}{}", &text[..start], &text[start + at + 1..]),
        None => text.to_owned(),
    };
    shown.escape_debug().to_string()
}

fn unix(path: &str) -> Result<Address, String> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        return Err("must name the socket by an absolute path, as in unix:/run/ollama.sock".to_owned());
    }
    if path.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    Ok(Address {
        scheme: Scheme::Unix,
        target: Target::Unix(PathBuf::from(path)),
        authority: "localhost".to_owned(),
        prefix: String::new(),
        credentials: None,
    })
}

fn tcp(scheme: Scheme, rest: &str) -> Result<Address, String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, prefix) = rest.split_at(end);
    if prefix.contains(['?', '#']) {
        return Err("must not hold a query or a fragment".to_owned());
    }
    if prefix.contains('@') {
        // Most likely a password with a slash, half of which would now be taken for the host's port.
        return Err(
            "holds `@` after a slash; percent-encode the reserved characters of a password".to_owned(),
        );
    }
    let (userinfo, host_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_port)) => (Some(userinfo), host_port),
        None => (None, authority),
    };
    let (host, port) = host_and_port(host_port, scheme.default_port())?;
    let bracketed = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let authority = if port == scheme.default_port() {
        bracketed
    } else {
        format!("{bracketed}:{port}")
    };
    let prefix = prefix.trim_end_matches('/').to_owned();
    if !prefix.is_empty() {
        request_path(&prefix).map_err(|error| format!("has a bad path: {error}"))?;
    }
    Ok(Address {
        scheme,
        target: Target::Tcp { host, port },
        authority,
        prefix,
        credentials: userinfo.map(credentials).transpose()?,
    })
}

/// Splits `host:port`; the host comes back in lower case and without brackets.
pub(crate) fn host_and_port(text: &str, default_port: u16) -> Result<(String, u16), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or("lacks the closing `]` of an IPv6 address")?;
        host.parse::<std::net::Ipv6Addr>()
            .map_err(|_| format!("has `{}` where an IPv6 address should be", host.escape_debug()))?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("has something other than `:PORT` after its IPv6 address".to_owned()),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("has an IPv6 address that needs brackets, as in http://[::1]:11434".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err("names no host".to_owned());
    }
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if let Some(bad) = host.chars().find(|&c| !named(c)) {
        return Err(format!("has {bad:?} in its host name"));
    }
    let port = match port {
        None => default_port,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port != 0 && digits.bytes().all(|b| b.is_ascii_digit()) => port,
            _ => {
                return Err(format!(
                    "has the port `{}`, which is not a number from 1 to 65535",
                    digits.escape_debug()
                ));
            }
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn credentials(userinfo: &str) -> Result<Credentials, String> {
    let decode = |part: &str| {
        let text = percent_decode_str(part)
            .decode_utf8()
            .map_err(|_| "has a user name or password that is not UTF-8")?;
        Ok::<_, &str>(Secret::new(text))
    };
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Ok(Credentials::Basic {
        user: decode(user)?,
        password: decode(password)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn tcp_target(host: &str, port: u16) -> Target {
        Target::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            (
                "http://localhost:11434",
                tcp_target("localhost", 11434),
                "localhost:11434",
                "",
            ),
            ("http://h", tcp_target("h", 80), "h", ""),
            ("https://h/", tcp_target("h", 443), "h", ""),
            (
                "HTTPS://Api.Example.COM:443/v1/",
                tcp_target("api.example.com", 443),
                "api.example.com",
                "/v1",
            ),
            (
                "http://[::1]:8080/a/b",
                tcp_target("::1", 8080),
                "[::1]:8080",
                "/a/b",
            ),
            ("http://127.0.0.1", tcp_target("127.0.0.1", 80), "127.0.0.1", ""),
            (
                "unix:/run/o.sock",
                Target::Unix("/run/o.sock".into()),
                "localhost",
                "",
            ),
            (
                "unix:///run/o.sock",
                Target::Unix("/run/o.sock".into()),
                "localhost",
                "",
            ),
        ];
        for (url, target, authority, prefix) in cases {
            let address = parse(url);
            assert_eq!(address.target, target, "{url}");
            assert_eq!(address.authority, authority, "{url}");
            assert_eq!(address.prefix, prefix, "{url}");
        }
    }

    #[test]
    fn a_bad_address_is_refused_with_the_reason_and_without_the_password() {
        let cases = [
            ("localhost:11434", "no scheme"),
            ("ftp://u:hunter2@h", "must start with"),
            ("http://", "names no host"),
            ("http://u:hunter2@", "names no host"),
            ("http://h:99999", "1 to 65535"),
            ("http://h:0", "1 to 65535"),
            ("http://h:+80", "1 to 65535"),
            ("http://h:", "1 to 65535"),
            ("http://::1:80", "brackets"),
            ("http://[::1", "closing"),
            ("http://[zz]:1", "IPv6"),
            ("http://[::1]x", "after its IPv6"),
            ("http://h/a?b=c", "query"),
            ("http://h/a b", "' '"),
            ("http://h\r\nX: y", "'\\r'"),
            ("http://bücher", "host name"),
            ("http://u:12/hunter2@h", "percent-encode"),
            ("http://u:hunter2@h:x", "1 to 65535"),
            ("http://u:hun/ter2@h", "percent-encode"),
            ("unix:o.sock", "absolute"),
        ];
        for (url, part) in cases {
            let error = Address::parse(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
            assert!(error.to_string().contains(part), "{url}: {error}");
            assert!(!error.to_string().contains("ter2"), "{url}: {error}");
            assert!(!error.to_string().contains(char::is_control), "{url}: {error}");
        }
    }

    #[test]
    fn userinfo_becomes_credentials_and_is_not_shown() {
        let address = parse("http://me:p%40ss@gpu-box:1234/x");
        let expected = Credentials::Basic {
            user: Secret::new("me"),
            password: Secret::new("p@ss"),
        };
        assert_eq!(address.credentials, Some(expected));
        assert_eq!(address.shown(), "http://gpu-box:1234/x");
        assert!(!format!("{address:?}").contains("p@ss"));
    }

    #[test]
    fn paths_are_put_behind_the_prefix() {
        let address = parse("http://h/base/");
        assert_eq!(
            address.join("/api/tags?x=1").expect("a path"),
            "/base/api/tags?x=1"
        );
        assert_eq!(address.join("api/tags").expect("a path"), "/base/api/tags");
        assert_eq!(
            address.shown_with(&address.join("/a?key=1").expect("a path")),
            "http://h/base/a"
        );
        let error = address.join("/a HTTP/1.1\r\nX: y").expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        for url in [
            "http://localhost",
            "http://LOCALHOST.:1",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]",
            "unix:/s",
        ] {
            assert!(parse(url).is_loopback(), "{url}");
        }
        for url in ["http://localhost.example.com", "http://128.0.0.1", "http://[::2]"] {
            assert!(!parse(url).is_loopback(), "{url}");
        }
    }
}
