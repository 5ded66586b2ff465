//! Where a server listens, read by the rules of Ollama's own `OLLAMA_HOST`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use embed_core::{Error, ErrorKind, Result};

/// Where Ollama listens when nothing is said.
const DEFAULT_PORT: u16 = 11434;

/// The address of an Ollama server, read as Ollama itself reads `OLLAMA_HOST`.
///
/// | text | URL |
/// | --- | --- |
/// | empty | `http://127.0.0.1:11434` |
/// | `gpu-box`, `1.2.3.4`, `::1` (no scheme) | that host, port 11434 |
/// | `gpu-box:1234`, `:1234`, `[::1]:1234` | that port; without a host, this machine |
/// | `http://gpu-box` | port 80 |
/// | `https://gpu-box` | port 443 |
/// | `ollama.com` | `https://ollama.com` |
/// | `https://proxy/ollama` | the path is put before every request's own |
/// | `unix:/run/ollama.sock` | a Unix socket |
///
/// Blanks and quotes around it do not count. `0.0.0.0` and `::` tell a server to listen everywhere; a client reaches
/// such a server on this machine, so they become loopback. A port that cannot be one gives the default port, as Ollama
/// does, with a [`warning`](Self::warning).
///
/// ```
/// use embed_ollama::Host;
///
/// let host = Host::parse(" \"0.0.0.0:8080\" ")?;
/// assert_eq!(host.url(), "http://127.0.0.1:8080");
/// assert_eq!(host.warning(), None);
/// # Ok::<(), embed_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    url: String,
    shown: String,
    warning: Option<String>,
}

impl Host {
    /// Reads an address.
    ///
    /// # Errors
    /// `InvalidConfig` for what can be no address at all: an unknown scheme, letters no host name has, a query.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim_matches(|next: char| next.is_whitespace() || matches!(next, '"' | '\''));
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(text, path);
        }
        let (scheme, rest, default_port) = scheme(text)?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if !path.bytes().all(is_path_byte) {
            return Err(invalid(
                text,
                "its path holds blanks, a query or other marks that a path cannot hold",
            ));
        }
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials), authority),
            None => (None, authority),
        };
        let (host, port) = split(text, authority)?;
        if scheme.is_none() && port == Some("") && matches!(host, "http" | "https") {
            return Err(invalid(text, "a scheme is followed by `://`"));
        }
        let mut warning = None;
        if scheme.is_none() && port.is_none() && !host.is_empty() && host.bytes().all(|b| b.is_ascii_digit())
        {
            warning = Some(format!(
                "`{host}` is read as the name of a host; a port alone is written `:{host}`"
            ));
        }
        let host = name(text, host)?;
        let port = port.map_or(default_port, |port| match port.parse() {
            Ok(port) if port > 0 => port,
            _ => {
                warning = Some(format!(
                    "`{port}` in `{}` is not a port (1 to 65535): using {default_port}",
                    without_credentials(text)
                ));
                default_port
            }
        });
        let scheme = scheme.unwrap_or("http");
        let port = match (scheme, port) {
            ("http", 80) | ("https", 443) => String::new(),
            (_, port) => format!(":{port}"),
        };
        let rest = format!("{host}{port}{}", path.trim_end_matches('/'));
        let shown = format!("{scheme}://{rest}");
        Ok(Self {
            url: credentials.map_or_else(
                || shown.clone(),
                |credentials| format!("{scheme}://{credentials}@{rest}"),
            ),
            shown,
            warning,
        })
    }

    /// The URL that requests go to, without a slash at its end and without a port that the scheme implies.
    /// It holds the user and password that were given with it: show the [`Display`](fmt::Display) form instead.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was read in another way than it was written, worth telling a person.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }
}

impl Default for Host {
    /// This machine at Ollama's own port.
    fn default() -> Self {
        let url = format!("http://{}:{DEFAULT_PORT}", Ipv4Addr::LOCALHOST);
        Self {
            shown: url.clone(),
            url,
            warning: None,
        }
    }
}

impl fmt::Display for Host {
    /// The URL without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("url", &self.shown)
            .field("warning", &self.warning)
            .finish()
    }
}

