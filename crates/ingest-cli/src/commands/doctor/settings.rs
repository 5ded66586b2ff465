//! Where settings come from, and how the host was read.

use ingest_config::{Origin, Provenance, Settings};

use super::finding::Finding;
use crate::output::counted;

/// Tells which settings were set and by what; their values are for `ingest config show`.
pub(super) fn loaded(settings: &Settings) -> Finding {
    let set: Vec<_> = settings
        .entries()
        .filter(|entry| entry.provenance.origin != Origin::Default)
        .map(|entry| format!("`{}` ({})", entry.key, entry.provenance))
        .collect();
    let what = match set.len() {
        0 => "no setting is set: all have their defaults".to_owned(),
        count => format!("{} set: {}", counted(count as u64, "setting"), set.join(", ")),
    };
    Finding::ok(
        "settings",
        what,
        "flags win over the environment, it over the file",
    )
}

/// One finding for each probable slip.
pub(super) fn slips(settings: &Settings) -> impl Iterator<Item = Finding> {
    settings.warnings().iter().map(|slip| {
        let why = "a name that is nearly a setting's changes nothing";
        Finding::warning("settings", slip, why).fix("ingest config show")
    })
}

/// Tells how an address was read, step by step. `address` is what became of `given`, in full.
pub(super) fn host(given: &str, from: &Provenance, address: &str, warning: Option<&str>) -> Finding {
    const WHY: &str = "a server at another port or path looks like one that is down";
    let what = format!("`{given}` ({from}) is read as {address}: {}", parts(address));
    match warning {
        None => Finding::ok("host", what, WHY),
        Some(warning) => {
            Finding::warning("host", format!("{what}; {warning}"), WHY).fix(format!("--host {address}"))
        }
    }
}

/// The parts of an address in words: `scheme http, host gpu-box, port 11434, no path`.
fn parts(address: &str) -> String {
    if let Some(path) = address.strip_prefix("unix:") {
        return format!("the Unix socket {path}");
    }
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // The colons of an IPv6 address stand within brackets.
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, format!("port {port}")),
        _ => (
            host,
            format!("port {} of the scheme", if scheme == "https" { 443 } else { 80 }),
        ),
    };
    let path = match path.trim_end_matches('/') {
        "" => "no path".to_owned(),
        path => format!("path {path}"),
    };
    format!("scheme {scheme}, host {host}, {port}, {path}")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use ingest_config::Loader;

    #[test]
    fn a_host_is_taken_apart_step_by_step() {
        for (address, words) in [
            (
                "http://gpu-box:11434",
                "scheme http, host gpu-box, port 11434, no path",
            ),
            (
                "https://proxy/ollama/",
                "scheme https, host proxy, port 443 of the scheme, path /ollama",
            ),
            (
                "http://[::1]",
                "scheme http, host [::1], port 80 of the scheme, no path",
            ),
            (
                "http://[::1]:8080/v1",
                "scheme http, host [::1], port 8080, path /v1",
            ),
            ("http://ann:***@box:1", "scheme http, host box, port 1, no path"),
            ("unix:/run/o.sock", "the Unix socket /run/o.sock"),
        ] {
            assert_eq!(parts(address), words);
        }
    }

    #[test]
    fn every_set_value_is_told_with_its_origin_and_without_its_value() {
        let settings = Loader::new()
            .set("openai_api_key", "sk-secret", "a flag")
            .set("chunk_size", "123", "--chunk-size")
            .load()
            .expect("settings");
        let finding = loaded(&settings);
        assert!(finding.what.starts_with("2 settings set: "), "{finding:?}");
        assert!(
            finding.what.contains("`chunk_size` (--chunk-size)"),
            "{finding:?}"
        );
        assert!(!finding.what.contains("sk-secret"), "{finding:?}");
    }

    #[test]
    fn a_host_that_was_read_otherwise_is_a_warning_with_the_flag_that_mends_it() {
        let finding = host(
            "box:0",
            &Provenance::default(),
            "http://box:11434",
            Some("`0` is not a port"),
        );
        assert_eq!(finding.level, Level::Warning);
        assert_eq!(finding.fix.as_deref(), Some("--host http://box:11434"));
        assert!(finding.what.ends_with("`0` is not a port"), "{finding:?}");
    }
}
