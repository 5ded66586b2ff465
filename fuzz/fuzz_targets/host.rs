//! Ollama's address: any text ends in an address, which is read as itself again, or in an error; neither shows a password.
#![no_main]

use embed_ollama::Host;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let host = match Host::parse(input) {
        Ok(host) => host,
        Err(error) => return assert_hidden(input, &error.to_string()),
    };
    let again = Host::parse(host.url()).expect("what was made of it can be read");
    assert_eq!(again.url(), host.url(), "another address the second time");
    assert_eq!(again.to_string(), host.to_string());
    let shown = format!("{host} {host:?} {}", host.warning().unwrap_or_default());
    assert_hidden(input, &shown);
    let text = host.url();
    let (scheme, rest) = text.split_once(':').expect("a scheme");
    match scheme {
        "unix" => assert!(!rest.is_empty(), "{text}"),
        "http" | "https" => {
            let rest = rest.strip_prefix("//").expect("an authority");
            let authority = rest.split('/').next().unwrap_or_default();
            let address = authority.rsplit('@').next().unwrap_or_default();
            assert!(!address.is_empty(), "{text}");
            assert!(!address.contains([' ', '\n', '\r', '\0', '?', '#']), "{text:?}");
            assert!(!text.ends_with('/'), "{text}");
            let port = address.rsplit_once(':').filter(|_| !address.ends_with(']'));
            if let Some((_, port)) = port {
                assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{text}");
            }
        }
        other => panic!("the scheme {other} of {text}"),
    }
});

/// A password of some length that stands where one stands in an address shows nowhere.
fn assert_hidden(input: &str, shown: &str) {
    let Some((credentials, _)) = input.rsplit_once('@') else {
        return;
    };
    // Behind a slash it is part of a path, and a socket has nothing else.
    let credentials = credentials
        .split_once("://")
        .map_or(credentials, |(_, rest)| rest);
    let Some((user, password)) = credentials.split_once(':') else {
        return;
    };
    if user.contains('/') || input.contains("unix:") {
        return;
    }
    let is_marked = password.starts_with("pass-")
        && password.len() > 8
        && !password.contains(['/', ' '])
        && input.matches(password).count() == 1;
    assert!(
        !(is_marked && shown.contains(password)),
        "a password shows in {shown:?}"
    );
}
