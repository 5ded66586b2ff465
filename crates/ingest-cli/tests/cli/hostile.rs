//! Folders as hostile as they come: what each thing in them becomes, and that the rest is not touched by it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::work::{Done, Work};

/// What a run at `-v` said of everything below `docs`, and how it ended.
fn run(work: &Work) -> Done {
    work.with_static(&["run", "docs", "-v"])
}

/// The closing sentence.
#[track_caller]
fn assert_told(done: &Done, words: &str) {
    assert!(done.stdout.contains(words), "no {words:?} in {done:#?}");
}

fn with_ok() -> Work {
    let work = Work::new();
    work.write("docs/ok.md", "# Fine\n\nNothing is wrong with this one.\n");
    work
}

#[cfg(unix)]
#[test]
fn links_pipes_sockets_and_devices_are_passed_over_and_named() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let work = with_ok();
    work.write("outside.md", "This must not be found.\n");
    let inside = |name: &str| work.path("docs").join(name);
    symlink(work.path("docs"), inside("loop")).expect("a loop");
    symlink(work.path("outside.md"), inside("out.md")).expect("a link out of the tree");
    symlink("nowhere", inside("broken.md")).expect("a link to nothing");
    symlink("/dev/zero", inside("zero.md")).expect("a link to a device");
    let _socket = UnixListener::bind(inside("socket.md")).expect("a socket");
    let made = Command::new("mkfifo").arg(inside("pipe.md")).status();
    assert!(made.expect("mkfifo").success());
    let done = run(&work).expect(0);
    for (name, why) in [
        ("loop", "symbolic link"),
        ("out.md", "symbolic link"),
        ("broken.md", "symbolic link"),
        ("zero.md", "symbolic link"),
        ("socket.md", "socket, pipe or device"),
        ("pipe.md", "socket, pipe or device"),
    ] {
        let named = |line: &&str| line.contains(&format!("docs/{name}")) && line.contains(why);
        assert!(done.stderr.lines().any(|line| named(&line)), "{name}: {done:?}");
    }
    assert_eq!(work.sources(), ["docs/ok.md"]);
}

#[cfg(unix)]
#[test]
fn names_never_reach_the_terminal_raw() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let work = with_ok();
    for name in [
        &b"new\nline.md"[..],
        b"esc\x1b[31m.md",
        b"bad\xFF.md",
        b"tab\there.md",
    ] {
        fs::write(work.path("docs").join(OsStr::from_bytes(name)), "a text\n").expect("a file");
    }
    let done = run(&work).expect(0);
    for output in [&done.stdout, &done.stderr] {
        assert!(
            !output.contains('\u{1b}') && !output.contains("new\nline"),
            "{done:?}"
        );
    }
    assert_eq!(work.sources().len(), 5);
    let found = work
        .with_static(&["search", "a text", "--mode", "text"])
        .expect(0);
    assert!(
        !found.stdout.contains('\u{1b}') && !found.stdout.contains("new\nline"),
        "{found:?}"
    );
    // A second run knows them again.
    assert_told(&run(&work).expect(0), "5 unchanged");
}

#[test]
fn shapes_that_blow_up_do_not() {
    let work = with_ok();
    let deep = 100_000;
    work.write(
        "docs/deep.html",
        &format!("{}bottom{}", "<div>".repeat(deep), "</div>".repeat(deep)),
    );
    work.write("docs/headings.md", &"# h\n".repeat(100_000));
    work.write("docs/quotes.md", &format!("{} bottom\n", ">".repeat(deep)));
    work.write("docs/line.txt", &"word ".repeat(400_000));
    work.write(
        "docs/cells.ipynb",
        &format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
    );
    work.write("docs/empty.md", "");
    let bomb: String = (0..30)
        .map(|level| {
            format!(
                "b{level}: &b{level} [{}]\n",
                vec![format!("*b{}", level.max(1) - 1); 9].join(", ")
            )
        })
        .collect();
    work.write(
        "docs/aliases.md",
        &format!("---\n{bomb}---\nText behind aliases.\n"),
    );
    work.write(
        "docs/no_matter.md",
        "---\nnot: [closed\n---\nText behind what is no YAML.\n",
    );
    work.write(
        "docs/unclosed.md",
        "---\ntitle: never closed\nText all the same.\n",
    );
    let done = run(&work);
    // The notebook is none, which fails that file alone.
    done.expect(1).says("docs/cells.ipynb");
    let sources = work.sources();
    for name in [
        "aliases.md",
        "deep.html",
        "headings.md",
        "line.txt",
        "no_matter.md",
        "quotes.md",
        "unclosed.md",
    ] {
        assert!(sources.contains(&format!("docs/{name}")), "{name}: {sources:?}");
    }
    for word in ["aliases", "YAML", "bottom"] {
        let found = work.with_static(&["search", word, "--mode", "text", "--format", "json"]);
        assert!(
            !found.expect(0).json().as_array().expect("hits").is_empty(),
            "{word}"
        );
    }
}

