//! Globs over sources: `*` is any run of characters (`/` too), `?` one character, `[…]` a set, `[^…]` what is not in it.

/// Whether the whole of `text` matches `pattern`. The rules are those of SQLite's `GLOB`, which a test compares.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut from) = (0, 0);
    // Where to go on after a mismatch: behind the last `*`, which takes one more character each time.
    let mut retry: Option<(usize, usize)> = None;
    while from < text.len() {
        let step = match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, from));
                at += 1;
                continue;
            }
            Some('?') => Some(at + 1),
            Some('[') => set(&pattern[at + 1..], text[from]).map(|length| at + 1 + length),
            Some(&character) => (character == text[from]).then_some(at + 1),
            None => None,
        };
        match (step, retry) {
            (Some(next), _) => {
                at = next;
                from += 1;
            }
            (None, Some((behind, taken))) => {
                at = behind;
                from = taken + 1;
                retry = Some((behind, taken + 1));
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|&character| character == '*')
}

/// The length of the set that begins `pattern` (behind its bracket) if it is closed and holds `character`.
fn set(pattern: &[char], character: char) -> Option<usize> {
    let inverted = pattern.first() == Some(&'^');
    let mut at = usize::from(inverted);
    let mut found = false;
    // A `]` that comes first is one of the set, though no range begins with it.
    let first = at;
    let mut previous = None;
    loop {
        match *pattern.get(at)? {
            ']' if at > first => break,
            '-' if previous.is_some() && pattern.get(at + 1).is_some_and(|&next| next != ']') => {
                let end = pattern[at + 1];
                found |= previous.is_some_and(|start| start <= character) && character <= end;
                previous = None;
                at += 2;
            }
            member => {
                found |= member == character;
                previous = (member != ']').then_some(member);
                at += 1;
            }
        }
    }
    (found != inverted).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_cross_slashes_and_sets_have_ranges() {
        for (pattern, text) in [
            ("*", ""),
            ("docs/*", "docs/a/b.md"),
            ("*.md", "docs/a/b.md"),
            ("?.md", "é.md"),
            ("[a-c].md", "b.md"),
            ("[^a-c].md", "d.md"),
            ("[]x].md", "].md"),
            ("[]-a].md", "-.md"),
            ("a*b*c", "aXbXbc"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("docs", "docs/a"),
            ("?.md", ".md"),
            ("[a-c].md", "d.md"),
            ("[]-a].md", "^.md"),
            ("[abc", "a"),
            ("A*", "a"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn it_agrees_with_sqlite() {
        use proptest::prelude::*;
        let connection = rusqlite::Connection::open_in_memory().expect("a database in memory");
        proptest!(ProptestConfig::with_cases(4096), |(pattern in "[ab*?\\[\\]^é-]{0,10}", text in "[abé^\\]-]{0,8}")| {
            let theirs: bool = connection
                .query_row("SELECT ?1 GLOB ?2", [&text, &pattern], |row| row.get(0))
                .expect("GLOB");
            prop_assert_eq!(matches(&pattern, &text), theirs, "{} {}", pattern, text);
        });
    }
}
