//! Where the server is and how to get in, from one address.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ingest_core::Result;
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::check::invalid;

/// Connections a store opens at most: one that writes, the rest to look things up and search meanwhile.
const CONNECTIONS: usize = 4;
/// Longer than any server takes that is there at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that vanished without a word is noticed after about this time, not after the two hours of TCP's defaults.
const SILENCE: Duration = Duration::from_secs(30);

/// How the connection is protected; the words are those of PostgreSQL's own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Never TLS.
    Disable,
    /// TLS where the server offers it, whoever that is.
    Prefer,
    /// TLS, whoever the server is; with a root certificate, as `VerifyCa`.
    Require,
    /// TLS with a certificate from a known authority.
    VerifyCa,
    /// The same, made for this very host.
    VerifyFull,
}

/// A parsed address. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    password: Option<String>,
    pub(super) database: String,
    pub(super) protection: Protection,
    /// PEM file with the authorities to trust instead of the system's.
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) connect_timeout: Duration,
    pub(super) connections: usize,
    application: String,
    options: Option<String>,
}

impl Address {
    /// Reads `postgres://[user[:password]@][host][:port][/database][?parameters]`, every part percent-decoded.
    ///
    /// What is missing comes from `PGUSER`, `PGPASSWORD`, else `postgres` at `localhost:5432`; a database is called like
    /// its user. A host that begins with a slash is the folder of a Unix socket.
    pub(super) fn parse(url: &str) -> Result<Self> {
        Self::parse_with(url, |name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    fn parse_with(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let shown = crate::redact(url);
        let refuse = |what: &str| {
            invalid(format!(
                "store {shown}: {what}; the form is postgres://user:password@host:port/database"
            ))
        };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login
            .split_once(':')
            .map_or((login, None), |(user, word)| (user, Some(word)));
        if database.contains('@') {
            return Err(refuse(
                "an `@` behind the host; write `/` in a password as %2F and `@` as %40",
            ));
        }
        if place.contains(',') {
            return Err(refuse("several hosts are not supported"));
        }
        let decode = |what: &str, text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded
                .map(String::from)
                .map_err(|_| refuse(&format!("the {what} is not UTF-8 when decoded")))
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        let parse_port = |text: &str| match text {
            "" => Ok(5432),
            text => text
                .parse()
                .ok()
                .filter(|&port: &u16| port > 0)
                .ok_or_else(|| refuse("the port is not a number from 1 to 65535")),
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut address = Self {
            host: decode("host", host)?,
            port: parse_port(port)?,
            user: filled(decode("user", user)?)
                .or_else(|| environment("PGUSER"))
                .unwrap_or_else(|| "postgres".into()),
            password: password
                .map(|password| decode("password", password))
                .transpose()?,
            database: decode("database", database)?,
            protection: Protection::Prefer,
            root_certificates: None,
            connect_timeout: CONNECT_TIMEOUT,
            connections: CONNECTIONS,
            application: "ingest".into(),
            options: None,
        };
        for pair in parameters.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(name, value)?;
            let number = || value.parse::<u16>().ok().filter(|&number| number > 0);
            match name {
                "host" => address.host = value,
                "port" => address.port = parse_port(&value)?,
                "user" => address.user = value,
                "password" => address.password = Some(value),
                "dbname" => address.database = value,
                "sslmode" => {
                    address.protection = match value.as_str() {
                        "disable" => Protection::Disable,
                        "allow" | "prefer" => Protection::Prefer,
                        "require" => Protection::Require,
                        "verify-ca" => Protection::VerifyCa,
                        "verify-full" => Protection::VerifyFull,
                        _ => {
                            return Err(refuse(
                                "sslmode is one of disable, prefer, require, verify-ca, verify-full",
                            ));
                        }
                    }
                }
                // `system` is the default here.
                "sslrootcert" => {
                    address.root_certificates =
                        Some(value).filter(|path| path != "system").map(PathBuf::from);
                }
                "connect_timeout" => {
                    let seconds =
                        number().ok_or_else(|| refuse("connect_timeout is a number of seconds from 1 up"))?;
                    address.connect_timeout = Duration::from_secs(seconds.into());
                }
                "connections" => {
                    let most = number().ok_or_else(|| refuse("connections is a number from 1 up"))?;
                    address.connections = most.into();
                }
                "application_name" => address.application = value,
                "options" => address.options = Some(value),
                _ => {
                    return Err(refuse(&format!(
                        "unknown parameter `{name}`: there are sslmode, sslrootcert, connect_timeout, connections, \
                         application_name, options, host, port, user, password, dbname"
                    )));
                }
            }
        }
        if address.password.is_none() {
            address.password = environment("PGPASSWORD");
        }
        if address.host.is_empty() {
            address.host = "localhost".into();
        }
        if address.database.is_empty() {
            address.database.clone_from(&address.user);
        }
        Ok(address)
    }

    pub(super) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// What the client library wants to know.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name(&self.application)
            .connect_timeout(self.connect_timeout)
            .keepalives_idle(SILENCE)
            .tcp_user_timeout(SILENCE);
        #[cfg(unix)]
        if self.is_socket() {
            config.host_path(&self.host);
        }
        if !(cfg!(unix) && self.is_socket()) {
            config.host(&self.host);
        }
        if let Some(password) = &self.password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        config.ssl_mode(match self.protection {
            // There is no TLS on a socket of the same machine.
            _ if self.is_socket() => SslMode::Disable,
            Protection::Disable => SslMode::Disable,
            Protection::Prefer => SslMode::Prefer,
            Protection::Require | Protection::VerifyCa | Protection::VerifyFull => SslMode::Require,
        });
        config
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            user,
            database,
            ..
        } = self;
        if host.contains(':') {
            write!(f, "postgres://{user}@[{host}]:{port}/{database}")
        } else {
            write!(f, "postgres://{user}@{host}:{port}/{database}")
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}, {:?}", self.protection)
    }
}

