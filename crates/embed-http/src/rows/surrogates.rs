//! Escapes such as `\ud800` that stand for half a character.
//!
//! JSON's grammar allows them, no Rust string can hold them, and `serde_json` refuses the whole document for one. A
//! server that cuts a model name or message in the middle of a pair must not cost its vectors: what stands for no
//! character becomes U+FFFD.

/// Replaces unpaired surrogates in the JSON string, with its quotes, that begins at `start`.
pub(super) fn replace_unpaired(text: &mut [u8], start: usize) {
    let mut at = start;
    while let Some(found) = text[at..].iter().position(|byte| *byte == b'\\') {
        at += found;
        match unit(&text[at..]) {
            None => at += 2,
            Some(0xd800..=0xdbff) if matches!(unit(&text[at + 6..]), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                text[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            Some(_) => at += 6,
        }
        if at >= text.len() {
            return;
        }
    }
}

/// The UTF-16 unit that an escape at the front stands for.
fn unit(text: &[u8]) -> Option<u16> {
    let [b'\\', b'u', hex @ ..] = text else {
        return None;
    };
    hex.first_chunk::<4>()?.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | digit as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let mut text = text.as_bytes().to_vec();
        replace_unpaired(&mut text, 0);
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn halves_are_replaced_and_pairs_are_kept() {
        assert_eq!(replaced(r#""a\ud83d\ude00b""#), r#""a\ud83d\ude00b""#);
        assert_eq!(replaced(r#""\ud800""#), r#""\ufffd""#);
        assert_eq!(
            replaced(r#""\udc00\ud800\ud800\udc00""#),
            r#""\ufffd\ufffd\ud800\udc00""#
        );
        assert_eq!(
            replaced(r#""\ud800\n\\ud800\u00e9""#),
            r#""\ufffd\n\\ud800\u00e9""#
        );
    }

    #[test]
    fn broken_escapes_are_left_to_the_parser() {
        for text in [
            r#""\u"#,
            r#""\ud8"#,
            r#""\ud800\"#,
            r#""\ud800\u"#,
            r#""\uzzzz""#,
            r"\",
            "",
        ] {
            let expected = text.replace(r"\ud800", r"\ufffd");
            assert_eq!(replaced(text), expected);
        }
    }
}
