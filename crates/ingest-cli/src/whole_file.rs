//! Files that are there whole or not at all: written beside their place first, then named.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Writes a file where there is none.
///
/// # Errors
/// `AlreadyExists` where there is one, however it came there in the meantime; or it cannot be written.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    written_beside(path, text, None)?
        .persist_noclobber(path)
        .map(drop)
        .map_err(|error| error.error)
}

/// Writes a file in the place of another one, if there is one; a reader finds the one or the other. The permissions
/// stay, and so does a link to a file.
///
/// # Errors
/// What is there is no file, or it cannot be written.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(old) if !old.is_file() => return Err(io::Error::other("this is not a file")),
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return rename(path, text, None),
        Err(error) => return Err(error),
    };
    rename(&fs::canonicalize(path)?, text, Some(old.permissions()))
}

fn rename(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<()> {
    written_beside(path, text, permissions)?
        .persist(path)
        .map(drop)
        .map_err(|error| error.error)
}

/// The text on disk, in the same folder under a name of its own, which goes away with the value.
fn written_beside(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".ingest-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Others may read what they may read of any new file; the umask is taken off.
        builder.permissions(permissions.unwrap_or_else(|| Permissions::from_mode(0o666)));
    }
    #[cfg(not(unix))]
    let _ = permissions;
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_made_once_and_replaced_when_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        create(&path, "first").expect("made");
        let error = create(&path, "second").expect_err("there already");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "first");
        replace(&path, "third").expect("replaced");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "third");
        replace(&folder.path().join("b"), "new").expect("made");
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[test]
    fn what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).expect("a folder");
        let error = replace(&inner, "text").expect_err("a folder");
        assert_eq!(error.to_string(), "this is not a file");
        create(&inner, "text").expect_err("a folder");
        create(&folder.path().join("none/file"), "text").expect_err("no folder");
        assert_eq!(names(folder.path()), ["inner"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        create(&real, "old").expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode(&real) & 0o400, 0o400);
        fs::set_permissions(&real, Permissions::from_mode(0o600)).expect("set");
        symlink(&real, &link).expect("a link");
        replace(&link, "new").expect("replaced");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).expect("a file"), "new");
        assert_eq!(mode(&real), 0o600);
    }
}
