//! PDF files: read in a process of its own each, which is ended when it takes too much.

use std::io::Write;
use std::process::Stdio;

use crate::work::{Done, Work, length, text};

/// A PDF of these objects, the first being the catalogue. It has no table of their places: readers find them.
fn pdf(objects: &[String]) -> Vec<u8> {
    let mut out = "%PDF-1.7\n".to_owned();
    for (at, object) in objects.iter().enumerate() {
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    out.push_str("trailer\n<</Root 1 0 R>>\n%%EOF\n");
    out.into_bytes()
}

fn stream(entries: &str, content: &str) -> String {
    format!(
        "<<{entries} /Length {}>>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// A page with this content so many times over, which forms `X0`, `X1` and so on may be part of.
fn page(times: usize, content: &str, forms: &[String]) -> Vec<u8> {
    let names = (0..forms.len()).map(|at| format!("/X{at} {} 0 R", at + 6));
    let names = names.collect::<Vec<_>>().join(" ");
    let resources = format!("/Resources <</Font <</F 4 0 R>> /XObject <<{names}>>>>");
    let contents = "5 0 R ".repeat(times);
    let entries = format!("/Parent 2 0 R /MediaBox [0 0 300 300] /Contents [{contents}] {resources}");
    let mut objects = vec![
        "<</Type /Catalog /Pages 2 0 R>>".to_owned(),
        "<</Type /Pages /Kids [3 0 R] /Count 1>>".to_owned(),
        format!("<</Type /Page {entries}>>"),
        "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>".to_owned(),
        stream("", content),
    ];
    let form = format!("/Type /XObject /Subtype /Form /BBox [0 0 300 300] {resources}");
    objects.extend(forms.iter().map(|content| stream(&form, content)));
    pdf(&objects)
}

fn words(words: &str) -> Vec<u8> {
    page(1, &format!("BT /F 12 Tf 20 200 Td ({words}) Tj ET"), &[])
}

/// Forms that draw the next one twice, forty deep: no one sees the end of it.
fn endless() -> Vec<u8> {
    let forms: Vec<_> = (1..=40).map(|next| format!("/X{next} Do /X{next} Do")).collect();
    page(1, "/X0 Do", &forms)
}

/// Some bytes that make gigabytes: one content, ten thousand times over.
fn bomb() -> Vec<u8> {
    page(10_000, &" ".repeat(200_000), &[])
}

fn write(work: &Work, name: &str, bytes: &[u8]) {
    work.write(name, "");
    std::fs::write(work.path(name), bytes).expect("a file");
}

/// What the process that reads a PDF answers.
fn read(arguments: &[&str], bytes: &[u8]) -> Done {
    let work = Work::new();
    let mut command = work.command(&["read-pdf"]);
    command.args(arguments).stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // Held open: by its end the process learns that nobody waits for an answer.
    let mut input = child.stdin.take().expect("a pipe");
    let length = (bytes.len() as u64).to_le_bytes();
    input.write_all(&length).expect("the length is read");
    input.write_all(bytes).expect("all is read");
    let done = Done::awaited(child);
    drop(input);
    done
}

#[test]
fn a_pdf_is_found_by_its_words_with_its_page() {
    let work = Work::new();
    write(
        &work,
        "docs/tea.pdf",
        &words("Pour boiling water over the leaves"),
    );
    write(&work, "docs/scan.pdf", &page(1, "0 0 10 10 re f", &[]));
    write(&work, "docs/broken.pdf", b"%PDF-1.7\nnothing of the kind");
    let done = work
        .with_static(&["run", "docs", "-v", "--format", "json"])
        .expect(1);
    let report = done.json();
    let documents = &report["documents"];
    assert_eq!(
        (&documents["added"], &documents["skipped"], &documents["failed"]),
        (&1.into(), &1.into(), &1.into())
    );
    let error = text(&report["failures"][0]["error"]);
    assert_eq!(error, "a PDF that cannot be read: its structure is damaged");
    done.says("docs/scan.pdf: a PDF without text: pages that were scanned need text recognition (OCR) first");
    let found = work
        .ingest(&["search", "boiling water", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(length(&found), 1);
    assert_eq!(text(&found[0]["source"]), "docs/tea.pdf");
    assert_eq!(found[0]["heading_path"], serde_json::json!(["Page 1"]));
}

#[test]
fn a_pdf_that_lost_its_text_is_no_document_any_more() {
    let work = Work::with_docs();
    write(
        &work,
        "docs/tea.pdf",
        &words("Pour boiling water over the leaves"),
    );
    let work = work.filled();
    assert_eq!(work.sources().len(), 4);
    write(&work, "docs/tea.pdf", &page(1, "0 0 10 10 re f", &[]));
    work.with_static(&["run", "docs"]).expect(0);
    assert_eq!(work.sources().len(), 3);
}

#[test]
fn a_file_that_takes_for_ever_is_given_up() {
    read(&["1000", "--seconds", "1"], &endless()).expect(124);
    let done = read(&["1000"], &words("tea")).expect(0);
    assert_eq!(done.json()["Text"]["text"], "# Page 1\n\ntea\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_takes_all_memory_is_one_failure() {
    let work = Work::with_docs();
    write(&work, "docs/bomb.pdf", &bomb());
    let done = work.with_static(&["run", "docs", "--format", "json"]).expect(1);
    let report = done.json();
    assert_eq!(
        (&report["documents"]["added"], &report["documents"]["failed"]),
        (&3.into(), &1.into())
    );
    let error = text(&report["failures"][0]["error"]);
    assert!(error.contains("more than 1 GiB of memory"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_does_not_wait_for_a_file_and_leaves_no_process_behind() {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    let work = Work::with_docs();
    write(&work, "docs/endless.pdf", &endless());
    let mut command = work.command(&["run", "docs", "--provider", "static"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let tasks = format!("/proc/{}/task", child.id());
    let reader = || {
        let tasks = fs::read_dir(&tasks).ok()?.flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        children
            .flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .next()
    };
    let reader = loop {
        if let Some(reader) = reader() {
            break reader;
        }
        std::thread::yield_now();
    };
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    Done::awaited(child).expect(130);
    let reader = Path::new("/proc").join(reader).join("exe");
    while fs::read_link(&reader).is_ok() {
        std::thread::yield_now();
    }
}
