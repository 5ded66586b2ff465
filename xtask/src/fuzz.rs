//! Every fuzz target, for a bounded number of inputs: enough to see that it builds and that the kept inputs still pass.
//! `fuzz/README.md` tells how to run one for as long as one likes.

use anyhow::{Context, bail};
use serde_json::Value;
use xshell::{Shell, cmd};

/// Inputs tried per target.
const RUNS: &str = "200000";
/// Seconds per target, should the machine be slow.
const SECONDS: &str = "120";

/// What cargo-fuzz sets but for the address sanitizer, which needs a nightly compiler and finds little in code without
/// `unsafe`: coverage guides the search, and a stable compiler will do.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let targets = targets(sh)?;
    if targets.is_empty() {
        bail!("fuzz/Cargo.toml names no target");
    }
    // Named, so that the flags reach the targets and not the build scripts.
    let host = host(sh)?;
    let _instrumented = sh.push_env("RUSTFLAGS", INSTRUMENTED);
    let _shared = sh.push_env("CARGO_TARGET_DIR", "target/fuzz");
    for target in targets {
        println!("{target}");
        // New inputs go to a folder of their own; the kept ones are only read.
        let found = format!("target/fuzz/corpus/{target}/");
        let kept = format!("fuzz/corpus/{target}");
        let artifacts = format!("target/fuzz/artifacts/{target}/");
        for folder in [&found, &artifacts] {
            sh.create_dir(folder)?;
        }
        let kept = sh.path_exists(&kept).then_some(kept);
        cmd!(sh, "cargo run --quiet --release --manifest-path fuzz/Cargo.toml --locked --target {host} --bin {target} --")
            .args([&format!("-runs={RUNS}"), &format!("-max_total_time={SECONDS}"), "-max_len=2000", "-verbosity=0"])
            .args(["-rss_limit_mb=2048", "-timeout=20", &format!("-artifact_prefix={artifacts}")])
            .arg(&found)
            .args(kept)
            .run()
            .with_context(|| format!("target `{target}`: the input is in {artifacts}"))?;
    }
    Ok(())
}

fn targets(sh: &Shell) -> anyhow::Result<Vec<String>> {
    let metadata = cmd!(
        sh,
        "cargo metadata --no-deps --format-version 1 --manifest-path fuzz/Cargo.toml"
    );
    let metadata: Value = serde_json::from_str(&metadata.quiet().read()?)?;
    let targets = metadata["packages"][0]["targets"]
        .as_array()
        .context("cargo metadata names no targets")?;
    let binaries = targets.iter().filter(|target| target["kind"][0] == "bin");
    Ok(binaries
        .filter_map(|target| Some(target["name"].as_str()?.to_owned()))
        .collect())
}

/// The platform that the compiler builds for when it is not told another.
fn host(sh: &Shell) -> anyhow::Result<String> {
    let version = cmd!(sh, "rustc --version --verbose").quiet().read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}
