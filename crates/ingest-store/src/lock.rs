//! One writing run at a time.

use std::thread;
use std::time::{Duration, Instant};

use ingest_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

/// The first pause between two attempts; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Calls `attempt` until it does anything but say `Locked`, for at most `wait`; once at least.
///
/// It runs on a thread of its own, so that neither a runtime nor its timer is needed, and ends when nobody waits for
/// it any more.
pub(crate) async fn wait_for<T: Send + 'static>(
    wait: Duration,
    mut attempt: impl FnMut() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    let deadline = Instant::now().checked_add(wait);
    let waiting = move || {
        let mut pause = FIRST_PAUSE;
        let outcome = loop {
            let outcome = attempt();
            let locked = matches!(&outcome, Err(error) if error.kind() == ErrorKind::Locked);
            let left = deadline.map_or(LONGEST_PAUSE, |at| at.saturating_duration_since(Instant::now()));
            if !locked || left.is_zero() || sender.is_closed() {
                break outcome;
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        // Nobody may be waiting any more; then what was won is given back here.
        drop(sender.send(outcome));
    };
    thread::Builder::new()
        .name("store-lock".into())
        .spawn(waiting)
        .map_err(|error| Error::new(ErrorKind::Other, "cannot start a thread").with_source(error))?;
    receiver.await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Other,
            "the thread that waits for the store ended early",
        ))
    })
}

/// The time a run has been going on, in the largest whole unit.
pub(crate) fn ago(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// What this machine is called.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn host() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .or_else(|| {
            std::env::var("HOSTNAME")
                .or_else(|_| std::env::var("COMPUTERNAME"))
                .ok()
        })
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "this machine".into())
}

#[cfg(feature = "sqlite")]
pub(crate) use file::FileLock;

#[cfg(feature = "sqlite")]
mod file {
    use std::fs::{File, TryLockError};
    use std::io::{Read, Seek, Write};
    use std::path::{Path, PathBuf};
    use std::process;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use ingest_core::{Error, ErrorKind, Result};

    use super::{ago, host};

    /// A lock of the operating system's on a file beside the store: it goes with the process, however that ends. The
    /// file stays, since removing it could remove another run's.
    #[derive(Debug)]
    pub(crate) struct FileLock {
        file: File,
    }

    impl FileLock {
        /// Takes the lock for `store`, or says who has it.
        pub(crate) fn take(store: &Path, description: &str) -> Result<Self> {
            let path = beside(store);
            let unavailable = |error: std::io::Error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                        ErrorKind::ReadOnly
                    }
                    std::io::ErrorKind::StorageFull => ErrorKind::Full,
                    _ => ErrorKind::Unavailable,
                };
                Error::new(kind, format!("cannot lock {}", path.display())).with_source(error)
            };
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(unavailable)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(locked(store, &mut file)),
                Err(TryLockError::Error(error)) => return Err(unavailable(error)),
            }
            file.set_len(0)
                .and_then(|()| file.write_all(note(description).as_bytes()))
                .map_err(unavailable)?;
            Ok(Self { file })
        }
    }

    impl Drop for FileLock {
        fn drop(&mut self) {
            // Closing frees the lock; a note that outlives it would only mislead, never block.
            let _ = self.file.set_len(0);
        }
    }

    fn beside(store: &Path) -> PathBuf {
        let mut path = store.as_os_str().to_owned();
        path.push(".lock");
        path.into()
    }

    /// Process, host, start in seconds since 1970 and purpose, one a line.
    fn note(description: &str) -> String {
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let description = description.replace(char::is_control, " ");
        format!("{}\n{}\n{seconds}\n{description}\n", process::id(), host())
    }

    fn locked(store: &Path, file: &mut File) -> Error {
        let mut note = String::new();
        // Where locks are mandatory the note can't be read; the refusal stands without it.
        let _ = file
            .rewind()
            .and_then(|()| file.take(4096).read_to_string(&mut note));
        Error::new(
            ErrorKind::Locked,
            format!(
                "store {} is held by {}: wait for it to end, or use another store",
                store.display(),
                holder(&note).unwrap_or_else(|| "another run".into())
            ),
        )
    }

    fn holder(note: &str) -> Option<String> {
        let mut lines = note.lines();
        let (process, host) = (lines.next()?, lines.next()?);
        let started = UNIX_EPOCH.checked_add(Duration::from_secs(lines.next()?.parse().ok()?))?;
        let elapsed = SystemTime::now().duration_since(started).unwrap_or_default();
        let purpose = match lines.next() {
            Some(purpose) if !purpose.is_empty() => format!(" ({purpose})"),
            _ => String::new(),
        };
        Some(format!(
            "process {process} on {host} for {}{purpose}",
            ago(elapsed)
        ))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_refusal_names_the_holder() {
            let folder = tempfile::tempdir().unwrap();
            let store = folder.path().join("index.db");
            let held = FileLock::take(&store, "run\ndocs").unwrap();
            let error = FileLock::take(&store, "").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Locked);
            let message = error.to_string();
            assert!(
                message.contains(&format!("process {} on ", process::id())),
                "{message}"
            );
            assert!(message.contains("(run docs)"), "{message}");
            drop(held);
            FileLock::take(&store, "").unwrap();
        }

        #[test]
        fn a_note_nobody_wrote_is_no_obstacle() {
            assert_eq!(holder(""), None);
            assert_eq!(holder("1\nbox\nyesterday\n"), None);
        }
    }
}
