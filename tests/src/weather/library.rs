//! Documents made from a seed.

use std::io;
use std::path::Path;

use fastrand::Rng;

use super::Plan;
use super::plan::Sky;

/// Why the model never gives a text a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poison {
    /// It is refused by 400.
    Refused,
    /// The model fails by 500.
    Fails,
    /// Its row holds no numbers.
    NaN,
    /// Its row is all zeros.
    Zero,
    /// It takes the model down.
    Kills,
}

impl Poison {
    const MILD: &[Self] = &[Self::Refused, Self::Fails, Self::NaN, Self::Zero];
    const ALL: &[Self] = &[Self::Refused, Self::Fails, Self::NaN, Self::Zero, Self::Kills];

    /// The word that marks such a text.
    fn mark(self) -> &'static str {
        match self {
            Self::Refused => "hemlock",
            Self::Fails => "nightshade",
            Self::NaN => "wolfsbane",
            Self::Zero => "foxglove",
            Self::Kills => "arsenic",
        }
    }

    /// The poison in a text, the worst one first.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .rev()
            .find(|poison| text.contains(poison.mark()))
            .copied()
    }
}

const WORDS: &[&str] = &[
    "harbour", "lantern", "ledger", "compass", "sextant", "anchor", "rigging", "tide", "beacon", "cargo",
    "pilot", "ballast", "current", "mooring", "signal", "chart", "keel", "gale", "squall", "horizon",
];

/// A small set of documents: some texts stand in several of them, some are poison, some are too long.
#[derive(Clone, Debug)]
pub struct Library {
    files: Vec<(String, String)>,
}

impl Library {
    /// The documents of a plan.
    pub fn new(plan: &Plan) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ 0x5bd1_e995);
        let poisons = match plan.sky {
            Sky::Crashing => &[Poison::Kills],
            _ => Poison::MILD,
        };
        // The more sections there are to choose from, the fewer stand in several documents.
        let mut sections: Vec<_> = (0..rng.usize(2..=20))
            .map(|number| section(number, &mut rng))
            .collect();
        for number in 0..rng.usize(..=3) {
            let Some(poison) = rng.choice(poisons) else {
                continue;
            };
            sections.push(format!(
                "## Danger {number}\n\nsome {} in the cargo\n",
                poison.mark()
            ));
        }
        let files = (0..rng.usize(1..=8)).map(|number| {
            let body: Vec<_> = (0..rng.usize(1..=8))
                .filter_map(|_| rng.choice(&sections).cloned())
                .collect();
            (format!("{number}.md"), body.join("\n"))
        });
        Self {
            files: files.collect(),
        }
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes them into a folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        self.files
            .iter()
            .try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
    }
}

fn section(number: usize, rng: &mut Rng) -> String {
    // Longer than the model reads, though not than a chunk may be.
    let count = if rng.u8(..12) == 0 {
        rng.usize(90..160)
    } else {
        rng.usize(3..25)
    };
    let words: Vec<_> = (0..count).filter_map(|_| rng.choice(WORDS).copied()).collect();
    format!("## Part {number}\n\n{}\n", words.join(" "))
}
