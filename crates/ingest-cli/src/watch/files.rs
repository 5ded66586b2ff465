//! What the system tells of changes below the sources.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ingest_pipeline::Scope;
use notify::event::{Event, EventKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::when::{FULL, POLL};

/// Folders remembered as left out; past that, they are found out again.
const REMEMBERED: usize = 10_000;

/// Hears of changes.
#[derive(Debug, Default)]
pub(super) struct Files {
    heard: Arc<Heard>,
    watcher: Option<RecommendedWatcher>,
}

/// What was heard since the last round.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Told at each change that concerns a run.
    pub(super) changes: Notify,
    /// Whether one has been told already: the next one need not be looked at.
    has_changed: AtomicBool,
    /// Whether a watched folder itself went or came, or telling failed: the watches are to be made anew.
    is_stale: AtomicBool,
    /// Whether the system has no watches left.
    is_short: AtomicBool,
}

impl Files {
    pub(super) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Whether [`Files::watch`] would hear more than is heard now.
    pub(super) fn is_stale(&self) -> bool {
        self.watcher.is_none() || self.heard.is_stale.load(Ordering::SeqCst)
    }

    /// Watches the places of a run, in the place of what was watched before. Changes from now on are heard.
    ///
    /// # Errors
    /// What the system says, with what to do about it.
    pub(super) fn watch(&mut self, scope: Scope) -> Result<(), String> {
        let folders = scope.folders();
        self.heard.is_stale.store(false, Ordering::SeqCst);
        self.heard.is_short.store(false, Ordering::SeqCst);
        let mut ear = Ear {
            heard: Arc::clone(&self.heard),
            scope,
            left_out: HashSet::new(),
        };
        let heard = move |event| ear.hear(event);
        let mut watcher = notify::recommended_watcher(heard).map_err(|error| told(&error))?;
        for folder in folders {
            let mode = if folder.is_deep {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            watcher.watch(&folder.path, mode).map_err(|error| told(&error))?;
        }
        // What was heard by the watches before is kept; only now are they given up.
        self.watcher = Some(watcher);
        Ok(())
    }

    /// No watch is to be had: rounds take place now and then.
    pub(super) fn give_up(&mut self) {
        self.watcher = None;
    }

    /// A round begins, which sees all that changed before.
    pub(super) fn begin_round(&self) {
        self.heard.has_changed.store(false, Ordering::SeqCst);
    }

    /// How long to wait for the first change.
    pub(super) fn longest(&self) -> std::time::Duration {
        if self.watcher.is_none() || self.heard.is_short.load(Ordering::SeqCst) {
            POLL
        } else {
            FULL
        }
    }

    /// Whether the system ran out of watches since the last time this was asked.
    pub(super) fn ran_short(&self) -> bool {
        self.watcher.is_some() && self.heard.is_short.load(Ordering::SeqCst)
    }
}

/// What the system says, and what to do about it.
fn told(error: &notify::Error) -> String {
    match error.kind {
        ErrorKind::MaxFilesWatch => SHORT.to_owned(),
        _ => error.to_string(),
    }
}

/// What to do where there are more folders than watches.
pub(super) const SHORT: &str =
    "the system has no watches left (more: `sysctl fs.inotify.max_user_watches=524288` as root)";

/// Takes what the system tells, in a thread of the watcher.
struct Ear {
    heard: Arc<Heard>,
    scope: Scope,
    /// Folders that are no part of the sources, such as those of build tools, which change all the time.
    left_out: HashSet<PathBuf>,
}

impl Ear {
    fn hear(&mut self, event: notify::Result<Event>) {
        let concerns = match event {
            // The run itself opens every file.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // Changes were lost.
            Ok(event) if event.need_rescan() => true,
            Ok(event) => self.look_at(&event),
            Err(error) => {
                let is_short = matches!(error.kind, ErrorKind::MaxFilesWatch);
                let flag = if is_short {
                    &self.heard.is_short
                } else {
                    &self.heard.is_stale
                };
                flag.store(true, Ordering::SeqCst);
                true
            }
        };
        if concerns {
            self.heard.has_changed.store(true, Ordering::SeqCst);
            self.heard.changes.notify_one();
        }
    }

