//! Whether the file of a store is sound.

use std::path::Path;

/// Checks the file's pages, its indexes, and the index of words.
pub(crate) fn assert_sound(path: &Path) {
    let connection = rusqlite::Connection::open(path).expect("a connection");
    let check: String = connection
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .expect("the check");
    assert_eq!(check, "ok");
    connection
        .execute_batch("INSERT INTO words (words) VALUES ('integrity-check')")
        .expect("a sound word index");
}
