//! Where documents come from, and what is none.

mod common;

use common::{Case, chunks, fake, lines, sent};
use ingest_pipeline::{JsonlInput, Outcome, Source, SourceSpec, SourceStatus};

#[tokio::test]
async fn a_folder_is_walked_by_its_rules_in_the_order_of_names() {
    let case = Case::new();
    case.write("docs/b.md", "text b");
    case.write("docs/a.md", "text a");
    case.write("docs/a/z.md", "text z");
    case.write("docs/.hidden/x.md", "hidden");
    case.write("docs/.x.md", "hidden");
    case.write("docs/skip/x.md", "ignored");
    case.write("docs/note.log", "ignored");
    case.write("docs/.gitignore", "skip/\n*.log\n");
    case.write("docs/failures.json", "the log is elsewhere");
    let embedder = fake();
    let mut options = case.options();
    options.workers = 1;
    options.batch_size = 1;
    case.run(&embedder, options).await;
    assert_eq!(
        sent(&embedder),
        ["text z", "text a", "text b", "the log is elsewhere"]
    );
    let mut options = case.options();
    options.no_ignore = true;
    case.run(&fake(), options).await;
    assert!(case.sources().await.contains(&"docs/skip/x.md".to_owned()));
}

#[tokio::test]
async fn the_store_and_the_log_are_no_documents() {
    let case = Case::new();
    for name in [
        "failures.json",
        "failures.json.broken",
        "index.db",
        "index.db-wal",
        "index.db.md",
        "a.md",
    ] {
        case.write(name, "text");
    }
    let mut options = case.over(&["."]);
    options.skip_paths = vec!["index.db".into()];
    std::fs::write(case.path("failures.json"), "").expect("an empty log");
    case.run(&fake(), options).await;
    assert_eq!(case.sources().await, ["a.md", "index.db.md"]);
}

#[tokio::test]
async fn binary_files_and_odd_ones_are_skipped_and_counted() {
    let case = Case::new();
    case.write("docs/a.md", "text");
    case.write("docs/logo.png", b"\x89PNG\r\n\x1a\n");
    case.write("docs/program.txt", b"\x7FELF looks like text");
    case.write("docs/empty.md", "");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(case.path("docs"), case.path("docs/loop")).expect("a link");
        std::os::unix::fs::symlink("/etc/hostname", case.path("docs/out.md")).expect("a link");
        std::os::unix::net::UnixListener::bind(case.path("docs/socket")).expect("a socket");
    }
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok);
    let expected = if cfg!(unix) { 5 } else { 2 };
    assert_eq!((report.documents.added, report.documents.skipped), (2, expected));
    assert!(case.heard.has("a binary file"));
    assert_eq!(
        chunks(case.store.as_ref()).await.len(),
        1,
        "an empty document has no chunk"
    );
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(report.documents.unchanged, 2);
}

/// Nothing is unpacked but documents, which are told by their name as well as their content.
#[tokio::test]
async fn archives_and_compressed_files_are_skipped_as_binary() {
    const GZIP: &[u8] = b"\x1F\x8B\x08\0\0\0\0\0\x02\x03+I\xAD(\xE1\x02\0'\xDA\xEC7\x05\0\0\0";
    const ZSTD: &[u8] = b"\x28\xB5\x2F\xFD\x04\x58\x29\0\0text\n\x2C\x51\xA1\xBF";
    let zip = |name: &str| {
        let length = [name.len() as u8, 0];
        let entry = [
            b"PK\x03\x04\x14\0\0\0\0\0\0\x002B\x27\xDA\xEC7\x05\0\0\0\x05\0\0\0",
            &length[..],
            b"\0\0",
            name.as_bytes(),
            b"text\n",
        ];
        entry.concat()
    };
    let case = Case::new();
    case.write("docs/a.md", "text");
    let archives = [
        ("a.gz", GZIP.to_vec()),
        ("a.zip", zip("a.txt")),
        ("a.zst", ZSTD.to_vec()),
        ("docx", zip("[Content_Types].xml")),
        ("packed.md", GZIP.to_vec()),
    ];
    for (name, bytes) in &archives {
        case.write(&format!("docs/{name}"), bytes);
    }
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.documents.added, report.documents.skipped), (1, 5));
    assert_eq!(case.sources().await, ["docs/a.md"]);
    for (name, _) in archives {
        let skipped = format!("Skipped {{ source: \"docs/{name}\", reason: \"a binary file\" }}");
        assert!(case.heard.has(&skipped), "{name}: {:?}", case.heard.all());
    }
}

