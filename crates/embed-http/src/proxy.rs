//! Which proxy, if any, stands before a server.

use std::net::IpAddr;

use embed_core::{Error, ErrorKind, Result};
use http::HeaderValue;

use crate::address::{Address, Scheme, without_userinfo};
use crate::builder::ProxyMode;
use crate::connect::Target;

/// A proxy that speaks HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) target: Target,
    /// `Proxy-Authorization`, marked as sensitive.
    pub(crate) authorization: Option<HeaderValue>,
}

/// The proxy to take to `address`. This machine's own servers are reached without one.
///
/// # Errors
///
/// [`ErrorKind::InvalidConfig`] for a proxy that is not a plain HTTP one: going around it unasked could be worse.
pub(crate) fn of(address: &Address, mode: &ProxyMode) -> Result<Option<Proxy>> {
    if address.is_loopback() {
        return Ok(None);
    }
    match mode {
        ProxyMode::None => Ok(None),
        ProxyMode::Url(url) => parse(url, "the proxy setting").map(Some),
        ProxyMode::Environment => from_environment(address, |name| std::env::var(name).ok()),
    }
}

fn from_environment(address: &Address, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.trim().is_empty())?));
    let Target::Tcp { host, port } = &address.target else {
        return Ok(None);
    };
    if let Some((_, list)) = set("no_proxy").or_else(|| set("NO_PROXY"))
        && is_excepted(host, *port, &list)
    {
        return Ok(None);
    }
    let own = match address.scheme {
        Scheme::Https => set("https_proxy").or_else(|| set("HTTPS_PROXY")),
        // In a CGI program HTTP_PROXY is a request's `Proxy:` header, chosen by whoever sent it.
        _ => set("http_proxy").or_else(|| set("HTTP_PROXY").filter(|_| variable("REQUEST_METHOD").is_none())),
    };
    match own.or_else(|| set("all_proxy")).or_else(|| set("ALL_PROXY")) {
        Some((name, url)) => parse(url.trim(), name).map(Some),
        None => Ok(None),
    }
}

fn parse(url: &str, origin: &str) -> Result<Proxy> {
    let refuse = |why: &str| {
        let shown = without_userinfo(url);
        Error::new(
            ErrorKind::InvalidConfig,
            format!("{origin} names the proxy `{shown}`, {why}"),
        )
    };
    // As curl has it, a proxy without a scheme is an HTTP one.
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(refuse("but only http:// proxies are supported"));
    }
    let address = Address::parse(&format!("http://{rest}"))
        .map_err(|cause| refuse("which is no valid address").with_source(cause))?;
    let authorization = address
        .credentials
        .as_ref()
        .map(crate::secret::Credentials::header)
        .transpose()?;
    Ok(Proxy {
        target: address.target,
        authorization,
    })
}

