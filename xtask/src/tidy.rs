//! Small promises about the tree that no other tool checks.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use crate::package::published;

/// Files over this many lines, their unit tests aside, have more than one role. The aim is 400; a suite may need a few more.
const LONGEST_SOURCE: usize = 450;

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    crates(sh, &mut faults)?;
    files(sh, &mut faults)?;
    if !faults.is_empty() {
        faults.iter().for_each(|fault| println!("{fault}"));
        bail!("{} faults", faults.len());
    }
    Ok(())
}

/// A published crate stands alone: it carries both licences and a README, and a library shows its use by an example.
fn crates(sh: &Shell, faults: &mut Vec<String>) -> anyhow::Result<()> {
    for name in published(sh)? {
        let folder = Path::new("crates").join(&name);
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let copy = folder.join(licence);
            if sh.read_file(&copy).ok() != Some(sh.read_file(licence)?) {
                faults.push(format!("{}: is not a copy of {licence}", copy.display()));
            }
        }
        if !sh.path_exists(folder.join("README.md")) {
            faults.push(format!("{}: has no README.md", folder.display()));
        }
        let examples = folder.join("examples");
        if sh.path_exists(folder.join("src/lib.rs")) && sh.read_dir(&examples).unwrap_or_default().is_empty()
        {
            faults.push(format!("{}: holds no example", examples.display()));
        }
    }
    Ok(())
}

fn files(sh: &Shell, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let listed = cmd!(sh, "git ls-files --cached --others --exclude-standard")
        .quiet()
        .read()?;
    let root = sh.current_dir();
    let leftovers = leftovers(&root)?;
    for path in listed.lines().map(PathBuf::from) {
        // Data files are not text, and a deleted file may still be listed.
        let Ok(text) = sh.read_file(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(leftover) = leftovers.iter().find(|leftover| line.contains(leftover.as_str())) {
                faults.push(format!("{}:{}: holds `{leftover}`", path.display(), number + 1));
            }
        }
        if path.extension().is_some_and(|extension| extension == "md") {
            links(&root, &path, &text, faults);
        }
        let is_source = path.extension().is_some_and(|extension| extension == "rs")
            && path.components().any(|part| part.as_os_str() == "src");
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        if is_source && lines > LONGEST_SOURCE {
            faults.push(format!(
                "{}: {lines} lines, at most {LONGEST_SOURCE}",
                path.display()
            ));
        }
        if !text.is_empty() && !text.ends_with('\n') && is_source {
            faults.push(format!("{}: does not end with a newline", path.display()));
        }
    }
    Ok(())
}

/// A page leads only to files that are there.
fn links(root: &Path, page: &Path, text: &str, faults: &mut Vec<String>) {
    let folder = root.join(page).parent().map(Path::to_owned).unwrap_or_default();
    let dead = local_links(text).filter(|link| !folder.join(link).exists());
    faults.extend(dead.map(|link| format!("{}: leads to {link}, which is not there", page.display())));
}

/// The files that the links of a page name, relative to it.
fn local_links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let link = rest.split_once(')')?.0;
        let file = link.split('#').next().unwrap_or(link);
        (!file.is_empty() && !file.contains("://")).then_some(file)
    })
}

/// What must not stay in the tree: marks of unfinished work, and where it was checked out.
fn leftovers(root: &Path) -> anyhow::Result<Vec<String>> {
    // In pieces, or this file would hold them.
    let mut leftovers = vec![
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["#[ig", "nore]"].concat(),
    ];
    leftovers.push(
        root.to_str()
            .context("the checkout's path is not UTF-8")?
            .to_owned(),
    );
    if let Some(home) = std::env::home_dir()
        .and_then(|home| home.to_str().map(str::to_owned))
        .filter(|home| home.len() > 1)
    {
        leftovers.push(format!("{home}/"));
    }
    Ok(leftovers)
}

#[cfg(test)]
mod tests {
    use super::local_links;

    #[test]
    fn links_to_files_are_found_and_others_are_not() {
        let page = "[a](docs/a.md), [b](../b.rs#part) [`c`](https://example.com/c) [d](#below) [e] (f)";
        assert_eq!(local_links(page).collect::<Vec<_>>(), ["docs/a.md", "../b.rs"]);
    }
}
