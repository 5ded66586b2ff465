//! What OpenAI publishes of its own models.

/// A model of OpenAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Values per embedding where nothing else is asked for.
    pub(crate) dimensions: usize,
    /// Whether fewer can be asked for.
    pub(crate) can_cut: bool,
}

/// Tokens of one input that all of them read. 8,192 is documented too; the lower figure always holds.
pub(crate) const CONTEXT_LENGTH: usize = 8191;

impl Known {
    /// What is published of a model; `None` for any other.
    pub(crate) fn of(model: &str) -> Option<Self> {
        let (dimensions, can_cut) = match model {
            "text-embedding-ada-002" => (1536, false),
            "text-embedding-3-small" => (1536, true),
            "text-embedding-3-large" => (3072, true),
            _ => return None,
        };
        Some(Self { dimensions, can_cut })
    }
}
