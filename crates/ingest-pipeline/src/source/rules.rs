//! Which rule of an ignore file leaves something out. The walk decides whether it does; this finds the reason.

use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// A line of an ignore file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The line.
    pub(super) pattern: String,
    /// The file it stands in.
    pub(super) file: PathBuf,
}

/// Files with rules, beginning with those that win. They hold below a repository of its own, too, as in the walk.
const FILES: [&str; 3] = [".ignore", ".gitignore", ".git/info/exclude"];

/// The rule that leaves out this file or folder itself, if one does.
pub(super) fn ignoring(path: &Path, is_folder: bool) -> Option<Rule> {
    FILES
        .iter()
        .find_map(|file| nearest(path, is_folder, file))
        .flatten()
}

/// What the nearest file of a kind says that says anything: the rule that leaves it out, or `None` for one that takes it
/// back in.
fn nearest(path: &Path, is_folder: bool, file: &str) -> Option<Option<Rule>> {
    for folder in path.ancestors().skip(1) {
        match rules(folder, file).matched(path, is_folder) {
            Match::None => {}
            Match::Whitelist(_) => return Some(None),
            Match::Ignore(glob) => {
                return Some(Some(Rule {
                    pattern: glob.original().to_owned(),
                    file: folder.join(file),
                }));
            }
        }
    }
    None
}

/// The rules of a file, which need not be there.
fn rules(folder: &Path, file: &str) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    // Lines that are no patterns are passed over, as in the walk.
    let _ = builder.add(folder.join(file));
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
        folder
    }

    fn rule(folder: &tempfile::TempDir, path: &str) -> Option<(String, String)> {
        let (path, is_folder) = match path.strip_suffix('/') {
            Some(folder) => (folder, true),
            None => (path, false),
        };
        let rule = ignoring(&folder.path().join(path), is_folder)?;
        let file = rule.file.strip_prefix(folder.path()).expect("below");
        Some((rule.pattern, file.to_string_lossy().into_owned()))
    }

    #[test]
    fn the_nearest_rule_decides_and_ignore_wins_over_gitignore() {
        let folder = folder(&[
            (".gitignore", "*.tmp\nbuild/\n"),
            ("a/.gitignore", "!kept.tmp\n"),
            ("b/.ignore", "!taken.tmp\nown.md\n"),
        ]);
        let of_git = |pattern: &str| Some((pattern.to_owned(), ".gitignore".to_owned()));
        assert_eq!(rule(&folder, "a/x.tmp"), of_git("*.tmp"));
        assert_eq!(rule(&folder, "a/kept.tmp"), None);
        assert_eq!(rule(&folder, "b/taken.tmp"), None);
        assert_eq!(
            rule(&folder, "b/own.md"),
            Some(("own.md".to_owned(), "b/.ignore".to_owned()))
        );
        assert_eq!(rule(&folder, "build/"), of_git("build/"));
        assert_eq!(rule(&folder, "build"), None, "a file of the name of a folder");
    }

    #[test]
    fn rules_of_all_folders_above_hold() {
        let folder = folder(&[
            (".gitignore", "*.md\n"),
            (".ignore", "*.txt\n"),
            ("inner/.git/info/exclude", "*.log\n"),
        ]);
        for name in ["inner/deep/a.md", "inner/a.txt", "inner/deep/a.log"] {
            assert!(rule(&folder, name).is_some(), "{name}");
        }
        assert_eq!(rule(&folder, "a.log"), None);
    }
}
