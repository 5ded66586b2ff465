//! Include and exclude patterns, and globs given as sources.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use crate::{Error, Result};

/// A pattern over names as [`Naming`](super::identity::Naming) gives them: `*` stays within a part, `**` does not.
pub(crate) fn glob(pattern: &str) -> Result<GlobMatcher> {
    Ok(compile(pattern)?.compile_matcher())
}

fn compile(pattern: &str) -> Result<globset::Glob> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| Error::usage(format!("`{pattern}` is not a pattern")).with_source(error))
}

/// Which files a source takes.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// `None` takes all.
    include: Option<GlobSet>,
    exclude: GlobSet,
    /// The exclude patterns, for people.
    excluded: Vec<String>,
}

impl Filter {
    /// Files must match an include pattern, if there are any, of each list, and no exclude pattern.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        let set = |patterns: &[String]| -> Result<GlobSet> {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
                let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
                set.add(compile(pattern)?);
                if !pattern.contains('/') {
                    set.add(compile(&format!("**/{pattern}"))?);
                }
            }
            set.build()
                .map_err(|error| Error::usage("the patterns are too large together").with_source(error))
        };
        Ok(Self {
            include: (!include.is_empty()).then(|| set(include)).transpose()?,
            exclude: set(exclude)?,
            excluded: exclude.to_vec(),
        })
    }

    /// Whether a folder is left out with all that is in it.
    pub(crate) fn prunes(&self, name: &str, root: &str) -> bool {
        self.exclude.is_match(name) || self.exclude.is_match(within(name, root))
    }

    /// Whether a file is taken, its folders considered.
    pub(crate) fn takes(&self, name: &str, root: &str) -> bool {
        let inner = within(name, root);
        if let Some(include) = &self.include
            && !include.is_match(name)
            && !include.is_match(inner)
        {
            return false;
        }
        // Most runs exclude nothing, and a set without patterns still takes each name apart.
        let excludes =
            |(inner, full): (&str, &str)| self.exclude.is_match(inner) || self.exclude.is_match(full);
        self.exclude.is_empty() || !levels(name, inner).any(excludes)
    }

    /// The exclude pattern that leaves a file or one of its folders out, if one does.
    pub(crate) fn excluded_by(&self, name: &str, root: &str) -> Option<&str> {
        let leaves_out = |pattern: &&String| {
            let alone = Self::new(&[], std::slice::from_ref(pattern));
            alone.is_ok_and(|filter| !filter.takes(name, root))
        };
        self.excluded.iter().find(leaves_out).map(String::as_str)
    }
}

/// A name and the folders it lies in, each as within the root and as a whole. The folders above the root were chosen by
/// the user.
fn levels<'a>(name: &'a str, inner: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let outer = name.len() - inner.len();
    inner
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([inner.len()])
        .map(move |end| (&inner[..end], &name[..outer + end]))
}

/// A name relative to the folder that is walked, if it lies in it.
pub(crate) fn within<'a>(name: &'a str, root: &str) -> &'a str {
    if root == "." {
        return name;
    }
    name.strip_prefix(root)
        .and_then(|inner| {
            if root.ends_with('/') {
                Some(inner)
            } else {
                inner.strip_prefix('/')
            }
        })
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|&pattern| pattern.to_owned())
                .collect::<Vec<_>>()
        };
        Filter::new(&owned(include), &owned(exclude)).expect("patterns")
    }

    #[test]
    fn a_pattern_without_slash_is_about_names_at_any_depth() {
        let filter = filter(&["*.md"], &["drafts"]);
        assert!(filter.takes("docs/a/b.md", "docs"));
        assert!(!filter.takes("docs/a/b.txt", "docs"));
        assert!(!filter.takes("docs/drafts/b.md", "docs"));
        assert!(filter.prunes("docs/x/drafts", "docs"));
        assert!(
            filter.takes("drafts/b.md", "drafts"),
            "the root itself was chosen"
        );
    }

    #[test]
    fn a_pattern_with_slash_is_about_the_path_from_the_base_or_from_the_root() {
        for pattern in ["docs/api/**", "api/**", "./docs/api/**"] {
            let filter = filter(&[pattern], &[]);
            assert!(filter.takes("docs/api/x/b.md", "docs"), "{pattern}");
            assert!(!filter.takes("docs/b.md", "docs"), "{pattern}");
        }
        assert!(filter(&[], &["docs/api/"]).prunes("docs/api", "docs"));
        assert!(!filter(&[], &["docs/api/"]).takes("docs/api/x.md", "docs"));
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = Filter::new(&["a[".to_owned()], &[]).expect_err("not a pattern");
        assert!(error.to_string().contains("a["), "{error}");
    }
}
