//! Documents that vanished, or that a clean run forgets.

use ingest_core::{DocumentState, Result};

use crate::context::Context;
use crate::source::{PlannedSource, Root, is_file_origin};
use crate::{DocumentOutcome, Event, MaxDelete};

/// Documents looked at, and removed, at a time.
const PAGE: usize = 500;

/// Which of a source's stored documents are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Those that this run did not come across.
    Vanished,
    All,
}

/// Removes what vanished from sources that were walked to their end. Returns why it did not, where the limit was
/// exceeded: nothing is removed then.
pub(crate) async fn remove_vanished(context: &Context) -> Result<Option<String>> {
    if context.options.no_delete {
        return Ok(None);
    }
    let whole = walked_whole(context);
    let origins = context.store.origins().await?;
    let mut leaving = Vec::new();
    let mut all_gone = 0;
    for (source, found) in whole {
        let (mut gone, mut held) = (0, 0);
        for scope in scopes(source, &origins) {
            // What a dry run found to be new is not in the store.
            if !context.options.dry_run && scope.is_all_there(source, found, &origins) {
                held += found;
                continue;
            }
            let mut pages = Pages::new(context, source, scope, Which::Vanished);
            while let Some((page, total)) = pages.next().await? {
                gone += page.len() as u64;
                held += total;
            }
        }
        all_gone += gone;
        if gone > 0 {
            leaving.push(source);
        }
        let (refused, limit) = match context.options.max_delete {
            MaxDelete::Percent(share) => (gone * 100 > held * u64::from(share), format!("{share}%")),
            MaxDelete::Count(limit) => (all_gone > limit, limit.to_string()),
        };
        if refused {
            return Ok(Some(format!(
                "{gone} of {held} documents of `{}` have vanished, and no more than {limit} may be removed: nothing \
                 was removed; if they are to go, run again with a higher --max-delete",
                source.label
            )));
        }
    }
    for source in leaving {
        remove(context, source, Which::Vanished, &origins).await?;
    }
    Ok(None)
}

/// The sources that were walked to their end, each with the number of its files that the store has: what others hold may
/// still be there.
fn walked_whole(context: &Context) -> Vec<(&PlannedSource, u64)> {
    let counts: Vec<_> = context
        .tally
        .counts()
        .sources
        .iter()
        .map(|source| (source.error.clone(), source.held))
        .collect();
    let sources = context.plan.sources.iter().zip(counts);
    sources
        .filter_map(|(source, (error, held))| match error {
            None => Some((source, held)),
            Some(error) => {
                let label = &source.label;
                context.tally.note(&format!(
                    "nothing of `{label}` is removed, since it was not walked whole: {error}"
                ));
                None
            }
        })
        .collect()
}

/// Removes everything that the sources hold.
pub(crate) async fn forget(context: &Context) -> Result<()> {
    let origins = context.store.origins().await?;
    for source in &context.plan.sources {
        remove(context, source, Which::All, &origins).await?;
    }
    Ok(())
}

/// How many documents the store holds that a clean run would leave alone.
pub(crate) async fn others(context: &Context) -> Result<u64> {
    let mut others = 0;
    let origins = context.store.origins().await?;
    let sources = context.plan.sources.iter();
    let sources: Vec<_> = sources.map(|source| (source, scopes(source, &origins))).collect();
    let mut after: Option<String> = None;
    loop {
        let page = context.store.documents(None, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(others);
        };
        after = Some(last.source.clone());
        let mine = |state: &DocumentState| {
            let mut scopes = sources
                .iter()
                .flat_map(|(source, scopes)| scopes.iter().map(move |scope| (source, scope)));
            scopes.any(|(source, scope)| scope.holds(context, source, state))
        };
        others += page.iter().filter(|state| !mine(state)).count() as u64;
    }
}

async fn remove(
    context: &Context,
    source: &PlannedSource,
    which: Which,
    origins: &[(String, u64)],
) -> Result<()> {
    for scope in scopes(source, origins) {
        let mut pages = Pages::new(context, source, scope, which);
        while let Some((page, _)) = pages.next().await? {
            if context.halt.is_halted() {
                return Ok(());
            }
            if page.is_empty() {
                continue;
            }
            let names: Vec<String> = page.iter().map(|state| state.source.clone()).collect();
            if context.options.dry_run {
                let mut counts = context.tally.counts();
                counts.documents.removed += page.len() as u64;
                counts.chunks.removed += page.iter().map(|state| u64::from(state.chunks)).sum::<u64>();
            } else {
                let removed = context.store.remove(&names).await?;
                let mut counts = context.tally.counts();
                counts.documents.removed += removed.documents;
                counts.chunks.removed += removed.chunks;
            }
            for name in &names {
                context.tally.event(&Event::Document {
                    source: name,
                    outcome: DocumentOutcome::Removed,
                });
            }
        }
    }
    Ok(())
}

