//! What is removed, and what never is.

mod common;

use common::{Case, documents, fake, sent};
use ingest_pipeline::{MaxDelete, Outcome, RunOptions, Source, SourceSpec, SourceStatus};

fn ten(case: &Case, folder: &str) {
    for number in 0..10 {
        case.write(
            &format!("{folder}/{number}.md"),
            format!("text {number} of {folder}"),
        );
    }
}

#[tokio::test]
async fn only_what_the_run_walked_is_removed() {
    let case = Case::new();
    ten(&case, "a");
    ten(&case, "b");
    case.run(&fake(), case.over(&["a", "b"])).await;
    case.remove("a/1.md");
    case.remove("b/1.md");
    let report = case.run(&fake(), case.over(&["a"])).await;
    assert_eq!((report.documents.removed, report.chunks.removed), (1, 1));
    let sources = case.sources().await;
    assert!(!sources.contains(&"a/1.md".to_owned()) && sources.contains(&"b/1.md".to_owned()));
}

#[tokio::test]
async fn one_that_is_new_does_not_stand_for_one_that_vanished() {
    let case = Case::new();
    ten(&case, "a");
    case.run(&fake(), case.over(&["a"])).await;
    case.remove("a/1.md");
    case.write("a/new.md", "new");
    let mut dry = case.over(&["a"]);
    dry.dry_run = true;
    for options in [dry, case.over(&["a"])] {
        let report = case.run(&fake(), options).await;
        let documents = report.documents;
        assert_eq!(
            (documents.added, documents.removed, documents.unchanged),
            (1, 1, 9)
        );
    }
    let again = case.run(&fake(), case.over(&["a"])).await;
    assert_eq!((again.documents.unchanged, again.documents.removed), (10, 0));
}

#[tokio::test]
async fn the_base_folder_covers_what_is_named_relative_to_it() {
    let case = Case::new();
    ten(&case, "a");
    ten(&case, "b");
    case.run(&fake(), case.over(&["a", "b"])).await;
    case.remove("a/1.md");
    let report = case.run(&fake(), case.over(&["."])).await;
    assert_eq!((report.documents.unchanged, report.documents.removed), (19, 1));
}

#[tokio::test]
async fn what_filters_leave_out_is_out_of_scope() {
    let case = Case::new();
    ten(&case, "a");
    case.write("a/x.txt", "text");
    case.write("a/drafts/y.md", "text");
    case.run(&fake(), case.options_over_a(&[], &[])).await;
    std::fs::remove_dir_all(case.path("a/drafts")).expect("removed");
    case.remove("a/x.txt");
    case.remove("a/1.md");
    let report = case
        .run(&fake(), case.options_over_a(&["*.md"], &["drafts"]))
        .await;
    assert_eq!(report.documents.removed, 1);
    let sources = case.sources().await;
    assert!(sources.contains(&"a/x.txt".to_owned()) && sources.contains(&"a/drafts/y.md".to_owned()));
    let report = case.run(&fake(), case.options_over_a(&[], &[])).await;
    assert_eq!(report.documents.removed, 2);
}

impl Case {
    fn options_over_a(&self, include: &[&str], exclude: &[&str]) -> RunOptions {
        let mut options = self.over(&["a"]);
        options.include = include.iter().map(|&pattern| pattern.to_owned()).collect();
        options.exclude = exclude.iter().map(|&pattern| pattern.to_owned()).collect();
        options
    }
}

#[tokio::test]
async fn too_many_removals_are_refused_before_the_first_one() {
    let case = Case::new();
    ten(&case, "a");
    case.run(&fake(), case.over(&["a"])).await;
    for number in 0..6 {
        case.remove(&format!("a/{number}.md"));
    }
    let report = case.run(&fake(), case.over(&["a"])).await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.documents.removed, 0);
    let refused = report.refused.expect("refused");
    assert!(
        refused.contains("6 of 10") && refused.contains("50%") && refused.contains("--max-delete"),
        "{refused}"
    );
    assert_eq!(case.sources().await.len(), 10);

    let mut options = case.over(&["a"]);
    options.max_delete = MaxDelete::Count(5);
    assert!(case.run(&fake(), options).await.refused.is_some());
    let mut options = case.over(&["a"]);
    options.no_delete = true;
    options.max_delete = MaxDelete::Count(5);
    let report = case.run(&fake(), options).await;
    assert_eq!((report.outcome, report.documents.removed), (Outcome::Ok, 0));
    let mut options = case.over(&["a"]);
    options.max_delete = MaxDelete::Percent(60);
    let report = case.run(&fake(), options).await;
    assert_eq!((report.outcome, report.documents.removed), (Outcome::Ok, 6));
    assert_eq!(case.sources().await.len(), 4);
}

#[tokio::test]
async fn an_emptied_folder_among_full_ones_removes_nothing() {
    let case = Case::new();
    ten(&case, "full");
    for number in 0..100 {
        case.write(&format!("full/more{number}.md"), "text");
    }
    ten(&case, "mount");
    case.run(&fake(), case.over(&["full", "mount"])).await;
    std::fs::remove_dir_all(case.path("mount")).expect("unmounted");
    std::fs::create_dir(case.path("mount")).expect("its mount point");
    case.remove("full/1.md");
    let report = case.run(&fake(), case.over(&["full", "mount"])).await;
    assert!(report.refused.expect("refused").contains("10 of 10"));
    assert_eq!(case.sources().await.len(), 120);
}