    fn look_at(&mut self, event: &Event) -> bool {
        if event.paths.iter().any(|path| self.scope.is_root(path)) {
            self.heard.is_stale.store(true, Ordering::SeqCst);
        }
        let is_rule = |path: &PathBuf| path.ends_with(".gitignore") || path.ends_with(".ignore");
        if event.paths.iter().any(is_rule) {
            self.left_out.clear();
        }
        let paths = event.paths.iter();
        let mut concerning = paths.filter(|path| {
            self.heard.has_changed.load(Ordering::SeqCst) || concerns(&self.scope, &mut self.left_out, path)
        });
        concerning.next().is_some()
    }
}

/// Whether a change concerns a run; folders that do not are remembered.
fn concerns(scope: &Scope, left_out: &mut HashSet<PathBuf>, path: &Path) -> bool {
    if path.ancestors().any(|folder| left_out.contains(folder)) {
        return false;
    }
    if scope.concerns(path) {
        return true;
    }
    if left_out.len() >= REMEMBERED {
        left_out.clear();
    }
    left_out.extend(
        path.parent()
            .filter(|folder| !scope.concerns(folder))
            .map(Path::to_owned),
    );
    false
}

#[cfg(test)]
mod tests {
    use ingest_pipeline::{RunOptions, Source, SourceSpec};
    use notify::event::{AccessKind, Flag, ModifyKind, RemoveKind};

    use super::*;

    /// An ear for a folder with rules, which holds the store, too.
    fn ear() -> (tempfile::TempDir, Ear) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("target")).expect("a folder");
        std::fs::write(folder.path().join(".gitignore"), "target\n").expect("a file");
        let source = Source::new(SourceSpec::Path(folder.path().to_owned()));
        let mut options = RunOptions::new(vec![source], folder.path());
        options.skip_paths = vec![folder.path().join("index.db")];
        let ear = Ear {
            heard: Arc::default(),
            scope: Scope::new(options).expect("a scope"),
            left_out: HashSet::new(),
        };
        (folder, ear)
    }

    /// Whether a change of a file is told.
    fn tells(ear: &mut Ear, kind: EventKind, path: &Path) -> bool {
        ear.heard.has_changed.store(false, Ordering::SeqCst);
        ear.hear(Ok(Event::new(kind).add_path(path.to_owned())));
        ear.heard.has_changed.load(Ordering::SeqCst)
    }

    #[test]
    fn what_a_run_does_itself_is_no_change() {
        let (folder, mut ear) = ear();
        let modified = EventKind::Modify(ModifyKind::Any);
        for (kind, name, is_told) in [
            (modified, "a.md", true),
            (EventKind::Access(AccessKind::Any), "a.md", false),
            (modified, "index.db-wal", false),
            (modified, ".ingest-1.tmp", false),
            (modified, "target/a.md", false),
            (modified, "target/deep/a.md", false),
        ] {
            assert_eq!(
                tells(&mut ear, kind, &folder.path().join(name)),
                is_told,
                "{kind:?} {name}"
            );
        }
        assert!(ear.left_out.contains(&folder.path().join("target")));
        std::fs::write(folder.path().join(".gitignore"), "").expect("a file");
        assert!(tells(&mut ear, modified, &folder.path().join(".gitignore")));
        assert!(
            tells(&mut ear, modified, &folder.path().join("target/a.md")),
            "rules are read again"
        );
    }

    #[test]
    fn what_may_have_been_lost_is_a_change() {
        let (folder, mut ear) = ear();
        let flag = |flag: &AtomicBool| flag.swap(false, Ordering::SeqCst);
        ear.hear(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(flag(&ear.heard.has_changed) && !flag(&ear.heard.is_stale));
        assert!(tells(
            &mut ear,
            EventKind::Remove(RemoveKind::Folder),
            folder.path()
        ));
        assert!(flag(&ear.heard.is_stale));
        ear.hear(Err(notify::Error::new(ErrorKind::MaxFilesWatch)));
        assert!(flag(&ear.heard.is_short) && !flag(&ear.heard.is_stale));
        ear.hear(Err(notify::Error::generic("the disk is gone")));
        assert!(flag(&ear.heard.is_stale) && flag(&ear.heard.has_changed));
    }
}
