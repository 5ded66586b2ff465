//! The headers every request carries.

use embed_core::{Error, ErrorKind, Result};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::address::Address;
use crate::builder::HttpClientBuilder;
use crate::dial::Dialer;
use crate::secret::Scrubber;

/// Headers that frame the message; a wrong one would make the server misread where a request ends.
const FRAMING: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Puts together what every request carries, and what must therefore not appear in a message. A header given by name
/// replaces the client's own of that name.
///
/// # Errors
///
/// [`ErrorKind::InvalidConfig`] that names the header but not its value.
pub(crate) fn common(
    address: &Address,
    builder: &HttpClientBuilder,
    dialer: &Dialer,
) -> Result<(HeaderMap, Scrubber)> {
    let mut headers = HeaderMap::new();
    let mut scrubber = Scrubber::default();
    headers.insert(header::HOST, value("host", &address.authority)?);
    headers.insert(header::USER_AGENT, value("user-agent", &builder.user_agent)?);
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(credentials) = builder.credentials.as_ref().or(address.credentials.as_ref()) {
        headers.insert(header::AUTHORIZATION, credentials.header()?);
        scrubber.add(credentials);
    }
    for (name, secret) in &builder.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            let shown = name.escape_debug();
            Error::new(
                ErrorKind::InvalidConfig,
                format!("`{shown}` is not a name a header can have"),
            )
        })?;
        if FRAMING.contains(&parsed) {
            let message = format!("the header `{parsed}` is the client's own affair and cannot be set");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let mut parsed_value = value(parsed.as_str(), secret.expose())?;
        parsed_value.set_sensitive(true);
        headers.insert(parsed, parsed_value);
        scrubber.add_text(secret.expose());
    }
    if let Some(authorization) = dialer.proxy_authorization() {
        headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }
    Ok((headers, scrubber))
}

/// A header value; the error names the header and keeps the value to itself.
///
/// # Errors
///
/// [`ErrorKind::InvalidConfig`] for line breaks and other control characters.
pub(crate) fn value(name: &str, text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| {
        let message =
            format!("the value of the header `{name}` holds a line break or another control character");
        Error::new(ErrorKind::InvalidConfig, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpClient;

    #[test]
    fn a_header_of_ones_own_replaces_the_clients_and_is_not_printed() {
        let builder = HttpClient::builder("http://me:pw-from-url@h:1")
            .header("Authorization", "Custom hunter2")
            .header("User-Agent", "mine");
        let address = Address::parse(&builder.base).expect("an address");
        let dialer = Dialer::new(&address, &builder).expect("a dialer");
        let (headers, _) = common(&address, &builder, &dialer).expect("headers");
        assert_eq!(headers[header::AUTHORIZATION], "Custom hunter2");
        assert_eq!(headers[header::USER_AGENT], "mine");
        assert_eq!(headers[header::HOST], "h:1");
        assert!(!format!("{headers:?}").contains("hunter2"), "{headers:?}");
    }
}