fn unix(text: &str, path: &str) -> Result<Host> {
    // `unix:///run/x` is the same socket as `unix:/run/x`.
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.chars().any(char::is_control) {
        return Err(invalid(text, "`unix:` is followed by the path of a socket"));
    }
    // Slashes beyond the first mean nothing to the system, and would be taken for those of `unix://`.
    let root = if path.starts_with('/') { "/" } else { "" };
    let url = format!("unix:{root}{}", path.trim_start_matches('/'));
    Ok(Host {
        shown: url.clone(),
        url,
        warning: None,
    })
}

/// The scheme that was written, what follows it, and the port that it implies.
fn scheme(text: &str) -> Result<(Option<&'static str>, &str, u16)> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((Some("http"), rest, 80)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((Some("https"), rest, 443)),
        Some(_) => Err(invalid(text, "its scheme is none of `http`, `https` and `unix`")),
        None if text.eq_ignore_ascii_case("ollama.com") => Ok((Some("https"), text, 443)),
        None => Ok((None, text, DEFAULT_PORT)),
    }
}

/// Parts a host from its port; brackets are taken off.
fn split<'a>(text: &str, authority: &'a str) -> Result<(&'a str, Option<&'a str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((host, "")) => Ok((host, None)),
            Some((host, port)) if port.starts_with(':') => Ok((host, Some(&port[1..]))),
            _ => Err(invalid(text, "its brackets do not hold just an IPv6 address")),
        };
    }
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Ok((authority, None));
    }
    match authority.split_once(':') {
        None => Ok((authority, None)),
        Some((_, port)) if port.contains(':') => Err(invalid(
            text,
            "it has too many colons; an IPv6 address with a port needs brackets, as in `[::1]:11434`",
        )),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

/// The host as it stands in a URL, with addresses that mean "everywhere" turned into loopback.
fn name(text: &str, host: &str) -> Result<String> {
    if host.is_empty() {
        return Ok(Ipv4Addr::LOCALHOST.to_string());
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        let reached = match address {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            _ if address.to_canonical().is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => address,
        };
        return Ok(match reached {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        });
    }
    if !host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        return Err(invalid(
            text,
            "a host name holds letters, digits, `-`, `_` and `.` only (others in their `xn--` form)",
        ));
    }
    Ok(host.to_owned())
}

/// A quote may stand in a path, but in a setting it is one that was left over.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&()*+,;=:@".contains(&byte)
}

fn invalid(text: &str, why: &str) -> Error {
    let text: String = without_credentials(text).chars().take(200).collect();
    Error::new(
        ErrorKind::InvalidConfig,
        format!(
            "`{}` is not the address of an Ollama server: {why}",
            text.escape_debug()
        ),
    )
}

