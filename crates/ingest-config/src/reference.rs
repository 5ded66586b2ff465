//! The reference page, made from the table.

use std::fmt::Write;

use crate::keys::{FOREIGN, Stage};
use crate::{KEYS, PREFIX, value};

/// The page that documents every setting, as Markdown.
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         A setting is taken from the first of these that has it: a flag of the command line, the environment, \
         `config.toml` in the current folder (or the file that `--config` names), its default. \
         `ingest config show` prints every value with its origin, \
         `ingest config init` writes a `config.toml` with all of them, commented out.\n\n\
         In the file a setting has the name below; in the environment, the variable below, in any case. \
         Durations are written `300s`, `5m`, `250ms` or `1h30m`; a plain number is seconds. \
         An empty value counts as not set, except where the text says otherwise. \
         Secrets are never printed. Paths are relative to the current folder.\n",
    );
    for stage in Stage::ALL {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## {}\n", stage.title());
        for key in KEYS.iter().filter(|key| key.stage == stage) {
            let default = match (key.default, key.example) {
                (Some(default), _) => format!("`{default}`"),
                (None, Some(example)) => format!("not set; an example is `{example}`"),
                (None, None) => "not set".to_owned(),
            };
            let also: String = key
                .also
                .iter()
                .map(|variable| format!(", else `{variable}`"))
                .collect();
            let _ = write!(
                page,
                "\n### `{}`\n\n{}\n\n- Value: {}{}\n- Default: {default}\n- Environment: `{}`{also}\n",
                key.name,
                key.doc,
                value::allowed(key),
                if key.is_secret() { ", never shown" } else { "" },
                key.variable(PREFIX),
            );
        }
    }
    let foreign: Vec<_> = FOREIGN.iter().map(|name| format!("`{name}`")).collect();
    let _ = write!(
        page,
        "\n## Passed over\n\nFiles may be shared with the `bbj_rag` program; these of its settings mean nothing here \
         and are passed over: {}. So are the fields `parser` and `generation_tag` of a source. \
         Any other name that is not on this page is an error.\n",
        foreign.join(", ")
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_on_the_page() {
        let page = reference_markdown();
        for key in KEYS {
            assert!(page.contains(&format!("### `{}`\n", key.name)), "{}", key.name);
            assert!(
                page.contains(&format!("`{}`", key.variable(PREFIX))),
                "{}",
                key.name
            );
        }
        assert!(
            page.contains("- Value: `auto`, or a whole number of workers from 1 to 1024\n- Default: `4`\n"),
            "{page}"
        );
    }
}
