//! The block of settings at the start of a Markdown file.

use std::collections::BTreeMap;

use super::keep_lines;

/// Longest block that is believed, in bytes: beyond it, a rule was taken for a mark.
const LONGEST: usize = 64 * 1024;

/// What a block says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FrontMatter {
    pub(super) title: String,
    pub(super) deprecated: bool,
    /// Its other plain values.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Takes the block off a text, leaving its line ends. A text whose first line only looks like a mark is left as it is.
pub(super) fn take(text: &mut String) -> FrontMatter {
    let Some((block, end)) = find(text) else {
        return FrontMatter::default();
    };
    let values = match block {
        Block::Yaml(inner) => yaml(inner),
        Block::Toml(inner) => toml(inner),
    };
    let Some(values) = values else {
        return FrontMatter::default();
    };
    let mut rest = String::with_capacity(text.len() - end + 16);
    keep_lines(&text[..end], &mut rest);
    rest.push_str(&text[end..]);
    *text = rest;
    digest(values)
}

enum Block<'a> {
    Yaml(&'a str),
    Toml(&'a str),
}

/// The block, and where the text goes on.
fn find(text: &str) -> Option<(Block<'_>, usize)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next()?;
    let toml = match first.trim_end() {
        "---" => false,
        "+++" => true,
        _ => return None,
    };
    let start = first.len();
    let mut end = start;
    for line in lines {
        let closes = match line.trim_end() {
            "+++" => toml,
            "---" | "..." => !toml,
            _ => false,
        };
        if closes {
            let inner = &text[start..end];
            let block = if toml {
                Block::Toml(inner)
            } else {
                Block::Yaml(inner)
            };
            return Some((block, end + line.len()));
        }
        end += line.len();
        if end > LONGEST {
            return None;
        }
    }
    None
}

/// The plain values at the top level of a YAML block, or `None` if it is not one. Lists and nested values are passed
/// over: nothing here needs them, and no full parser has to be trusted with foreign files.
fn yaml(block: &str) -> Option<Vec<(String, String)>> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut folded = false;
    for line in block.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t'])
            || trimmed == "-"
            || trimmed.starts_with("- ")
            || trimmed.starts_with([']', '}'])
        {
            // It belongs to the key above; without one this is no YAML.
            let (_, value) = values.last_mut()?;
            if folded {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(trimmed);
            }
            continue;
        }
        let (key, value) = trimmed.split_once(':')?;
        let spaced = value.is_empty() || value.starts_with([' ', '\t']);
        if !spaced || key.is_empty() || key.split_whitespace().count() > 3 {
            return None;
        }
        let value = value.trim();
        folded = matches!(value, "" | "|" | ">" | "|-" | ">-" | "|+" | ">+");
        let value = if folded { "" } else { value };
        values.push((unquote(key), scalar(value)));
    }
    Some(values)
}

fn scalar(value: &str) -> String {
    if value.starts_with(['"', '\'']) {
        return unquote(value);
    }
    // A comment begins with ` #`.
    unquote(value.split_once(" #").map_or(value, |(value, _)| value))
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            return match quote {
                '"' => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
                _ => inner.replace("''", "'"),
            };
        }
    }
    value.to_owned()
}

fn toml(block: &str) -> Option<Vec<(String, String)>> {
    let table: toml::Table = block.parse().ok()?;
    let values = table.into_iter().filter_map(|(key, value)| {
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Datetime(at) => at.to_string(),
            toml::Value::Array(_) | toml::Value::Table(_) => return None,
        };
        Some((key, value))
    });
    Some(values.collect())
}

fn digest(values: Vec<(String, String)>) -> FrontMatter {
    let mut found = FrontMatter::default();
    for (key, value) in values {
        match key.to_ascii_lowercase().as_str() {
            "title" => found.title = value,
            "deprecated" => found.deprecated = value.eq_ignore_ascii_case("true"),
            _ if value.is_empty() || value.starts_with(['[', '{', '&', '*']) => {}
            _ => {
                found.metadata.insert(key, value);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (FrontMatter, String) {
        let mut text = text.to_owned();
        let found = take(&mut text);
        (found, text)
    }

    #[test]
    fn yaml_gives_its_plain_values_and_keeps_line_numbers() {
        let (found, text) = taken(
            "---\ntitle: \"A \\\"fine\\\" day\"\nauthor: 'O''Neil'\ntags:\n  - a\n- b\nsummary: >\n  two\n  lines\ndeprecated: true\nlist: [1, 2]\n---\n# Head\n",
        );
        assert_eq!(found.title, "A \"fine\" day");
        assert_eq!(found.metadata.get("author").map(String::as_str), Some("O'Neil"));
        assert_eq!(
            found.metadata.get("summary").map(String::as_str),
            Some("two lines")
        );
        assert!(found.deprecated && !found.metadata.contains_key("list"));
        assert_eq!(text, format!("{}# Head\n", "\n".repeat(12)));
    }

    #[test]
    fn toml_works_too() {
        let (found, text) = taken("+++\ntitle = \"Hello\"\nweight = 3\n[extra]\nx = 1\n+++\nBody");
        assert_eq!(found.title, "Hello");
        assert_eq!(found.metadata.get("weight").map(String::as_str), Some("3"));
        assert_eq!(text, "\n\n\n\n\n\nBody");
    }

    #[test]
    fn what_is_no_front_matter_stays() {
        for text in [
            "---\n\nA paragraph, not a setting.\n\n---\n",
            "---\nonly a rule\n",
            "---\nurl:http\n---\n",
            "+++\nnot toml at all\n+++\n",
            "text\n---\na: b\n---\n",
            "---",
            "",
        ] {
            assert_eq!(taken(text), (FrontMatter::default(), text.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn an_empty_block_and_crlf_are_fine() {
        assert_eq!(taken("---\n---\nx").1, "\n\nx");
        let (found, text) = taken("---\r\ntitle: T\r\n---\r\nx");
        assert_eq!((found.title.as_str(), text.as_str()), ("T", "\n\n\nx"));
    }
}