#[tokio::test]
async fn a_missing_path_is_a_usage_error_that_names_all_of_them() {
    let case = Case::new();
    ten(&case, "a");
    let embedder = fake();
    let error = case
        .try_run(&embedder, case.over(&["a", "no", "nor"]))
        .await
        .expect_err("missing");
    assert_eq!(error.kind(), ingest_pipeline::ErrorKind::Usage);
    assert!(
        error.to_string().contains("no`") && error.to_string().contains("nor`"),
        "{error}"
    );
    assert!(embedder.calls().is_empty());
}

#[tokio::test]
async fn a_glob_that_matches_nothing_fails_its_source_and_removes_nothing() {
    let case = Case::new();
    ten(&case, "a");
    let report = case.run(&fake(), case.over(&["a/*.md"])).await;
    assert_eq!(report.documents.added, 10);
    std::fs::remove_dir_all(case.path("a")).expect("removed");
    std::fs::create_dir(case.path("a")).expect("made");
    let report = case.run(&fake(), case.over(&["a/*.md"])).await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.sources[0].status, SourceStatus::Failed);
    assert_eq!(case.sources().await.len(), 10);
}

#[tokio::test]
async fn a_glob_removes_what_it_matched_before() {
    let case = Case::new();
    ten(&case, "a");
    case.write("a/x.txt", "text");
    case.run(&fake(), case.over(&["a"])).await;
    case.remove("a/1.md");
    case.remove("a/x.txt");
    let report = case.run(&fake(), case.over(&["a/*.md"])).await;
    assert_eq!(report.documents.removed, 1);
    assert!(case.sources().await.contains(&"a/x.txt".to_owned()));
}

#[cfg(unix)]
#[tokio::test]
async fn an_unreadable_folder_keeps_its_documents_and_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let case = Case::new();
    ten(&case, "a");
    case.write("a/locked/x.md", "text");
    case.run(&fake(), case.over(&["a"])).await;
    case.remove("a/1.md");
    let locked = case.path("a/locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).expect("locked");
    let as_root = std::fs::read_dir(&locked).is_ok();
    let report = case.run(&fake(), case.over(&["a"])).await;
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).expect("unlocked");
    if as_root {
        // Nothing is unreadable to root.
        assert_eq!(report.documents.unchanged, 10);
        return;
    }
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.documents.removed, 0, "nobody knows what is in the folder");
    assert!(report.failures.iter().any(|failure| failure.source == "a/locked"));
    assert_eq!(case.sources().await.len(), 11);
}

#[tokio::test]
async fn a_hidden_file_that_was_named_stays_until_it_is_gone() {
    let case = Case::new();
    ten(&case, "a");
    case.write("a/.hidden.md", "text");
    case.run(&fake(), case.over(&["a/.hidden.md"])).await;
    let report = case.run(&fake(), case.over(&["a"])).await;
    assert_eq!((report.documents.added, report.documents.removed), (10, 0));
    case.remove("a/.hidden.md");
    let report = case.run(&fake(), case.over(&["a"])).await;
    assert_eq!(report.documents.removed, 1);
}

#[tokio::test]
async fn what_became_binary_or_vanished_behind_ignore_rules_is_removed_what_grew_too_large_is_kept() {
    let case = Case::new();
    ten(&case, "a");
    case.run(&fake(), case.over(&["a"])).await;
    case.write("a/1.md", b"\0\0\0\0");
    case.write("a/2.md", "x".repeat(5000));
    case.write("a/.ignore", "3.md\n");
    let mut options = case.over(&["a"]);
    options.max_file_bytes = 1000;
    let report = case.run(&fake(), options).await;
    assert_eq!((report.documents.skipped, report.documents.removed), (2, 2));
    let sources = case.sources().await;
    assert!(sources.contains(&"a/2.md".to_owned()));
    assert!(!sources.contains(&"a/1.md".to_owned()) && !sources.contains(&"a/3.md".to_owned()));
}

#[tokio::test]
async fn a_named_source_lets_go_of_a_path_it_lost() {
    let case = Case::new();
    ten(&case, "a");
    ten(&case, "b");
    let named = |paths: &[&str]| {
        let mut options = case.over(&[]);
        options.sources = vec![Source {
            name: Some("guide".to_owned()),
            specs: paths.iter().map(|&path| SourceSpec::Path(path.into())).collect(),
            ..Source::default()
        }];
        options
    };
    let report = case.run(&fake(), named(&["a", "b"])).await;
    assert_eq!(
        (report.sources[0].name.as_str(), report.sources[0].files),
        ("guide", 20)
    );
    let report = case.run(&fake(), named(&["a"])).await;
    assert_eq!(report.documents.removed, 10);
    assert!(
        documents(case.store.as_ref())
            .await
            .iter()
            .all(|state| state.source.starts_with("a/"))
    );
}

#[tokio::test]
async fn a_moved_origin_still_removes() {
    let case = Case::new();
    ten(&case, "a");
    ten(&case, "a/sub");
    case.run(&fake(), case.over(&["a"])).await;
    case.run(&fake(), case.over(&["a/sub"])).await;
    case.remove("a/sub/1.md");
    let second = fake();
    let report = case.run(&second, case.over(&["a"])).await;
    assert_eq!((report.documents.removed, report.documents.unchanged), (1, 19));
    assert!(sent(&second).is_empty());
}
