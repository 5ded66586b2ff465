//! The store: whether it can be reached, read and written.

use ingest_core::StoreStatus;

use super::finding::Finding;
use crate::output::{bytes, counted, grouped};

/// Tells what the store holds, or that there is none yet.
pub(super) fn found(location: &str, status: Option<&StoreStatus>, schema: usize) -> Finding {
    const WHY: &str = "searches read it, runs write it";
    let what = match status {
        None => format!("there is none at {location} yet: the first `ingest run` makes it"),
        Some(status) => format!(
            "{location}, schema version {schema}: {}, {}, {}",
            counted(status.documents, "document"),
            counted(status.chunks, "chunk"),
            bytes(status.bytes)
        ),
    };
    Finding::ok("store", what, WHY)
}

/// Tells of chunks that were set aside.
pub(super) fn set_aside(failed: u64) -> Option<Finding> {
    (failed > 0).then(|| {
        Finding::warning(
            "failures",
            format!("{} set aside as failed", counted(failed, "chunk")),
            "no search finds them",
        )
        .fix("ingest run --retry-failed")
    })
}

/// Whether the user may write; `place` is what would be written to.
pub(super) fn rights(place: &str, may_write: bool, fix: &str) -> Finding {
    const WHY: &str = "a run that cannot write changes nothing";
    if may_write {
        Finding::ok("rights", format!("{place} can be written to"), WHY)
    } else {
        Finding::fault("rights", format!("{place} cannot be written to"), WHY).fix(fix)
    }
}

/// pgvector: which version is switched on in the database, whether that is too old, and which one could be.
pub(super) fn extension(
    server: &str,
    switched_on: Option<&str>,
    outdated: bool,
    available: Option<&str>,
) -> Finding {
    const WHY: &str = "PostgreSQL holds vectors by it";
    let server = format!("PostgreSQL {server}");
    match (switched_on, available) {
        (Some(pgvector), _) if outdated => {
            let what = format!("{server} has pgvector {pgvector}, which is too old");
            Finding::fault("pgvector", what, WHY).fix("ALTER EXTENSION vector UPDATE;")
        }
        (Some(pgvector), _) => Finding::ok("pgvector", format!("{server} with pgvector {pgvector}"), WHY),
        (None, Some(available)) => {
            let what =
                format!("{server} has pgvector {available}, which is not switched on in this database");
            Finding::advice(
                "pgvector",
                what,
                "the first run switches it on, where its user may",
            )
            .fix("CREATE EXTENSION vector;")
        }
        (None, None) => Finding::fault("pgvector", format!("{server} has no pgvector"), WHY)
            .fix("install it there: package postgresql-NN-pgvector, or the image pgvector/pgvector"),
    }
}

/// Room on the disk, against what a run may need: the file may be written anew as a whole.
pub(super) fn room(folder: &str, free: u64, held: u64) -> Finding {
    const WHY: &str = "a store on a full disk takes nothing more";
    const LEAST: u64 = 64 << 20;
    const ENOUGH: u64 = 1 << 30;
    let what = format!(
        "{} are free at {folder}, the store has {}",
        bytes(free),
        bytes(held)
    );
    let make_room = format!("make room in {folder}, or `--store` names a place on another disk");
    if free < LEAST {
        Finding::fault("disk", what, WHY).fix(make_room)
    } else if free < ENOUGH.max(held) {
        Finding::warning("disk", what, WHY).fix(make_room)
    } else {
        Finding::ok("disk", what, WHY)
    }
}

/// Open files that the system allows, against the connections that a run may open.
pub(super) fn open_files(limit: u64, connections: u64) -> Finding {
    const WHY: &str = "a connection is an open file; beyond the limit none is made";
    /// Files of the store, of documents being read, and the standard streams.
    const OTHERS: u64 = 128;
    let needed = connections + OTHERS;
    let what = format!(
        "{} may be open, up to {} are needed",
        counted(limit, "file"),
        grouped(needed)
    );
    if limit < needed {
        Finding::warning("open_files", what, WHY).fix(format!("ulimit -n {}", needed.next_power_of_two()))
    } else {
        Finding::ok("open_files", what, WHY)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_store_is_told_with_what_it_holds_and_none_is_no_fault() {
        let status = StoreStatus {
            documents: 2,
            ..StoreStatus::default()
        };
        let finding = found("sqlite:index.db", Some(&status), 1);
        assert!(
            finding
                .what
                .starts_with("sqlite:index.db, schema version 1: 2 documents"),
            "{finding:?}"
        );
        let none = found("x", None, 1);
        assert!(none.what.contains("none at x yet"), "{none:?}");
        assert_eq!(none.level, Level::Ok);
    }

    #[test]
    fn each_state_of_pgvector_has_its_remedy() {
        let look = |switched_on, outdated, available| {
            let finding = extension("15.4", switched_on, outdated, available);
            (finding.level, finding.fix.unwrap_or_default())
        };
        assert_eq!(look(Some("0.8.0"), false, Some("0.8.0")).0, Level::Ok);
        let old = look(Some("0.4.4"), true, Some("0.8.0"));
        assert_eq!(old, (Level::Fault, "ALTER EXTENSION vector UPDATE;".to_owned()));
        let off = look(None, false, Some("0.8.0"));
        assert_eq!(off, (Level::Advice, "CREATE EXTENSION vector;".to_owned()));
        let (level, fix) = look(None, false, None);
        assert!(level == Level::Fault && fix.contains("pgvector"), "{fix}");
    }

    #[test]
    fn what_was_set_aside_is_a_warning() {
        assert_eq!(set_aside(0), None);
        let finding = set_aside(2).expect("a finding");
        assert_eq!(
            (finding.level, finding.fix.as_deref()),
            (Level::Warning, Some("ingest run --retry-failed"))
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_a_fault() {
        assert_eq!(rights("x", true, "chmod").level, Level::Ok);
        let finding = rights("x", false, "chmod u+w x");
        assert_eq!(
            (finding.level, finding.fix.as_deref()),
            (Level::Fault, Some("chmod u+w x"))
        );
    }

    #[test]
    fn room_is_held_against_the_store() {
        assert_eq!(room("/x", 10 << 20, 0).level, Level::Fault);
        assert_eq!(room("/x", 100 << 20, 0).level, Level::Warning);
        assert_eq!(room("/x", 2 << 30, 3 << 30).level, Level::Warning);
        assert_eq!(room("/x", 4 << 30, 3 << 30).level, Level::Ok);
    }

    #[test]
    fn few_open_files_are_a_warning_with_the_limit_that_suffices() {
        assert_eq!(open_files(1024, 20).level, Level::Ok);
        let finding = open_files(256, 1000);
        assert_eq!(
            (finding.level, finding.fix.as_deref()),
            (Level::Warning, Some("ulimit -n 2048"))
        );
    }
}
