//! Stores from their addresses.

use std::path::PathBuf;
use std::sync::Arc;

use ingest_core::{Error, ErrorKind, Result, Store};

use crate::check::invalid;

/// Opens the store at `url`: `sqlite:FILE` or the bare path of a file, `postgres://user:password@host:port/database`. It
/// is made, with its folder or its tables, when it is not there.
///
/// # Errors
/// `InvalidInput` for an address of no known kind; `Unavailable` where it cannot be made or reached, or its kind is not in
/// this build; `NewerSchema`, `Foreign`, `ReadOnly` and `Corrupt` for what is found there.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    match Target::of(url)? {
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) => Ok(Arc::new(crate::SqliteStore::open(path).await?)),
        #[cfg(not(feature = "sqlite"))]
        Target::Sqlite(_) => Err(not_built("sqlite")),
        #[cfg(feature = "postgres")]
        Target::Postgres => Ok(Arc::new(crate::PostgresStore::open(url, false).await?)),
        #[cfg(not(feature = "postgres"))]
        Target::Postgres => Err(not_built("postgres")),
    }
}

/// As [`open`]; a `chunks` table that the reference's pipeline filled is taken over, with its rows and vectors, where
/// [`open`] refuses it as `Foreign`.
///
/// # Errors
/// As [`open`].
pub async fn adopt(url: &str) -> Result<Arc<dyn Store>> {
    match Target::of(url)? {
        #[cfg(feature = "postgres")]
        Target::Postgres => Ok(Arc::new(crate::PostgresStore::open(url, true).await?)),
        // Only such a database can hold what there is to adopt.
        _ => open(url).await,
    }
}

/// Opens a store to be read, if there is one: nothing is made or changed by looking.
///
/// # Errors
/// As [`open`].
pub async fn find(url: &str) -> Result<Option<Arc<dyn Store>>> {
    match Target::of(url)? {
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) if !path.exists() => Ok(None),
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) => Ok(Some(Arc::new(crate::SqliteStore::open_existing(path).await?))),
        #[cfg(not(feature = "sqlite"))]
        Target::Sqlite(_) => Err(not_built("sqlite")),
        #[cfg(feature = "postgres")]
        Target::Postgres => Ok(crate::PostgresStore::find(url)
            .await?
            .map(|store| Arc::new(store) as _)),
        #[cfg(not(feature = "postgres"))]
        Target::Postgres => Err(not_built("postgres")),
    }
}

/// As [`find`], for one who is going to write: a store that an older version of this program made is brought up to date.
///
/// # Errors
/// As [`open`].
pub async fn find_to_write(url: &str) -> Result<Option<Arc<dyn Store>>> {
    match find(url).await {
        Err(error) if error.kind() == ErrorKind::OlderSchema => open(url).await.map(Some),
        found => found,
    }
}

/// As [`find`], for a store that must be there.
///
/// # Errors
/// As [`open`]; `Unavailable` where there is no store yet.
pub async fn open_existing(url: &str) -> Result<Arc<dyn Store>> {
    find(url).await?.ok_or_else(|| {
        let message = format!(
            "there is no store at {} yet: `ingest run PATH` makes one, or --store names another",
            redact(url)
        );
        Error::new(ErrorKind::Unavailable, message)
    })
}

/// A store's address fit to be shown: passwords are replaced by `***`.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let mut shown = format!("{scheme}://");
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            shown.push_str(user.split(':').next().unwrap_or_default());
            if user.contains(':') {
                shown.push_str(":***");
            }
            shown.push('@');
            // A password with a slash in it ends the authority early; nothing behind an `@` is then a path to show.
            shown.push_str(host);
        }
        None if tail.contains('@') => return format!("{scheme}://***"),
        None => shown.push_str(authority),
    }
    if tail.contains('@') {
        return format!("{scheme}://***");
    }
    let Some((path, query)) = tail.split_once('?') else {
        return shown + tail;
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}=***"),
        _ => pair.to_owned(),
    });
    shown + path + "?" + &pairs.collect::<Vec<_>>().join("&")
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    #[cfg_attr(
        not(feature = "sqlite"),
        allow(dead_code, reason = "only refused in such a build")
    )]
    Sqlite(PathBuf),
    Postgres,
}

impl Target {
    pub(crate) fn of(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(":memory:") {
                return Err(invalid(format!(
                    "store {url} names no file: give it as sqlite:FILE, such as sqlite:.ingest/index.db"
                )));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            Some(other) => Err(invalid(format!(
                "unknown kind of store {other:?}: give it as sqlite:FILE"
            ))),
            None if url.is_empty() => Err(invalid("the store has no address: give it as sqlite:FILE")),
            None => Ok(Self::Sqlite(url.into())),
        }
    }
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
pub(crate) fn not_built(kind: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("store {kind:?} is not in this build: build with the feature `{kind}`, or use another store"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_files_or_refused() {
        let sqlite = |path: &str| Target::Sqlite(path.into());
        assert_eq!(Target::of("sqlite:a/b.db").unwrap(), sqlite("a/b.db"));
        assert_eq!(Target::of("sqlite:///a/b.db").unwrap(), sqlite("/a/b.db"));
        assert_eq!(Target::of("a/b.db").unwrap(), sqlite("a/b.db"));
        assert_eq!(Target::of("C:\\a\\b.db").unwrap(), sqlite("C:\\a\\b.db"));
        assert_eq!(Target::of("postgresql://host/db").unwrap(), Target::Postgres);
        for url in ["", "sqlite:", "sqlite::memory:", "mysql://me:secret@host/db"] {
            let error = Target::of(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[cfg(not(feature = "postgres"))]
    #[tokio::test]
    async fn a_store_that_is_not_built_in_names_the_feature() {
        let error = open("postgres://me:secret@host/db").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("feature `postgres`"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("postgres://me:se@cret@host:1/db", "postgres://me:***@host:1/db"),
            ("postgres://me@host/db", "postgres://me@host/db"),
            ("postgres://me:se/cret@host/db", "postgres://***"),
            (
                "postgres://host/db?sslmode=require&password=secret",
                "postgres://host/db?sslmode=require&password=***",
            ),
            ("sqlite:a@b.db", "sqlite:a@b.db"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}
