//! Letters at places become words, lines and paragraphs. Their order is that in which the page shows them, which programs
//! choose to be the order of reading.

use hayro_interpret::kurbo::{Point, Vec2};

use super::super::escape;

/// A gap of this many ems parts two words; kerning and spaced letters stay below.
const WORD_GAP: f64 = 0.15;
/// How far in ems letters of one line may lie above or below each other: indices and exponents do.
const SAME_LINE: f64 = 0.5;
/// How far back in ems letters of one line may reach into those before.
const OVERLAP: f64 = 1.0;
/// Lines further apart than this many ems are of two paragraphs.
const LINE_GAP: f64 = 2.2;
/// The same for lines further apart than those before by this factor.
const MORE_LEADING: f64 = 1.3;
/// Letters whose sizes differ by more than this factor are not of one paragraph.
const SAME_SIZE: f64 = 1.2;

/// A glyph: what it says, and where.
#[derive(Debug)]
pub(super) struct Letters<'a> {
    /// One letter, a ligature's several, or nothing where nobody knows.
    pub(super) text: &'a str,
    /// The left end of its base line.
    pub(super) at: Point,
    /// From there to where the next one goes.
    pub(super) advance: Vec2,
    /// As long as the font is high, at a right angle to the base line.
    pub(super) up: Vec2,
    /// Whether lines run downwards.
    pub(super) is_vertical: bool,
}

/// Puts the letters of a page together.
#[derive(Debug)]
pub(super) struct Layout {
    /// Paragraphs that are complete, a blank line between.
    out: String,
    /// The lines of the last one.
    lines: Vec<String>,
    /// How far apart they are, in ems.
    leading: Option<f64>,
    last: Option<Last>,
    /// Bytes taken, and how many may be.
    taken: usize,
    max: usize,
}

/// The letters before.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// Where the next letters of the line would be.
    end: Point,
    size: f64,
    /// The direction of the line, 1 long.
    along: Vec2,
}

/// How letters follow those before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Letter,
    Word,
    /// This many ems below.
    Line(f64),
    Paragraph,
}

impl Layout {
    pub(super) fn new(max: usize) -> Self {
        Self {
            out: String::new(),
            lines: Vec::new(),
            leading: None,
            last: None,
            taken: 0,
            max,
        }
    }

    /// Takes the next letters. Past the limit they are passed over.
    pub(super) fn take(&mut self, letters: &Letters<'_>) {
        let size = letters.up.length();
        let places = [
            letters.at.x,
            letters.at.y,
            size,
            letters.advance.x,
            letters.advance.y,
        ];
        if self.taken > self.max || letters.text.is_empty() || !places.iter().all(|value| value.is_finite()) {
            return;
        }
        self.taken += letters.text.len();
        let along = direction(letters);
        if letters.text.trim().is_empty() {
            // It takes its room; whether words are parted shows by what comes next.
            self.blank();
        } else {
            let step = self
                .last
                .map_or(Step::Paragraph, |last| step(&last, letters, size, along));
            self.advance(step);
            let line = self.lines.last_mut();
            line.into_iter().for_each(|line| push_letters(letters.text, line));
        }
        self.last = Some(Last {
            end: letters.at + letters.advance,
            size,
            along,
        });
    }

    /// Ends words, lines and paragraphs before letters that follow so.
    fn advance(&mut self, step: Step) {
        match step {
            Step::Letter if !self.lines.is_empty() => {}
            Step::Word if !self.lines.is_empty() => self.blank(),
            Step::Line(gap) if self.leading.is_none_or(|leading| gap <= leading * MORE_LEADING) => {
                self.leading.get_or_insert(gap);
                self.lines.push(String::new());
            }
            _ => {
                self.end_paragraph();
                self.lines.push(String::new());
            }
        }
    }

    fn blank(&mut self) {
        if let Some(line) = self
            .lines
            .last_mut()
            .filter(|line| !line.is_empty() && !line.ends_with(' '))
        {
            line.push(' ');
        }
    }

    fn end_paragraph(&mut self) {
        self.leading = None;
        let text = joined(&std::mem::take(&mut self.lines));
        if text.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        for line in text.lines() {
            escape::push_line(line, &mut self.out);
            self.out.push('\n');
        }
    }

    /// The text, which ends with a line break unless there is none.
    pub(super) fn finish(mut self) -> String {
        self.end_paragraph();
        self.out
    }
}

/// The direction of a line, 1 long; to the right where the letters do not tell.
fn direction(letters: &Letters<'_>) -> Vec2 {
    let across = if letters.is_vertical {
        -letters.up
    } else {
        // At a right angle to what is up, on the side that the letters advance to.
        let right = Vec2::new(letters.up.y, -letters.up.x);
        if right.dot(letters.advance) < 0.0 {
            -right
        } else {
            right
        }
    };
    let length = across.length();
    if length > 0.0 {
        across / length
    } else {
        Vec2::new(1.0, 0.0)
    }
}