#[cfg(test)]
mod tests {
    use ingest_core::ErrorKind;

    use super::*;

    fn parse(url: &str) -> Result<Address> {
        Address::parse_with(url, |_| None)
    }

    #[test]
    fn every_part_is_decoded() {
        let address =
            parse("postgres://m%40e:p%2Fw%3A%40d@db.example.org:6543/my%20docs?sslmode=verify-full").unwrap();
        assert_eq!(
            (address.user.as_str(), address.password.as_deref()),
            ("m@e", Some("p/w:@d"))
        );
        assert_eq!(
            (address.host.as_str(), address.port, address.database.as_str()),
            ("db.example.org", 6543, "my docs")
        );
        assert_eq!(address.protection, Protection::VerifyFull);
        assert_eq!(address.to_string(), "postgres://m@e@db.example.org:6543/my docs");
        assert!(!format!("{address:?}").contains("p/w"));
    }

    #[test]
    fn what_is_missing_has_a_default() {
        let address = parse("postgresql://").unwrap();
        assert_eq!(address.to_string(), "postgres://postgres@localhost:5432/postgres");
        assert_eq!(address.protection, Protection::Prefer);
        let given = |name: &str| Some(format!("{name} given"));
        let address = Address::parse_with("postgres://[::1]/docs", given).unwrap();
        assert_eq!(
            (address.user.as_str(), address.password.as_deref()),
            ("PGUSER given", Some("PGPASSWORD given"))
        );
        assert_eq!(address.to_string(), "postgres://PGUSER given@[::1]:5432/docs");
        let socket = parse("postgres://me@%2Fvar%2Frun%2Fpostgresql/docs").unwrap();
        assert!(socket.is_socket());
        assert_eq!(parse("postgres:///docs?host=/tmp&user=me").unwrap().host, "/tmp");
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for url in [
            "postgres://me:secret@host:port/db",
            "postgres://me:secret@host:0/db",
            "postgres://me:sec/ret@host/db",
            "postgres://me:secret@a,b/db",
            "postgres://me:secret@host/db?sslmode=maybe",
            "postgres://me:secret@host/db?sslcert=x",
            "postgres://me:secret%FF@host/db",
            "postgres://me@host/db?connect_timeout=never&password=secret",
        ] {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let told = error.to_string();
            assert!(!told.contains("secret") && !told.contains("/ret"), "{told}");
        }
    }
}