/// The text without what may be a user and a password.
fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        None => text.to_owned(),
        Some((before, after)) => match before.split_once("://") {
            // A password may hold `://`, too.
            Some((scheme, _)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                format!("{scheme}://***@{after}")
            }
            _ => format!("***@{after}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> String {
        let host = Host::parse(text).expect(text);
        assert_eq!(host.warning(), None, "{text}");
        host.url
    }

    #[test]
    fn addresses_are_read_as_ollama_reads_them() {
        for (text, expected) in [
            ("", "http://127.0.0.1:11434"),
            ("1.2.3.4", "http://1.2.3.4:11434"),
            (":1234", "http://127.0.0.1:1234"),
            ("1.2.3.4:1234", "http://1.2.3.4:1234"),
            ("example.com", "http://example.com:11434"),
            ("example.com:1234", "http://example.com:1234"),
            ("gpu_box", "http://gpu_box:11434"),
            ("[::1]", "http://[::1]:11434"),
            ("::1", "http://[::1]:11434"),
            ("[::1]:1337", "http://[::1]:1337"),
            (" 1.2.3.4 ", "http://1.2.3.4:11434"),
            ("\"1.2.3.4\"", "http://1.2.3.4:11434"),
            (" \" 1.2.3.4 \" ", "http://1.2.3.4:11434"),
            ("'1.2.3.4'", "http://1.2.3.4:11434"),
            ("http://1.2.3.4", "http://1.2.3.4"),
            ("http://1.2.3.4:80", "http://1.2.3.4"),
            ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
            ("HTTP://1.2.3.4:4321", "http://1.2.3.4:4321"),
            ("https://1.2.3.4", "https://1.2.3.4"),
            ("https://1.2.3.4:80", "https://1.2.3.4:80"),
            ("https://example.com/ollama", "https://example.com/ollama"),
            ("example.com/ollama/", "http://example.com:11434/ollama"),
            ("http://localhost:11434/", "http://localhost:11434"),
            ("ollama.com", "https://ollama.com"),
            ("ollama.com:1234", "http://ollama.com:1234"),
            ("unix:/run/ollama.sock", "unix:/run/ollama.sock"),
            ("unix:///run/ollama.sock", "unix:/run/ollama.sock"),
            ("unix://///run//ollama.sock", "unix:/run//ollama.sock"),
        ] {
            assert_eq!(url(text), expected, "{text}");
        }
        assert_eq!(Host::default(), Host::parse("").expect("the default"));
    }

    #[test]
    fn listening_everywhere_is_reached_on_this_machine() {
        assert_eq!(url("0.0.0.0"), "http://127.0.0.1:11434");
        assert_eq!(url("http://0.0.0.0:8080"), "http://127.0.0.1:8080");
        assert_eq!(url("::"), "http://[::1]:11434");
        assert_eq!(url("[::]:8080"), "http://[::1]:8080");
        assert_eq!(url("[::ffff:0.0.0.0]:8080"), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_port_that_is_none_gives_the_default_and_a_warning() {
        for (text, expected) in [
            (":66000", "http://127.0.0.1:11434"),
            (":-1", "http://127.0.0.1:11434"),
            ("gpu-box:0", "http://gpu-box:11434"),
            ("gpu-box:", "http://gpu-box:11434"),
            ("gpu-box:ollama", "http://gpu-box:11434"),
            ("http://gpu-box:99999", "http://gpu-box"),
            ("https://gpu-box:x", "https://gpu-box"),
        ] {
            let host = Host::parse(text).expect(text);
            assert_eq!(host.url(), expected, "{text}");
            assert!(host.warning().is_some_and(|w| w.contains("not a port")), "{text}");
        }
        let host = Host::parse("11434").expect("a name");
        assert!(host.warning().is_some_and(|w| w.contains(":11434")));
    }

    #[test]
    fn what_can_be_no_address_is_refused() {
        for text in [
            "htpp://gpu-box",
            "ftp://gpu-box",
            "://gpu-box",
            "http:/gpu-box",
            "https:gpu-box:1",
            "gpu box",
            "localhost;11434",
            "gpu-box?x=1",
            "gpu-box/a b",
            "gpu-box/a?b",
            "gpu-box/'a''b",
            "::1:114344",
            "[::1",
            "[::1]11434",
            "[fe80::1%eth0]:11434",
            "bücher.example",
            "a\nb",
            "unix:",
        ] {
            let error = Host::parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{text}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn credentials_are_used_but_not_shown() {
        let host = Host::parse("https://ann:s3cret@proxy.example/ollama").expect("an address");
        assert_eq!(host.url(), "https://ann:s3cret@proxy.example/ollama");
        assert_eq!(host.to_string(), "https://proxy.example/ollama");
        assert!(!format!("{host:?}").contains("s3cret"));
        for text in [
            "https://ann:s3cret@a b",
            "htpp://ann:s3cret@proxy",
            "ann:s3cret://x@a b",
        ] {
            assert!(!Host::parse(text).expect_err(text).to_string().contains("s3cret"));
        }
        let host = Host::parse("http://ann:s3cret@proxy:0").expect("an address");
        assert!(!host.warning().expect("a warning").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(text in any::<String>()) {
            let _ = Host::parse(&text);
        }

        #[test]
        fn what_looks_like_an_address_is_read_the_same_twice(
            text in r#"[ "']{0,2}(|http://|https://|unix:|x://)([a-z0-9.:@\[\]/-]{0,24})[ "']{0,2}"#,
        ) {
            if let Ok(host) = Host::parse(&text) {
                let again = Host::parse(host.url()).expect("a URL made here");
                prop_assert_eq!(again.url(), host.url());
                prop_assert_eq!(again.to_string(), host.to_string());
                prop_assert_eq!(again.warning(), None);
            }
        }
    }
}