fn step(last: &Last, letters: &Letters<'_>, size: f64, along: Vec2) -> Step {
    let em = last.size.max(size).max(f64::MIN_POSITIVE);
    if along.dot(last.along) < 0.9 {
        return Step::Paragraph;
    }
    let way = letters.at - last.end;
    let gap = way.dot(along) / em;
    // Lines follow each other downwards, those of vertical text to the left.
    let down = if letters.is_vertical {
        Vec2::new(-1.0, 0.0)
    } else {
        -letters.up
    };
    let below = way.dot(down) / down.length().max(f64::MIN_POSITIVE) / em;
    if below.abs() < SAME_LINE && gap > -OVERLAP {
        return if gap > WORD_GAP { Step::Word } else { Step::Letter };
    }
    let same_size = em / last.size.min(size).max(f64::MIN_POSITIVE) <= SAME_SIZE;
    if same_size && (SAME_LINE..LINE_GAP).contains(&below) {
        Step::Line(below)
    } else {
        Step::Paragraph
    }
}

/// Lines in one, a word that was parted at the end of a line made whole.
fn joined(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
    {
        let goes_on = line.starts_with(char::is_lowercase);
        let mut before = text.chars().rev();
        let parted = match before.next() {
            Some('\u{AD}') => true,
            Some('-' | '\u{2010}') => goes_on && before.next().is_some_and(char::is_alphabetic),
            _ => false,
        };
        if parted {
            text.pop();
        } else if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}

/// Adds letters; those that typesetters draw as one are told apart, and control characters are left out.
fn push_letters(text: &str, line: &mut String) {
    for character in text.chars() {
        match character {
            '\u{FB00}' => line.push_str("ff"),
            '\u{FB01}' => line.push_str("fi"),
            '\u{FB02}' => line.push_str("fl"),
            '\u{FB03}' => line.push_str("ffi"),
            '\u{FB04}' => line.push_str("ffl"),
            '\u{FB05}' | '\u{FB06}' => line.push_str("st"),
            character if character.is_whitespace() => line.push(' '),
            character if character.is_control() => {}
            character => line.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters half an em wide, at places of a page whose ems are 10 long.
    fn page(runs: &[(f64, f64, &str)]) -> String {
        let mut layout = Layout::new(1000);
        for (x, y, text) in runs {
            for (at, letter) in text.chars().enumerate() {
                layout.take(&Letters {
                    text: letter.encode_utf8(&mut [0; 4]),
                    at: Point::new(x + 5.0 * at as f64, *y),
                    advance: Vec2::new(5.0, 0.0),
                    up: Vec2::new(0.0, 10.0),
                    is_vertical: false,
                });
            }
        }
        layout.finish()
    }

    #[test]
    fn gaps_part_words_lines_and_paragraphs() {
        let runs = [
            (0.0, 100.0, "one"),
            (18.0, 100.0, "two"),
            (33.5, 102.0, "2"),
            (0.0, 88.0, "three"),
            (0.0, 76.0, "four"),
            (0.0, 50.0, "five"),
            (40.0, 100.0, "six"),
        ];
        assert_eq!(page(&runs), "one two2\nthree\nfour\n\nfive\n\nsix\n");
        assert_eq!(page(&[(0.0, 9.0, "a b "), (20.0, 9.0, " c")]), "a b c\n");
        assert_eq!(page(&[]), "");
    }

    #[test]
    fn parted_words_are_whole_again_and_ligatures_are_letters() {
        let runs = [
            (0.0, 30.0, "the ket-"),
            (0.0, 20.0, "tle \u{FB01}lls"),
            (0.0, 10.0, "to-"),
            (0.0, 0.0, "Day"),
        ];
        assert_eq!(page(&runs), "the kettle fills\nto-\nDay\n");
    }

    #[test]
    fn what_looks_like_markup_is_escaped() {
        assert_eq!(
            page(&[(0.0, 30.0, "# one"), (0.0, 20.0, "---")]),
            "\\# one\n\\---\n"
        );
    }

    #[test]
    fn turned_text_is_read_along_its_own_lines() {
        let mut layout = Layout::new(1000);
        for (line, text) in ["up", "and on"].into_iter().enumerate() {
            for (at, letter) in text.chars().enumerate() {
                layout.take(&Letters {
                    text: letter.encode_utf8(&mut [0; 4]),
                    at: Point::new(12.0 * line as f64, 5.0 * at as f64),
                    advance: Vec2::new(0.0, 5.0),
                    up: Vec2::new(-10.0, 0.0),
                    is_vertical: false,
                });
            }
        }
        assert_eq!(layout.finish(), "up\nand on\n");
    }

    #[test]
    fn places_that_are_no_numbers_and_sizes_of_nothing_do_no_harm() {
        let mut layout = Layout::new(4);
        for value in [0.0, f64::NAN, f64::INFINITY, 1e300, -1e300, 1.0, 2.0, 3.0] {
            layout.take(&Letters {
                text: "x",
                at: Point::new(value, value),
                advance: Vec2::new(value, 0.0),
                up: Vec2::new(0.0, 0.0),
                is_vertical: value > 0.0,
            });
        }
        assert!((1..=5).contains(&layout.finish().matches('x').count()));
    }
}
