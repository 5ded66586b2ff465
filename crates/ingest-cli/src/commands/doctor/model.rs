//! The server and its model, against the settings and the store.

use embed_core::Prefixes;
use embed_providers::{Inspection, Provider};
use ingest_core::{ModelIdentity, SAME_MODEL, same_model};

use super::finding::Finding;

/// Ollama's own address, which its command asks by itself.
const LOCAL: [&str; 2] = ["http://127.0.0.1:11434", "http://localhost:11434"];

/// Tells that the server answers, and which one it is.
pub(super) fn server(address: &str, inspection: &Inspection) -> Finding {
    let version = inspection.version.as_deref().unwrap_or("of an unknown version");
    Finding::ok(
        "server",
        format!("Ollama {version} answers at {address}"),
        "nothing is embedded without it",
    )
}

/// Whether the server has the model, and the model can embed.
pub(super) fn present(model: &str, address: &str, inspection: &Inspection) -> Option<Finding> {
    const WHY: &str = "nothing is embedded without it";
    let finding = match (inspection.has_model?, inspection.can_embed) {
        (false, _) => Finding::fault("model", format!("{address} does not have `{model}`"), WHY)
            .fix(pull(model, address)),
        (true, Some(false)) => Finding::fault(
            "model",
            format!("{address} has `{model}`, which is not made for embedding"),
            "a model for conversation gives no vectors, or poor ones",
        )
        .fix("--model qwen3-embedding:0.6b"),
        (true, _) => Finding::ok("model", format!("{address} has `{model}`"), WHY),
    };
    Some(finding)
}

