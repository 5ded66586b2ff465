//! Settings: whatever a file and the environment hold, loading ends in settings or in an error fit for a terminal, and
//! settings that were taken are taken again from what `config show` tells of them.
//!
//! What stands before the first NUL byte is the file, then follow variables as `NAME=value`, each ended by a NUL byte.
#![no_main]

use ingest_config::{KEYS, Kind, Loader, PREFIX, Settings};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// What a secret is made of, so that it can be looked for in everything that is shown.
const SECRET: &str = "s3cr3t";

fuzz_target!(|input: &str| {
    let mut parts = input.split('\0');
    let file = parts.next().unwrap_or_default();
    let variables = parts.filter_map(|part| part.split_once('='));
    let loader = Loader::new()
        .file_text("config.toml", file)
        .environment(variables.map(|(name, value)| (format!("{PREFIX}{name}"), value)));
    match loader.load() {
        Ok(settings) => {
            assert_shown_safely(&settings);
            let again = again(&settings).expect("what is in force is allowed");
            assert_eq!(
                shown(&settings),
                shown(&again),
                "other settings from what was shown"
            );
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty());
            assert!(
                !message.contains('\u{1b}'),
                "an escape reaches the terminal: {message:?}"
            );
        }
    }
});

/// Settings from nothing but what is shown of others. Secrets and tables are shown in another form than they are set.
fn again(settings: &Settings) -> ingest_config::Result<Settings> {
    let mut variables = Vec::new();
    for entry in settings.entries() {
        let key = KEYS
            .iter()
            .find(|key| key.name == entry.key)
            .expect("a known key");
        if is_masked(&key.kind) || !settings.is_set(key.name) {
            continue;
        }
        let text = match entry.value {
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        variables.push((key.variable(PREFIX), text));
    }
    Loader::new().environment(variables).load()
}

fn shown(settings: &Settings) -> Vec<(String, Value)> {
    let masked = |name: &str| KEYS.iter().any(|key| key.name == name && is_masked(&key.kind));
    settings
        .entries()
        .filter(|entry| !masked(entry.key) && !entry.value.is_array() && !entry.value.is_object())
        .map(|entry| (entry.key.to_owned(), entry.value))
        .collect()
}

fn is_masked(kind: &Kind) -> bool {
    matches!(kind, Kind::Secret { .. } | Kind::Address | Kind::Sources)
}

fn assert_shown_safely(settings: &Settings) {
    for entry in settings.entries() {
        let key = KEYS
            .iter()
            .find(|key| key.name == entry.key)
            .expect("a known key");
        if matches!(key.kind, Kind::Secret { .. }) {
            assert!(
                !entry.value.to_string().contains(SECRET),
                "{} shows its secret",
                key.name
            );
        }
    }
}
