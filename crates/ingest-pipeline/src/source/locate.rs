//! Where one file stands with regard to sources, and why.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::Folder;
use super::walk::{Current, Found};
use super::{Plan, Root, rules};
use crate::Place;

impl Plan {
    /// Where a file stands; one that is not there, where it would.
    pub(crate) fn locate(self: &Arc<Self>, path: &Path) -> Place {
        let name = self.naming.name(path);
        let mut place = Place::Outside;
        for (index, source) in self.sources.iter().enumerate() {
            for root in source.roots.iter().filter(|root| root.claims(&name)) {
                let source = source.label.clone();
                match self.missed(index, root, path, &name) {
                    None => return Place::In { source },
                    Some(reason) if place == Place::Outside => place = Place::LeftOut { source, reason },
                    Some(_) => {}
                }
            }
        }
        place
    }

    /// Why a root that claims a file does not give it; `None` where it does.
    fn missed(self: &Arc<Self>, index: usize, root: &Root, path: &Path, name: &str) -> Option<String> {
        let walked = match root {
            Root::Folder { path: folder, .. } | Root::Glob { path: folder, .. } => Some(folder),
            Root::File { .. } | Root::Lines { .. } => None,
        };
        // On the way to a file that was named by itself there are no rules.
        let levels = walked.map_or_else(Vec::new, |folder| levels(path, folder));
        let reason = || self.reason(index, root, path, name, &levels);
        if !exists(path) {
            return reason();
        }
        let found = match walked {
            Some(folder) => self.walk_to(index, root, path, folder),
            None => self.single(index, path, name),
        };
        match found {
            Some(Found::File { .. }) => None,
            Some(Found::Skipped { reason, .. }) => Some(reason.to_owned()),
            Some(Found::Failed { reason, .. } | Found::SourceFailed { reason, .. }) => Some(reason),
            Some(Found::Lines { .. }) | None => {
                Some(reason().unwrap_or_else(|| "the walk of its source does not come by".to_owned()))
            }
        }
    }

    /// Walks to a file and nowhere else.
    fn walk_to(self: &Arc<Self>, index: usize, root: &Root, path: &Path, folder: &Path) -> Option<Found> {
        let mut current = Current {
            index,
            root: root.clone(),
            walk: self.walk(index, folder, root.name(), Some(path)),
            folder: Folder::default(),
            found: 0,
        };
        while let Some(entry) = current.walk.next() {
            let found = self.look_at(&mut current, entry);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// A rule that leaves a file out, in words; `levels` lie on the way to it.
    fn reason(
        &self,
        index: usize,
        root: &Root,
        path: &Path,
        name: &str,
        levels: &[PathBuf],
    ) -> Option<String> {
        let source = &self.sources[index];
        if self.is_own(path) {
            return Some("it belongs to the store, the failure log or the metrics".to_owned());
        }
        if let Some(pattern) = source.excluded_by(name, root.name()) {
            return Some(format!("the pattern `{pattern}` excludes it"));
        }
        if !source.takes(name, root.name()) {
            return Some("no pattern includes it".to_owned());
        }
        levels
            .iter()
            .find_map(|level| self.left_out(level, level == path))
    }

    /// Why a walk does not go to a file or into a folder.
    pub(super) fn left_out(&self, path: &Path, is_last: bool) -> Option<String> {
        let meta = std::fs::symlink_metadata(path).ok();
        let is_folder = meta.as_ref().map_or(!is_last, std::fs::Metadata::is_dir);
        let name = self.naming.name(path);
        if let Some(rule) = rules::ignoring(path, is_folder).filter(|_| !self.no_ignore) {
            let file = self.naming.name(&rule.file);
            return Some(format!("`{}` in {file} leaves out {name}", rule.pattern));
        }
        let is_hidden = path
            .file_name()
            .is_some_and(|part| part.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            return Some(format!("{name} is hidden"));
        }
        meta.is_some_and(|meta| meta.is_symlink())
            .then(|| format!("{name} is a symbolic link, which is not followed"))
    }
}

/// Whether something is there, be it a link to nothing.
fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// What a walk comes by on its way from a folder to a file below it, the file included.
pub(super) fn levels(path: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut levels: Vec<_> = path
        .ancestors()
        .take_while(|level| *level != folder)
        .map(Path::to_owned)
        .collect();
    levels.reverse();
    levels
}
