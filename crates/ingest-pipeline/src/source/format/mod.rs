//! Formats: what a file's text becomes before it is cut.

#[cfg(feature = "office")]
mod archive;
#[cfg(feature = "office")]
pub(super) mod docx;
#[cfg(feature = "office")]
pub(super) mod epub;
#[cfg(any(feature = "office", feature = "pdf"))]
mod escape;
mod front_matter;
mod html;
mod html_text;
mod markdown;
mod mdx;
mod notebook;
#[cfg(feature = "pdf")]
pub(super) mod pdf;
mod table;
#[cfg(feature = "office")]
mod xml;

use std::collections::BTreeMap;

use ingest_core::Markup;

/// Changes when the same file would give another text, so that stores notice.
pub(crate) const VERSION: &[u8] = b"formats 1";

/// What a format makes of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) text: String,
    pub(crate) markup: Markup,
    pub(crate) doc_type: &'static str,
    pub(crate) title: String,
    pub(crate) deprecated: bool,
    pub(crate) metadata: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Markdown,
    Mdx,
    Html,
    ReStructuredText,
    AsciiDoc,
    Notebook,
    Table { tabs: bool },
    Code,
    Text,
}

/// Parses a text by the format its name tells.
///
/// # Errors
/// Why the file is not what its name says, where nothing can be made of it.
pub(crate) fn parse(name: &str, text: String) -> Result<Parsed, String> {
    let plain = |text, markup, doc_type| Parsed {
        text,
        markup,
        doc_type,
        ..Parsed::default()
    };
    Ok(match format_of(name, &text) {
        Format::Markdown => markdown::parse(text),
        Format::Mdx => mdx::parse(text),
        Format::Html => html::parse(&text),
        Format::ReStructuredText => plain(text, Markup::ReStructuredText, "rst"),
        Format::AsciiDoc => plain(text, Markup::AsciiDoc, "asciidoc"),
        Format::Notebook => notebook::parse(&text)?,
        Format::Table { tabs } => table::parse(&text, tabs),
        Format::Code => plain(text, Markup::Lines, "code"),
        Format::Text => plain(text, Markup::Plain, "text"),
    })
}

fn format_of(name: &str, text: &str) -> Format {
    let file = name.rsplit('/').next().unwrap_or(name);
    let extension = match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
        _ => String::new(),
    };
    match extension.as_str() {
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "qmd" | "rmd" => Format::Markdown,
        "mdx" => Format::Mdx,
        "html" | "htm" | "xhtml" => Format::Html,
        "rst" | "rest" => Format::ReStructuredText,
        "adoc" | "asciidoc" | "asc" => Format::AsciiDoc,
        "ipynb" => Format::Notebook,
        "csv" => Format::Table { tabs: false },
        "tsv" | "tab" => Format::Table { tabs: true },
        extension if CODE.binary_search(&extension).is_ok() => Format::Code,
        _ if CODE_FILES.contains(&file) || text.starts_with("#!") => Format::Code,
        "" if is_html(text) => Format::Html,
        _ => Format::Text,
    }
}

/// Whether a text without a telling name says by itself that it is HTML.
fn is_html(text: &str) -> bool {
    let start = text.trim_start().as_bytes();
    ["<!doctype html", "<html"].iter().any(|mark| {
        start
            .get(..mark.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(mark.as_bytes()))
    })
}

/// Files known by their whole name.
const CODE_FILES: &[&str] = &[
    "Dockerfile",
    "Makefile",
    "Rakefile",
    "Gemfile",
    "CMakeLists.txt",
    "Jenkinsfile",
];

/// Extensions of source code and of data whose lines are the unit. Sorted.
const CODE: &[&str] = &[
    "astro", "bash", "bat", "bbj", "bbx", "c", "cc", "cfg", "clj", "cmake", "conf", "cpp", "cs", "css",
    "cts", "cxx", "d", "dart", "diff", "el", "elm", "env", "erl", "ex", "exs", "f90", "fish", "fs", "gleam",
    "go", "gradle", "graphql", "groovy", "h", "hcl", "hh", "hpp", "hrl", "hs", "hxx", "ini", "java", "jl",
    "js", "json", "json5", "jsonc", "jsonl", "jsx", "kt", "kts", "less", "lisp", "lock", "log", "lua", "m",
    "mjs", "ml", "mli", "mm", "mts", "ndjson", "nim", "nix", "patch", "php", "pl", "pm", "proto", "ps1",
    "py", "pyi", "r", "rb", "rs", "sass", "scala", "scm", "scss", "sh", "sol", "sql", "svelte", "svg",
    "swift", "tcl", "tf", "toml", "ts", "tsx", "v", "vb", "vhdl", "vim", "vue", "xml", "xsd", "xsl", "yaml",
    "yml", "zig", "zsh",
];

/// Replaces part of a text by its line ends, so that what follows keeps its line numbers.
fn keep_lines(removed: &str, out: &mut String) {
    out.extend(removed.chars().filter(|&character| character == '\n'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_extensions_is_sorted() {
        assert!(CODE.is_sorted(), "binary search needs it");
    }

    #[test]
    fn names_tell_formats_whatever_their_case() {
        for (name, format) in [
            ("a/b/README.MD", Format::Markdown),
            ("x.mdx", Format::Mdx),
            ("index.HTM", Format::Html),
            ("t.tsv", Format::Table { tabs: true }),
            ("src/main.rs", Format::Code),
            ("Makefile", Format::Code),
            ("LICENSE", Format::Text),
            (".md", Format::Text),
        ] {
            assert_eq!(format_of(name, "text"), format, "{name}");
        }
        assert_eq!(format_of("page", " <!DOCTYPE HTML><p>x"), Format::Html);
        assert_eq!(format_of("tool", "#!/bin/sh\n"), Format::Code);
    }
}
