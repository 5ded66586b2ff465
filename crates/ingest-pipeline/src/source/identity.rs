//! How files are named: a document's `source` is its path relative to the base folder, so that the same document has
//! the same name on every machine and from every way of writing the path.

use std::path::{Component, Path, PathBuf};

/// Names files relative to a base folder.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    base: PathBuf,
}

impl Naming {
    pub(crate) fn new(base: &Path) -> Self {
        Self {
            base: normalise(base),
        }
    }

    /// The absolute path of what a user wrote.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        normalise(&self.base.join(path))
    }

    /// The name of a file or folder: relative to the base with `/` between its parts, `.` for the base itself, or the
    /// absolute path for what lies elsewhere.
    pub(crate) fn name(&self, absolute: &Path) -> String {
        match absolute.strip_prefix(&self.base) {
            Ok(inner) if inner.as_os_str().is_empty() => ".".to_owned(),
            Ok(inner) => join(inner),
            Err(_) => join(absolute),
        }
    }
}

/// Takes `.` and `..` out by the letter: links are not asked.
fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !matches!(
                    out.components().next_back(),
                    None | Some(Component::RootDir | Component::Prefix(_))
                ) {
                    out.pop();
                }
            }
            other => out.push(other),
        }
    }
    out
}

fn join(path: &Path) -> String {
    // Escapes aside, a name is as long as its path.
    let mut name = String::with_capacity(path.as_os_str().len());
    for component in path.components() {
        match component {
            Component::RootDir => name.push('/'),
            other => {
                if !name.is_empty() && !name.ends_with('/') {
                    name.push('/');
                }
                escape(other.as_os_str().as_encoded_bytes(), &mut name);
            }
        }
    }
    name
}

/// Writes a file name so that no two names look the same, and that names in UTF-8 look like themselves.
///
/// A byte that is no UTF-8 becomes `%` and two upper-case hexadecimal digits, `80` to `FF`. A `%` that already stands
/// before such digits, or before `25`, becomes `%25`.
fn escape(bytes: &[u8], name: &mut String) {
    use std::fmt::Write as _;
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        let mut rest = valid;
        while let Some(at) = rest.find('%') {
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            name.push_str(before);
            name.push_str(if looks_escaped(after) { "%25" } else { "%" });
            rest = after;
        }
        name.push_str(rest);
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
}

fn looks_escaped(after: &str) -> bool {
    matches!(
        after.as_bytes(),
        [b'2', b'5', ..] | [b'8' | b'9' | b'A'..=b'F', b'0'..=b'9' | b'A'..=b'F', ..]
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(base: &str, path: &str) -> String {
        let naming = Naming::new(Path::new(base));
        naming.name(&naming.absolute(Path::new(path)))
    }

    #[test]
    fn every_way_of_writing_a_path_gives_one_name() {
        for path in [
            "docs/a.md",
            "./docs/a.md",
            "docs//a.md",
            "x/../docs/./a.md",
            "/base/docs/a.md",
        ] {
            assert_eq!(name("/base", path), "docs/a.md", "{path}");
        }
        assert_eq!(name("/base", "docs/"), "docs");
        assert_eq!(name("/base", "."), ".");
        assert_eq!(name("/base", "../other/a.md"), "/other/a.md");
        assert_eq!(name("/base", "/../../a.md"), "/a.md");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_utf8_stay_apart_from_names_that_look_like_them() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let naming = Naming::new(Path::new("/base"));
        let of = |bytes: &[u8]| naming.name(&Path::new("/base").join(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"caf\xE9.md"), "caf%E9.md");
        assert_eq!(of(b"caf%E9.md"), "caf%25E9.md");
        assert_eq!(of(b"caf%25E9.md"), "caf%2525E9.md");
        assert_eq!(of(b"100%.md"), "100%.md");
        assert_eq!(of(b"a%20b.md"), "a%20b.md");
    }

    proptest! {
        #[test]
        fn escaping_keeps_names_apart(
            a in proptest::collection::vec(prop_oneof![Just(b'%'), Just(b'2'), Just(b'5'), Just(b'E'), Just(b'9'), Just(0xE9_u8)], 0..6),
            b in proptest::collection::vec(prop_oneof![Just(b'%'), Just(b'2'), Just(b'5'), Just(b'E'), Just(b'9'), Just(0xE9_u8)], 0..6),
        ) {
            let (mut x, mut y) = (String::new(), String::new());
            escape(&a, &mut x);
            escape(&b, &mut y);
            prop_assert_eq!(a == b, x == y);
        }
    }
}
