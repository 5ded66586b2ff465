//! Lints, warnings denied, for each feature set of each crate: a build that leaves something out is a promise, too.

use anyhow::bail;
use xshell::{Shell, cmd};

/// A crate and its feature sets, each linted alone and without default features.
type Sets = (&'static str, &'static [&'static str]);

/// Crates without features, and sets that name all of them, are linted with the whole workspace.
const SETS: [Sets; 9] = [
    ("embed-core", &["", "tokio", "serde", "testing", "tokio,testing"]),
    ("embed-http", &["", "tls", "testing"]),
    ("embed-ollama", &["", "tls"]),
    ("embed-openai", &["", "tls"]),
    (
        "embed-providers",
        &[
            "",
            "ollama",
            "openai",
            "static",
            "ollama,openai,static",
            "ollama,tls",
        ],
    ),
    ("ingest-core", &["", "testing"]),
    ("ingest-pipeline", &["", "office", "pdf"]),
    ("ingest-store", &["", "sqlite", "postgres"]),
    (
        "ingest-cli",
        &[
            "",
            "static,sqlite",
            "ollama,sqlite",
            "ollama,postgres",
            "ollama,openai,static,sqlite",
        ],
    ),
];

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    println!("workspace: all features, all targets");
    if cmd!(
        sh,
        "cargo clippy --quiet --workspace --all-features --all-targets -- -D warnings"
    )
    .run()
    .is_err()
    {
        failed.push("the workspace with all features".to_owned());
    }
    for (package, sets) in SETS {
        for features in sets {
            let name = format!(
                "{package}: {}",
                if features.is_empty() {
                    "no features"
                } else {
                    features
                }
            );
            println!("{name}");
            let lint = cmd!(
                sh,
                "cargo clippy --quiet -p {package} --no-default-features --features {features} -- -D warnings"
            );
            if lint.quiet().run().is_err() {
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}
