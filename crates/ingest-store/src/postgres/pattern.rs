//! Globs over sources as regular expressions of the server's.

use std::fmt::Write;

/// A regular expression that matches what the glob matches (the rules are those of [`crate::glob`]); `None` for a glob
/// with an open bracket, which matches nothing.
pub(super) fn to_regex(glob: &str) -> Option<String> {
    let glob: Vec<char> = super::row::clean(glob).chars().collect();
    let mut regex = String::from("^");
    let mut at = 0;
    while let Some(&character) = glob.get(at) {
        at += 1;
        match character {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => at += set(&glob[at..], &mut regex)?,
            character => escape(character, &mut regex),
        }
    }
    regex.push('$');
    Some(regex)
}

/// Writes the set that begins `glob` (behind its bracket); returns its length.
fn set(glob: &[char], regex: &mut String) -> Option<usize> {
    let inverted = glob.first() == Some(&'^');
    let first = usize::from(inverted);
    let mut at = first;
    let mut members = String::new();
    let mut previous: Option<char> = None;
    loop {
        match *glob.get(at)? {
            // A `]` that comes first is one of the set, though no range begins with it.
            ']' if at > first => break,
            '-' if previous.is_some() && glob.get(at + 1).is_some_and(|&next| next != ']') => {
                let (start, end) = (previous.take()?, glob[at + 1]);
                // The start stands there by itself already; a range that runs backwards holds nothing more.
                if start <= end {
                    escape(start, &mut members);
                    members.push('-');
                    escape(end, &mut members);
                }
                at += 2;
            }
            member => {
                escape(member, &mut members);
                previous = (member != ']').then_some(member);
                at += 1;
            }
        }
    }
    let _ = write!(regex, "[{}{members}]", if inverted { "^" } else { "" });
    Some(at + 1)
}

/// A character by its number, so that none has a meaning.
fn escape(character: char, regex: &mut String) {
    if character.is_ascii_alphanumeric() || character == '/' {
        regex.push(character);
    } else {
        let _ = write!(regex, "\\U{:08x}", u32::from(character));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_glob_is_syntax_by_accident() {
        assert_eq!(to_regex("docs/*.m?"), Some(r"^docs/.*\U0000002em.$".into()));
        assert_eq!(to_regex("[a-c]"), Some("^[aa-c]$".into()));
        assert_eq!(to_regex("[^]x]"), Some(r"^[^\U0000005dx]$".into()));
        assert_eq!(
            to_regex("[]-a]"),
            Some(r"^[\U0000005d\U0000002da]$".into()),
            "no range begins with a bracket"
        );
        assert_eq!(to_regex("[c-a]"), Some("^[c]$".into()));
        assert_eq!(to_regex("[a"), None);
    }
}
