//! Redirects: the same request to another path of the same server, or an error.

use embed_core::{Error, ErrorKind, Result};
use http::uri::PathAndQuery;
use http::{StatusCode, header};

use crate::address::{Address, request_path, without_userinfo};
use crate::response::Response;

/// Redirects followed for one request.
pub(crate) const MOST: usize = 3;

/// The path to ask next, or `None` if the answer is not a redirect.
///
/// # Errors
///
/// [`ErrorKind::InvalidConfig`] that names the target, for a redirect that is not followed: to another server, which
/// must not get the credentials, or one that would turn a POST into a GET.
pub(crate) fn follow(
    response: &Response,
    address: &Address,
    current: &PathAndQuery,
) -> Result<Option<PathAndQuery>> {
    let status = response.status();
    let Some(location) = response
        .headers()
        .get(header::LOCATION)
        .filter(|_| status.is_redirection())
    else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let refuse = |why: &str| -> Error {
        let target = without_userinfo(location.split(['?', '#']).next().unwrap_or_default());
        response.error(
            ErrorKind::InvalidConfig,
            format!("the server redirects to `{target}`, {why}"),
        )
    };
    if status != StatusCode::TEMPORARY_REDIRECT && status != StatusCode::PERMANENT_REDIRECT {
        return Err(refuse(&format!(
            "with {}, which is not followed; set that address if it is right",
            status.as_u16()
        )));
    }
    match target(&location, address, current) {
        Ok(Some(path)) => Ok(Some(path)),
        Ok(None) => Err(refuse(
            "another server, which is not followed; set that address if it is right",
        )),
        Err(_) => Err(refuse("which is no valid address")),
    }
}

/// Resolves a `Location`; `None` if it leads to another server.
fn target(location: &str, address: &Address, current: &PathAndQuery) -> Result<Option<PathAndQuery>> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = match address.scheme {
        crate::address::Scheme::Https => "https:",
        _ => "http:",
    };
    let absolute = if location.starts_with("//") {
        format!("{scheme}{location}")
    } else if has_scheme(location) {
        location.to_owned()
    } else {
        let path = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{}{location}", current.path())
        } else {
            let folder = current.path().rfind('/').map_or("", |at| &current.path()[..at]);
            format!("{folder}/{location}")
        };
        return request_path(&path).map(Some);
    };
    let after_scheme = absolute.find("://").map_or(0, |at| at + "://".len());
    let split = absolute[after_scheme..]
        .find(['/', '?'])
        .map_or(absolute.len(), |at| after_scheme + at);
    let (origin, path) = absolute.split_at(split);
    if !Address::parse(origin)?.same_origin(address) {
        return Ok(None);
    }
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    request_path(&path).map(Some)
}

fn has_scheme(location: &str) -> bool {
    location
        .split(['/', '?'])
        .next()
        .is_some_and(|start| start.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(location: &str) -> Option<String> {
        let address = Address::parse("http://me:pw@gpu-box:8080/base").expect("an address");
        let current = PathAndQuery::from_static("/base/api/embed?x=1");
        target(location, &address, &current)
            .ok()
            .flatten()
            .map(|path| path.to_string())
    }

    #[test]
    fn targets_on_the_same_server_are_resolved() {
        let cases = [
            ("/v2/embed", "/v2/embed"),
            ("embed/", "/base/api/embed/"),
            ("?y=2", "/base/api/embed?y=2"),
            ("http://gpu-box:8080/v2?z=1#top", "/v2?z=1"),
            ("HTTP://GPU-BOX:8080", "/"),
            ("//gpu-box:8080/v2", "/v2"),
        ];
        for (location, path) in cases {
            assert_eq!(resolved(location).as_deref(), Some(path), "{location}");
        }
    }

    #[test]
    fn another_scheme_host_or_port_is_another_server() {
        for location in [
            "http://gpu-box/v2",
            "https://gpu-box:8080/v2",
            "http://evil.example/base",
            "//evil.example/",
            "http://gpu-box:8080@evil.example/",
            "http://gpu-box.evil.example:8080/",
            "javascript:alert(1)",
            "ftp://gpu-box:8080/",
            "/a b",
        ] {
            assert_eq!(resolved(location), None, "{location}");
        }
    }
}
