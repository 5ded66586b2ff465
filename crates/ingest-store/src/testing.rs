//! A PostgreSQL server to test on, with an empty database for each test.
//!
//! Without a server such tests are to be shown as ignored: a machine with Rust alone must be able to run all others.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use ingest_core::Store;
use tokio_postgres::{Client, NoTls};

/// Written by `cargo xtask services up`, relative to the workspace.
const ADDRESS: &str = "target/services/postgres.url";

/// A server, by the address of a database in it.
#[derive(Clone, Debug)]
pub struct Server {
    url: String,
}

impl Server {
    /// The server of `DATABASE_URL`, else the one that `cargo xtask services up` started.
    ///
    /// # Errors
    /// Why there is none. A server that `DATABASE_URL` names is one, whether it answers or not.
    pub fn find() -> Result<Self, String> {
        if let Some(url) = env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
            return Ok(Self { url });
        }
        let here = env::current_dir().unwrap_or_default();
        let written = here
            .ancestors()
            .find_map(|folder| fs::read_to_string(folder.join(ADDRESS)).ok());
        let server = written.map(|url| Self {
            url: url.trim().to_owned(),
        });
        // The file outlives a restart of the machine, the server does not.
        server
            .filter(Self::answers)
            .ok_or_else(|| "DATABASE_URL is not set, and `cargo xtask services up` was not called".to_owned())
    }

    fn answers(&self) -> bool {
        let place = self
            .url
            .rsplit('@')
            .next()
            .and_then(|rest| rest.split('/').next());
        let addresses = place
            .and_then(|place| place.to_socket_addrs().ok())
            .into_iter()
            .flatten();
        addresses
            .into_iter()
            .any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
    }

    /// Makes an empty database.
    ///
    /// # Panics
    /// Where the server does not let it.
    pub async fn database(&self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "ingest_test_{}_{}",
            process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        self.administer(&format!("CREATE DATABASE {name}")).await;
        Database {
            url: self.with_database(&name),
            name,
        }
    }

    /// Drops a database, whoever is connected to it.
    ///
    /// # Panics
    /// Where the server does not let it.
    pub async fn drop_database(&self, name: &str) {
        self.administer(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await;
    }

    async fn administer(&self, sql: &str) {
        let done = connect(&self.url).await.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn with_database(&self, name: &str) -> String {
        let (address, parameters) = self.url.split_at(self.url.find('?').unwrap_or(self.url.len()));
        let authority = address.find("://").map_or(0, |at| at + 3);
        let end = address[authority..]
            .find('/')
            .map_or(address.len(), |at| authority + at);
        format!("{}/{name}{parameters}", &address[..end])
    }
}

/// An empty database of a test's own.
#[derive(Clone, Debug)]
pub struct Database {
    /// What it is called.
    pub name: String,
    /// Its address.
    pub url: String,
}

impl Database {
    /// The store in it, made where it is missing.
    ///
    /// # Panics
    /// Where it can't be opened.
    pub async fn store(&self) -> Arc<dyn Store> {
        let opened = crate::open(&self.url).await;
        opened.unwrap_or_else(|error| panic!("no store in {}: {error:?}", self.name))
    }

    /// A plain connection to it, as another program has it.
    ///
    /// # Panics
    /// Where none can be made.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

async fn connect(url: &str) -> Client {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) =
        connected.unwrap_or_else(|error| panic!("no connection to PostgreSQL: {error:?}"));
    tokio::spawn(connection);
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_an_address_changes() {
        for (url, expected) in [
            (
                "postgres://me:a%2Fb@host:1/old?sslmode=disable",
                "postgres://me:a%2Fb@host:1/new?sslmode=disable",
            ),
            ("postgres://host", "postgres://host/new"),
        ] {
            assert_eq!(Server { url: url.into() }.with_database("new"), expected);
        }
    }
}