/// A part of the store in which a source's documents may be.
#[derive(Clone, Debug)]
enum Scope {
    /// Its own files, as it found them before.
    Files,
    /// Its own lines.
    Lines,
    /// Files below a place of it that another source found: a folder above, a file by itself.
    Below { prefix: String, origin: String },
}

/// The parts to look through, where the store has documents of these origins.
fn scopes(source: &PlannedSource, origins: &[(String, u64)]) -> Vec<Scope> {
    let mut scopes = vec![Scope::Files, Scope::Lines];
    let others = || {
        let origins = origins.iter().map(|(origin, _)| origin);
        origins.filter(|origin| is_file_origin(origin) && ***origin != *source.file_origin)
    };
    for root in &source.roots {
        let prefix = match root {
            Root::Folder { name, .. } | Root::Glob { name, .. } if name == "." => String::new(),
            Root::Folder { name, .. } | Root::Glob { name, .. } if name.ends_with('/') => name.clone(),
            Root::Folder { name, .. } | Root::Glob { name, .. } => format!("{name}/"),
            Root::File { name, .. } => name.clone(),
            Root::Lines { .. } => continue,
        };
        scopes.extend(others().map(|origin| Scope::Below {
            prefix: prefix.clone(),
            origin: origin.clone(),
        }));
    }
    scopes
}

impl Scope {
    fn origin<'a>(&'a self, source: &'a PlannedSource) -> &'a str {
        match self {
            Self::Files => &source.file_origin,
            Self::Lines => &source.line_origin,
            Self::Below { origin, .. } => origin,
        }
    }

    /// Whether the store has no more of it than the run found: then none is missing, and nobody need look.
    fn is_all_there(&self, source: &PlannedSource, found: u64, origins: &[(String, u64)]) -> bool {
        let stored = origins.iter().find(|(origin, _)| **origin == *source.file_origin);
        matches!(self, Self::Files) && stored.map_or(0, |(_, count)| *count) == found
    }

    /// Whether a document is the source's to remove.
    fn holds(&self, context: &Context, source: &PlannedSource, state: &DocumentState) -> bool {
        match self {
            Self::Files => {
                state.origin == *source.file_origin
                    && (source.covers(&state.source) || source.disowns(&state.source))
            }
            Self::Lines => state.origin == *source.line_origin,
            Self::Below { prefix, origin } => {
                state.origin == *origin
                    && state.source.starts_with(prefix)
                    && source.covers(&state.source)
                    && !is_kept_alone(context, state)
            }
        }
    }
}

/// Whether a file was once named by itself and is still there: a walk may leave it out, hidden or ignored as it is.
fn is_kept_alone(context: &Context, state: &DocumentState) -> bool {
    state.origin.ends_with(&state.source)
        && is_file_origin(&state.origin)
        && state.origin.len() == state.source.len() + "files:".len()
        && context.plan.naming.absolute(state.source.as_ref()).exists()
}

/// Goes through a scope page by page.
struct Pages<'a> {
    context: &'a Context,
    source: &'a PlannedSource,
    scope: Scope,
    which: Which,
    after: Option<String>,
    done: bool,
}

impl<'a> Pages<'a> {
    fn new(context: &'a Context, source: &'a PlannedSource, scope: Scope, which: Which) -> Self {
        // Names are in order, so that those below a folder lie together; the name before the first one is asked after.
        let after = match &scope {
            Scope::Below { prefix, .. } if !prefix.is_empty() => Some(before(prefix)),
            _ => None,
        };
        Self {
            context,
            source,
            scope,
            which,
            after,
            done: false,
        }
    }

    /// The next documents meant, and how many the page has that are the source's.
    async fn next(&mut self) -> Result<Option<(Vec<DocumentState>, u64)>> {
        if self.done {
            return Ok(None);
        }
        let origin = self.scope.origin(self.source);
        let mut page = self
            .context
            .store
            .documents(Some(origin), self.after.as_deref(), PAGE)
            .await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.source.clone());
        if let Scope::Below { prefix, .. } = &self.scope {
            self.done = !last.source.starts_with(prefix.as_str()) && last.source.as_str() > prefix.as_str();
        }
        page.retain(|state| self.scope.holds(self.context, self.source, state));
        let held = page.len() as u64;
        if self.which == Which::Vanished {
            page.retain(|state| !self.context.seen.contains(&state.source));
        }
        Ok(Some((page, held)))
    }
}

/// A name that comes before all that begin with `prefix`, `prefix` itself included, and as close to them as need be.
fn before(prefix: &str) -> String {
    let mut before = prefix.to_owned();
    if before.pop() == Some('/') {
        // A full stop is the character before the slash.
        before.push_str(".\u{10FFFF}");
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_after_lies_before_all_that_begin_with_a_prefix() {
        for prefix in ["docs/", "docs/a.md", "a", "/abs/"] {
            assert!(before(prefix).as_str() < prefix, "{prefix}");
        }
    }
}
