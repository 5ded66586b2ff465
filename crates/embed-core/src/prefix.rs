//! What models want to read before a text, so that they know what it is for.

use crate::InputKind;

/// The words put before a document and before a query. Empty ones change nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefixes {
    /// Before a text to be found.
    pub document: String,
    /// Before a question.
    pub query: String,
}

impl Prefixes {
    /// A pair of prefixes.
    pub fn new(document: impl Into<String>, query: impl Into<String>) -> Self {
        Self {
            document: document.into(),
            query: query.into(),
        }
    }

    /// What the makers of a known model tell users to put before texts, or `None` for a model not known here.
    ///
    /// The name may carry a namespace and a tag, as Ollama's do (`user/nomic-embed-text:v1.5`); case and the choice of
    /// `-` or `_` do not matter.
    pub fn for_model(model: &str) -> Option<Self> {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.to_ascii_lowercase().replace('_', "-");
        KNOWN
            .iter()
            .find(|known| name.starts_with(known.name))
            .map(|known| Self::new(known.document, known.query))
    }

    /// The prefix for a kind of input.
    pub fn of(&self, kind: InputKind) -> &str {
        match kind {
            InputKind::Document => &self.document,
            InputKind::Query => &self.query,
        }
    }

    /// Whether neither prefix says anything.
    pub fn is_empty(&self) -> bool {
        self.document.is_empty() && self.query.is_empty()
    }
}

struct Known {
    /// How the model's name starts, lower-case. The first match in the table wins, so longer names stand first.
    name: &'static str,
    document: &'static str,
    query: &'static str,
}

const fn known(name: &'static str, document: &'static str, query: &'static str) -> Known {
    Known {
        name,
        document,
        query,
    }
}

const BGE_QUERY: &str = "Represent this sentence for searching relevant passages: ";
const QWEN3_QUERY: &str =
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:";

/// From each model's own card.
const KNOWN: &[Known] = &[
    known("qwen3-embedding", "", QWEN3_QUERY),
    known("nomic-embed-text", "search_document: ", "search_query: "),
    known("mxbai-embed-large", "", BGE_QUERY),
    known("snowflake-arctic-embed2", "", "query: "),
    known("snowflake-arctic-embed-l-v2", "", "query: "),
    known("snowflake-arctic-embed-m-v2", "", "query: "),
    known("snowflake-arctic-embed", "", BGE_QUERY),
    known("bge-m3", "", ""),
    known("bge-small-en", "", BGE_QUERY),
    known("bge-base-en", "", BGE_QUERY),
    known("bge-large-en", "", BGE_QUERY),
    known("bge-large", "", BGE_QUERY),
    known("multilingual-e5-large-instruct", "", QWEN3_QUERY),
    known("multilingual-e5", "passage: ", "query: "),
    known("e5-", "passage: ", "query: "),
    known(
        "embeddinggemma",
        "title: none | text: ",
        "task: search result | query: ",
    ),
    known("all-minilm", "", ""),
    known("text-embedding-", "", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_namespaces_and_case_do_not_hide_a_model() {
        let prefixes = Prefixes::for_model("hub.example/Someone/Nomic_Embed_Text:v1.5").expect("known");
        assert_eq!(prefixes.of(InputKind::Document), "search_document: ");
        assert_eq!(prefixes.of(InputKind::Query), "search_query: ");
    }

    #[test]
    fn an_unknown_model_is_not_guessed_at() {
        assert_eq!(Prefixes::for_model("my-own-model"), None);
        assert_eq!(Prefixes::for_model("all-minilm:22m"), Some(Prefixes::default()));
    }

    #[test]
    fn no_entry_is_hidden_by_an_earlier_one() {
        for (at, later) in KNOWN.iter().enumerate() {
            let hidden = KNOWN[..at]
                .iter()
                .find(|earlier| later.name.starts_with(earlier.name));
            assert!(hidden.is_none(), "`{}` never matches", later.name);
        }
    }
}