/// Whether `NO_PROXY` excepts a host: `*`, names with what lies below them, addresses, networks, each with a port or not.
fn is_excepted(host: &str, port: u16, list: &str) -> bool {
    let ip = host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    list.split([',', ' ', '\t'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let entry = entry.to_ascii_lowercase();
            let (name, wanted_port) = split_port(&entry);
            if wanted_port.is_some_and(|wanted| wanted != port) {
                return false;
            }
            match ip {
                _ if name == "*" => true,
                Some(ip) => in_network(ip, name),
                None => {
                    let name = name.trim_start_matches('*').trim_start_matches('.');
                    !name.is_empty()
                        && host
                            .strip_suffix(name)
                            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }
            }
        })
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (name, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (name, after.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.rsplit_once(':') {
        // A second colon makes it an IPv6 address.
        Some((name, port)) if !name.contains(':') => (name, port.parse().ok()),
        _ => (entry, None),
    }
}

/// Whether `ip` is `entry`, or lies in it if it is a network such as `10.0.0.0/8`.
fn in_network(ip: IpAddr, entry: &str) -> bool {
    let (base, length) = match entry.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let (Ok(base), Some(length)) = (base.parse::<IpAddr>(), length) else {
        return false;
    };
    match (ip, base) {
        (IpAddr::V4(ip), IpAddr::V4(base)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
            ip.to_bits() & mask == base.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(base)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length)).unwrap_or(0);
            ip.to_bits() & mask == base.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>> {
        let address = Address::parse(url).expect("an address");
        let look_up = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Ok(from_environment(&address, look_up)?.map(|proxy| proxy.target.to_string()))
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_stands_in() {
        let variables = [
            ("http_proxy", "http://a:1"),
            ("HTTPS_PROXY", "b:2"),
            ("ALL_PROXY", "http://c:3"),
        ];
        assert_eq!(
            chosen("http://gpu", &variables).expect("valid").as_deref(),
            Some("a:1")
        );
        assert_eq!(
            chosen("https://gpu", &variables).expect("valid").as_deref(),
            Some("b:2")
        );
        assert_eq!(
            chosen("https://gpu", &variables[2..]).expect("valid").as_deref(),
            Some("c:3")
        );
        assert_eq!(
            chosen("http://gpu", &[("http_proxy", ""), ("HTTP_PROXY", "d:4")])
                .expect("valid")
                .as_deref(),
            Some("d:4")
        );
        assert_eq!(chosen("http://gpu", &[]).expect("valid"), None);
    }

    #[test]
    fn a_header_of_a_cgi_request_is_not_taken_for_a_proxy() {
        let variables = [("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(chosen("http://gpu", &variables).expect("valid"), None);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_that_hides_its_password() {
        for (url, why) in [
            ("socks5://me:hunter2@p:1", "only http://"),
            ("me:hunter2@p:x", "no valid address"),
        ] {
            let error = chosen("http://gpu", &[("ALL_PROXY", url)]).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(
                error.to_string().starts_with("ALL_PROXY names the proxy"),
                "{error}"
            );
            assert!(error.to_string().contains(why), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn loopback_is_never_reached_through_a_proxy() {
        let mode = ProxyMode::Url("http://proxy:1".to_owned());
        for url in [
            "http://localhost:1",
            "http://127.0.0.1",
            "http://[::1]:2",
            "unix:/run/s",
        ] {
            let address = Address::parse(url).expect("an address");
            assert!(of(&address, &mode).expect("valid").is_none(), "{url}");
        }
        let address = Address::parse("http://gpu").expect("an address");
        assert!(of(&address, &mode).expect("valid").is_some());
    }

    #[test]
    fn exceptions_are_names_addresses_and_networks() {
        let excepted = [
            ("gpu", 80, "*"),
            ("gpu", 80, "x, gpu"),
            ("gpu", 80, "x gpu"),
            ("gpu", 80, "GPU:80"),
            ("a.example.com", 80, "example.com"),
            ("a.example.com", 80, ".example.com"),
            ("a.example.com", 80, "*.example.com"),
            ("10.1.2.3", 80, "10.0.0.0/8"),
            ("10.1.2.3", 80, "10.1.2.3"),
            ("10.1.2.3", 80, "0.0.0.0/0"),
            ("10.1.2.3", 8080, "10.1.2.3:8080"),
            ("fd00::7", 80, "fd00::/8"),
            ("fd00::7", 80, "[fd00::7]:80"),
            ("fd00::7", 80, "fd00::7"),
        ];
        for (host, port, list) in excepted {
            assert!(is_excepted(host, port, list), "{host}:{port} in {list}");
        }
        let not = [
            ("gpu", 80, ""),
            ("gpu", 80, ","),
            ("gpu", 80, "."),
            ("gpu", 81, "gpu:80"),
            ("notexample.com", 80, "example.com"),
            ("10.1.2.3", 80, "11.0.0.0/8"),
            ("10.1.2.3", 80, "10.0.0.0/x"),
            ("10.1.2.3", 80, "3"),
            ("fd00::7", 80, "fe80::/10"),
        ];
        for (host, port, list) in not {
            assert!(!is_excepted(host, port, list), "{host}:{port} in {list}");
        }
    }
}
