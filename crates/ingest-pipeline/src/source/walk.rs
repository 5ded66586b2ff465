//! Finds files: folders by their ignore rules, single files, globs. The order is that of names, on every machine.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::{DirEntry, Walk, WalkBuilder};

use super::folder::Folder;
use super::{Item, Plan, Root, matches_path};

/// What a store and a log keep beside their file.
const COMPANIONS: &[&str] = &["", "-wal", "-shm", "-journal", "-lock", ".lock", ".broken"];

/// What a walk finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file to be read, and how long it is.
    File { item: Item, path: PathBuf, len: u64 },
    /// A stream of lines to be read, for [`Plan::take_input`].
    Lines { index: usize, input: usize },
    /// Something that is no document.
    Skipped { item: Item, reason: &'static str },
    /// A folder or file that could not be looked at.
    Failed { item: Item, reason: String },
    /// A source that could not be walked at all.
    SourceFailed { index: usize, reason: String },
}

/// Walks the sources of a plan one after the other.
pub(crate) struct Walker {
    plan: Arc<Plan>,
    places: VecDeque<(usize, Root)>,
    current: Option<Current>,
}

pub(super) struct Current {
    pub(super) index: usize,
    pub(super) root: Root,
    pub(super) walk: Walk,
    pub(super) folder: Folder,
    pub(super) found: u64,
}

impl std::fmt::Debug for Walker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walker")
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

impl Walker {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let places = plan.sources.iter().enumerate();
        let places = places
            .flat_map(|(index, source)| source.roots.iter().map(move |root| (index, root.clone())))
            .collect();
        Self {
            plan,
            places,
            current: None,
        }
    }

    /// The next finds, at most `limit`; none at the end.
    pub(crate) fn next_group(&mut self, limit: usize) -> Vec<Found> {
        let mut group = Vec::new();
        while group.len() < limit {
            if let Some(current) = &mut self.current {
                match current.walk.next() {
                    Some(entry) => {
                        let found = self.plan.look_at(current, entry);
                        current.found += u64::from(found.is_some());
                        group.extend(found);
                    }
                    None => group.extend(self.current.take().and_then(Current::end)),
                }
                continue;
            }
            let Some((index, root)) = self.places.pop_front() else {
                break;
            };
            match &root {
                Root::File { path, name } => group.extend(self.plan.single(index, path, name)),
                Root::Lines { input } => group.push(Found::Lines { index, input: *input }),
                Root::Folder { path, .. } | Root::Glob { path, .. } => {
                    let walk = self.plan.walk(index, path, root.name(), None);
                    self.current = Some(Current {
                        index,
                        root,
                        walk,
                        folder: Folder::default(),
                        found: 0,
                    });
                }
            }
        }
        group
    }
}

impl Current {
    /// A glob that matches nothing is more likely a slip than a wish to remove what matched once.
    fn end(self) -> Option<Found> {
        match self.root {
            Root::Glob { pattern, .. } if self.found == 0 => Some(Found::SourceFailed {
                index: self.index,
                reason: format!("`{pattern}` matches no file"),
            }),
            _ => None,
        }
    }
}

impl Plan {
    /// A walk below `path`; with `only`, to that file alone.
    pub(super) fn walk(self: &Arc<Self>, index: usize, path: &Path, root: &str, only: Option<&Path>) -> Walk {
        let plan = Arc::clone(self);
        let root = root.to_owned();
        let only = only.map(Path::to_owned);
        let rules = !self.no_ignore;
        WalkBuilder::new(path)
            .hidden(true)
            .follow_links(false)
            .ignore(rules)
            .git_ignore(rules)
            .git_exclude(rules)
            .parents(rules)
            // Rules of the machine's user would give another store elsewhere.
            .git_global(false)
            .require_git(false)
            // Entries of one folder differ in their names alone, and taking those out for each comparison costs more.
            .sort_by_file_path(|a, b| a.as_os_str().cmp(b.as_os_str()))
            .filter_entry(move |entry| {
                let on_the_way = only.as_ref().is_none_or(|only| only.starts_with(entry.path()));
                on_the_way && (entry.depth() == 0 || plan.enters(index, entry, &root))
            })
            .build()
    }

    /// Whether an entry below a root is looked at.
    fn enters(&self, index: usize, entry: &DirEntry, root: &str) -> bool {
        if self.is_own(entry.path()) {
            return false;
        }
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        !is_folder || !self.sources[index].prunes(&self.naming.name(entry.path()), root)
    }

    /// Whether a path is the store's or the log's.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        // Every file of every run is asked about, so by its bytes: both paths are in their shortest form.
        let path = path.as_os_str().as_encoded_bytes();
        self.skip_paths.iter().any(|own| {
            let rest = path.strip_prefix(own.as_os_str().as_encoded_bytes());
            rest.is_some_and(|rest| COMPANIONS.iter().any(|companion| companion.as_bytes() == rest))
        })
    }

    pub(super) fn look_at(
        &self,
        current: &mut Current,
        entry: Result<DirEntry, ignore::Error>,
    ) -> Option<Found> {
        let index = current.index;
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(self.walk_error(index, &current.root, &error)),
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            return None;
        }
        let name = self.naming.name(entry.path());
        if let Root::Glob { matcher, .. } = &current.root
            && !matches_path(matcher, &name)
        {
            return None;
        }
        let source = &self.sources[index];
        if !source.takes(&name, current.root.name()) {
            return None;
        }
        let item = self.item(index, name);
        if kind.is_symlink() {
            return Some(Found::Skipped {
                item,
                reason: "a symbolic link, which is not followed",
            });
        }
        if !kind.is_file() {
            return Some(Found::Skipped {
                item,
                reason: "a socket, pipe or device",
            });
        }
        let len = current.folder.len(entry.path());
        Some(Found::File {
            item,
            path: entry.into_path(),
            len,
        })
    }

    /// A file that was named by itself: a link is followed, as elsewhere.
    pub(super) fn single(&self, index: usize, path: &Path, name: &str) -> Option<Found> {
        if !self.sources[index].takes(name, ".") || self.is_own(path) {
            return None;
        }
        let item = self.item(index, name.to_owned());
        Some(match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => Found::File {
                item,
                path: path.to_owned(),
                len: meta.len(),
            },
            Ok(_) => Found::Skipped {
                item,
                reason: "a socket, pipe or device",
            },
            Err(error) => Found::Failed {
                item,
                reason: error.to_string(),
            },
        })
    }

    fn walk_error(&self, index: usize, root: &Root, error: &ignore::Error) -> Found {
        let reason = error
            .io_error()
            .map_or_else(|| error.to_string(), ToString::to_string);
        match error_path(error) {
            Some(path) if error.depth() != Some(0) => Found::Failed {
                item: self.item(index, self.naming.name(path)),
                reason,
            },
            _ => Found::SourceFailed {
                index,
                reason: format!("cannot walk `{}`: {reason}", root.name()),
            },
        }
    }

    fn item(&self, index: usize, name: String) -> Item {
        Item {
            index,
            name,
            origin: Arc::clone(&self.sources[index].file_origin),
            read: None,
        }
    }
}

fn error_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error_path(err),
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}
