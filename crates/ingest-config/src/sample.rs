//! The file to begin with, made from the table.

use std::fmt::Write;

use crate::keys::Stage;
use crate::{KEYS, Key, Kind, PREFIX, value};

/// Greatest length of a line of comment.
const WIDTH: usize = 100;

/// The named sources, which have no default to show.
const SOURCES: &str = r#"# [[sources]]
# name = "handbook"               # for `ingest run --source handbook`
# paths = ["docs", "README.md"]   # folders, files or globs, relative to `data_dir`
# include = ["*.md", "*.txt"]     # only files that match; without it, all
# exclude = ["drafts"]            # no files and folders that match
# enabled = true                  # whether a run without `--source` takes it
"#;

/// A configuration file with every setting commented out: what it does, which values it takes and its default, or an
/// example where it has none. As it is, it changes nothing. Secrets are left empty, which is not set.
pub fn sample_toml() -> String {
    let mut file = String::new();
    prose(
        &mut file,
        "Settings of `ingest`. All are commented out: take the `# ` away before one to set it. Lines without a \
         default show an example.",
    );
    prose(
        &mut file,
        &format!(
            "A flag wins over the environment ({PREFIX} and the name in capitals), which wins over this file. `ingest \
             config show` prints what is in force and where it comes from."
        ),
    );
    for stage in Stage::ALL {
        heading(&mut file, stage.title());
        let keys = KEYS.iter().filter(|key| key.stage == stage);
        for key in keys.filter(|key| key.kind != Kind::Sources) {
            setting(&mut file, key);
        }
    }
    for key in KEYS.iter().filter(|key| key.kind == Kind::Sources) {
        sources(&mut file, key);
    }
    file
}

fn heading(file: &mut String, title: &str) {
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(file, "\n# ---- {title} ----");
}

fn setting(file: &mut String, key: &Key) {
    file.push('\n');
    prose(file, key.doc);
    let secret = if key.is_secret() { ", never shown" } else { "" };
    let also: String = key
        .also
        .iter()
        .map(|variable| format!("; also taken from the variable {variable}"))
        .collect();
    let unset = if key.default.is_none() {
        " Not set by default."
    } else {
        ""
    };
    prose(
        file,
        &format!("Value: {}{secret}{also}.{unset}", value::allowed(key)),
    );
    let shown = key.default.or(key.example).unwrap_or_default();
    let _ = writeln!(file, "# {} = {}", key.name, literal(key.kind, shown));
}

/// TOML takes every setting below a table for a part of it, so the tables come last.
fn sources(file: &mut String, key: &Key) {
    heading(file, "Sources");
    file.push('\n');
    prose(file, key.doc);
    prose(
        file,
        "Keep them at the end of the file: a setting below a table would be a part of it.",
    );
    let _ = write!(file, "#\n{SOURCES}");
}

/// A value as TOML. Those of the table need no more escaping than Rust and TOML have in common.
fn literal(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Integer { .. } | Kind::Number { .. } => value.to_owned(),
        Kind::WordOrInteger { word, .. } if word != value => value.to_owned(),
        _ => format!("{value:?}"),
    }
}

/// Lines of comment, cut between words.
fn prose(file: &mut String, text: &str) {
    let mut length = 0;
    for word in text.split(' ') {
        let word_length = word.chars().count() + 1;
        if length > 0 && length + word_length > WIDTH {
            file.push('\n');
            length = 0;
        }
        if length == 0 {
            file.push('#');
            length = 1;
        }
        file.push(' ');
        file.push_str(word);
        length += word_length;
    }
    file.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Loader, Origin, Settings};

    fn load(text: &str) -> Settings {
        let loaded = Loader::new().file_text("config.toml", text).load();
        loaded.unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Takes the comment away before the settings that are wanted.
    fn uncommented(wanted: impl Fn(&Key) -> bool) -> String {
        let mut text = sample_toml();
        for key in KEYS.iter().filter(|key| wanted(key)) {
            let setting = format!("\n{} = ", key.name);
            let commented = format!("\n# {} = ", key.name);
            assert_eq!(text.matches(&commented).count(), 1, "{}", key.name);
            text = text.replace(&commented, &setting);
        }
        text
    }

    fn values(settings: &Settings) -> Vec<(&'static str, serde_json::Value)> {
        let pair = |entry: Entry| (entry.key, entry.value);
        settings.entries().map(pair).collect()
    }

    fn is_no_table(key: &Key) -> bool {
        key.kind != Kind::Sources
    }

    #[test]
    fn the_sample_sets_nothing() {
        let settings = load(&sample_toml());
        assert!(KEYS.iter().all(|key| !settings.is_set(key.name)));
        assert_eq!(values(&settings), values(&Settings::default()));
        assert_eq!(
            settings.store_url().as_str(),
            Settings::default().store_url().as_str()
        );
    }

    #[test]
    fn the_defaults_that_it_shows_are_those_that_hold() {
        let settings = load(&uncommented(|key| key.default.is_some()));
        let default = Settings::default();
        assert_eq!(values(&settings), values(&default));
        // What the list of values masks or leaves out.
        assert_eq!(settings.store, default.store);
        assert_eq!(settings.embedding, default.embedding);
        for key in KEYS.iter().filter(|key| key.default.is_some()) {
            assert_eq!(settings.origin(key.name).origin, Origin::File, "{}", key.name);
        }
    }

    #[test]
    fn every_setting_can_be_used_as_it_is_shown() {
        let settings = load(&uncommented(is_no_table));
        for key in KEYS.iter().filter(|key| is_no_table(key)) {
            let is_left_empty = key.is_secret() && key.default.is_none();
            assert_ne!(settings.is_set(key.name), is_left_empty, "{}", key.name);
        }
        assert_eq!(
            settings.embedding.document_prefix.as_deref(),
            Some("search_document: ")
        );
    }

    #[test]
    fn the_tables_of_sources_are_shown_at_the_end() {
        let sample = sample_toml();
        let (before, tables) = sample.split_at(sample.find("# [[sources]]").expect("the tables"));
        let tables = tables.replace("# [[", "[[").replace("\n# ", "\n");
        let settings = load(&format!("{before}{tables}"));
        assert_eq!(settings.run.sources.len(), 1);
        let source = &settings.run.sources[0];
        assert_eq!((source.name.as_str(), source.enabled), ("handbook", true));
        assert_eq!(
            (source.paths.len(), source.include.len(), source.exclude.len()),
            (2, 2, 1)
        );
    }

    #[test]
    fn lines_are_short_and_no_secret_is_filled_in() {
        let sample = sample_toml();
        for line in sample.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert!(line.is_empty() || line.starts_with("# ") || line == "#", "{line}");
        }
        for key in ["openai_api_key", "ollama_api_key"] {
            assert!(sample.contains(&format!("\n# {key} = \"\"\n")), "{sample}");
        }
    }
}