#[tokio::test]
async fn encodings_are_guessed_and_said_once_a_file() {
    let case = Case::new();
    case.write("docs/utf16.txt", b"\xFF\xFEh\0i\0 \0t\0h\0e\0r\0e\0");
    case.write(
        "docs/latin.txt",
        b"Les \xE9l\xE8ves \xE9taient tr\xE8s pr\xE9occup\xE9s par l'\xE9t\xE9.",
    );
    let embedder = fake();
    case.run(&embedder, case.options()).await;
    let sent = sent(&embedder);
    assert!(sent.contains(&"hi there".to_owned()), "{sent:?}");
    assert!(
        sent.contains(&"Les élèves étaient très préoccupés par l'été.".to_owned()),
        "{sent:?}"
    );
    assert_eq!(
        case.heard
            .count("Note(\"docs/latin.txt is no UTF-8; read as windows-1252"),
        1
    );
}

#[tokio::test]
async fn formats_give_titles_and_leave_their_own_words_out() {
    let case = Case::new();
    case.write(
        "docs/a.md",
        "---\ntitle: The Title\nauthor: me\n---\n## Part\n\nBody.\n",
    );
    case.write(
        "docs/b.html",
        "<title>Page</title><main><h2>Part</h2><p>Body &amp; soul.</p></main>",
    );
    case.write("docs/c.csv", "k,v\n1,2\n");
    case.write("docs/d.rst", "Head\n====\n\nBody.\n");
    case.write("docs/e.ipynb", "{\"cells\": broken");
    let report = case.run(&fake(), case.options()).await;
    assert_eq!((report.documents.added, report.documents.failed), (4, 1));
    assert_eq!(report.failures[0].source, "docs/e.ipynb");
    let stored = chunks(case.store.as_ref()).await;
    let of = |source: &str| {
        stored
            .iter()
            .find(|chunk| chunk.source == source)
            .expect("a chunk")
    };
    let a = of("docs/a.md");
    assert_eq!(
        (a.title.as_str(), a.chunk.context_header.as_str()),
        ("The Title", "The Title > Part")
    );
    assert_eq!(a.chunk.span.line_start, 5, "lines are those of the file");
    assert!(!a.chunk.text.contains("author"));
    let b = of("docs/b.html");
    assert_eq!(b.title, "Page");
    assert!(b.chunk.text.contains("Body & soul."));
    assert_eq!(of("docs/c.csv").chunk.text, "k: 1; v: 2");
    assert!(of("docs/d.rst").chunk.heading_path == ["Head"]);

    // The notebook keeps failing, and keeps nothing from going on.
    case.write("docs/e.ipynb", "{\"cells\": []}");
    let report = case.run(&fake(), case.options()).await;
    assert_eq!((report.outcome, report.documents.added), (Outcome::Ok, 1));
    assert_eq!(case.log(), None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_cannot_be_read_keeps_its_old_version_and_is_retried() {
    let case = Case::new();
    case.write("docs/a.md", "old text");
    case.write("docs/b.md", "text");
    case.run(&fake(), case.over(&["docs/a.md", "docs/b.md"])).await;
    // A file that nobody can read from its beginning, not even root.
    case.remove("docs/a.md");
    std::os::unix::fs::symlink("/proc/self/mem", case.path("docs/a.md")).expect("a link");
    case.write("docs/b.md", "new text b");
    let report = case.run(&fake(), case.over(&["docs/a.md", "docs/b.md"])).await;
    assert_eq!(
        (report.outcome, report.documents.failed, report.documents.updated),
        (Outcome::Partial, 1, 1)
    );
    assert_eq!(
        (
            report.failures[0].source.as_str(),
            report.failures[0].kind.as_str()
        ),
        ("docs/a.md", "unreadable")
    );
    assert_eq!(chunks(case.store.as_ref()).await[0].chunk.text, "old text");
    assert!(case.log().expect("a log").contains("docs/a.md"));
    case.remove("docs/a.md");
    case.write("docs/a.md", "new text a");
    let mut options = case.over(&[]);
    options.retry_failed = true;
    let report = case.run(&fake(), options).await;
    assert_eq!(
        (report.outcome, report.documents.updated),
        (Outcome::Ok, 1),
        "{report:?}"
    );
    assert_eq!(chunks(case.store.as_ref()).await[0].chunk.text, "new text a");
    assert_eq!(case.log(), None);
}

#[cfg(unix)]
#[tokio::test]
async fn names_that_are_no_utf8_are_documents_like_others() {
    use std::os::unix::ffi::OsStrExt;

    let case = Case::new();
    case.write("docs/x.md", "text");
    let odd = case
        .path("docs")
        .join(std::ffi::OsStr::from_bytes(b"caf\xE9\n.md"));
    std::fs::write(odd, "odd").expect("a file");
    case.run(&fake(), case.options()).await;
    assert_eq!(case.sources().await, ["docs/caf%E9\n.md", "docs/x.md"]);
    let report = case.run(&fake(), case.options()).await;
    assert_eq!(report.documents.unchanged, 2);
}

#[tokio::test]
async fn a_file_given_twice_is_one_document() {
    let case = Case::new();
    case.write("docs/a.md", "text");
    let report = case
        .run(
            &fake(),
            case.over(&["docs", "docs/a.md", "./docs/../docs", "docs/*.md"]),
        )
        .await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert_eq!((report.documents.seen, report.documents.added), (1, 1));
}

#[tokio::test]
async fn lines_are_documents_with_their_fields() {
    let case = Case::new();
    let text = "{\"source\":\"flare://a\",\"text\":\"## Part\\n\\nBody.\",\"title\":\"T\",\"context_header\":\"Top\",\
                \"generations\":[\"all\"],\"deprecated\":true,\"display_url\":\"https://a\",\"metadata\":{\"k\":\"v\"}}\n\
                {\"source\":\"b\",\"text\":\"text\"}";
    let report = case.run(&fake(), lines(&case, "in", text)).await;
    assert_eq!((report.outcome, report.documents.added), (Outcome::Ok, 2));
    let stored = chunks(case.store.as_ref()).await;
    assert_eq!(stored[1].source, "flare://a");
    assert_eq!(stored[1].chunk.context_header, "Top > T > Part");
    let second = fake();
    let report = case.run(&second, lines(&case, "in", text)).await;
    assert_eq!(report.documents.unchanged, 2);
    assert!(sent(&second).is_empty());
    let report = case
        .run(&fake(), lines(&case, "in", &text.replace("\"T\"", "\"U\"")))
        .await;
    assert_eq!((report.documents.updated, report.documents.unchanged), (1, 1));
    let report = case
        .run(
            &fake(),
            lines(&case, "in", "{\"source\":\"b\",\"text\":\"text\"}\n"),
        )
        .await;
    assert_eq!(report.documents.removed, 1);
    let report = case
        .run(
            &fake(),
            lines(&case, "other", "{\"source\":\"c\",\"text\":\"text\"}\n"),
        )
        .await;
    assert_eq!(report.documents.removed, 0, "another stream");
}

#[tokio::test]
async fn bad_lines_fail_alone_and_keep_the_stream_from_removing() {
    let case = Case::new();
    let good = "{\"source\":\"a\",\"text\":\"text\"}\n{\"source\":\"b\",\"text\":\"text b\"}\n{\"source\":\"c\",\"text\":\"c\"}\n";
    case.run(&fake(), lines(&case, "in", good)).await;
    let bad = "{\"source\":\"a\",\"text\":\"other\"}\n{\"source\":\"b\"}\n{\"source\":\"a\",\"text\":\"again\"}\n{\"source\":\"c\",\"te";
    let report = case.run(&fake(), lines(&case, "in", bad)).await;
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(
        (
            report.documents.updated,
            report.documents.failed,
            report.documents.removed
        ),
        (1, 3, 0)
    );
    assert_eq!(report.sources[0].status, SourceStatus::Partial);
    let named: Vec<_> = report
        .failures
        .iter()
        .map(|failure| failure.source.as_str())
        .collect();
    assert_eq!(named, ["in:2", "a", "in:4"]);
    assert_eq!(case.sources().await, ["a", "b", "c"]);
    assert_eq!(
        chunks(case.store.as_ref()).await[0].chunk.text,
        "other",
        "the first line counts"
    );
}

#[tokio::test]
async fn a_broken_stream_fails_its_source() {
    struct Breaks(usize);
    impl std::io::Read for Breaks {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 1 {
                return Err(std::io::Error::other("the pipe broke"));
            }
            let line = b"{\"source\":\"a\",\"text\":\"text\"}\n{\"sou";
            into[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }
    let case = Case::new();
    let mut options = case.over(&[]);
    options.sources = vec![Source::new(SourceSpec::Jsonl(JsonlInput::Reader {
        name: "in".to_owned(),
        reader: Box::new(std::io::BufReader::new(Breaks(0))),
    }))];
    let report = case.run(&fake(), options).await;
    assert_eq!((report.outcome, report.documents.added), (Outcome::Partial, 1));
    assert_eq!(report.sources[0].status, SourceStatus::Failed);
    assert!(
        report.sources[0]
            .error
            .as_ref()
            .expect("a reason")
            .contains("the pipe broke")
    );
}

#[tokio::test]
async fn nul_characters_are_taken_out_and_told() {
    let case = Case::new();
    let report = case
        .run(
            &fake(),
            lines(&case, "in", "{\"source\":\"a\",\"text\":\"a\\u0000b\"}"),
        )
        .await;
    assert_eq!(report.outcome, Outcome::Ok);
    assert_eq!(chunks(case.store.as_ref()).await[0].chunk.text, "ab");
    assert!(case.heard.has("holds NUL characters"));
}

#[tokio::test]
async fn totals_are_told_early_on_demand() {
    let case = Case::new();
    for number in 0..700 {
        case.write(&format!("docs/{number}.md"), "text");
    }
    let mut options = case.options();
    options.count_ahead = true;
    let report = case.run(&fake(), options).await;
    assert_eq!(
        (
            report.documents.seen,
            report.chunks.embedded,
            report.chunks.reused
        ),
        (700, 1, 699)
    );
}
