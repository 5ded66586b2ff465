//! The file: how it is opened, what stands in it, and how older forms are brought up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ingest_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::{Fault, Work};

/// Marks the file as ours: "inGs".
const APPLICATION_ID: i32 = 0x696e_4773;

/// What brings a store from each version to the next. Never change one that was released: append.
pub(super) const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3];

/// Large pages, so that sketches and vectors are not cut: a vector of 1024 dimensions takes 4 KiB, and seven share a page
/// of 32. With pages of 4 KiB a search takes twice as long; pages of 64 double what a small commit writes.
const PAGE_BYTES: u32 = 32 * 1024;

/// How large the write-ahead log grows before its pages go to the file.
const CHECKPOINT_BYTES: u32 = 32 * 1024 * 1024;

/// Page caches stay small: the operating system has the file's pages anyway.
const WRITER_CACHE_KIB: u32 = 8 * 1024;
const READER_CACHE_KIB: u32 = 1024;

/// A document owns the chunk ids from its own id on, `slots` of them: a chunk's position is its id less its document's.
/// So neither needs a column or an index, a document's chunks lie side by side, and since ids are never used twice the
/// word index only ever grows at its end.
///
/// Vectors are apart from chunks because a search reads all vectors and few chunks, and equal texts share one. `scale` is
/// one over a vector's length; `value` is the vector as it came, little-endian. A search reads every sketch, a quarter as
/// many bytes, to find out which few vectors it has to read.
///
/// The word index holds no texts, since the chunks do. Merging its segments later and keeping it in blocks of half a page
/// saves a quarter of the time that small commits take, and costs searches nothing that could be measured.
const VERSION_1: &str = "
CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL,
    next_chunk INTEGER NOT NULL
) STRICT;
INSERT INTO store VALUES (1, 0, 1);

CREATE TABLE model (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    digest TEXT,
    dimensions INTEGER NOT NULL,
    document_prefix TEXT NOT NULL,
    query_prefix TEXT NOT NULL,
    vector_weight REAL NOT NULL
) STRICT;

CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    slots INTEGER NOT NULL,
    source TEXT NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    revision BLOB NOT NULL,
    recipe BLOB NOT NULL,
    chunks INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    title TEXT NOT NULL,
    doc_type TEXT NOT NULL,
    context_header TEXT NOT NULL,
    generations TEXT NOT NULL,
    deprecated INTEGER NOT NULL,
    display_url TEXT NOT NULL,
    metadata TEXT NOT NULL
) STRICT;
CREATE INDEX documents_by_origin ON documents (origin, source);

