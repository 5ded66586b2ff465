//! What can be told of a store's place without making or changing anything, for a person who looks for a fault.

use ingest_core::Result;

use crate::open::Target;
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
use crate::open::not_built;

/// What can be told of a store's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The version of the tables that this program makes. A store that opens has it.
    pub schema: usize,
    /// The server; `None` for a file.
    pub server: Option<ServerInspection>,
}

/// What a PostgreSQL server says of itself and of what the user may do there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerInspection {
    /// Its version, such as `16.2`.
    pub version: String,
    /// The version of pgvector that is switched on in the database.
    pub pgvector: Option<String>,
    /// The version of pgvector that could be switched on.
    pub available: Option<String>,
    /// Whether that which is switched on is older than a store needs.
    pub outdated: bool,
    /// Whether the user may write to the store's tables, or may make them where there are none.
    pub may_write: bool,
    /// Values of the widest vectors that get an index.
    pub widest: usize,
    /// The same, with an index at half precision.
    pub widest_half: usize,
}

/// Looks at the place that `url` names, whether there is a store or not.
///
/// # Errors
/// As [`open`](crate::open); a file is not looked at, only whether stores in files are in this build.
pub async fn inspect(url: &str) -> Result<Inspection> {
    match Target::of(url)? {
        #[cfg(feature = "sqlite")]
        Target::Sqlite(_) => Ok(Inspection {
            schema: crate::sqlite::SCHEMA,
            server: None,
        }),
        #[cfg(not(feature = "sqlite"))]
        Target::Sqlite(_) => Err(not_built("sqlite")),
        #[cfg(feature = "postgres")]
        Target::Postgres => Ok(Inspection {
            schema: crate::postgres::SCHEMA,
            server: Some(crate::PostgresStore::inspect(url).await?),
        }),
        #[cfg(not(feature = "postgres"))]
        Target::Postgres => Err(not_built("postgres")),
    }
}
