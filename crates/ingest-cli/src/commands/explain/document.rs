//! A document, by its path or name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ingest_core::{ContentHash, DocumentState, Store};
use ingest_pipeline::{
    ChunkPlace, Content, Failure, Located, Place, RunOptions, Source, locate, set_aside_of,
};
use serde_json::json;

use super::{Asked, cause, entry, entry_as_json, place_as_json};
use crate::args::Format;
use crate::failure::{self, Result, Status};
use crate::output::{Output, counted};
use crate::style::one_line;
use crate::{sources, store};

/// Documents asked of the store at a time.
const PAGE: usize = 1_000;

/// What is known of a document.
pub(super) struct Document {
    name: String,
    place: Place,
    content: Content,
    state: Option<DocumentState>,
    /// How a run would cut it, where that is known.
    recipe: Option<ContentHash>,
    set_aside: Vec<ChunkPlace>,
    failures: Vec<Failure>,
}

/// Asks the file system, the store and the log.
pub(super) async fn look(asked: &Asked, what: &Path) -> Result<Document> {
    let path = asked.here.join(what);
    let data_dir = sources::data_dir(&asked.settings, &asked.here)?;
    let plain = find(&path, asked.options(None, &asked.here)).await?;
    let named = find(&path, asked.options(None, &data_dir)).await?;
    let names = [
        plain.name.clone(),
        named.name,
        what.to_string_lossy().into_owned(),
    ];
    let state = asked.state(&names).await?;
    let mut views = vec![plain];
    for (source, base) in asked.sources(state.as_ref(), &data_dir).await? {
        // One that does not work is no reason not to ask the others.
        views.extend(find(&path, asked.options(Some(source), &base)).await.ok());
    }
    let name = state.as_ref().map(|state| state.source.clone());
    let name = name.or_else(|| asked.logged(&names));
    let best = views.into_iter().reduce(better);
    let (place, content, usual) = best.map_or((Place::Outside, Content::Missing, String::new()), |best| {
        (best.place, best.content, best.name)
    });
    let name = name.unwrap_or(usual);
    let set_aside = match (&asked.store, &state) {
        (Some(store), Some(state)) if state.failed > 0 => set_aside_of(store.as_ref(), &name).await?,
        _ => Vec::new(),
    };
    let failures = asked.log.entries.iter().filter(|entry| entry.source == name);
    Ok(Document {
        failures: failures.cloned().collect(),
        name,
        place,
        content,
        state,
        recipe: asked.recipe,
        set_aside,
    })
}

async fn find(path: &Path, options: RunOptions) -> Result<Located> {
    let path = path.to_owned();
    let located = tokio::task::spawn_blocking(move || locate(&path, options)).await;
    let stopped =
        |_| failure::Failure::new(Status::Stopped, "looking at the file ended in an unforeseen way");
    Ok(located.map_err(stopped)??)
}

/// Of two views of a file, the one in which more becomes of it; else the first.
fn better(one: Located, other: Located) -> Located {
    let rank = |located: &Located| match located.place {
        Place::In { .. } => 0,
        Place::LeftOut { .. } => 1,
        _ => 2,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

impl Asked {
    /// A run over this source alone, or over nothing.
    fn options(&self, source: Option<Source>, base: &Path) -> RunOptions {
        let mut options = RunOptions::new(source.into_iter().collect(), base);
        options.skip_paths = store::files(&self.settings);
        options.failure_log = Some(self.settings.run.failure_log.clone());
        options.max_file_bytes = self.settings.run.max_file_size << 20;
        options
    }

    /// What the store knows under the first of these names that it knows.
    async fn state(&self, names: &[String]) -> Result<Option<DocumentState>> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        Ok(store.states(&names).await?.into_iter().flatten().next())
    }

    /// The first of these names that the log knows.
    fn logged(&self, names: &[String]) -> Option<String> {
        let is_logged = |name: &&String| self.log.entries.iter().any(|entry| entry.source == **name);
        names.iter().find(is_logged).cloned()
    }

    /// What the document may have come from, each with the folder that names are relative to: the source that the store
    /// knows it from, or all it knows, and those of the settings.
    async fn sources(
        &self,
        state: Option<&DocumentState>,
        data_dir: &Path,
    ) -> Result<Vec<(Source, PathBuf)>> {
        let origins = match (state, &self.store) {
            (Some(state), _) => BTreeSet::from([state.origin.clone()]),
            (None, Some(store)) => origins(store.as_ref()).await?,
            (None, None) => BTreeSet::new(),
        };
        let here = |origin: &String| Source::of_origin(origin, &self.here).map(|it| (it, self.here.clone()));
        let mut sources: Vec<_> = origins.iter().filter_map(here).collect();
        for settings in self.settings.run.sources.iter().filter(|source| source.enabled) {
            let source = sources::from_settings(settings, data_dir);
            sources.extend(source.ok().map(|source| (source, data_dir.to_owned())));
        }
        Ok(sources)
    }
}

/// Where the documents of a store came from.
async fn origins(store: &dyn Store) -> Result<BTreeSet<String>> {
    let mut origins = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.documents(None, after.as_deref(), PAGE).await?;
        match page.last() {
            Some(last) if after.as_ref().is_none_or(|after| *after < last.source) => {
                after = Some(last.source.clone());
            }
            // The end, or a damaged index that would send us round in circles.
            _ => return Ok(origins),
        }
        origins.extend(page.into_iter().map(|state| state.origin));
    }
}