CREATE TABLE vectors (
    id INTEGER PRIMARY KEY,
    content_hash BLOB NOT NULL UNIQUE,
    scale REAL NOT NULL,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE sketches (
    id INTEGER PRIMARY KEY,
    sketch BLOB NOT NULL
) STRICT;

CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    vector INTEGER,
    content_hash BLOB NOT NULL,
    span_start INTEGER NOT NULL,
    span_end INTEGER NOT NULL,
    line_start INTEGER NOT NULL,
    line_end INTEGER NOT NULL,
    heading_path TEXT NOT NULL,
    context_header TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX chunks_by_vector ON chunks (vector);

CREATE VIRTUAL TABLE words USING fts5 (
    title, header, body,
    content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);
INSERT INTO words (words, rank) VALUES ('automerge', 8), ('pgsz', 16000);

CREATE TABLE failures (
    id INTEGER PRIMARY KEY,
    content_hash BLOB NOT NULL,
    span_start INTEGER NOT NULL,
    span_end INTEGER NOT NULL,
    line_start INTEGER NOT NULL,
    line_end INTEGER NOT NULL,
    heading_path TEXT NOT NULL,
    context_header TEXT NOT NULL,
    text TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    status INTEGER,
    attempts INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started INTEGER,
    finished INTEGER,
    outcome TEXT NOT NULL,
    description TEXT NOT NULL
) STRICT;
";

/// What the model makes of the canary, little-endian; none in a store of the first version until the next run.
const VERSION_2: &str = "ALTER TABLE model ADD COLUMN canary BLOB;";

/// When a document was stored as it is, in nanoseconds since 1970; not known of those that are there.
const VERSION_3: &str = "ALTER TABLE documents ADD COLUMN stored_at INTEGER;";

/// A store's file, and how its connections are made.
#[derive(Clone, Debug)]
pub(super) struct Database {
    /// Absolute, so that a change of the working folder does not matter and no name is taken for a URI.
    pub(super) path: PathBuf,
    /// How long a connection waits for another program's.
    pub(super) busy_timeout: Duration,
    /// How many vectors a thread must have to search before another one is started.
    pub(super) worth_a_thread: i64,
}

impl Database {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|error| {
            let message = format!("cannot find the folder of store {}", path.display());
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        })?;
        Ok(Self {
            path,
            busy_timeout: Duration::from_secs(10),
            worth_a_thread: 16_384,
        })
    }

    /// Makes the folder, the file and its tables where they are missing, and brings older tables up to date.
    /// Returns the connection that writes.
    pub(super) fn create(&self) -> Work<Connection> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::StorageFull => ErrorKind::Full,
                    _ => ErrorKind::Unavailable,
                };
                let message = format!("cannot make the folder {} for the store", folder.display());
                Error::new(kind, message).with_source(error)
            })?;
        }
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_CREATE)?;
        self.migrate(&mut connection)?;
        Ok(connection)
    }

    /// Checks that a store of ours, in a form this program reads, is there.
    pub(super) fn check(&self) -> Work<()> {
        let none = || {
            let message = format!(
                "there is no store at {} yet: `ingest run PATH` makes one, or --store names another",
                self.path.display()
            );
            Fault::Store(Error::new(ErrorKind::Unavailable, message))
        };
        if !self.path.exists() {
            return Err(none());
        }
        match self.version(&self.connect_to_read()?)? {
            0 => Err(none()),
            // Reading never changes a store, so an older one has to be brought up to date by a run.
            version if version < MIGRATIONS.len() => Err(self.outdated(version).into()),
            _ => Ok(()),
        }
    }

    /// A connection for the one writer.
    pub(super) fn writer(&self) -> Work<Connection> {
        let connection = self.connect(OpenFlags::empty())?;
        configure_writer(&connection)?;
        Ok(connection)
    }

    /// A connection that sees the store as of the last commit, and changes nothing.
    pub(super) fn reader(&self) -> Work<Connection> {
        let connection = self.connect_to_read()?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -i64::from(READER_CACHE_KIB))?;
        connection.pragma_update(None, "temp_store", "memory")?;
        Ok(connection)
    }

    fn connect(&self, also: OpenFlags) -> Work<Connection> {
        // Each connection belongs to one thread, so SQLite's own mutexes are for nothing.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | also;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.busy_timeout)?;
        Ok(connection)
    }

    /// Readers of a log share its index, a file beside the store, and so must be able to write there. Where they can't,
    /// as in a read-only mount, a store without a log is read as one that nobody can change.
    fn connect_to_read(&self) -> Work<Connection> {
        let attempt = || {
            let connection = self.connect(OpenFlags::empty())?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
            Ok(connection)
        };
        attempt().or_else(|fault: Fault| {
            let mut log = self.path.clone().into_os_string();
            log.push("-wal");
            if fault.is_unwritable() && !Path::new(&log).exists() {
                self.connect_unchanging()
            } else {
                Err(fault)
            }
        })
    }

    pub(super) fn connect_unchanging(&self) -> Work<Connection> {
        let mut uri = String::from("file:");
        for &byte in self.path.as_os_str().as_encoded_bytes() {
            match byte {
                b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(byte.into()),
                _ => uri.push_str(&format!("%{byte:02x}")),
            }
        }
        uri.push_str("?immutable=1");
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        Ok(Connection::open_with_flags(uri, flags)?)
    }

    fn migrate(&self, connection: &mut Connection) -> Work<()> {
        let version = self.version(connection)?;
        // Turning the log on needs the file alone for a moment, and does not wait for it by itself.
        let deadline = Instant::now() + self.busy_timeout;
        if version == 0 {
            connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        }
        while let Err(fault) = configure_writer(connection) {
            if !fault.is_busy() || Instant::now() > deadline {
                return Err(fault);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if version == MIGRATIONS.len() {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked again, now that nobody else can be doing the same.
        let version = self.version(&transaction)?;
        if version == MIGRATIONS.len() {
            return Ok(());
        }
        for migration in &MIGRATIONS[version..] {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        transaction.commit()?;
        Ok(())
    }

    /// The version of the tables; 0 for a file without any.
    fn version(&self, connection: &Connection) -> Work<usize> {
        // All of it as of one moment, since another program may be making the tables just now.
        let alone = connection.is_autocommit();
        let _snapshot = alone.then(|| connection.unchecked_transaction()).transpose()?;
        let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
        let (application, version) = (number("application_id")?, number("user_version")?);
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
        if application == 0 && version == 0 && tables == 0 {
            return Ok(0);
        }
        let path = self.path.display();
        if application != APPLICATION_ID {
            let message = format!("{path} is a database of another program: use another --store");
            return Err(Error::new(ErrorKind::Foreign, message).into());
        }
        match usize::try_from(version) {
            Ok(version @ 1..) if version <= MIGRATIONS.len() => Ok(version),
            Ok(version @ 1..) => {
                let message = format!(
                    "store {path} has schema version {version}, this program knows up to {}: use the newer version of \
                     the program that made it, or another --store",
                    MIGRATIONS.len()
                );
                Err(Error::new(ErrorKind::NewerSchema, message).into())
            }
            _ => Err(Fault::Damaged(format!("schema version {version}"))),
        }
    }

    fn outdated(&self, version: usize) -> Error {
        let message = format!(
            "store {} has the older schema version {version}: one `ingest run` brings it to version {}",
            self.path.display(),
            MIGRATIONS.len()
        );
        Error::new(ErrorKind::OlderSchema, message)
    }
}

fn configure_writer(connection: &Connection) -> Work<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit is a promise that outlives a power cut: each syncs the log. `NORMAL` could lose the last ones (never
    // damage the file), and gains little, since the writer commits many documents at a time.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_BYTES / PAGE_BYTES)?;
    connection.pragma_update(None, "journal_size_limit", CHECKPOINT_BYTES)?;
    connection.pragma_update(None, "cache_size", -i64::from(WRITER_CACHE_KIB))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}