#[test]
fn a_file_above_the_limit_is_passed_over_and_keeps_what_is_stored_of_it() {
    let work = with_ok();
    work.write("docs/grows.txt", "small at first\n");
    run(&work).expect(0);
    work.write("docs/grows.txt", &"large later\n".repeat(200_000));
    let again = Done::of(
        work.command(&["run", "docs", "-v", "--provider", "static"])
            .env("BBJ_RAG_MAX_FILE_SIZE", "1"),
    );
    again.expect(0).says("docs/grows.txt: larger than the limit");
    let found = work.with_static(&["search", "small", "--mode", "text", "--format", "json"]);
    assert_eq!(found.expect(0).json().as_array().map(Vec::len), Some(1));
    assert_told(&run(&work).expect(0), "1 updated");
}

#[test]
fn a_change_that_keeps_size_and_time_is_seen() {
    let work = with_ok();
    let path = work.path("docs/ok.md");
    run(&work).expect(0);
    let before = fs::metadata(&path).expect("a file").modified().expect("a time");
    let text = fs::read_to_string(&path).expect("a text");
    fs::write(&path, text.replace("wrong", "right")).expect("as long as before");
    let file = fs::File::options().write(true).open(&path).expect("a file");
    file.set_modified(before).expect("as old as before");
    drop(file);
    assert_told(&run(&work).expect(0), "1 updated");
}

/// While a run reads, a file grows, shrinks and vanishes: each document is some version of it, whole, and the next run has
/// the last one.
#[test]
fn files_that_change_while_they_are_read_end_as_they_are() {
    let work = with_ok();
    let paths: Vec<_> = (0..40)
        .map(|number| work.path(&format!("docs/{number:02}.md")))
        .collect();
    let version = |round: usize| {
        format!(
            "# Round {round}\n\n{}\n",
            "same words again ".repeat(round * 40 + 1)
        )
    };
    for path in &paths {
        fs::write(path, version(0)).expect("a file");
    }
    for round in 1..6 {
        let mut child = work
            .command(&["run", "docs", "--provider", "static", "--max-delete", "100%"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the tool starts");
        for (number, path) in paths.iter().enumerate() {
            change(path, (number + round) % 3, &version((number + round) % 5));
        }
        let status = child.wait().expect("an end");
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    }
    let done = work
        .with_static(&["run", "docs", "--max-delete", "100%"])
        .expect(0);
    let there: Vec<_> = paths.iter().filter(|path| path.exists()).collect();
    assert_eq!(work.sources().len(), there.len() + 1, "{done:?}");
    let exported = work.exported();
    for path in there {
        let name = format!("docs/{}", path.file_name().expect("a name").to_string_lossy());
        let first = exported
            .iter()
            .find(|line| line["source"] == name.as_str())
            .expect("its first chunk");
        let heading = fs::read_to_string(path)
            .expect("a text")
            .lines()
            .next()
            .expect("a line")
            .to_owned();
        assert!(
            first["text"]
                .as_str()
                .expect("a text")
                .contains(heading.trim_start_matches("# ")),
            "{name}: {first}"
        );
    }
}

fn change(path: &Path, how: usize, text: &str) {
    match how {
        0 => {
            // One that is gone already stays so.
            let _ = fs::remove_file(path);
        }
        _ => fs::write(path, text).expect("a file"),
    }
}
