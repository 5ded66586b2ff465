//! What is told of a file is what a run does with it.

mod common;

use std::path::{Path, PathBuf};

use common::{Case, fake};
use ingest_core::ContentHash;
use ingest_pipeline::{Content, Place, RunOptions, Source, SourceSpec, locate};

/// Every kind of rule, one within the reach of another.
fn corpus(case: &Case) {
    for (name, text) in [
        ("docs/.gitignore", "*.tmp\n!kept.tmp\nbuild/\n/top.md\n"),
        ("docs/.ignore", "own.md\n!saved.tmp\n"),
        ("docs/sub/.gitignore", "!back.tmp\nlocal.md\n"),
        (".gitignore", "far.md\n"),
        ("docs/repository/.git/info/exclude", "excluded.md\n"),
    ] {
        case.write(name, text);
    }
    for folder in [
        "docs",
        "docs/sub",
        "docs/build",
        "docs/drafts",
        "docs/.hidden",
        "docs/repository",
    ] {
        for file in [
            "a.md",
            "b.txt",
            "c.tmp",
            "kept.tmp",
            "saved.tmp",
            "back.tmp",
            "top.md",
            "own.md",
            "local.md",
            "far.md",
            "excluded.md",
            ".dot.md",
        ] {
            case.write(&format!("{folder}/{file}"), format!("{folder} {file}\n"));
        }
    }
    case.write("elsewhere.md", "elsewhere\n");
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

/// A way to choose files, made anew for each look.
type Choice = fn(&Case) -> RunOptions;

#[tokio::test]
async fn a_file_is_in_a_source_exactly_where_a_run_stores_it() {
    let choices: [Choice; 5] = [
        Case::options,
        |case| {
            let mut options = case.options();
            options.no_ignore = true;
            options
        },
        |case| {
            let mut options = case.options();
            (options.include, options.exclude) = (vec!["*.md".into()], vec!["drafts".into(), "a.*".into()]);
            options
        },
        |case| {
            let mut options = case.options();
            options.sources = vec![Source::new(SourceSpec::Glob("docs/*/*.tmp".into()))];
            options
        },
        |case| {
            let mut options = case.options();
            let paths = ["docs/build/c.tmp", "docs/sub", "docs/.hidden"];
            options.sources = paths
                .map(|path| Source::new(SourceSpec::Path(path.into())))
                .into();
            options
        },
    ];
    for (number, choice) in choices.into_iter().enumerate() {
        let case = Case::new();
        corpus(&case);
        case.run(&fake(), choice(&case)).await;
        let stored = case.sources().await;
        let mut all = Vec::new();
        files(&case.path(""), &mut all);
        assert!(
            stored.len() > 1 && stored.len() < all.len(),
            "{number}: {stored:?}"
        );
        for path in all {
            let located = locate(&path, choice(&case)).expect("the sources work");
            let is_in = matches!(located.place, Place::In { .. });
            assert_eq!(is_in, stored.contains(&located.name), "{number}: {located:?}");
            if let Place::LeftOut { reason, .. } = &located.place {
                assert!(!reason.contains("does not come by"), "{number}: {located:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_is_read_as_a_run_reads_it() {
    let case = Case::new();
    case.write("docs/a.md", "apples\n");
    case.write("docs/large.md", "x".repeat(100));
    case.write("docs/binary.md", "\0\0");
    let content = |name: &str| {
        let mut options = case.options();
        options.max_file_bytes = 50;
        locate(Path::new(name), options)
            .expect("the sources work")
            .content
    };
    let revision = ContentHash::of_bytes(b"apples\n");
    assert_eq!(content("docs/a.md"), Content::Revision(revision));
    assert_eq!(content("docs/none.md"), Content::Missing);
    assert_eq!(
        content("docs/binary.md"),
        Content::NoDocument("a binary file".to_owned())
    );
    assert!(matches!(content("docs/large.md"), Content::NoDocument(reason) if reason.contains("50 bytes")));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_followed_where_it_was_named_and_nowhere_else() {
    let case = Case::new();
    case.write("real.md", "apples\n");
    case.write("docs/a.md", "boats\n");
    std::os::unix::fs::symlink(case.path("real.md"), case.path("docs/link.md")).expect("a link");
    let place = |options| {
        let located = locate(Path::new("docs/link.md"), options);
        located.expect("the sources work").place
    };
    let Place::LeftOut { reason, .. } = place(case.options()) else {
        panic!("a walk follows no link");
    };
    assert!(reason.contains("a symbolic link"), "{reason}");
    let source = "docs/link.md".to_owned();
    assert_eq!(place(case.over(&["docs/link.md"])), Place::In { source });
    let mut own = case.over(&["docs/link.md"]);
    own.skip_paths = vec![case.path("docs/link.md")];
    assert!(matches!(place(own), Place::LeftOut { reason, .. } if reason.contains("belongs to the store")));
}
