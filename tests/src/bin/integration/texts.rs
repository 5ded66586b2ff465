//! The texts that cells send.

const QUALITIES: [&str; 16] = [
    "red",
    "old",
    "fast",
    "sad",
    "cheap",
    "cold",
    "famous",
    "broken",
    "green",
    "young",
    "strong",
    "empty",
    "quiet",
    "foreign",
    "sweet",
    "dangerous",
];
const THINGS: [&str; 16] = [
    "cat", "house", "river", "doctor", "music", "bread", "war", "computer", "winter", "money", "school",
    "horse", "garden", "ship", "letter", "mountain",
];

/// How many short texts there are.
pub(crate) const COUNT: usize = QUALITIES.len() * THINGS.len();

/// Short texts, all different: a few tokens each, since a small machine embeds some thousand tokens a second.
pub(crate) fn short() -> Vec<String> {
    (0..COUNT)
        .map(|at| {
            let (quality, thing) = (QUALITIES[at / THINGS.len()], THINGS[at % THINGS.len()]);
            // Some are longer, so that the texts of a batch differ in length.
            match at % 3 {
                0 => format!("the {quality} {thing}"),
                1 => format!("a story of the {quality} {thing}, told on a long evening"),
                _ => format!("{thing}: {quality}?"),
            }
        })
        .collect()
}

/// Longer ones, to keep a server busy for a while.
pub(crate) fn slow() -> Vec<String> {
    let texts = short();
    texts.chunks(8).map(|few| few.join(", and ")).collect()
}

/// A text of 2,000 words: beyond the context of a small model.
pub(crate) fn over_long() -> String {
    let words = ["water", "and", "stone", "under", "a", "bright", "morning", "sky"];
    words
        .into_iter()
        .cycle()
        .take(2_000)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_text_comes_twice() {
        let texts: BTreeSet<_> = short().into_iter().collect();
        assert_eq!(texts.len(), COUNT);
        assert_eq!(slow().len(), 32);
    }
}
