use proptest::prelude::*;

use super::*;

/// A PDF of these objects, the first being the catalogue, with the table of their places.
fn pdf(objects: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).bytes());
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let trailer = format!(
        "trailer\n<</Root 1 0 R /Info 6 0 R /Size {}>>\n",
        objects.len() + 1
    );
    out.extend(format!("{trailer}startxref\n{table}\n%%EOF\n").bytes());
    out
}

fn stream(entries: &str, content: &str) -> String {
    format!(
        "<<{entries} /Length {}>>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// A page that draws this, with a form `X` of its own.
fn page(content: &str, form: &str) -> Vec<u8> {
    let resources = "/Resources <</Font <</F 5 0 R>> /XObject <</X 7 0 R>>>>";
    pdf(&[
        "<</Type /Catalog /Pages 2 0 R>>".to_owned(),
        "<</Type /Pages /Kids [3 0 R] /Count 1>>".to_owned(),
        format!("<</Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R {resources}>>"),
        stream("", content),
        "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>".to_owned(),
        "<</Title (On Tea)>>".to_owned(),
        stream(
            &format!("/Type /XObject /Subtype /Form /BBox [0 0 300 300] {resources}"),
            form,
        ),
    ])
}

fn text(bytes: Vec<u8>) -> String {
    match read_here(bytes, 1 << 20) {
        Reading::Text { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pages_become_headings_and_the_title_is_the_documents() {
    let content = "BT /F 12 Tf 20 200 Td [(Te) -10 (a) -400 (time)] TJ 0 -14 Td (# now) Tj ET";
    let expected = Reading::Text {
        title: "On Tea".to_owned(),
        text: "# Page 1\n\nTea time\n\\# now\n".to_owned(),
    };
    assert_eq!(read_here(page(content, ""), 1 << 20), expected);
}

#[test]
fn letters_that_are_filled_and_outlined_are_read_once() {
    assert_eq!(
        text(page("BT /F 12 Tf 2 Tr 20 200 Td (once) Tj ET", "")),
        "# Page 1\n\nonce\n"
    );
    assert_eq!(
        text(page("BT /F 12 Tf 3 Tr 20 200 Td (unseen) Tj ET", "")),
        "# Page 1\n\nunseen\n"
    );
}

#[test]
fn pages_without_letters_have_no_text() {
    assert_eq!(read_here(page("0 0 10 10 re f", ""), 1 << 20), Reading::NoText);
}

#[test]
fn what_is_no_pdf_is_broken_with_the_reason() {
    let broken = |reason: &str| Reading::Broken(reason.to_owned());
    assert_eq!(
        read_here(b"%PDF-1.7\nnothing".to_vec(), 1),
        broken("its structure is damaged")
    );
    assert_eq!(read_here(Vec::new(), 1), broken("its structure is damaged"));
}

#[test]
fn more_text_than_wanted_is_not_collected() {
    let content = format!("BT /F 12 Tf 20 200 Td ({}) Tj ET", "x".repeat(10_000));
    match read_here(page(&content, ""), 100) {
        Reading::Text { text, .. } => assert!((101..200).contains(&text.len()), "{}", text.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn circles_of_pages_and_forms_end() {
    assert_eq!(
        text(page("BT /F 12 Tf 20 200 Td (a) Tj ET /X Do", "/X Do")),
        "# Page 1\n\na\n"
    );
    let circle = pdf(&[
        "<</Type /Catalog /Pages 2 0 R>>".to_owned(),
        "<</Type /Pages /Kids [2 0 R 3 0 R] /Count 9>>".to_owned(),
        "<</Type /Pages /Kids [2 0 R] /Count 9 /Parent 3 0 R>>".to_owned(),
    ]);
    assert!(!matches!(read_here(circle, 1000), Reading::Text { .. }));
}

#[test]
fn a_file_cut_anywhere_does_no_harm() {
    let whole = page("BT /F 12 Tf 20 200 Td (some words) Tj ET", "");
    for length in 0..whole.len() {
        read_here(whole[..length].to_vec(), 1000);
    }
}

proptest! {
    #[test]
    fn damage_does_no_harm(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = page("BT /F 12 Tf 20 200 Td (some words) Tj ET", "/X Do");
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_here(bytes, 1000);
    }
}
