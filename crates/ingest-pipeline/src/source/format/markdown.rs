//! Markdown.

use ingest_core::Markup;

use super::{Parsed, front_matter};

/// Takes the front matter off; the text stays Markdown.
pub(super) fn parse(mut text: String) -> Parsed {
    let front = front_matter::take(&mut text);
    let title = if front.title.is_empty() {
        first_heading(&text).unwrap_or_default()
    } else {
        front.title
    };
    Parsed {
        text,
        markup: Markup::Markdown,
        doc_type: "markdown",
        title,
        deprecated: front.deprecated,
        metadata: front.metadata,
    }
}

/// The text of a first-level heading, if it is the first thing said.
pub(super) fn first_heading(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty());
    let first = lines.next()?;
    let title = match first.strip_prefix('#') {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim().trim_end_matches('#').trim_end(),
        Some(_) => return None,
        None => {
            let underline = lines.next()?;
            let underlined = underline.len() >= 2 && underline.bytes().all(|byte| byte == b'=');
            if !underlined {
                return None;
            }
            first.trim()
        }
    };
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_that_of_the_front_matter_else_the_first_heading() {
        assert_eq!(parse("---\ntitle: A\n---\n# B\n".to_owned()).title, "A");
        assert_eq!(parse("\n# B #\ntext".to_owned()).title, "B");
        assert_eq!(parse("B\n===\ntext".to_owned()).title, "B");
        for text in ["## C\n", "text\n# D\n", "#nospace\n", "text\n\n===\n", "", "# \n"] {
            assert_eq!(parse(text.to_owned()).title, "", "{text:?}");
        }
    }
}
