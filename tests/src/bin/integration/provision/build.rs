//! The server, compiled from its Go module.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::{Program, complete_folder, require, run};
use crate::server::Installation;

/// Without the instructions of this very machine the model is twenty times slower.
const FAST: &str = "-O3 -march=native";

/// Holds the header `miniaudio.h`.
const MINIAUDIO: &str = "github.com/gen2brain/malgo@v0.11.24";

/// What a build runs.
pub(super) const PROGRAMS: [Program; 3] = [
    ("go", &["version"], "install Go 1.24 or newer"),
    (
        "cc",
        &["--version"],
        "install a C compiler (Debian: apt-get install gcc libc6-dev)",
    ),
    (
        "c++",
        &["--version"],
        "install a C++ compiler (Debian: apt-get install g++)",
    ),
];

/// Headers of Debian packages, and the packages.
const DEBIAN: [(&str, &str); 2] = [
    ("/usr/include/nlohmann/json.hpp", "nlohmann-json3-dev"),
    ("/usr/include/stb/stb_image.h", "libstb-dev"),
];

pub(super) fn build(root: &Path, version: &str, installation: &Installation) -> anyhow::Result<()> {
    let mut include = OsString::new();
    if leaves_headers_out(version) {
        debian_headers()?;
        include.push(format!("'-I{}' -I/usr/include/stb", miniaudio(root)?.display()));
    }
    eprintln!("building Ollama {version}, some minutes");
    let started = Instant::now();
    let mut go = go(root);
    go.arg("install")
        // A build from the module does not know its version by itself.
        .arg(format!(
            "-ldflags=-X=github.com/ollama/ollama/version.Version={version}"
        ))
        .arg(format!("github.com/ollama/ollama@v{version}"))
        .env("GOBIN", &installation.folder)
        .env("CGO_ENABLED", "1")
        .env("CGO_CFLAGS", FAST)
        .env("CGO_CXXFLAGS", FAST)
        .env("CGO_CPPFLAGS", include);
    run(&mut go).with_context(|| format!("cannot build Ollama {version}"))?;
    eprintln!(
        "built Ollama {version} in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Go, away from any module, so that nothing of one is read or written.
fn go(root: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Whether the Go module lacks three headers that its code includes: 0.17 does, 0.6 does not. Those between were not
/// tried; the headers do no harm.
fn leaves_headers_out(version: &str) -> bool {
    !version.starts_with("0.6.")
}

fn debian_headers() -> anyhow::Result<()> {
    let missing = || {
        let missing = DEBIAN.iter().filter(|(header, _)| !Path::new(header).exists());
        missing.map(|(_, package)| *package).collect::<Vec<_>>()
    };
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    if !is_root() || require([("apt-get", &["--version"][..], "")]).is_err() {
        bail!(
            "the build needs the headers of nlohmann-json and stb: apt-get install {}",
            packages.join(" ")
        );
    }
    eprintln!("installing {}", packages.join(" "));
    run(Command::new("apt-get")
        .args(["update", "--quiet"])
        .stdout(std::io::stderr()))?;
    run(Command::new("apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(&packages)
        .stdout(std::io::stderr()))?;
    let packages = missing();
    if !packages.is_empty() {
        bail!("{} lack the headers they should hold", packages.join(" "));
    }
    Ok(())
}

fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output();
    said.is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}

/// A folder to include, with `miniaudio/miniaudio.h` in it.
fn miniaudio(root: &Path) -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct Download {
        #[serde(rename = "Dir")]
        folder: PathBuf,
    }

    complete_folder(root.join("include"), |partial| {
        let said = go(root)
            .args(["mod", "download", "-json", MINIAUDIO])
            .output()
            .context("cannot run go")?;
        if !said.status.success() {
            bail!(
                "cannot download {MINIAUDIO}: {}{}",
                String::from_utf8_lossy(&said.stdout),
                String::from_utf8_lossy(&said.stderr)
            );
        }
        let download: Download = serde_json::from_slice(&said.stdout)?;
        let folder = partial.join("miniaudio");
        std::fs::create_dir(&folder)?;
        std::fs::copy(download.folder.join("miniaudio.h"), folder.join("miniaudio.h"))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_in_one_go_with_what_to_do() {
        let error = require([
            ("sh", &["-c", "exit 0"][..], "never told"),
            ("no-such-program", &["version"], "install it"),
            ("sh", &["-c", "exit 1"], "repair it"),
        ])
        .expect_err("two are missing");
        let told = error.to_string();
        assert!(told.contains("`no-such-program version`: install it"), "{told}");
        assert!(
            told.contains("repair it") && !told.contains("never told"),
            "{told}"
        );
    }
}
