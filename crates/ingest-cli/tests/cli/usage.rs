//! Help, completions and wrong usage.

use crate::work::{Work, exists};

#[test]
fn help_goes_to_standard_output_and_names_every_command() {
    let work = Work::new();
    let help = work.ingest(&["--help"]).expect(0);
    for command in [
        "run",
        "search",
        "status",
        "explain",
        "export",
        "embed",
        "doctor",
        "config",
        "completions",
    ] {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command}: {}",
            help.stdout
        );
    }
    assert_eq!(help.stderr, "");
    let run = work.ingest(&["help", "run"]).expect(0);
    for flag in [
        "--workers",
        "--sequential",
        "--batch-size",
        "--chunk-size",
        "--chunk-overlap",
        "--include",
        "--exclude",
        "--no-ignore",
        "--source",
        "--data-dir",
        "--jsonl",
        "--retry-failed",
        "--resume",
        "--clean",
        "--dry-run",
        "--no-delete",
        "--max-delete",
        "--failure-log",
        "--metrics-file",
        "--report",
        "--fail-fast",
        "--timeout",
        "--load-timeout",
        "--wait",
        "--on-too-long",
        "--provider",
        "--model",
        "--host",
        "--dimensions",
        "--config",
        "--store",
        "--verbose",
        "--quiet",
        "--color",
        "--format",
        "--log-format",
    ] {
        assert!(run.stdout.contains(flag), "{flag}: {}", run.stdout);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Work::new().ingest(&["--version"]).expect(0);
    assert_eq!(version.stdout, format!("ingest {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_has_status_2_and_names_the_slip() {
    let work = Work::new();
    work.ingest(&[]).expect(2).says("Usage: ingest");
    work.ingest(&["rum"]).expect(2).says("'run'");
    work.ingest(&["run", "--worker", "3", "docs"])
        .expect(2)
        .says("'--workers'");
    work.ingest(&["search"]).expect(2).says("<QUERY>");
    work.ingest(&["search", "x", "--top-k", "0"])
        .expect(2)
        .says("0 is not in 1..=10000");
    work.ingest(&["search", "x", "--mode", "words"])
        .expect(2)
        .says("[possible values: hybrid, vector, text]");
    work.ingest(&["-v", "-q", "status"])
        .expect(2)
        .says("cannot be used with");
    work.ingest(&["run", "docs", "--source", "a"])
        .expect(2)
        .says("cannot be used with");
    work.ingest(&["run", "--retry-failed", "--clean"])
        .expect(2)
        .says("cannot be used with");
    work.ingest(&["run", "docs", "--report", "r.html", "--dry-run"])
        .expect(2)
        .says("cannot be used with");
    work.ingest(&["run", "docs", "--on-too-long", "cut"])
        .expect(2)
        .says("split, truncate, fail");
}

#[test]
fn wrong_values_have_status_2_and_name_the_flag_and_the_range() {
    let work = Work::with_docs();
    for (flag, value, message) in [
        (
            "--workers",
            "0",
            "`ingest_workers` must be `auto`, or a whole number of workers from 1 to 1024, not `0` (--workers)",
        ),
        ("--workers", "four", "not `four` (--workers)"),
        ("--batch-size", "0", "`embedding_batch_size` must be"),
        ("--chunk-size", "-5", "`chunk_size` must be"),
        ("--chunk-overlap", "400", "must be less than `chunk_size`"),
        ("--dimensions", "0", "`embedding_dimensions` must be"),
        ("--timeout", "soon", "`timeout` must be a duration"),
        ("--load-timeout", "0", "`load_timeout` must be a duration"),
        ("--wait", "-1s", "`wait` must be a duration"),
        ("--max-delete", "150%", "`max_delete` must be"),
    ] {
        let flag_and_value = format!("{flag}={value}");
        work.with_static(&["run", "docs", &flag_and_value])
            .expect(2)
            .says(message);
    }
    assert!(!exists(work.path(".ingest")), "nothing was touched");
}

#[test]
fn completions_are_made_for_every_shell() {
    let work = Work::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = work.ingest(&["completions", shell]).expect(0).stdout;
        assert!(
            script.contains("ingest") && script.contains("retry-failed"),
            "{shell}"
        );
    }
    work.ingest(&["completions", "tcsh"])
        .expect(2)
        .says("possible values");
}

/// The commands that the help of a command lists, and theirs: `config`, `config show` and so on.
fn listed(work: &Work, above: &[&str]) -> Vec<String> {
    let mut arguments = vec!["help"];
    arguments.extend(above);
    let help = work.ingest(&arguments).expect(0).stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    let mut all = Vec::new();
    for name in names {
        let command = [above, &[name]].concat();
        all.push(command.join(" "));
        all.extend(listed(work, &command));
    }
    all
}

#[test]
fn every_command_that_is_listed_has_a_page_of_the_manual() {
    let work = Work::new();
    let commands = listed(&work, &[]);
    assert!(commands.contains(&"config init".to_owned()), "{commands:?}");
    let written = work.ingest(&["man", "share/man1"]).expect(0);
    let pages = commands.len() + 1;
    assert_eq!(written.stdout, format!("wrote {pages} pages to share/man1\n"));
    let files = std::fs::read_dir(work.path("share/man1")).expect("a folder");
    assert_eq!(files.count(), pages, "hidden commands have none");
    for command in &commands {
        let name = format!("ingest-{}", command.replace(' ', "-"));
        let page = work.read(&format!("share/man1/{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1 ")), "{page}");
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let run = work.read("share/man1/ingest-run.1");
    assert!(run.contains("retry\\-failed"), "{run}");
    let main = work.read("share/man1/ingest.1");
    for section in [".SH \"EXIT STATUS\"", ".SH ENVIRONMENT", ".SH FILES"] {
        assert!(main.contains(section), "{section}: {main}");
    }
    assert_eq!(work.ingest(&["man"]).expect(0).stdout, main);
    let json = work
        .ingest(&["man", "other", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (&json["folder"], &json["pages"]),
        (&"other".into(), &pages.into())
    );
}

#[test]
fn a_manual_that_cannot_be_written_has_status_2() {
    let work = Work::new();
    work.write("file", "");
    work.ingest(&["man", "file"])
        .expect(2)
        .says("cannot write the manual to file");
}

#[test]
fn colors_are_used_only_when_wanted() {
    let work = Work::new();
    let escape = '\x1b';
    let stderr = |arguments: &[&str]| work.ingest(arguments).expect(3).stderr;
    assert!(!stderr(&["status"]).contains(escape));
    assert!(stderr(&["status", "--color", "always"]).contains(escape));
    assert!(!stderr(&["status", "--color=never"]).contains(escape));
    let help = work.ingest(&["--color", "always", "--help"]).expect(0);
    assert!(help.stdout.contains(escape));
}
