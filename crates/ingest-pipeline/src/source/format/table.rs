//! Tables: a line a row, each value with its column's name.

use csv::{ReaderBuilder, StringRecord};
use ingest_core::Markup;

use super::Parsed;

/// Rows as `name: value; name: value`. The first row names the columns.
pub(super) fn parse(text: &str, tabs: bool) -> Parsed {
    let delimiter = if tabs { b'\t' } else { delimiter(text) };
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let names = reader.headers().cloned().unwrap_or_default();
    let mut out = String::with_capacity(text.len() * 2);
    let mut row = StringRecord::new();
    let mut rows = 0_usize;
    // The input is UTF-8 and rows may be of any length, so only the end ends this.
    while reader.read_record(&mut row).unwrap_or(false) {
        rows += 1;
        push_row(&names, &row, &mut out);
    }
    if rows == 0 {
        push_values(&names, &mut out);
    }
    Parsed {
        text: out,
        markup: Markup::Lines,
        doc_type: if tabs { "tsv" } else { "csv" },
        ..Parsed::default()
    }
}

/// Comma, or the semicolon or tab that spreadsheets write, whichever the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |mark: u8| first.bytes().filter(|&byte| byte == mark).count();
    [b';', b'\t'].into_iter().fold(
        b',',
        |best, mark| if count(mark) > count(best) { mark } else { best },
    )
}

fn push_row(names: &StringRecord, row: &StringRecord, out: &mut String) {
    let start = out.len();
    for (column, value) in row.iter().enumerate() {
        if value.trim().is_empty() {
            continue;
        }
        if out.len() > start {
            out.push_str("; ");
        }
        if let Some(name) = names.get(column).filter(|name| !name.trim().is_empty()) {
            push_value(name, out);
            out.push_str(": ");
        }
        push_value(value, out);
    }
    out.push('\n');
}

fn push_values(row: &StringRecord, out: &mut String) {
    push_row(&StringRecord::new(), row, out);
}

/// A value on one line.
fn push_value(value: &str, out: &mut String) {
    for (at, word) in value.split_whitespace().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_lines_with_names() {
        let parsed = parse("name,city\n\"Ann, \"\"A\"\"\",\"New\nYork\"\nBob,\n", false);
        assert_eq!(parsed.text, "name: Ann, \"A\"; city: New York\nname: Bob\n");
        assert_eq!(parse("a\tb\n1\t2\t3\n", true).text, "a: 1; b: 2; 3\n");
        assert_eq!(parse("a;b\n1;2\n", false).text, "a: 1; b: 2\n");
    }

    #[test]
    fn odd_tables_lose_no_row() {
        assert_eq!(parse("only,names\n", false).text, "only; names\n");
        assert_eq!(parse("", false).text.trim(), "");
        assert_eq!(
            parse("a,b\n\"never closed,1\n2,3\n", false).text,
            "a: never closed,1 2,3\n"
        );
    }
}
