//! Looks files up in their folder, which stays open from one file to the next.

use std::fs::File;
use std::io;
use std::path::Path;

/// The folder of the last file.
///
/// The kernel finds the next one by its name alone then, instead of by every part of its path, which takes about as long
/// as reading a file of a few lines.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    #[cfg(unix)]
    path: Vec<u8>,
    /// Opened with its second file in a row; `None` inside where it could not be.
    #[cfg(unix)]
    handle: Option<Option<std::os::fd::OwnedFd>>,
}

impl Folder {
    /// Opens a file to read it. A pipe without a writer is not waited for.
    pub(crate) fn open(&mut self, path: &Path) -> io::Result<File> {
        #[cfg(unix)]
        if let Some((folder, name)) = self.enter(path) {
            use rustix::fs::{Mode, OFlags, openat};
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            if let Ok(file) = rustix::io::retry_on_intr(|| openat(folder, name, flags, Mode::empty())) {
                return Ok(file.into());
            }
        }
        // Another folder may be in its place by now, or it says why.
        let mut options = File::options();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        }
        options.open(path)
    }

    /// How long a file is, in bytes; of a link, the link itself. 0 where that can't be told.
    pub(crate) fn len(&mut self, path: &Path) -> u64 {
        #[cfg(unix)]
        if let Some((folder, name)) = self.enter(path)
            && let Ok(found) = rustix::fs::statat(folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        {
            return u64::try_from(found.st_size).unwrap_or(0);
        }
        std::fs::symlink_metadata(path).map_or(0, |found| found.len())
    }

    /// The open folder of a file, and its name there; `None` for the first file of a folder, which may be its only one.
    #[cfg(unix)]
    fn enter<'a>(&mut self, path: &'a Path) -> Option<(&std::os::fd::OwnedFd, &'a [u8])> {
        use rustix::fs::{Mode, OFlags};
        use std::os::unix::ffi::OsStrExt as _;
        let path = path.as_os_str().as_bytes();
        let end = path.iter().rposition(|&byte| byte == b'/')?;
        let (folder, name) = (&path[..=end], &path[end + 1..]);
        if self.path != folder {
            self.path.clear();
            self.path.extend_from_slice(folder);
            self.handle = None;
            return None;
        }
        let handle = self.handle.get_or_insert_with(|| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(folder, flags, Mode::empty()).ok()
        });
        Some((handle.as_ref()?, name))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn text(folder: &mut Folder, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        folder.open(path)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn files_are_found_wherever_the_last_one_lay() {
        let root = tempfile::tempdir().expect("a folder");
        let names = [
            "a/1", "a/2", "a/3", "b/1", "a/4", "a/5", "b/c/1", "b/c/2", "b/c/3",
        ];
        let mut folder = Folder::default();
        for name in names {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, name).expect("written");
            assert_eq!(text(&mut folder, &path).expect(name), name);
            assert_eq!(folder.len(&path), name.len() as u64, "{name}");
        }
        let missing = root.path().join("b/c/4");
        let error = folder.open(&missing).expect_err("there is none");
        assert_eq!((error.kind(), folder.len(&missing)), (io::ErrorKind::NotFound, 0));
    }

    #[test]
    fn a_folder_that_was_replaced_is_looked_up_again() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        let mut folder = Folder::default();
        std::fs::create_dir(at("docs")).expect("made");
        for name in ["docs/1", "docs/2"] {
            std::fs::write(at(name), "old").expect("written");
            assert_eq!(text(&mut folder, &at(name)).expect(name), "old");
        }
        std::fs::rename(at("docs"), at("before")).expect("moved");
        std::fs::create_dir(at("docs")).expect("made");
        std::fs::write(at("docs/3"), "newer").expect("written");
        assert_eq!(text(&mut folder, &at("docs/3")).expect("found"), "newer");
        assert_eq!(folder.len(&at("docs/3")), 5);
    }
}