/// The command that fetches a model to a server.
fn pull(model: &str, address: &str) -> String {
    let command = format!("ollama pull {}", quoted(model));
    if LOCAL.contains(&address) {
        command
    } else {
        format!("OLLAMA_HOST={} {command}", quoted(address))
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The weights, against those that the store was filled with.
pub(super) fn digest(now: Option<&str>, stored: Option<&ModelIdentity>) -> Option<Finding> {
    const WHY: &str = "vectors of different weights must not be compared";
    let now = now?;
    let finding = match stored.and_then(|stored| stored.digest.as_deref()) {
        Some(stored) if stored != now => Finding::fault(
            "digest",
            format!("the model is {now}, the store was filled by {stored}"),
            WHY,
        )
        .fix("ingest run --clean PATH"),
        Some(_) => Finding::ok("digest", format!("{now}, as in the store"), WHY),
        None => Finding::ok("digest", now, WHY),
    };
    Some(finding)
}

/// What the model makes of the canary, against what it made of it first. One of another width was told of already.
pub(super) fn canary(answer: &[f32], stored: Option<&ModelIdentity>) -> Option<Finding> {
    const WHY: &str = "vectors of different weights must not be compared";
    let first = stored?.canary.as_deref()?;
    if first.len() != answer.len() {
        return None;
    }
    Some(match same_model(first, answer) {
        Ok(cosine) => Finding::ok(
            "canary",
            format!("the model answers as it did when the store was built: cosine {cosine:.4}"),
            WHY,
        ),
        Err(cosine) => Finding::fault(
            "canary",
            format!(
                "the model answers otherwise than when the store was built: cosine {cosine:.4}, the same model gives \
                 {SAME_MODEL} or more"
            ),
            WHY,
        )
        .fix("ingest run --clean PATH"),
    })
}

/// What the model reads of a text, against the size of chunks.
pub(super) fn context(model: &str, context: Option<usize>, chunk_size: usize) -> Option<Finding> {
    const WHY: &str = "what is beyond the context is cut off or makes a chunk fail";
    let context = context?;
    let what = format!("`{model}` reads {context} tokens, a chunk has up to {chunk_size}");
    if chunk_size <= context {
        return Some(Finding::ok("context", what, WHY));
    }
    // Other tokens than the model's own are an estimate, and a prefix takes some.
    let fits = (context * 9 / 10).max(1);
    Some(Finding::warning("context", what, WHY).fix(format!("chunk_size = {fits}")))
}

/// The model that is asked for, against the store's.
pub(super) fn identity(provider: Provider, model: &str, stored: Option<&ModelIdentity>) -> Option<Finding> {
    const WHY: &str = "vectors of two models must not meet in one store";
    let stored = stored?;
    if stored.provider == provider.as_str() && stored.model == model {
        let what = format!("the store is of model `{model}` of provider `{provider}`, too");
        return Some(Finding::ok("store_model", what, WHY));
    }
    let what = format!(
        "the store is of model `{}` of provider `{}`, asked for is `{model}` of `{provider}`",
        stored.model, stored.provider
    );
    let former = format!("--provider {} --model {}", stored.provider, quoted(&stored.model));
    Some(Finding::fault("store_model", what, WHY).fix(former))
}

/// The width of the vectors, against that of the store's.
pub(super) fn width(found: usize, stored: Option<&ModelIdentity>) -> Finding {
    const WHY: &str = "a store holds vectors of one width";
    match stored.map(|stored| stored.dimensions) {
        Some(stored) if stored != found => {
            let what = format!("the model gives {found} values, the store's vectors have {stored}");
            let fix = if found > stored {
                format!("--dimensions {stored}")
            } else {
                "ingest run --clean PATH".to_owned()
            };
            Finding::fault("width", what, WHY).fix(fix)
        }
        Some(_) => Finding::ok("width", format!("{found} values, as in the store"), WHY),
        None => Finding::ok("width", format!("{found} values"), WHY),
    }
}

/// The width of the vectors, against what pgvector builds an index of: (at full, at half precision).
pub(super) fn index(found: usize, (widest, widest_half): (usize, usize)) -> Finding {
    const WHY: &str = "a search without an index compares every vector";
    if found <= widest {
        let what = format!("pgvector indexes {found} values as they are (up to {widest})");
        return Finding::ok("index", what, WHY);
    }
    if found <= widest_half {
        let what = format!("pgvector indexes {found} values at half precision (up to {widest_half})");
        return Finding::ok("index", what, WHY);
    }
    let what = format!("pgvector has no index for {found} values, only for up to {widest_half}");
    Finding::warning("index", what, WHY).fix(format!("embedding_dimensions = {widest_half}"))
}

/// What is put before texts, against what the model's makers advise.
pub(super) fn prefixes(model: &str, used: &Prefixes, is_filled: bool) -> Finding {
    const WHY: &str = "a model that is told otherwise than it was trained finds less";
    let Some(known) = Prefixes::for_model(model) else {
        return Finding::ok("prefixes", format!("none are known for `{model}`"), WHY);
    };
    if *used == known {
        return Finding::ok("prefixes", format!("as the makers of `{model}` advise"), WHY);
    }
    let mut lines = Vec::new();
    for (key, used, known) in [
        ("document_prefix", &used.document, &known.document),
        ("query_prefix", &used.query, &known.query),
    ] {
        if used != known {
            lines.push(format!("{key} = {known:?}"));
        }
    }
    let what = format!(
        "documents begin with {:?} and questions with {:?}; the makers of `{model}` advise {:?} and {:?}",
        used.document, used.query, known.document, known.query
    );
    let then = if is_filled {
        "; then: ingest run --clean PATH"
    } else {
        ""
    };
    Finding::advice("prefixes", what, WHY).fix(format!("{}{then}", lines.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn stored() -> ModelIdentity {
        ModelIdentity {
            provider: "ollama".into(),
            model: "m".into(),
            digest: Some("d1".into()),
            dimensions: 384,
            document_prefix: String::new(),
            query_prefix: String::new(),
            vector_weight: 1.0,
            canary: None,
        }
    }

    fn has(has_model: Option<bool>, can_embed: Option<bool>) -> Inspection {
        let mut inspection = Inspection::default();
        inspection.has_model = has_model;
        inspection.can_embed = can_embed;
        inspection
    }

    fn fixed(finding: Option<Finding>) -> (Level, Option<String>) {
        let finding = finding.expect("a finding");
        (finding.level, finding.fix)
    }

    #[test]
    fn a_missing_model_is_a_fault_with_the_command_that_fetches_it() {
        let local = present("m", LOCAL[0], &has(Some(false), None));
        assert_eq!(fixed(local), (Level::Fault, Some("ollama pull m".into())));
        let remote = present("my model", "http://gpu:1", &has(Some(false), None));
        assert_eq!(
            fixed(remote).1.as_deref(),
            Some("OLLAMA_HOST=http://gpu:1 ollama pull 'my model'")
        );
        assert_eq!(
            fixed(present("m", "http://gpu:1", &has(Some(true), Some(false)))).0,
            Level::Fault
        );
        assert_eq!(fixed(present("m", "x", &has(Some(true), None))).0, Level::Ok);
        assert_eq!(present("m", "x", &has(None, None)), None);
    }

    #[test]
    fn other_weights_than_the_stores_are_a_fault() {
        assert_eq!(fixed(digest(Some("d2"), Some(&stored()))).0, Level::Fault);
        assert_eq!(fixed(digest(Some("d1"), Some(&stored()))).0, Level::Ok);
        assert_eq!(fixed(digest(Some("d1"), None)).0, Level::Ok);
        assert_eq!(digest(None, Some(&stored())), None);
    }

    #[test]
    fn another_answer_than_the_first_is_a_fault() {
        let mut stored = stored();
        assert_eq!(canary(&[1.0, 0.0], Some(&stored)), None);
        stored.canary = Some(vec![1.0, 0.0]);
        assert_eq!(fixed(canary(&[1.0, 0.01], Some(&stored))).0, Level::Ok);
        assert_eq!(
            fixed(canary(&[1.0, 0.1], Some(&stored))),
            (Level::Fault, Some("ingest run --clean PATH".into()))
        );
        assert_eq!(
            canary(&[1.0], Some(&stored)),
            None,
            "the width is another finding's"
        );
        assert_eq!(canary(&[1.0], None), None);
    }

    #[test]
    fn chunks_beyond_the_context_are_a_warning_with_a_size_that_fits() {
        assert_eq!(fixed(context("m", Some(400), 400)).0, Level::Ok);
        assert_eq!(
            fixed(context("m", Some(256), 400)),
            (Level::Warning, Some("chunk_size = 230".into()))
        );
        assert_eq!(context("m", None, 400), None);
    }

    #[test]
    fn another_model_than_the_stores_is_a_fault_that_names_the_former() {
        let stored = stored();
        assert_eq!(
            fixed(identity(Provider::OpenAi, "m", Some(&stored))),
            (Level::Fault, Some("--provider ollama --model m".into()))
        );
        assert_eq!(fixed(identity(Provider::Ollama, "m", Some(&stored))).0, Level::Ok);
        assert_eq!(
            fixed(identity(Provider::Ollama, "n", Some(&stored))).0,
            Level::Fault
        );
    }

    #[test]
    fn another_width_than_the_stores_is_a_fault() {
        let (stored, wide) = (stored(), width(768, Some(&stored())));
        assert_eq!(
            (wide.level, wide.fix.as_deref()),
            (Level::Fault, Some("--dimensions 384"))
        );
        let narrow = width(256, Some(&stored));
        assert_eq!(narrow.fix.as_deref(), Some("ingest run --clean PATH"));
        assert_eq!(width(384, Some(&stored)).level, Level::Ok);
        assert_eq!(width(7, None).level, Level::Ok);
    }

    #[test]
    fn widths_are_held_against_the_limits_of_the_index() {
        let limits = (2000, 4000);
        assert!(index(2000, limits).what.contains("as they are"));
        assert!(index(2001, limits).what.contains("half precision"));
        assert_eq!(index(4000, limits).level, Level::Ok);
        let beyond = index(4001, limits);
        assert_eq!(beyond.level, Level::Warning);
        assert_eq!(beyond.fix.as_deref(), Some("embedding_dimensions = 4000"));
    }

    #[test]
    fn other_prefixes_than_the_known_ones_are_advice() {
        let known = Prefixes::for_model("nomic-embed-text").expect("known");
        assert_eq!(prefixes("nomic-embed-text", &known, true).level, Level::Ok);
        assert_eq!(prefixes("my-own", &known, true).level, Level::Ok);
        let query_alone = Prefixes::new("", known.query);
        let finding = prefixes("nomic-embed-text", &query_alone, true);
        assert_eq!(finding.level, Level::Advice);
        assert_eq!(
            finding.fix.as_deref(),
            Some("document_prefix = \"search_document: \"; then: ingest run --clean PATH")
        );
        let empty = prefixes("nomic-embed-text", &query_alone, false);
        assert_eq!(
            empty.fix.as_deref(),
            Some("document_prefix = \"search_document: \"")
        );
    }
}
