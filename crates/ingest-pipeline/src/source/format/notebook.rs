//! Jupyter notebooks: their cells in order, as Markdown.

use ingest_core::Markup;
use serde::Deserialize;

use super::{Parsed, markdown};

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
    #[serde(default)]
    worksheets: Vec<Worksheet>,
    #[serde(default)]
    metadata: Metadata,
}

/// Where notebooks before version 4 keep their cells.
#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(default)]
    cell_type: String,
    #[serde(default, alias = "input")]
    source: Lines,
    #[serde(default)]
    level: u8,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lines {
    Whole(String),
    Parts(Vec<String>),
}

impl Default for Lines {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    kernelspec: Option<Language>,
    #[serde(default)]
    language_info: Option<Language>,
}

#[derive(Deserialize)]
struct Language {
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// Markdown cells as they are, code cells as fences; outputs are left out.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let notebook: Notebook =
        serde_json::from_str(text).map_err(|error| format!("the file is not a notebook: {error}"))?;
    let language = notebook.metadata.language_info.and_then(|info| info.name);
    let language = language.or_else(|| notebook.metadata.kernelspec.and_then(|kernel| kernel.language));
    let language = language.unwrap_or_default();
    let mut out = String::new();
    let cells = notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells);
    for cell in notebook.cells.into_iter().chain(cells) {
        let source = match cell.source {
            Lines::Whole(text) => text,
            Lines::Parts(parts) => parts.concat(),
        };
        let source = source.trim_end();
        if source.trim().is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        match cell.cell_type.as_str() {
            "code" => push_fence(source, &language, &mut out),
            "heading" => {
                out.extend(std::iter::repeat_n('#', usize::from(cell.level.clamp(1, 6))));
                out.push(' ');
                out.push_str(source);
            }
            _ => out.push_str(source),
        }
    }
    out.push('\n');
    Ok(Parsed {
        title: markdown::first_heading(&out).unwrap_or_default(),
        text: out,
        markup: Markup::Markdown,
        doc_type: "notebook",
        ..Parsed::default()
    })
}

/// Writes a fence that nothing in the code can close.
pub(super) fn push_fence(code: &str, language: &str, out: &mut String) {
    let longest = code
        .lines()
        .map(|line| line.trim_start().bytes().take_while(|&byte| byte == b'`').count())
        .max()
        .unwrap_or(0);
    let mark = "`".repeat(longest.max(2) + 1);
    out.push_str(&mark);
    out.push_str(language);
    out.push('\n');
    out.push_str(code);
    out.push('\n');
    out.push_str(&mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_markdown_in_order() {
        let parsed = parse(
            r##"{"cells":[
                {"cell_type":"markdown","source":["# Study\n","Some words."]},
                {"cell_type":"code","source":"x = '```'\n```\n","outputs":[{"text":"secret"}]},
                {"cell_type":"markdown","source":"  "},
                {"cell_type":"raw","source":"as is"}],
               "metadata":{"language_info":{"name":"python"}}}"##,
        )
        .expect("a notebook");
        assert_eq!(
            parsed.text,
            "# Study\nSome words.\n\n````python\nx = '```'\n```\n````\n\nas is\n"
        );
        assert_eq!(parsed.title, "Study");
    }

    #[test]
    fn old_notebooks_are_read_and_others_refused_with_a_reason() {
        let old = r#"{"worksheets":[{"cells":[{"cell_type":"heading","level":2,"source":["Old"]},{"cell_type":"code","input":["1+1"]}]}]}"#;
        assert_eq!(parse(old).expect("a notebook").text, "## Old\n\n```\n1+1\n```\n");
        assert!(parse("[1,").expect_err("cut").contains("not a notebook"));
    }
}
