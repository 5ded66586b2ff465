//! MDX: Markdown with imports, exports and JSX.

use super::{Parsed, keep_lines, markdown};

/// Longest tag that is believed, in bytes: beyond it, the `<` meant something else.
const LONGEST_TAG: usize = 8 * 1024;

/// Leaves out imports, exports, comments and the tags of JSX; what stands between tags stays. Lines keep their
/// numbers.
pub(super) fn parse(text: String) -> Parsed {
    let parsed = markdown::parse(text);
    let text = strip(&parsed.text);
    let title = if parsed.title.is_empty() {
        markdown::first_heading(&text).unwrap_or_default()
    } else {
        parsed.title
    };
    Parsed {
        text,
        title,
        doc_type: "mdx",
        ..parsed
    }
}

fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    let mut at = 0;
    let mut paragraph_start = true;
    while at < text.len() {
        let line_end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        let line = &text[at..line_end];
        if let Some(mark) = fence {
            if line.trim_start().starts_with(mark) {
                fence = None;
            }
            out.push_str(line);
            at = line_end;
        } else if let Some(mark) = fence_mark(line) {
            fence = Some(mark);
            out.push_str(line);
            at = line_end;
        } else if paragraph_start && is_module_syntax(line) {
            // It goes on to the next blank line.
            let end = blank_line(&text[at..]).map_or(text.len(), |length| at + length);
            keep_lines(&text[at..end], &mut out);
            at = end;
        } else {
            at = strip_line(text, at, line_end, &mut out);
        }
        paragraph_start = line.trim().is_empty();
    }
    out
}

/// The mark of a line that opens a fence.
fn fence_mark(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let mark = line
        .as_bytes()
        .first()
        .filter(|byte| matches!(byte, b'`' | b'~'))?;
    let length = line.bytes().take_while(|byte| byte == mark).count();
    (length >= 3).then(|| &line[..length])
}

fn is_module_syntax(line: &str) -> bool {
    let names = |rest: &str| rest.contains(" from ") || rest.trim_end().ends_with(['{', ',']);
    if let Some(rest) = line.strip_prefix("import ") {
        return rest.starts_with(['"', '\'']) || names(rest);
    }
    line.strip_prefix("export ").is_some_and(|rest| {
        let word = rest
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        matches!(
            word,
            "const" | "let" | "var" | "function" | "default" | "class" | "async" | "type" | "interface"
        ) || rest.starts_with(['{', '*'])
    })
}

/// Where the first blank line begins.
fn blank_line(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// Copies a line without tags and comments; returns where to go on, which is behind the line's end if a tag was.
fn strip_line(text: &str, start: usize, line_end: usize, out: &mut String) -> usize {
    let mut at = start;
    let mut end = line_end;
    while at < end {
        let rest = &text[at..end];
        let Some(next) = rest.find(['<', '`', '{']) else {
            out.push_str(rest);
            return end;
        };
        out.push_str(&rest[..next]);
        at += next;
        let removed = match text.as_bytes()[at] {
            b'`' => {
                let code = code_span(&text[at..end]);
                out.push_str(&text[at..at + code]);
                at += code;
                continue;
            }
            b'<' => tag(&text[at..]),
            _ => comment(&text[at..]),
        };
        match removed {
            Some(length) => {
                keep_lines(&text[at..at + length], out);
                at += length;
                if at > end {
                    end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
                }
            }
            None => {
                out.push_str(&text[at..=at]);
                at += 1;
            }
        }
    }
    at
}

/// The length of a code span, or of the backticks if it does not end on this line.
fn code_span(text: &str) -> usize {
    let ticks = text.bytes().take_while(|&byte| byte == b'`').count();
    let mut at = ticks;
    while let Some(next) = text[at..].find('`') {
        at += next;
        let run = text[at..].bytes().take_while(|&byte| byte == b'`').count();
        at += run;
        if run == ticks {
            return at;
        }
    }
    ticks
}

/// The length of a JSX comment.
fn comment(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("{/*")?;
    inner.find("*/}").map(|end| end + 6)
}

/// The length of a tag: `<Name …>`, `</Name>`, `<Name … />`, `<>`; not of `a < b` or `<https://…>`.
fn tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let name = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let name_length = name
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '$')))
        .unwrap_or(name.len());
    let behind = name[name_length..].bytes().next()?;
    let fragment = name_length == 0 && behind == b'>';
    let named = name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
        && (behind.is_ascii_whitespace() || matches!(behind, b'>' | b'/'));
    if !fragment && !named {
        return None;
    }
    let mut braces = 0_usize;
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate().take(LONGEST_TAG).skip(1) {
        match (quote, byte) {
            (Some(mark), _) if byte == mark => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'{') => braces += 1,
            (None, b'}') => braces = braces.saturating_sub(1),
            (None, b'>') if braces == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_exports_tags_and_comments_go_and_text_stays_on_its_line() {
        let text = "import A from './a'\nimport {\n  B,\n} from 'b'\n\nexport const x = 1\n\n# Title\n\n<Tabs\n  value={a > b ? '>' : 1}\n>\n  <Tab>Inside **bold**</Tab>\n</Tabs>\n\n{/* note */}A <b>word</b> and `<Code>` stay.\n";
        let parsed = parse(text.to_owned());
        assert_eq!(parsed.title, "Title");
        assert_eq!(parsed.doc_type, "mdx");
        assert_eq!(parsed.text.lines().count(), text.lines().count());
        assert_eq!(parsed.text.lines().nth(7), Some("# Title"));
        assert_eq!(
            parsed.text.lines().nth(12).map(str::trim),
            Some("Inside **bold**")
        );
        assert_eq!(parsed.text.lines().last(), Some("A word and `<Code>` stay."));
        assert!(
            !parsed.text.contains("import")
                && !parsed.text.contains("export")
                && !parsed.text.contains("value")
        );
    }

    #[test]
    fn code_comparisons_addresses_and_prose_stay() {
        for text in [
            "```jsx\nimport A from 'a'\n<A/>\n```\n",
            "1 < 2 and <https://example.org> and a <\n",
            "import the module first\n",
            "text\nimport x from 'y' in the middle of a paragraph\n",
            "an open <Tag never closed\n",
            "`` a ` <b> `` and ` open\n",
        ] {
            assert_eq!(parse(text.to_owned()).text, text);
        }
    }
}
