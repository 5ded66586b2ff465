//! Which changes of files concern the next run over the same sources.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::locate::levels;
use super::{Plan, Root};
use crate::{Result, RunOptions};

/// Files whose change may change what a walk finds anywhere below.
const RULES: [&str; 2] = [".gitignore", ".ignore"];

/// The places of a run's sources, for those who watch them between runs.
#[derive(Clone, Debug)]
pub struct Scope {
    plan: Arc<Plan>,
    /// Folders and files of the sources.
    places: Vec<Spot>,
}

#[derive(Clone, Debug)]
enum Spot {
    /// A folder that is walked, for the source of this place and by this name.
    Folder {
        path: PathBuf,
        source: usize,
        name: String,
    },
    File(PathBuf),
}

/// A folder to watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedFolder {
    /// The folder, absolute.
    pub path: PathBuf,
    /// Whether all folders below it are to be watched, too.
    pub is_deep: bool,
}

impl Scope {
    /// The places of a run with these options.
    ///
    /// # Errors
    /// `Usage` where the sources do not work: one that does not exist, for example.
    pub fn new(mut options: RunOptions) -> Result<Self> {
        let plan = Plan::new(&mut options)?;
        let mut places = Vec::new();
        for (source, planned) in plan.sources.iter().enumerate() {
            for root in &planned.roots {
                places.extend(match root {
                    Root::Folder { path, .. } | Root::Glob { path, .. } => Some(Spot::Folder {
                        path: path.clone(),
                        source,
                        name: root.name().to_owned(),
                    }),
                    Root::File { path, .. } => Some(Spot::File(path.clone())),
                    Root::Lines { input } => plan.line_path(*input).map(Spot::File),
                });
            }
        }
        Ok(Self {
            plan: Arc::new(plan),
            places,
        })
    }

    /// The folders that hold all there is to see. A file is watched by its folder, since programs that save it put
    /// another file in its place.
    pub fn folders(&self) -> Vec<WatchedFolder> {
        let mut folders: Vec<_> = self
            .places
            .iter()
            .filter_map(|place| match place {
                Spot::Folder { path, .. } => Some(WatchedFolder {
                    path: path.clone(),
                    is_deep: true,
                }),
                Spot::File(path) => path.parent().map(|parent| WatchedFolder {
                    path: parent.to_owned(),
                    is_deep: false,
                }),
            })
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// Whether a change of this file or folder, absolute, may change what a run finds. Where that is not known, it does:
    /// a run too many costs little. Looks at files; blocks.
    pub fn concerns(&self, path: &Path) -> bool {
        !self.plan.is_own(path) && self.places.iter().any(|place| self.concerns_place(place, path))
    }

    /// Whether this is the folder of a source, or lies above one: when it goes, a watch on it goes with it.
    pub fn is_root(&self, path: &Path) -> bool {
        self.folders().iter().any(|folder| folder.path.starts_with(path))
    }

    fn concerns_place(&self, place: &Spot, path: &Path) -> bool {
        let (folder, source, root) = match place {
            Spot::File(file) => return file == path,
            Spot::Folder { path, source, name } => (path, &self.plan.sources[*source], name),
        };
        if folder.starts_with(path) {
            return true;
        }
        if !path.starts_with(folder) {
            return false;
        }
        let is_rule = |level: &Path| level == path && RULES.iter().any(|rules| path.ends_with(rules));
        let left_out = |level: &PathBuf| {
            !is_rule(level)
                && (self.plan.left_out(level, level == path).is_some()
                    || source.prunes(&self.plan.naming.name(level), root))
        };
        !levels(path, folder).iter().any(left_out)
    }
}

impl Plan {
    /// The file that a stream of lines comes from, if it does.
    fn line_path(&self, input: usize) -> Option<PathBuf> {
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.get(input)?.as_ref()?.path.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JsonlInput, Source, SourceSpec};

    /// A folder with rules, and a run over `docs`, `one.md` and lines in it.
    fn scope() -> (tempfile::TempDir, Scope) {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("docs/target")).expect("folders");
        for (name, text) in [
            ("docs/.gitignore", "target/\n*.log\n"),
            ("one.md", ""),
            ("lines.jsonl", ""),
        ] {
            std::fs::write(at(name), text).expect("a file");
        }
        let sources = [
            SourceSpec::Path("docs".into()),
            SourceSpec::Path("one.md".into()),
            SourceSpec::Jsonl(JsonlInput::File("lines.jsonl".into())),
        ];
        let mut options = RunOptions::new(sources.map(Source::new).into(), folder.path());
        options.exclude = vec!["drafts/**".to_owned()];
        options.skip_paths = vec![at("docs/index.db")];
        let scope = Scope::new(options).expect("a scope");
        (folder, scope)
    }

    #[test]
    fn what_a_run_would_not_find_does_not_concern_it() {
        let (folder, scope) = scope();
        for (name, concerns) in [
            ("docs/a.md", true),
            ("docs/new/folder", true),
            ("docs", true),
            ("one.md", true),
            ("lines.jsonl", true),
            ("docs/.gitignore", true),
            ("docs/new/.ignore", true),
            ("two.md", false),
            ("docs/a.log", false),
            ("docs/target/a.md", false),
            ("docs/.git/index", false),
            ("docs/.a.md.swp", false),
            ("docs/index.db", false),
            ("docs/index.db-wal", false),
        ] {
            assert_eq!(scope.concerns(&folder.path().join(name)), concerns, "{name}");
        }
        assert!(scope.is_root(&folder.path().join("docs")) && !scope.is_root(&folder.path().join("docs/a")));
    }

    #[test]
    fn files_are_watched_by_their_folders() {
        let (folder, scope) = scope();
        let watched = |path: PathBuf, is_deep| WatchedFolder { path, is_deep };
        let expected = [
            watched(folder.path().to_owned(), false),
            watched(folder.path().join("docs"), true),
        ];
        assert_eq!(scope.folders(), expected);
    }
}