impl Document {
    /// Whether anything is known of it.
    pub(super) fn is_known(&self) -> bool {
        self.state.is_some() || !self.failures.is_empty() || self.content != Content::Missing
    }

    pub(super) fn write(&self, output: &mut Output) -> Result<()> {
        match output.format {
            Format::Json => output.json(&self.as_json())?,
            Format::Text => self.as_text(output)?,
        }
        Ok(())
    }

    /// What the next run over its source does, and what that is called; `None` where that is not known.
    fn next(&self) -> Option<(&'static str, &'static str)> {
        let is_in = matches!(self.place, Place::In { .. });
        match (&self.state, &self.content) {
            (None, Content::Revision(_)) if is_in => Some(("embed", "new: the next run embeds it")),
            (None, _) => Some(("nothing", "no run takes it")),
            (Some(_), _) if !is_in => None,
            (Some(state), Content::Revision(_)) if self.is_as_stored() == Some(true) => {
                if self.recipe.is_none_or(|recipe| recipe == state.recipe) {
                    return Some(("nothing", "as it is stored"));
                }
                let words =
                    "as it is stored, but cut by other settings: the next run cuts and embeds it again";
                Some(("embed_again", words))
            }
            (Some(_), Content::Revision(_)) => Some(("embed_again", "changed: the next run embeds it again")),
            (Some(_), Content::Missing) => Some(("remove", "gone: the next run removes it")),
            (Some(_), _) => None,
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let (place, source, reason) = match &self.place {
            Place::In { source } => ("in", Some(source), None),
            Place::LeftOut { source, reason } => ("left_out", Some(source), Some(reason)),
            _ => ("outside", None, None),
        };
        let (file, problem) = match &self.content {
            Content::Revision(_) => ("document", None),
            Content::NoDocument(reason) => ("no_document", Some(reason)),
            Content::Unreadable(reason) => ("unreadable", Some(reason)),
            _ => ("missing", None),
        };
        let state = self.state.as_ref();
        json!({
            "document": self.name,
            "source": {"place": place, "name": source, "reason": reason},
            "file": {"state": file, "reason": problem, "as_stored": self.is_as_stored()},
            "store": {
                "state": self.stored().0,
                "origin": state.map(|state| &state.origin),
                "chunks": state.map(|state| state.chunks),
                "set_aside": self.set_aside.iter().map(place_as_json).collect::<Vec<_>>(),
            },
            "failures": self.failures.iter().map(entry_as_json).collect::<Vec<_>>(),
            "next_run": self.next().map(|(name, _)| name),
        })
    }

    /// What the store has of it, as a word and for people.
    fn stored(&self) -> (&'static str, String) {
        match &self.state {
            None => ("absent", "nothing of it".to_owned()),
            Some(state) if state.failed == 0 => ("stored", counted(state.chunks.into(), "chunk")),
            Some(state) => (
                "incomplete",
                format!(
                    "{}, and {} set aside as failed: `ingest run --retry-failed` tries again",
                    counted(state.chunks.into(), "chunk"),
                    state.failed
                ),
            ),
        }
    }

    fn as_text(&self, output: &mut Output) -> Result<()> {
        let source = match &self.place {
            Place::In { source } => source.clone(),
            Place::LeftOut { source, reason } => format!("left out of {source}: {reason}"),
            _ => "none that is known has it".to_owned(),
        };
        let file = match (&self.content, self.next()) {
            (Content::NoDocument(reason), _) => format!("no document: {reason}"),
            (Content::Unreadable(reason), _) => format!("cannot be read: {reason}"),
            (_, Some((_, words))) => words.to_owned(),
            (Content::Missing, None) => "there is none".to_owned(),
            (_, None) if self.is_as_stored() == Some(true) => "as it is stored".to_owned(),
            (_, None) => "differs from what is stored".to_owned(),
        };
        let mut lines = vec![
            ("document", self.name.clone()),
            ("source", source),
            ("file", file),
            ("store", self.stored().1),
        ];
        let set_aside = self.set_aside.iter().filter_map(|place| {
            let line = place.chunk.span.line_start;
            Some(format!(
                "chunk {}, line {line}, {}",
                place.chunk.ordinal,
                cause(place)?
            ))
        });
        lines.extend(set_aside.map(|cause| ("set aside", cause)));
        lines.extend(
            self.failures
                .iter()
                .map(|failure| ("failure log", entry(failure))),
        );
        for (name, value) in lines {
            let name = output.style.bold(&format!("{name:<11}"));
            output.line(&format!("{name} {}", one_line(&value)))?;
        }
        Ok(())
    }

    /// Whether the file is what the store holds, where there are both.
    fn is_as_stored(&self) -> Option<bool> {
        match (&self.state, &self.content) {
            (Some(state), Content::Revision(revision)) => Some(*revision == state.revision),
            _ => None,
        }
    }
}
