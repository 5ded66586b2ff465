//! An Ollama of our own: started on a free port, and gone when this program is, however it ends.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use embed_ollama::{OllamaClient, OllamaEmbedder};
use tokio::time::{Instant, sleep};

/// The first start after a build may wait for the disk.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Runs the server until it ends or nobody holds the other end of standard input any more: that is closed with the
/// handle, and by the system if this program is killed. Ollama leaves the processes that run models behind when it is
/// killed, so the whole group goes.
const WATCHED: &str = "exec 3<&0
\"$1\" serve </dev/null 3<&- &
server=$!
(read -r _ <&3; kill -9 0) &
wait $server
kill -9 0";

/// Where a version keeps what.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// The folder of this version; absolute.
    pub(crate) folder: PathBuf,
}

impl Installation {
    pub(crate) fn binary(&self) -> PathBuf {
        self.folder.join("ollama")
    }

    /// Whether any model was ever imported.
    pub(crate) fn has_models(&self) -> bool {
        self.folder.join("models/manifests").exists()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("serve.log")
    }
}

/// A server, running or stopped, that listens at one address whenever it runs. Dropped, it is stopped.
#[derive(Debug)]
pub(crate) struct Server {
    installation: Installation,
    port: u16,
    running: Option<Child>,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) async fn start(installation: Installation) -> anyhow::Result<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
        let port = free.local_addr()?.port();
        drop(free);
        let mut server = Self {
            installation,
            port,
            running: None,
        };
        File::create(server.installation.log())?;
        server.start_again().await?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it where it was before, and waits until it answers.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.running = Some(self.spawn()?);
        let client = client(&self.url())?;
        let deadline = Instant::now() + LONGEST_START;
        loop {
            if client.version().await.is_ok() {
                return Ok(());
            }
            let ended = match &mut self.running {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if ended || Instant::now() > deadline {
                self.stop();
                let log = self.installation.log();
                bail!("Ollama did not start: see {}\n{}", log.display(), tail(&log));
            }
            // Nothing tells when it listens but asking.
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let folder = &self.installation.folder;
        let (models, home) = (folder.join("models"), folder.join("home"));
        fs::create_dir_all(&models)?;
        // It writes a key pair into its home.
        fs::create_dir_all(&home)?;
        let log = File::options().append(true).open(self.installation.log())?;
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHED, "sh"])
            .arg(self.installation.binary())
            .env("OLLAMA_HOST", format!("127.0.0.1:{}", self.port))
            .env("OLLAMA_MODELS", models)
            .env("OLLAMA_KEEP_ALIVE", "10m")
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        in_a_group_of_its_own(&mut command);
        let binary = self.installation.binary();
        command
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))
    }

    /// Stops it at once, as a crash would; calls under way are cut off.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.stdin.take());
            // It ends by a signal; there is nothing to learn from how.
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(unix)]
fn in_a_group_of_its_own(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    command.process_group(0);
}

#[cfg(not(unix))]
fn in_a_group_of_its_own(_: &mut Command) {}

/// The server's side that is not embeddings.
pub(crate) fn client(url: &str) -> anyhow::Result<OllamaClient> {
    let embedder = OllamaEmbedder::builder("none").host(url).build()?;
    Ok(embedder.client().clone())
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
