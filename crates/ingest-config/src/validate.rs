//! Checks of values against each other. Ranges of single values stand in the table of keys.

use crate::{Error, ErrorKind, Result, Settings};

/// # Errors
/// The first pair that does not go together, with both values and where each was set.
pub(crate) fn check(settings: &Settings) -> Result<()> {
    let chunking = &settings.chunking;
    if chunking.overlap >= chunking.size {
        let (overlap, size) = (settings.origin("chunk_overlap"), settings.origin("chunk_size"));
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "`chunk_overlap` is {} ({overlap}) but must be less than `chunk_size`, which is {} ({size})",
                chunking.overlap, chunking.size
            ),
        )
        .at("chunk_overlap", &overlap)
        .with_hint(format!(
            "set `chunk_overlap` to something from 0 to {}",
            chunking.size - 1
        )));
    }
    let embedding = &settings.embedding;
    if embedding.azure_deployment.is_some() && embedding.openai_base_url.is_none() {
        let provenance = settings.origin("azure_deployment");
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("`azure_deployment` is set ({provenance}) but `openai_base_url` is not"),
        )
        .at("azure_deployment", &provenance)
        .with_hint("set `openai_base_url` to the address of the Azure resource"));
    }
    Ok(())
}
